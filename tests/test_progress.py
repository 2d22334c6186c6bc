from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from labelkit import progress
from labelkit.progress import in_notebook, say_once, show_progress, told


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time as the module sees it, which stands still until a test moves it."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_outside_of_a_notebook_lines_come_every_ten_seconds(
    clock: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    with show_progress("faces") as heard:
        for done in range(31):
            heard(done, 30)
            clock.now += 1
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "1 of 30 faces, about 29 s left",
        "11 of 30 faces, about 19 s left",
        "21 of 30 faces, about 9 s left",
        "30 of 30 faces in 31 s",
    ]


def test_interrupted_work_says_how_far_it_came(
    clock: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(KeyboardInterrupt), show_progress("photos") as heard:
        clock.now += 75
        heard(50, 200)
        raise KeyboardInterrupt
    assert capsys.readouterr().err.splitlines()[-1] == "50 of 200 photos in 1 min 15 s"


def test_short_work_and_work_that_tells_nothing_show_nothing(
    clock: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    with show_progress("photos"):
        clock.now += 60
    with show_progress("photos") as heard:
        for done in range(3):
            heard(done, 2)
            clock.now += 0.2
    assert capsys.readouterr().err == ""


def test_who_listens_is_told_and_nobody_else_is_bothered(
    clock: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[tuple[int, int]] = []
    with told(lambda done, total: said.append((done, total)), "faces") as heard:
        heard(1, 2)
    with told(None, "faces") as heard:
        clock.now += 60
        heard(1, 2)
    assert said == [(1, 2)]
    assert capsys.readouterr().err == ""


def test_this_is_no_notebook_and_asking_loads_no_ipython() -> None:
    assert not in_notebook()
    code = (
        "import sys\nfrom labelkit.progress import in_notebook\nassert not in_notebook()\n"
        "assert not {'IPython', 'ipywidgets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_to_be_known_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(progress, "_said", set())
    for text, about in (
        ("model a: terms", "terms"),
        ("model b: terms", "terms"),
        ("other", ""),
    ):
        say_once(text, about)
    say_once("other")
    assert [record.getMessage() for record in caplog.records] == ["model a: terms", "other"]
    assert {record.levelname for record in caplog.records} == {"WARNING"}

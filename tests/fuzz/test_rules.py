"""That the rules find what they are there to find."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from labelkit.errors import FormatError, InputError

from . import corpus, mutate, rules
from .rules import Target, check, prepared


def found(run: Callable[[bytes, Path], Any], name: str = "") -> str:
    """What is found when a target does this; "" for nothing."""
    target = Target("made", run, lambda folder: [b""], names_file=name)
    with prepared(target) as folder:
        finding = check(target, b"data", folder)
    return "" if finding is None else finding.kind


def refuse(problem: str) -> Callable[[bytes, Path], None]:
    def run(data: bytes, folder: Path) -> None:
        raise FormatError("faces.csv", problem)

    return run


def test_a_value_and_a_line_are_fine() -> None:
    assert found(lambda data, folder: 1) == ""
    assert found(refuse("is empty"), "faces.csv") == ""


def test_an_error_that_does_not_name_the_file_is_found() -> None:
    assert found(refuse("is empty"), "other.csv") == "message"


@pytest.mark.parametrize("message", ["two\nlines", "\x1b[2J", "half \ud800", "x" * 5000, " "])
def test_a_message_that_is_no_line_is_found(message: str) -> None:
    def run(data: bytes, folder: Path) -> None:
        error = InputError("")
        error.args = (message,)  # as one that was not made by labelkit's own rule
        raise error

    assert found(run) == "message"


def test_other_errors_are_found_also_where_somebody_caught_and_logged_them() -> None:
    assert found(lambda data, folder: {}["missing"]) == "KeyError"
    assert found(lambda data, folder: np.float64(1e308) * 10) == "RuntimeWarning"

    def logged(data: bytes, folder: Path) -> None:
        try:
            _ = 1 / 0
        except ZeroDivisionError:
            logging.getLogger("labelkit").exception("failed")

    assert found(logged) == "ZeroDivisionError"


OUTSIDE: dict[str, Callable[[bytes, Path], Any]] = {
    "a file beside": lambda data, folder: (folder.parent / "beside").write_bytes(data),
    "a file beside by its way": lambda data, folder: Path("../beside").write_bytes(data),
    "a folder beside": lambda data, folder: (folder.parent / "made").mkdir(),
    "a file that is moved out": lambda data, folder: Path("a").touch() or Path("a").rename("../a"),
    "what the system keeps": lambda data, folder: Path("/etc/passwd").read_bytes(),
    "a program": lambda data, folder: subprocess.run([sys.executable, "--version"], check=True),
}


@pytest.mark.parametrize("run", OUTSIDE.values(), ids=OUTSIDE)
def test_what_happens_outside_of_the_folder_is_found(run: Callable[[bytes, Path], Any]) -> None:
    assert found(run) == "outside"
    assert found(lambda data, folder: Path("inside").write_bytes(data)) == ""


def test_what_takes_long_or_much_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(data: bytes, folder: Path) -> None:
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass

    assert found(busy) == ""
    monkeypatch.setattr(rules, "MOST_SECONDS", 0.01)
    assert found(busy) == "slow"
    peaks = iter((0, rules.MOST_MEMORY + 1))
    monkeypatch.setattr(rules, "_peak", lambda: next(peaks))
    assert found(lambda data, folder: None) == "memory"


def test_the_folder_is_as_it_was() -> None:
    target = Target(
        "made", lambda data, folder: None, lambda folder: [], lambda folder: (folder / "a").touch()
    )
    with prepared(target) as folder:
        with rules.Emptied(folder):
            (folder / "b" / "c").mkdir(parents=True)
            (folder / "b" / "d").write_text("x")
        assert [path.name for path in folder.iterdir()] == ["a"]
    assert not folder.exists()


def test_a_corpus_keeps_the_smallest_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "FOLDER", tmp_path)
    assert corpus.read("made") == {}
    told = corpus.write("made", [b"bb", b"", b"a", b"x" * 50_000])
    assert told["inputs"] == 3
    assert sorted(corpus.read("made").values()) == [b"", b"a", b"bb"]


def test_a_corpus_keeps_what_was_found_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "FOLDER", tmp_path)
    corpus.write("made", [b"a"], found=[b"x" * 20_000])
    corpus.write("made", [b"b"], found=[b"y"])
    assert set(corpus.read("made").values()) == {b"b", b"y", b"x" * 20_000}


@pytest.mark.parametrize("change", [mutate.words("p0"), mutate.json_values("p0")])
@pytest.mark.parametrize("data", [b"", b"a,b\n1,2\n", b'{"a": [1, {"b": null}], "c": "x"}', b"\xff\x00"])
def test_changes_give_bytes_and_others_each_time(change: Callable[..., bytes], data: bytes) -> None:
    changed = set()
    for seed in range(40):
        try:
            changed.add(change(data, Random(seed), lambda some: some + b"x"))
        except ValueError:  # half a character: the fuzzer then changes bytes
            continue
    assert all(isinstance(one, bytes) for one in changed)
    assert changed - {data}

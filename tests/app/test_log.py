from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from labelkit.app import log
from labelkit.app.log import View
from labelkit.app.session import Session
from labelkit.app.shared import Shared
from labelkit.geometry import Box
from labelkit.project import Project
from labelkit.store import FaceState

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Two photos with a face each, one of which ben has taken away."""
    (tmp_path / "photos").mkdir()
    for name in ("a_1.png", "b%2.png"):
        Image.new("RGB", (40, 40)).save(tmp_path / "photos" / name)
    with Project.create(tmp_path / "work", tmp_path / "photos", "ibug68", author="ann") as project:
        for name in ("a_1.png", "b%2.png"):
            project.add_face(name, Box(5, 5, 30, 30, "user"), "ann")
        face = project.store.find_face("a_1.png")
        assert face is not None
        project.store.set_state(face.id, FaceState.REJECTED, "ben", EVIL)
        project.store.record("export", "ben", "out.csv")
        yield project


@pytest.fixture
def view(project: Project) -> View:
    return View(Session(Shared(project), "ann", "images"))


def texts(view: View) -> list[tuple[str, str, str]]:
    return [(row["person"], row["what"], row["photo"]) for row in view._rows()[0]]


def test_the_newest_comes_first_and_filters_narrow_it(view: View) -> None:
    view.show()
    assert texts(view) == [
        ("ben", "export", ""),
        ("ben", "state", "a_1.png"),
        ("ann", "box", "b%2.png"),
        ("ann", "box", "a_1.png"),
        ("ann", "scheme", ""),
    ]
    assert view._person.options == ["Everybody", "ann", "ben"]
    assert "Export" in view._kind.options
    view._person.value = "ben"
    assert len(texts(view)) == 2
    view._kind.value = "Export"
    assert texts(view) == [("ben", "export", "")]
    view._kind.value, view._person.value = "Boxes", "Everybody"
    view._photo.value = "%2"
    assert texts(view) == [("ann", "box", "b%2.png")]
    view._kind.value, view._photo.value = "Everything", "_"
    assert {photo for _, _, photo in texts(view)} == {"a_1.png"}


def test_long_logs_are_paged(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "PER_PAGE", 2)
    pages = []
    for page in range(3):
        view._page = page
        rows, more = view._rows()
        pages.append(([row["what"] for row in rows], more))
    assert pages == [(["export", "state"], True), (["box", "box"], True), (["scheme"], False)]
    view._hear({"type": "turn", "older": False})
    assert view._page == 1
    for _ in range(400):
        view._hear({"type": "turn", "older": True})
    assert view._page <= log._LAST


def test_what_was_taken_away_comes_back_once(view: View, project: Project) -> None:
    (row,) = [row for row in view._rows()[0] if row["back"]]
    assert EVIL in row["text"]
    view._hear({"type": "restore", "face": row["face"]})
    assert project.store.face(row["face"]).state is FaceState.TODO
    assert project.log_entries()[-1].author == "ann"
    assert not any(row["back"] for row in view._rows()[0])


@pytest.mark.parametrize(
    "data",
    [{"type": "restore", "face": True}, {"type": "restore", "face": "1"}, {"type": "open"}, {"type": 3}, {}],
)
def test_what_a_browser_makes_up_does_nothing(view: View, project: Project, data: dict[str, object]) -> None:
    before = project.log_entries()
    view._hear(data)
    assert project.log_entries() == before

"""Pages of what waits: in the queue's order, for two people at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from labelkit.app.grid import Queue
from labelkit.geometry import Box
from labelkit.project import Project
from labelkit.store import FaceState, NewFace


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Ten faces, each less certain than the one before."""
    (tmp_path / "photos").mkdir()
    for number in range(10):
        Image.new("RGB", (64, 64), (number, 0, 0)).save(tmp_path / "photos" / f"{number}.png")
    with Project.create(tmp_path / "work", tmp_path / "photos", "ibug68") as project:
        store = project.store
        ids = store.add_faces([NewFace(image.id, Box(5, 5, 50, 50, "user")) for image in store.images()])
        store.set_scores({face: 0.1 * place for place, face in enumerate(ids)})
        yield project


def queue(project: Project, author: str, way: Any = "uncertain") -> Queue:
    return Queue(SimpleNamespace(project=project, author=author), way)  # type: ignore[arg-type]  # a stand-in


def names(page: list[tuple[int, Any]]) -> list[str]:
    return [face.face.image for _, face in page]


def test_pages_follow_one_another(project: Project) -> None:
    pages = queue(project, "ann")
    first = pages.after((0, None), 4)
    assert names(first) == ["9.png", "8.png", "7.png", "6.png"]
    second = pages.after(first[-1], 4)
    assert names(second) == ["5.png", "4.png", "3.png", "2.png"]
    assert names(pages.after(second[-1], 4)) == ["1.png", "0.png"]
    assert names(pages.after(first[-1], 4)) == names(second), "there and back"
    assert names(queue(project, "ann", "oldest").after((0, None), 2)) == ["0.png", "1.png"]


def test_what_is_decided_meanwhile_makes_room_for_others(project: Project) -> None:
    pages = queue(project, "ann")
    first = pages.after((0, None), 4)
    five = project.store.find_face("5.png")
    assert five is not None
    project.store.set_state(five.id, FaceState.SKIPPED, "bob")
    assert names(pages.after(first[-1], 4)) == ["4.png", "3.png", "2.png", "1.png"]
    assert pages.count() == 9


def test_two_people_do_not_look_at_the_same_page(project: Project) -> None:
    ann, bob = queue(project, "ann"), queue(project, "bob")
    mine = [face.id for _, face in ann.after((0, None), 4)]
    theirs = [face.id for _, face in bob.after((0, None), 4)]
    assert mine == theirs, "nobody holds anything yet"
    assert ann.keep(mine) == mine
    assert bob.keep(theirs) == []
    assert names(bob.after((0, None), 4)) == ["5.png", "4.png", "3.png", "2.png"]
    ann.keep([])
    assert names(bob.after((0, None), 1)) == ["9.png"]

"""A scheme changed in mid-project: five points added, three moved, two removed, one renamed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelkit.errors import InputError
from labelkit.geometry import Box
from labelkit.landmarks import Face, Landmarks, State
from labelkit.project import Project
from labelkit.scheme import Point, Scheme, load_scheme
from labelkit.scheme.edit import add_points, move_points, remove_points, rename_points, without_mirror
from labelkit.store import NEW_POINTS, FaceState, NewFace

ADDED = ("hairline", "glabella", "crease_right", "crease_left", "dimple")
DONE, PARTLY, PREDICTED = Face("0.png"), Face("1.png"), Face("2.png")


@pytest.fixture
def old() -> Scheme:
    return without_mirror(load_scheme("ibug68"))


@pytest.fixture
def new(old: Scheme) -> Scheme:
    changed = move_points(old, {name: (0.1 * i, 0.2) for i, name in enumerate(old.names[3:6], 1)})
    changed = remove_points(changed, [old.names[0], old.names[16]])
    changed = rename_points(changed, {old.names[40]: "eyelid"})
    return add_points(changed, [Point(name, 0.01 * i, -0.6) for i, name in enumerate(ADDED)])


@pytest.fixture
def project(tmp_path: Path, old: Scheme) -> Iterator[Project]:
    """One face done, one confirmed in part, one untouched."""
    (tmp_path / "photos").mkdir()
    for number in range(3):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / "photos" / f"{number}.png")
    with Project.create(tmp_path / "work", tmp_path / "photos", old) as project:
        ids = [image.id for image in project.store.images()]
        project.store.add_faces(NewFace(image, Box(0, 0, 7, 7, "user")) for image in ids)
        project.annotate(DONE, points(old, 1.0), author="ann")
        states = np.where(np.arange(len(old)) < 50, State.CONFIRMED, State.PREDICTED)
        project.annotate(
            PARTLY, Landmarks(old, points(old, 2.0), states), author="bob", state=FaceState.IN_PROGRESS
        )
        yield project


def points(scheme: Scheme, shift: float) -> np.ndarray:
    """A place of its own for every point."""
    count = np.arange(len(scheme), dtype=float)
    return np.stack([count + shift, 100 - count], axis=1)


def confirmed(project: Project, face: Face) -> dict[str, tuple[float, float]]:
    """The confirmed points of a face by their names."""
    landmarks = project.landmarks(face)
    rows = np.flatnonzero(landmarks.state == State.CONFIRMED)
    return {project.scheme.names[row]: tuple(landmarks.xy[row]) for row in rows}


def test_the_plan_is_there_before_and_says_everything(project: Project, old: Scheme, new: Scheme) -> None:
    plan = project.plan_scheme_change(new)
    assert plan.added == ADDED
    assert set(plan.removed) == {old.names[0], old.names[16]}
    assert plan.renamed == ((old.names[40], "eyelid"),)
    assert len(plan.moved) == 3
    text = "\n".join(plan.describe())
    for name in (*ADDED, *plan.removed, *plan.moved, "eyelid"):
        assert name in text
    assert project.scheme == old
    assert len(project.scheme_history()) == 1


def test_no_confirmed_point_is_lost(project: Project, old: Scheme, new: Scheme) -> None:
    before = {face: confirmed(project, face) for face in (DONE, PARTLY)}
    switch = project.change_scheme(project.plan_scheme_change(new), "ann", "more forehead")
    assert (switch.waiting, project.scheme) == (1, new)
    gone = {old.names[0], old.names[16]}
    for face in (DONE, PARTLY):
        expected = {
            "eyelid" if name == old.names[40] else name: xy
            for name, xy in before[face].items()
            if name not in gone
        }
        assert confirmed(project, face) == expected
    known = project.find(DONE)
    assert (known.state, known.reason) == (FaceState.PREDICTED, NEW_POINTS)
    assert project.find(PARTLY).state is FaceState.IN_PROGRESS
    assert project.find(PREDICTED).state is FaceState.TODO
    assert project.status().new_points == 1
    assert [len(entry.landmarks) for entry in project.history(DONE)] == [len(old)]


def test_undo_brings_everything_back(project: Project, old: Scheme, new: Scheme) -> None:
    before = {face: (project.landmarks(face), project.find(face).state) for face in (DONE, PARTLY)}
    project.change_scheme(project.plan_scheme_change(new), "ann")
    plan = project.plan_scheme_undo()
    assert set(plan.removed) == set(ADDED)
    switch = project.undo_scheme_change("ann")
    assert (switch.finished, project.scheme) == (1, old)
    for face, (landmarks, state) in before.items():
        assert project.landmarks(face) == landmarks
        assert project.find(face).state is state
    assert [revision.restores for revision in project.scheme_history()] == [None, None, 1]


def test_what_is_annotated_after_the_change_survives_the_undo(
    project: Project, old: Scheme, new: Scheme
) -> None:
    project.change_scheme(project.plan_scheme_change(new), "ann")
    project.annotate(DONE, points(new, 5.0), author="ann")
    assert project.find(DONE).state is FaceState.DONE
    after = confirmed(project, DONE)
    project.undo_scheme_change("ann")
    now = confirmed(project, DONE)
    assert now[old.names[40]] == after["eyelid"]
    assert all(now[name] == xy for name, xy in after.items() if name in old.names)
    # What had been removed is as it was annotated before.
    assert now[old.names[0]] == tuple(points(old, 1.0)[0])


def test_every_revision_has_its_file(project: Project, old: Scheme, new: Scheme) -> None:
    project.change_scheme(project.plan_scheme_change(new), "ann")
    project.undo_scheme_change("ann")
    files = sorted((project.folder / "schemes").iterdir())
    assert [load_scheme(file) for file in files] == [old, new, old]


def test_a_plan_that_was_overtaken_is_refused(project: Project, new: Scheme) -> None:
    plan = project.plan_scheme_change(new)
    project.change_scheme(plan, "bob")
    with pytest.raises(InputError, match="begins with another scheme"):
        project.change_scheme(plan, "ann")


def test_the_first_scheme_cannot_be_undone(project: Project) -> None:
    for call in (project.plan_scheme_undo, lambda: project.undo_scheme_change("ann")):
        with pytest.raises(InputError, match="nothing to undo"):
            call()

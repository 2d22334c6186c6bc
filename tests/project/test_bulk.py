"""Deciding about many faces at once, and taking it back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labelkit.errors import InputError
from labelkit.geometry import Box
from labelkit.landmarks import State
from labelkit.prelabel.work import prelabel
from labelkit.project import Project
from labelkit.project.bulk import FLAGGED, Bulk
from labelkit.project.corrections import collect
from labelkit.store import FaceState, StoredFace

from .fake_model import FakeModel


@pytest.fixture
def faces(project: Project, photos: Path) -> list[StoredFace]:
    prelabel(project.store, photos, FakeModel(), "fake@1")
    return project.store.page(FaceState.PREDICTED)


def seen(faces: list[StoredFace]) -> dict[int, int]:
    return {face.id: face.revision for face in faces}


def test_accepted_faces_are_confirmed_by_whom_it_was(project: Project, faces: list[StoredFace]) -> None:
    outcome = Bulk(project, "ann").decide("accept", seen(faces))
    assert set(outcome.states.values()) == {FaceState.DONE}
    assert not outcome.problems
    (entry,) = project.history(faces[0].face)
    assert (entry.author, entry.started_from) == ("ann", "fake@1")
    assert (entry.landmarks.state == State.CONFIRMED).all()


@pytest.mark.parametrize(
    ("name", "state", "reason"),
    [("reject", FaceState.REJECTED, ""), ("flag", FaceState.SKIPPED, FLAGGED)],
)
def test_faces_are_set_aside(
    project: Project, faces: list[StoredFace], name: str, state: FaceState, reason: str
) -> None:
    Bulk(project, "ann").decide(name, seen(faces))
    assert {(face.state, face.reason) for face in project.store.faces(seen(faces))} == {(state, reason)}


@pytest.mark.parametrize("name", ["accept", "reject", "flag"])
def test_undo_leaves_faces_as_they_were(project: Project, faces: list[StoredFace], name: str) -> None:
    bulk, before = Bulk(project, "ann"), [project.landmarks(face.face) for face in faces]
    bulk.decide(name, seen(faces))
    outcome = bulk.undo()
    assert set(outcome.states.values()) == {FaceState.PREDICTED}
    assert [project.landmarks(face.face) for face in faces] == before
    assert [face.state for face in project.store.faces(seen(faces))] == [FaceState.PREDICTED] * len(faces)
    assert bulk.steps == 0


def test_a_withdrawn_face_is_predicted_again(project: Project, photos: Path, faces: list[StoredFace]) -> None:
    bulk = Bulk(project, "ann")
    bulk.decide("accept", seen(faces))
    bulk.undo()
    prelabel(project.store, photos, FakeModel("other@2"), "other@2")
    assert set(project.store.models()) == {"other@2"}
    again = project.store.faces(seen(faces))
    assert set(bulk.decide("accept", seen(again)).states.values()) == {FaceState.DONE}


def test_what_was_said_before_is_there_again(project: Project, faces: list[StoredFace]) -> None:
    (face, *_) = faces
    points = project.landmarks(face.face)
    moved = points.xy + 1
    state = np.where(np.arange(len(points)) < 5, State.PLACED, State.PREDICTED)
    project.store.annotate(
        face.id, type(points)(points.scheme, moved, state), "eve", state=FaceState.IN_PROGRESS
    )
    before, bulk = project.landmarks(face.face), Bulk(project, "ann")
    bulk.decide("accept", {face.id: 1})
    bulk.undo()
    assert project.find(face.face).state is FaceState.IN_PROGRESS
    after = project.landmarks(face.face)
    assert np.array_equal(after.state, before.state)
    assert np.array_equal(after.xy[:5], before.xy[:5])


def test_what_was_rejected_comes_back_and_that_can_be_undone(
    project: Project, faces: list[StoredFace]
) -> None:
    bulk, before = Bulk(project, "ann"), [project.landmarks(face.face) for face in faces]
    assert len(bulk.decide("restore", seen(faces)).problems) == len(faces)
    bulk.decide("reject", seen(faces))
    assert project.queue() == []
    assert set(bulk.decide("restore", seen(faces)).states.values()) == {FaceState.PREDICTED}
    assert [project.landmarks(face.face) for face in faces] == before
    assert len(project.queue()) == len(faces)
    bulk.undo()
    assert {face.state for face in project.store.faces(seen(faces))} == {FaceState.REJECTED}


def test_steps_are_undone_one_by_one(project: Project, faces: list[StoredFace]) -> None:
    bulk = Bulk(project, "ann")
    bulk.decide("accept", seen(faces[:1]))
    bulk.decide("reject", seen(faces[1:2]))
    bulk.undo()
    states = [face.state for face in project.store.faces(seen(faces[:2]))]
    assert states == [FaceState.DONE, FaceState.PREDICTED]
    bulk.undo()
    with pytest.raises(InputError, match="nothing to undo"):
        bulk.undo()


def test_what_somebody_changed_meanwhile_stays(project: Project, faces: list[StoredFace]) -> None:
    face, others = faces[0], faces[1:]
    project.annotate(face.face, project.landmarks(face.face), author="eve")
    bulk = Bulk(project, "ann")
    outcome = bulk.decide("accept", seen(faces))
    assert list(outcome.problems) == [face.id]
    assert "changed it meanwhile" in outcome.problems[face.id]
    assert len(outcome.states) == len(others)
    project.annotate(others[0].face, project.landmarks(others[0].face), author="eve")
    assert list(bulk.undo().problems) == [others[0].id]
    assert project.history(others[0].face)[-1].author == "eve"


def test_a_face_with_unsaved_edits_is_left_alone(project: Project, faces: list[StoredFace]) -> None:
    (face, *_) = faces
    project.store.journal.append(face.id, "editor of eve", "eve", {"id": "1"})
    outcome = Bulk(project, "ann").decide("accept", seen(faces))
    assert "unsaved edits of eve" in outcome.problems[face.id]


def test_a_face_without_points_cannot_be_accepted(project: Project) -> None:
    image = project.store.images()[0]
    face = project.add_face(image.path, Box(1, 1, 40, 40, "user"), "ann")
    known = project.find(face)
    assert "without a place" in Bulk(project, "ann").decide("accept", {known.id: 0}).problems[known.id]


def test_an_unknown_decision_is_refused(project: Project, faces: list[StoredFace]) -> None:
    with pytest.raises(InputError, match="nothing that can be decided"):
        Bulk(project, "ann").decide("burn", seen(faces))


def test_corrections_are_the_distance_to_the_prediction(project: Project, faces: list[StoredFace]) -> None:
    assert collect(project).faces == 0
    (face, *_) = faces
    points = project.landmarks(face.face)
    moved = points.xy.copy()
    moved[30] += (3.0, 4.0)
    project.annotate(face.face, moved, author="ann")
    found = collect(project)
    eyes = np.linalg.norm(points.xy[36] - points.xy[45])
    assert found.faces == 1
    assert found.by_point()[0] == (project.scheme.names[30], pytest.approx(100 * 5 / eyes))
    assert found.untouched == pytest.approx(67 / 68)
    assert found.people == {"ann": (1, 0, 0)}

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from labelkit.errors import InputError
from labelkit.landmarks import Landmarks, State
from labelkit.scheme import load_scheme
from labelkit.scheme.change import SchemeChange
from labelkit.store import NEW_POINTS, EventKind, FaceState, NewPrediction, Store


def test_a_project_begins_with_its_scheme(store: Store) -> None:
    revision = store.scheme_revision()
    assert revision.scheme == store.scheme()
    assert (revision.revision, revision.uids, revision.author) == (1, (0, 1, 2), "founder")
    assert store.scheme_history() == [revision]
    with pytest.raises(InputError, match="no scheme revision 2"):
        store.scheme_revision(2)


@pytest.mark.parametrize("name", ["ibug68", "wflw98"])
def test_a_scheme_with_all_its_parts_comes_back_as_it_was(store: Store, name: str) -> None:
    scheme = load_scheme(name)
    store.change_scheme(SchemeChange(store.scheme(), scheme, (-1,) * len(scheme)), "me", "a note")
    assert store.scheme() == scheme
    assert store.scheme().to_json() == scheme.to_json()
    assert store.scheme_revision().note == "a note"


def test_uids_stay_with_their_points_and_are_never_used_again(store: Store, make: Any) -> None:
    store.change_scheme(make.change("c", "new", "A", lineage=(2, -1, 0)), "me")
    assert store.scheme_revision().uids == (2, 3, 0)
    store.change_scheme(make.change("c", lineage=(0,)), "me")
    store.change_scheme(make.change("c", "b", lineage=(0, -1)), "me")
    assert store.scheme_revision().uids == (2, 4)
    assert [one.revision for one in store.scheme_history()] == [1, 2, 3, 4]


def test_a_change_of_another_scheme_than_the_present_one_is_refused(store: Store, make: Any) -> None:
    change = make.change("a", "b", lineage=(0, 1))
    store.change_scheme(change, "Ana")
    with pytest.raises(InputError, match="revision 2 of 'made', by Ana"):
        store.change_scheme(change, "Bob")
    assert len(store.scheme_history()) == 2


def test_added_points_send_finished_faces_back_with_a_reason(store: Store, make: Any) -> None:
    done, reviewed, begun, todo = make.faces(4)
    for face in (done, reviewed):
        store.annotate(face, make.landmarks(face), "me")
    store.set_state(reviewed, FaceState.REVIEWED, "me")
    store.annotate(begun, make.landmarks(9), "me", state=FaceState.IN_PROGRESS)
    switch = store.change_scheme(make.change("c", "new", "a", "b", lineage=(2, -1, 0, 1)), "Zoë")
    assert (switch.waiting, switch.finished, switch.revision.revision) == (2, 0, 2)
    faces = store.faces([done, reviewed, begun, todo])
    assert [(face.state, face.reason) for face in faces] == [
        (FaceState.PREDICTED, NEW_POINTS),
        (FaceState.PREDICTED, NEW_POINTS),
        (FaceState.IN_PROGRESS, ""),
        (FaceState.TODO, ""),
    ]
    current = store.current(done)
    assert current.state.tolist() == [State.CONFIRMED, State.PREDICTED, State.CONFIRMED, State.CONFIRMED]
    assert np.isnan(current.xy[:, 0]).tolist() == [False, True, False, False]
    with pytest.raises(InputError, match="1 of its points"):
        store.set_state(done, FaceState.DONE, "me")
    store.put_predictions([NewPrediction(done, make.prediction(7))])
    assert store.current(done, fill=True).xy[:, 0].tolist() == [done, 7, done, done]


def test_undo_of_an_addition_finishes_the_waiting_faces_again(store: Store, make: Any) -> None:
    done, reviewed, rejected = make.faces(3)
    for face in (done, reviewed, rejected):
        store.annotate(face, make.landmarks(face), "me")
    store.set_state(reviewed, FaceState.REVIEWED, "me")
    before = store.currents([done, reviewed])
    store.change_scheme(make.change("a", "b", "c", "d", "e", lineage=(0, 1, 2, -1, -1)), "me")
    store.set_state(rejected, FaceState.REJECTED, "me")
    switch = store.undo_scheme_change("me")
    assert (switch.waiting, switch.finished, switch.revision.restores) == (0, 2, 1)
    states = [store.face(face).state for face in (done, reviewed, rejected)]
    assert states == [FaceState.DONE, FaceState.REVIEWED, FaceState.REJECTED]
    assert store.currents([done, reviewed]) == before
    assert [event.after for event in store.events(reviewed, kind=EventKind.STATE)] == [
        "done",
        "reviewed",
        "predicted",
        "reviewed",
    ]


def test_a_removed_point_comes_back_with_what_was_annotated(store: Store, make: Any) -> None:
    early, late = make.faces(2)
    store.annotate(early, make.landmarks(1), "me")
    store.change_scheme(make.change("a", "c", lineage=(0, 2)), "me")
    assert store.face(early).state == FaceState.DONE
    store.annotate(early, make.landmarks(2), "me")
    store.annotate(late, make.landmarks(3), "me")
    switch = store.undo_scheme_change("me")
    assert store.current(early).xy[:, 0].tolist() == [2, 1, 2]
    assert (switch.waiting, store.face(early).state) == (1, FaceState.DONE)
    assert (store.face(late).state, store.face(late).reason) == (FaceState.PREDICTED, NEW_POINTS)
    assert np.isnan(store.current(late).xy[1]).all()


def test_a_point_that_was_only_predicted_comes_back_as_open(store: Store, make: Any) -> None:
    (face,) = make.faces()
    half = Landmarks(store.scheme(), np.ones((3, 2)), [State.PLACED, State.PREDICTED, State.PLACED])
    store.annotate(face, half, "me", state=FaceState.IN_PROGRESS)
    store.change_scheme(make.change("a", "c", lineage=(0, 2)), "me")
    store.annotate(face, make.landmarks(2), "me")
    assert store.undo_scheme_change("me").waiting == 1
    assert (store.face(face).state, store.face(face).reason) == (FaceState.PREDICTED, NEW_POINTS)
    assert store.current(face).state.tolist() == [State.CONFIRMED, State.PREDICTED, State.CONFIRMED]


def test_the_change_of_the_issue_and_back(store: Store, make: Any) -> None:
    """5 added, 3 moved, 2 removed, 1 renamed: no confirmed point is lost, and undo leads back."""
    store.change_scheme(SchemeChange(store.scheme(), load_scheme("ibug68"), (-1,) * 68), "me")
    old = store.scheme()
    (face,) = make.faces()
    xy = np.random.default_rng(0).random((68, 2))
    store.annotate(face, Landmarks(old, xy), "me")
    points = [point for i, point in enumerate(old.points) if i not in (7, 30)]
    kept = [i for i in range(68) if i not in (7, 30)]
    for i in (3, 20, 40):
        points[i] = type(points[i])(points[i].name, points[i].x + 0.1, points[i].y)
    points[10] = type(points[10])("renamed", points[10].x, points[10].y)
    points += [type(points[0])(f"new{i}", 0.01 * i, 0.0) for i in range(5)]
    change = SchemeChange(old, type(old)("ibug68", tuple(points)), (*kept, *[-1] * 5))
    assert (len(change.added), len(change.moved), len(change.removed), len(change.renamed)) == (5, 3, 2, 1)
    assert store.change_scheme(change, "me").waiting == 1
    current = store.current(face)
    assert np.array_equal(current.xy[:66], xy[kept])
    assert (current.state[:66] == State.CONFIRMED).all()
    assert np.isnan(current.xy[66:]).all()
    assert store.undo_scheme_change("me").finished == 1
    assert store.scheme() == old
    assert np.array_equal(store.current(face).xy, xy)


def test_undo_goes_back_step_by_step_and_no_further_than_the_beginning(store: Store, make: Any) -> None:
    names = [("a", "b", "c"), ("a", "b"), ("a",)]
    store.change_scheme(make.change("a", "b", lineage=(0, 1)), "me")
    store.change_scheme(make.change("a", lineage=(0,)), "me")
    assert store.undo_scheme_change("me").revision.scheme.names == names[1]
    assert store.undo_scheme_change("me").revision.scheme.names == names[0]
    with pytest.raises(InputError, match="nothing to undo"):
        store.undo_scheme_change("me")
    store.change_scheme(make.change("x", lineage=(2,)), "me")
    assert store.undo_scheme_change("me").revision.scheme.names == names[0]
    with pytest.raises(InputError, match="nothing to undo"):
        store.undo_scheme_change("me")


def test_an_annotation_of_an_older_scheme_lands_on_its_own_points(store: Store, make: Any) -> None:
    reordered, grown = make.faces(2)
    old = Landmarks(store.scheme(), [[0, 0], [1, 1], [2, 2]])
    store.change_scheme(make.change("c", "a", "b", lineage=(2, 0, 1)), "me")
    store.annotate(reordered, old, "me", scheme_revision=1)
    assert store.current(reordered).xy[:, 0].tolist() == [2, 0, 1]
    assert store.face(reordered).state == FaceState.DONE
    store.change_scheme(make.change("c", "a", "b", "d", lineage=(0, 1, 2, -1)), "me")
    store.annotate(grown, old, "me", scheme_revision=1)
    assert (store.face(grown).state, store.face(grown).reason) == (FaceState.PREDICTED, NEW_POINTS)
    assert [one.landmarks for one in store.history(grown)] == [old]
    assert store.undo_scheme_change("me").finished == 2
    assert [store.face(face).state for face in (reordered, grown)] == [FaceState.DONE] * 2


def test_a_prediction_of_an_older_scheme_lands_on_its_own_points(store: Store, make: Any) -> None:
    (face,) = make.faces()
    prediction = make.prediction(5)
    store.change_scheme(make.change("new", "c", lineage=(-1, 2)), "me")
    with pytest.raises(InputError, match="3 points"):
        store.put_predictions([NewPrediction(face, prediction)])
    store.put_predictions([NewPrediction(face, prediction)], scheme_revision=1)
    xy = store.current(face, fill=True).xy
    assert np.isnan(xy[0]).all()
    assert xy[1].tolist() == [5, 5]

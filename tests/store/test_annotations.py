from __future__ import annotations

import math
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from labelkit.errors import InputError
from labelkit.landmarks import Landmarks, State, Visibility
from labelkit.store import EventKind, FaceState, ImportCounts, NewAnnotation, NewPrediction, Store


def test_an_annotation_comes_back_as_it_was(store: Store, make: Any) -> None:
    (face,) = make.faces()
    xy = [[1.5, -2.25], [math.nan, math.nan], [1e-300, 1e300]]
    states = [State.PLACED, State.CONFIRMED, State.PREDICTED]
    landmarks = Landmarks(
        store.scheme(), xy, states, [Visibility.VISIBLE, Visibility.OCCLUDED, Visibility.UNKNOWN]
    )
    before = datetime.now(UTC)
    saved = store.annotate(face, landmarks, "Zoë", state=FaceState.IN_PROGRESS, base_revision=0)
    assert store.history(face) == [saved]
    assert saved.landmarks == landmarks
    assert (saved.author, saved.revision, saved.source, saved.crossed) == ("Zoë", 1, "person", False)
    assert before <= saved.time <= datetime.now(UTC)
    assert saved.face == store.face(face).face
    assert store.face(face).state == FaceState.IN_PROGRESS
    assert store.current(face) == landmarks


@pytest.mark.parametrize("state", [FaceState.DONE, FaceState.REVIEWED])
def test_finishing_a_face_confirms_all_of_its_points(store: Store, make: Any, state: FaceState) -> None:
    (face,) = make.faces()
    landmarks = Landmarks(
        store.scheme(),
        [[1, 1], [2, 2], [math.nan, math.nan]],
        [State.PLACED, State.PREDICTED, State.PREDICTED],
    )
    saved = store.annotate(face, landmarks, "me", state=state)
    assert saved.landmarks.state.tolist() == [State.CONFIRMED] * 3
    assert store.current(face) == saved.landmarks
    assert store.face(face).state == state


@pytest.mark.parametrize("state", [FaceState.TODO, FaceState.NO_FACE, FaceState.RETURNED, FaceState.SKIPPED])
def test_an_annotation_leads_to_some_states_only(store: Store, make: Any, state: FaceState) -> None:
    (face,) = make.faces()
    with pytest.raises(InputError, match=state.value):
        store.annotate(face, make.landmarks(), "me", state=state)
    assert store.history(face) == []


def test_landmarks_must_fit_the_scheme(store: Store, make: Any) -> None:
    (face,) = make.faces()
    for landmarks in (Landmarks("made", np.zeros((4, 2))), Landmarks("other", np.zeros((3, 2)))):
        with pytest.raises(InputError, match=r"0\.jpg.*do not fit"):
            store.annotate(face, landmarks, "me")
        with pytest.raises(InputError, match=r"0\.jpg.*do not fit"):
            store.import_annotations([NewAnnotation(face, landmarks)], "me")
    with pytest.raises(InputError, match="infinite"):
        store.annotate(face, Landmarks("made", np.full((3, 2), np.inf)), "me")
    with pytest.raises(InputError, match="no face 99"):
        store.annotate(99, make.landmarks(), "me")
    assert store.history(face) == []
    assert store.face(face).state == FaceState.TODO


def test_an_annotation_knows_the_model_it_started_from(store: Store, make: Any) -> None:
    first, second = make.faces(2)
    store.put_predictions(
        [NewPrediction(face, make.prediction(model="base@abc")) for face in (first, second)]
    )
    prediction = store.face(first).prediction_id
    assert store.annotate(first, make.landmarks(), "me", started_from=prediction).started_from == "base@abc"
    assert store.history(first)[0].started_from == "base@abc"
    with pytest.raises(InputError, match="no prediction"):
        store.annotate(second, make.landmarks(), "me", started_from=prediction)


def test_work_that_crossed_is_kept_and_reported(store: Store, make: Any) -> None:
    (face,) = make.faces()
    store.annotate(face, make.landmarks(1), "Ana", base_revision=0)
    crossed = store.annotate(face, make.landmarks(2), "Bob", base_revision=0)
    later = store.annotate(face, make.landmarks(3), "Ana", base_revision=2)
    assert [one.crossed for one in (crossed, later)] == [True, False]
    assert [one.landmarks.xy[0, 0] for one in store.history(face)] == [1, 2, 3]
    (event,) = store.events(face, kind=EventKind.CROSSED)
    assert (event.author, event.before, event.after) == ("Bob", 0, 2)


def test_threads_on_one_face_lose_nothing(store: Store, make: Any) -> None:
    (face,) = make.faces()
    shapes = [make.landmarks(value) for value in range(12)]
    with ThreadPoolExecutor(4) as pool:
        saved = list(pool.map(lambda shape: store.annotate(face, shape, "me", base_revision=0), shapes))
    assert sorted(one.revision for one in saved) == list(range(1, 13))
    assert {one.landmarks.xy[0, 0] for one in store.history(face)} == set(range(12))
    assert [one.crossed for one in store.history(face)] == [False] + [True] * 11


@pytest.mark.parametrize("table", ["annotations", "schemes", "events", "migrations", "journal_entries"])
@pytest.mark.parametrize(
    "verb", ["UPDATE {} SET {} = 1", "DELETE FROM {}", "INSERT OR REPLACE INTO {0} SELECT * FROM {0}"]
)
def test_what_is_append_only_cannot_be_changed(store: Store, make: Any, table: str, verb: str) -> None:
    (face,) = make.faces()
    store.annotate(face, make.landmarks(), "me")
    store.journal.append(face, "tab", "me", {})
    column = {"schemes": "note", "events": "text", "migrations": "version", "journal_entries": "kind"}
    statement = verb.format(table, column.get(table, "author"))
    with sqlite3.connect(store.path) as connection:
        connection.execute("PRAGMA recursive_triggers = ON")
        before = connection.execute(f"SELECT * FROM {table}").fetchall()
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
        connection.rollback()
        assert before
        assert connection.execute(f"SELECT * FROM {table}").fetchall() == before
    connection.close()


def test_an_import_can_be_repeated(store: Store, make: Any) -> None:
    faces = make.faces(3)
    new = [NewAnnotation(face, make.landmarks(face)) for face in faces]
    assert store.import_annotations(new, "Zoë", reason="list.txt") == ImportCounts(3, 0)
    assert store.import_annotations(new, "Zoë") == ImportCounts(0, 3)
    other = NewAnnotation(faces[1], make.landmarks(50))
    assert store.import_annotations(
        [new[0], other, other], "Zoë", source="translated from x"
    ) == ImportCounts(1, 2)
    assert [one.source for one in store.history(faces[1])] == ["import", "translated from x"]
    assert [face.revision for face in store.faces(faces)] == [1, 2, 1]
    assert store.count_by_state()[FaceState.DONE] == 3
    (event,) = store.events(faces[0])
    assert (event.before, event.after, event.author, event.text) == ("todo", "done", "Zoë", "list.txt")


def test_an_import_to_be_reviewed_is_not_done(store: Store, make: Any) -> None:
    (face,) = make.faces()
    new = NewAnnotation(face, make.landmarks(state=State.PREDICTED))
    store.import_annotations([new], "Zoë", state=FaceState.PREDICTED, reason="imported")
    stored = store.face(face)
    assert (stored.state, stored.reason) == (FaceState.PREDICTED, "imported")
    assert store.current(face).state.tolist() == [State.PREDICTED] * 3
    assert store.current(face).xy.tolist() == [[1, 1]] * 3


def test_an_import_happens_as_a_whole_or_not_at_all(store: Store, make: Any) -> None:
    (face,) = make.faces()
    good, bad = (
        NewAnnotation(face, make.landmarks()),
        NewAnnotation(face, Landmarks("made", np.zeros((9, 2)))),
    )
    for wrong in ([good, bad], [good, NewAnnotation(99, make.landmarks())]):
        with pytest.raises(InputError):
            store.import_annotations(wrong, "me")
    assert store.import_annotations([], "me") == ImportCounts(0, 0)
    assert store.history(face) == []


def test_everything_with_its_landmarks_in_one_go(store: Store, make: Any) -> None:
    faces = make.faces(7)
    for face in faces[:5]:
        store.annotate(face, make.landmarks(face), f"person {face % 2}")
    store.set_state(faces[0], FaceState.REVIEWED, "me")
    done = list(store.iter_current([FaceState.DONE], chunk=2))
    assert [face.id for face, _ in done] == faces[1:5]
    assert all(landmarks == store.current(face.id) for face, landmarks in done)
    assert [face for face, _ in done] == store.faces(faces[1:5])
    assert len(list(store.iter_current())) == 7
    assert store.currents(faces) == {face.id: landmarks for face, landmarks in store.iter_current()}
    assert store.annotators() == {"person 0": 2, "person 1": 3}
    assert store.annotators([FaceState.REVIEWED]) == {"person 1": 1}


def test_an_iteration_sees_one_moment(store: Store, make: Any) -> None:
    faces = make.faces(4)
    for face in faces:
        store.annotate(face, make.landmarks(1), "me")
    seen = []
    for face, landmarks in store.iter_current(chunk=1):
        seen.append(landmarks.xy[0, 0])
        store.annotate(faces[-1], make.landmarks(2), "you")
        store.set_state(face.id, FaceState.REVIEWED, "you")
    assert seen == [1, 1, 1, 1]
    assert store.current(faces[-1]).xy[0, 0] == 2


def test_an_unknown_face_has_no_landmarks(store: Store) -> None:
    for call in (store.current, store.history):
        with pytest.raises(InputError, match="no face 3"):
            call(3)


def test_an_import_leaves_alone_what_was_annotated_meanwhile(store: Store, make: Any) -> None:
    slow, quick = make.faces(2)
    store.annotate(quick, make.landmarks(2), "ann")
    new = [NewAnnotation(face, make.landmarks(7), base_revision=0) for face in (slow, quick)]
    assert store.import_annotations(new, "importer") == ImportCounts(1, 0, 1)
    assert store.current(slow) == make.landmarks(7)
    assert store.current(quick) == make.landmarks(2)
    assert store.import_annotations(new, "importer") == ImportCounts(0, 1, 1)

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from labelkit.errors import InputError
from labelkit.geometry import Box
from labelkit.landmarks import State
from labelkit.store import EventKind, FaceState, NewFace, NewImage, NewPrediction, Order, Store, StoredFace
from labelkit.store.faces import page_query

BOX = Box(10, 20, 110, 140, "user", "somebody", None)


def test_a_face_is_found_by_id_and_by_its_place(store: Store) -> None:
    (image,) = store.add_images([NewImage("été/a.jpg")])
    attributes = {"pose": 1, "name": "é"}
    first, second = store.add_faces([NewFace(image, BOX, attributes=attributes), NewFace(image)])
    face = store.face(first)
    assert (face.face.image, face.face.index, face.face.box) == ("été/a.jpg", 0, BOX)
    assert (face.state, face.revision, face.prediction_id, face.score) == (FaceState.TODO, 0, None, None)
    assert face.attributes == attributes
    assert store.find_face("été/a.jpg") == face
    assert store.find_face("été/a.jpg", 1) == store.face(second)
    assert store.find_face("été/a.jpg", 2) is None
    assert store.faces([second, first, second]) == [store.face(second), face, store.face(second)]
    assert store.faces_of_image(image) == [face, store.face(second)]


def test_unknown_faces_are_named(store: Store) -> None:
    with pytest.raises(InputError, match="no face 5"):
        store.face(5)
    with pytest.raises(InputError, match="no face 6"):
        store.faces([6])


def walk(store: Store, state: FaceState | None, order: Order) -> list[StoredFace]:
    found: list[StoredFace] = []
    while page := store.page(state, found[-1] if found else None, limit=3, order=order):
        found += page
    return found


def test_pages_by_id_and_by_score_hold_every_face_once(store: Store, make: Any) -> None:
    ids = make.faces(11)
    scores = [0.5, None, 0.9, 0.5, None, -1.0, 0.5, 0.0, 3.0, 0.5, None]
    store.set_scores(dict(zip(ids, scores, strict=True)))
    skipped = ids[::2]
    for face_id in skipped:
        store.set_state(face_id, FaceState.SKIPPED, "me")
    by_score = sorted(ids, key=lambda i: (math.inf if scores[i - ids[0]] is None else -scores[i - ids[0]], i))  # type: ignore[operator]
    assert [face.id for face in walk(store, None, "id")] == ids
    assert [face.id for face in walk(store, None, "score")] == by_score
    assert [face.id for face in walk(store, FaceState.SKIPPED, "id")] == skipped
    assert [face.id for face in walk(store, FaceState.SKIPPED, "score")] == [
        i for i in by_score if i in ids[::2]
    ]
    assert [face.score for face in store.faces(ids)] == scores


@pytest.mark.parametrize("state", [None, FaceState.TODO])
@pytest.mark.parametrize("order", ["id", "score"])
@pytest.mark.parametrize("begun", [True, False])
def test_a_page_is_found_without_sorting(
    store: Store, make: Any, state: FaceState | None, order: Order, begun: bool
) -> None:
    """Whatever the number of faces, a page costs the same."""
    ids = make.faces(60)
    store.set_scores(dict.fromkeys(ids, 0.5))
    after = store.face(ids[3]) if begun else None
    query = page_query(state, after, 50, order).compile(
        dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}
    )
    with store._database.read() as connection:
        plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")]
    assert len(plan) == 2, plan
    assert plan[0].startswith("SEARCH faces" if begun or state else "SCAN faces"), plan
    assert plan[1].startswith("SEARCH images USING INTEGER PRIMARY KEY"), plan


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(FaceState)), max_size=12))
def test_the_counts_are_those_of_the_faces(
    store: Store, make: Any, steps: list[tuple[int, FaceState]]
) -> None:
    ids = make.faces(5)
    for number, state in steps:
        with suppress(InputError):
            store.set_state(ids[number], state, "me")
        if state == FaceState.DONE:
            store.annotate(ids[number], make.landmarks(), "me")
    every = [face for face, _ in store.iter_current()]
    assert store.count_by_state() == {state: sum(f.state == state for f in every) for state in FaceState}


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_is_a_number(store: Store, make: Any, score: float) -> None:
    with pytest.raises(InputError, match="score"):
        store.set_scores({make.faces()[0]: score})


def test_counts_name_every_state(store: Store, make: Any) -> None:
    ids = make.faces(4)
    store.set_state(ids[0], FaceState.REJECTED, "me", "blurred")
    store.mark_no_face(store.add_images([NewImage("empty.jpg")]))
    counts = store.count_by_state()
    assert set(counts) == set(FaceState)
    assert {state: n for state, n in counts.items() if n} == {
        FaceState.TODO: 3,
        FaceState.REJECTED: 1,
        FaceState.NO_FACE: 1,
    }


def test_a_state_changes_with_an_entry_in_the_history(store: Store, make: Any) -> None:
    (face,) = make.faces()
    stored = store.set_state(face, FaceState.REJECTED, "Zoë", "blurred")
    assert (stored.state, stored.reason) == (FaceState.REJECTED, "blurred")
    assert store.set_state(face, FaceState.REJECTED, "Zoë", "dark").reason == "dark"
    (event,) = store.events(face)
    assert (event.kind, event.before, event.after) == (EventKind.STATE, "todo", "rejected")
    assert (event.author, event.text) == ("Zoë", "blurred")


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        (FaceState.DONE, "3 of its points are not confirmed"),
        (FaceState.REVIEWED, "3 of its points are not confirmed"),
        (FaceState.RETURNED, "nobody has annotated it"),
        (FaceState.PREDICTED, "it has no prediction"),
    ],
)
def test_an_untouched_face_cannot_be(store: Store, make: Any, state: FaceState, problem: str) -> None:
    (face,) = make.faces()
    with pytest.raises(InputError, match=problem):
        store.set_state(face, state, "me")
    assert store.face(face).state == FaceState.TODO
    assert store.events(face) == []


@pytest.mark.parametrize("state", [FaceState.TODO, FaceState.NO_FACE])
def test_an_annotated_face_cannot_be(store: Store, make: Any, state: FaceState) -> None:
    (face,) = make.faces()
    store.annotate(face, make.landmarks(), "me")
    with pytest.raises(InputError, match="somebody has annotated it"):
        store.set_state(face, state, "me")
    assert store.face(face).state == FaceState.DONE


def test_a_finished_face_goes_through_review_and_back(store: Store, make: Any) -> None:
    (face,) = make.faces()
    store.annotate(face, make.landmarks(), "me")
    steps = (
        FaceState.REVIEWED,
        FaceState.RETURNED,
        FaceState.IN_PROGRESS,
        FaceState.DONE,
        FaceState.SKIPPED,
        FaceState.DONE,
    )
    for state in steps:
        assert store.set_state(face, state, "reviewer").state == state


def test_a_half_annotated_face_is_not_done(store: Store, make: Any) -> None:
    (face,) = make.faces()
    store.annotate(face, make.landmarks(state=State.PREDICTED), "me", state=FaceState.IN_PROGRESS)
    with pytest.raises(InputError, match="not confirmed"):
        store.set_state(face, FaceState.DONE, "me")
    store.put_predictions([NewPrediction(face, make.prediction())])
    assert store.face(face).state == FaceState.IN_PROGRESS
    assert store.set_state(face, FaceState.PREDICTED, "me").state == FaceState.PREDICTED


def test_nobody_in_the_photo_until_a_person_draws_a_box(store: Store) -> None:
    (image,) = store.add_images([NewImage("empty.jpg")])
    assert store.mark_no_face([image]) == 1
    assert store.mark_no_face([image]) == 0
    (mark,) = store.faces_of_image(image)
    assert (mark.state, mark.face.box) == (FaceState.NO_FACE, None)
    with pytest.raises(InputError, match="it has no box"):
        store.set_state(mark.id, FaceState.TODO, "me")
    drawn = store.set_box(mark.id, BOX, "me")
    assert (drawn.state, drawn.face.box) == (FaceState.TODO, BOX)
    assert [event.kind for event in store.events(mark.id)] == [EventKind.STATE, EventKind.BOX]


@pytest.mark.parametrize("index", [None, 0, 3])
def test_the_first_face_of_a_photo_takes_the_place_of_the_mark(store: Store, index: int | None) -> None:
    (image,) = store.add_images([NewImage("empty.jpg")])
    store.mark_no_face([image])
    (mark,) = store.faces_of_image(image)
    first, second = store.add_faces([NewFace(image, BOX, index), NewFace(image, BOX)])
    assert first == mark.id
    assert store.face(first).state == FaceState.TODO
    assert [face.face.index for face in store.faces_of_image(image)] == [index or 0, (index or 0) + 1]
    assert second == store.faces_of_image(image)[1].id
    assert store.count_by_state()[FaceState.NO_FACE] == 0


def test_photos_with_faces_are_not_marked_as_empty(store: Store, make: Any) -> None:
    (face,) = make.faces()
    assert store.mark_no_face([store.face(face).image_id]) == 0
    assert store.count_by_state()[FaceState.NO_FACE] == 0


def test_adding_a_known_face_leaves_it_as_it_is(store: Store) -> None:
    (image,) = store.add_images([NewImage("a")])
    (first,) = store.add_faces([NewFace(image, BOX, 0)])
    assert store.add_faces([NewFace(image, Box(0, 0, 1, 1), 0), NewFace(image, None, 5), NewFace(image)]) == [
        first,
        first + 1,
        first + 2,
    ]
    assert store.face(first).face.box == BOX
    assert [face.face.index for face in store.faces_of_image(image)] == [0, 5, 6]


def test_a_face_needs_a_photo_and_a_number(store: Store) -> None:
    (image,) = store.add_images([NewImage("a")])
    with pytest.raises(InputError, match="no photo 9"):
        store.add_faces([NewFace(image), NewFace(9)])
    with pytest.raises(InputError, match="-1"):
        store.add_faces([NewFace(image, index=-1)])
    assert store.faces_of_image(image) == []


HOSTILE = ["'; DROP TABLE faces; --", "<script>alert(1)</script>", "a\0b", "\u202eעברית", "🙂" * 1000, ""]


@pytest.mark.parametrize("note", HOSTILE)
def test_a_note_is_kept_as_it_is(store: Store, make: Any, note: str) -> None:
    (face,) = make.faces()
    store.set_note(face, "before", "me")
    assert store.set_note(face, note, "me").note == note
    assert store.face(face).note == note
    event = store.events(face)[-1]
    assert (event.kind, event.before, event.after) == (EventKind.NOTE, "before", note)


@pytest.mark.parametrize("note", ["half \ud800", "x" * 200_000])
def test_a_note_that_cannot_be_stored_changes_nothing(store: Store, make: Any, note: str) -> None:
    (face,) = make.faces()
    store.set_note(face, "before", "me")
    with pytest.raises(InputError, match="a note"):
        store.set_note(face, note, "me")
    assert store.face(face).note == "before"


def test_attributes_are_replaced_with_an_entry_in_the_history(store: Store, make: Any) -> None:
    (face,) = make.faces()
    store.set_attributes(face, {"pose": 1}, "me")
    new = {"blur": True, "age": 3.5}
    assert store.set_attributes(face, new, "you").attributes == new
    store.set_attributes(face, new, "you")
    events = store.events(face)
    assert [event.author for event in events] == ["me", "you"]
    assert (events[1].before, events[1].after) == ({"pose": 1}, new)


def test_attributes_that_are_no_json_change_nothing(store: Store, make: Any) -> None:
    (face,) = make.faces()
    for bad in ({"a": math.nan}, {"a": object()}, {"a": "\ud800"}):
        with pytest.raises(InputError, match="attributes"):
            store.set_attributes(face, bad, "me")  # type: ignore[arg-type]
    assert store.face(face).attributes == {}


def test_faces_of_many_photos_come_by_photo(store: Store) -> None:
    first, second, empty = store.add_images([NewImage(name) for name in ("a.jpg", "b.jpg", "c.jpg")])
    ids = store.add_faces([NewFace(second, BOX), NewFace(first, BOX), NewFace(second, BOX)])
    found = store.faces_of_images([second, empty, first])
    assert list(found) == [second, empty, first]
    assert {image: [face.id for face in faces] for image, faces in found.items()} == {
        second: [ids[0], ids[2]],
        empty: [],
        first: [ids[1]],
    }
    assert found[second] == store.faces_of_image(second)

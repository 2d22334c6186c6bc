from __future__ import annotations

from typing import Any

import pytest

from labelkit.errors import InputError
from labelkit.store import EventKind, FaceState, Store


def test_a_comment_stays_pinned_to_its_point_through_changes_of_the_scheme(store: Store, make: Any) -> None:
    (face,) = make.faces()
    event = store.add_comment(face, "too high <b>", "Zoë", point="b")
    plain = store.add_comment(face, "blurred", "Zoë")
    assert (event.kind, event.text, event.point, event.author) == (
        EventKind.COMMENT,
        "too high <b>",
        "b",
        "Zoë",
    )
    assert plain.point is None
    store.change_scheme(make.change("B", "a", lineage=(1, 0)), "me")
    assert [one.point for one in store.events(face)] == ["B", None]
    store.change_scheme(make.change("a", lineage=(1,)), "me")
    assert [(one.point, one.point_uid) for one in store.events(face)] == [
        (None, event.point_uid),
        (None, None),
    ]
    store.undo_scheme_change("me")
    assert store.events(face)[0].point == "B"


def test_what_is_new_since_the_last_look(store: Store, make: Any) -> None:
    a, b = make.faces(2)
    store.set_note(a, "x", "me")
    last = store.events()[-1].id
    store.set_state(b, FaceState.SKIPPED, "me")
    store.add_comment(a, "hello", "me")
    new = store.events(after=last)
    assert [(event.face_id, event.kind) for event in new] == [(b, EventKind.STATE), (a, EventKind.COMMENT)]
    assert store.events(limit=1) == store.events(a, limit=1)
    assert store.events(kind=EventKind.COMMENT) == [new[1]]
    assert [event.id for event in store.events(a)] == [last, new[1].id]


def test_a_comment_needs_a_face_a_point_and_a_text(store: Store, make: Any) -> None:
    (face,) = make.faces()
    with pytest.raises(InputError, match="no face 9"):
        store.add_comment(9, "x", "me")
    with pytest.raises(InputError, match="no point 'z'"):
        store.add_comment(face, "x", "me", point="z")
    with pytest.raises(InputError, match="a comment"):
        store.add_comment(face, "\udfff", "me")
    assert store.events() == []

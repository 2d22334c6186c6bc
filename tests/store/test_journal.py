from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from labelkit.errors import InputError
from labelkit.geometry import Box
from labelkit.scheme import Point, Scheme
from labelkit.store import Journal, NewFace, NewImage, Store, database


@pytest.fixture(autouse=True)
def _without_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_PRAGMAS", (*database._PRAGMAS, "PRAGMA synchronous = OFF"))


def edits(journal: Journal | None) -> tuple[list[Any], list[Any]]:
    assert journal is not None
    return [one.edit["n"] for one in journal.done], [one.edit["n"] for one in journal.undone]


def test_edits_are_undone_and_redone(store: Store, make: Any) -> None:
    (face,) = make.faces()
    for n in range(3):
        store.journal.append(face, "tab", "me", {"n": n})
    store.journal.undo(face, "tab")
    assert edits(store.journal.undo(face, "tab")) == ([0], [1, 2])
    assert edits(store.journal.redo(face, "tab")) == ([0, 1], [2])
    assert edits(store.journal.append(face, "tab", "me", {"n": 9})) == ([0, 1, 9], [])
    assert edits(store.journal.read(face, "tab")) == ([0, 1, 9], [])
    with pytest.raises(InputError, match="nothing to redo"):
        store.journal.redo(face, "tab")


def test_the_ends_are_what_undo_and_redo_would_take(store: Store, make: Any) -> None:
    (face,) = make.faces()
    assert store.journal.ends(face, "tab") == (None, None)
    for n in range(3):
        store.journal.add(face, "tab", "me", "edit", {"n": n})
    store.journal.add(face, "tab", "me", "undo", None)
    done, undone = store.journal.ends(face, "tab")
    journal = store.journal.read(face, "tab")
    assert journal is not None
    assert (done, undone) == (journal.done[-1], journal.undone[0])
    assert edits(journal) == ([0, 1], [2])
    with pytest.raises(InputError, match="nothing to redo"):
        store.journal.add(face, "other tab", "me", "redo", None)


def test_an_entry_is_new_once(store: Store) -> None:
    assert store.journal.claim("page/1")
    assert not store.journal.claim("page/1")
    assert store.journal.claim("page/2")
    with Store.open(store.path) as other:
        assert not other.journal.claim("page/2")


def test_an_entry_stays_new_when_what_it_does_fails(store: Store, make: Any) -> None:
    (face,) = make.faces()
    with pytest.raises(InputError, match="nothing to undo"), store.together():
        assert store.journal.claim("page/1")
        store.journal.undo(face, "tab")
    assert store.journal.claim("page/1")


def test_there_is_nothing_to_undo_before_the_first_edit(store: Store, make: Any) -> None:
    (face,) = make.faces()
    assert store.journal.read(face, "tab") is None
    with pytest.raises(InputError, match="nothing to undo"):
        store.journal.undo(face, "tab")


def test_sessions_do_not_mix(store: Store, make: Any) -> None:
    a, b = make.faces(2)
    store.journal.append(a, "tab 1", "Ana", {"n": 1})
    store.journal.append(a, "tab 2", "Bob", {"n": 2})
    store.journal.append(b, "tab 1", "Ana", {"n": 3})
    assert edits(store.journal.read(a, "tab 1")) == ([1], [])
    assert edits(store.journal.undo(a, "tab 2")) == ([], [2])
    unfinished = store.journal.unfinished()
    assert [(one.face_id, one.session, one.author) for one in unfinished] == [
        (a, "tab 2", "Bob"),
        (b, "tab 1", "Ana"),
        (a, "tab 1", "Ana"),
    ]
    assert store.journal.unfinished(face_id=a, author="Ana") == [unfinished[2]]


def test_an_annotation_closes_the_journal_that_it_accepts(store: Store, make: Any) -> None:
    (face,) = make.faces()
    store.journal.append(face, "mine", "me", {"n": 1})
    store.journal.append(face, "other", "you", {"n": 2})
    store.annotate(face, make.landmarks(), "me", session="mine")
    assert store.journal.read(face, "mine") is None
    assert [one.session for one in store.journal.unfinished()] == ["other"]
    assert edits(store.journal.append(face, "mine", "me", {"n": 3})) == ([3], [])
    store.journal.discard(face, "mine")
    store.journal.discard(face, "mine")
    assert store.journal.read(face, "mine") is None


def test_a_journal_survives_closing(store: Store, make: Any) -> None:
    (face,) = make.faces()
    store.journal.append(face, "tab", "me", {"point": "é", "to": [1.25, None]})
    store.journal.undo(face, "tab")
    before = store.journal.read(face, "tab")
    store.close()
    with Store.open(store.path) as again:
        assert again.journal.read(face, "tab") == before
        (one,) = again.journal.redo(face, "tab").done
        assert one.edit == {"point": "é", "to": [1.25, None]}


@pytest.mark.parametrize("edit", [{"x": math.nan}, {"x": b""}, {"x": "\ud800"}, {"x": "y" * 2_000_000}])
def test_an_edit_is_a_json_object_of_reasonable_size(store: Store, make: Any, edit: dict[str, Any]) -> None:
    (face,) = make.faces()
    with pytest.raises(InputError, match="an edit"):
        store.journal.append(face, "tab", "me", edit)
    with pytest.raises(InputError, match="no face 9"):
        store.journal.append(9, "tab", "me", {})
    assert store.journal.unfinished() == []


class Edits(RuleBasedStateMachine):
    """Against two lists per session, with the database closed and opened in between."""

    sessions = st.sampled_from(["one", "two"])

    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory()
        self.store = Store.create(
            Path(self.folder.name) / "x.db", Scheme("made", (Point("a", 0, 0), Point("b", 1, 0)))
        )
        (image,) = self.store.add_images([NewImage("a.jpg")])
        (self.face,) = self.store.add_faces([NewFace(image, Box(0, 0, 1, 1))])
        self.done: dict[str, list[int]] = {}
        self.undone: dict[str, list[int]] = {}
        self.number = 0

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()

    @rule(session=sessions)
    def edit(self, session: str) -> None:
        self.number += 1
        self.store.journal.append(self.face, session, "me", {"n": self.number})
        self.done.setdefault(session, []).append(self.number)
        self.undone[session] = []

    @rule(session=sessions)
    def undo(self, session: str) -> None:
        if self.done.get(session):
            self.store.journal.undo(self.face, session)
            self.undone[session].insert(0, self.done[session].pop())
        else:
            with pytest.raises(InputError):
                self.store.journal.undo(self.face, session)

    @rule(session=sessions)
    def redo(self, session: str) -> None:
        if self.undone.get(session):
            self.store.journal.redo(self.face, session)
            self.done[session].append(self.undone[session].pop(0))
        else:
            with pytest.raises(InputError):
                self.store.journal.redo(self.face, session)

    @rule(session=sessions)
    def discard(self, session: str) -> None:
        self.store.journal.discard(self.face, session)
        self.done.pop(session, None)
        self.undone.pop(session, None)

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = Store.open(self.store.path)

    @invariant()
    def the_journals_are_as_expected(self) -> None:
        if not hasattr(self, "store"):
            return
        for session in ("one", "two"):
            journal = self.store.journal.read(self.face, session)
            if session in self.done:
                assert edits(journal) == (self.done[session], self.undone[session])
            else:
                assert journal is None


TestEdits = Edits.TestCase
TestEdits.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)

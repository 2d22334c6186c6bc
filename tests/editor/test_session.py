"""What a browser may say, what it is told, and that an answer which is lost costs nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from labelkit.editor.edits import Draft, Edit
from labelkit.editor.payload import Crossed, Neighbours, Sheet
from labelkit.editor.session import BYTES, PHOTOS, TEXTS, EditSession, Kind, Reply, as_traits, outcome
from labelkit.errors import ImageError, InputError, StoreError
from labelkit.landmarks import Landmarks, State
from labelkit.scheme import Point, Scheme

SCHEME = Scheme("made", tuple(Point(name, i / 10, 0.0) for i, name in enumerate("abcd")))


class FakeDesk:
    """Faces "0", "1", ... in memory; ``fails`` is raised by the next call that would store."""

    project, author, can_predict = "work-1", "ann", False

    def __init__(self, faces: int = 5) -> None:
        self.order = [str(i) for i in range(faces)]
        self.journals: dict[str, list[Edit]] = {key: [] for key in self.order}
        self.entries: list[str] = []
        self.decided: list[tuple[str, str]] = []
        self.fails: Exception | None = None
        self.crossed: Crossed | None = None
        self.revision = 0
        self.held: list[str] = []
        self.placed: list[str] = []

    def first(self) -> str | None:
        return self.order[0] if self.order else None

    def open(self, key: str) -> Sheet:
        if key not in self.journals:
            raise InputError(f"no face {key}")
        landmarks = Landmarks(SCHEME, [[0, 0], [1, 1], [np.nan, np.nan], [3, 3]], State.PREDICTED)
        sheet = Sheet(key, f"{key}.png", (80, 60), 0, SCHEME, 2, self.revision, Draft(landmarks))
        sheet.places = {1: (1, 0, -1), 2: (0, 1, 2, 3)}
        for edit in self.journals[key]:
            sheet.step("edit", edit)
        return sheet

    def photo(self, image: str) -> bytes:
        if image == "3.png":
            raise ImageError(image, "is damaged")
        return image.encode()

    def neighbours(self, key: str) -> Neighbours:
        i = self.order.index(key)
        after = self.order[i + 1] if i + 1 < len(self.order) else None
        return Neighbours(self.order[i - 1] if i else None, after, i + 1, len(self.order))

    def stay(self, keys: Sequence[str]) -> None:
        self.held = list(keys)

    def leave(self) -> None:
        self.held = []

    def claim(self, entry: str) -> bool:
        if self.fails is not None:
            error, self.fails = self.fails, None
            raise error
        new = entry not in self.entries
        self.entries.append(entry)
        return new

    def record(self, entry: str, kind: Kind, sheet: Sheet, edit: Edit) -> Reply:
        if not self.claim(entry):
            return Reply(fresh=False)
        journal = self.journals[sheet.key]
        journal.append(edit) if kind != "undo" else journal.pop()
        return Reply(crossed=self.crossed)

    def decide(self, entry: str, command: Mapping[str, Any], sheet: Sheet) -> Reply:
        if not self.claim(entry):
            return Reply(fresh=False)
        self.decided.append((str(command["name"]), sheet.key))
        return Reply(opens="4" if command["name"] in ("open", "add_face") else None)

    def place(self, key: str) -> None:
        self.placed.append(key)
        if self.fails is not None:
            raise self.fails


class Page:
    """A browser in a few lines: the traits as they were pushed last, and an outbox."""

    def __init__(self, desk: FakeDesk, key: str | None = None, **session: Any) -> None:
        self.desk, self.traits, self.seq = desk, dict[str, Any](), 0
        self.session = EditSession(desk, self.traits.update, **session)
        self.session.start(key)

    def entry(self, kind: str, **more: Any) -> dict[str, Any]:
        self.seq += 1
        standard = {"key": self.session.current, "revision": 0, "scheme": "2"}
        return {"seq": self.seq, "id": f"me/{self.seq}", "type": kind, **standard, **more}

    def edit(self, x: float = 5.0, **more: Any) -> dict[str, Any]:
        after = {"xy": {"1": [x, 7]}, "state": {"1": 1}}
        edit = {"id": f"edit {self.seq}", "label": "drag", "before": {"xy": {"1": [1, 1]}}, "after": after}
        return self.entry("edit", **{"edit": edit, **more})

    def command(self, name: str, **more: Any) -> dict[str, Any]:
        return self.entry("command", command={"name": name, **more})

    def send(self, *entries: Any) -> None:
        self.session.receive(json.dumps({"client": "me", "entries": list(entries)}))

    @property
    def face(self) -> dict[str, Any]:
        face: dict[str, Any] = self.traits["faces"][self.traits["current"]]
        return face

    @property
    def problem(self) -> str:
        return str(self.traits["status"]["problem"])


def test_the_first_face_comes_with_its_photo_and_scheme() -> None:
    page = Page(FakeDesk())
    assert page.traits["setup"] == {"project": "work-1", "author": "ann", "predict": False}
    assert page.face["xy"] == [[0, 0], [1, 1], None, [3, 3]]
    assert page.traits["schemes"][page.face["scheme"]]["points"][2]["name"] == "c"
    slot = page.traits["photos"]["0.png"]
    assert page.traits[f"photo_{slot}"] == b"0.png"
    assert (page.face["next"], page.face["position"]) == ("1", {"number": 1, "total": 5})
    assert all(isinstance(value, str | bytes) for value in as_traits(page.traits).values())
    assert set(page.traits) <= {*TEXTS, *BYTES}


class Predicting(FakeDesk):
    can_predict = True


def test_an_added_face_is_shown_at_once_and_again_when_a_model_has_placed_it() -> None:
    aside: list[tuple[Callable[[], None], Callable[[str], None]]] = []
    desk = Predicting()
    page = Page(desk, aside=lambda work, then: aside.append((work, then)))
    page.send(page.command("add_face", box=[1, 2, 30, 40]))
    assert (page.session.current, desk.placed) == ("4", [])
    assert page.traits["status"]["notice"]
    before = page.face["version"]
    ((work, then),) = aside
    then(outcome(work))
    assert desk.placed == ["4"]
    assert page.face["version"] > before
    assert page.traits["status"]["notice"] == ""


def test_what_a_model_met_is_told() -> None:
    desk = Predicting()
    page = Page(desk, aside=lambda work, then: then("photo.jpg: is damaged"))
    page.send(page.command("predict"))
    assert "photo.jpg: is damaged" in page.traits["status"]["notice"]
    assert outcome(lambda: None) == ""

    def fall() -> None:
        raise InputError("one line")

    assert outcome(fall) == "one line"

    def fail() -> None:
        raise ZeroDivisionError("half a face")

    assert outcome(fail) == "ZeroDivisionError: half a face"


def test_a_command_that_is_sent_again_asks_no_model_again() -> None:
    desk = Predicting()
    page = Page(desk)
    entry = page.command("predict")
    page.send(entry)
    page.send({**entry, "seq": entry["seq"] + 1})
    assert desk.placed == ["0"]


def test_the_next_faces_are_there_before_they_are_asked_for() -> None:
    page = Page(FakeDesk())
    page.send(page.entry("hello"))
    assert set(page.traits["faces"]) == {"0", "1", "2"}
    assert set(page.traits["photos"]) == {"0.png", "1.png", "2.png"}
    versions = {key: face["version"] for key, face in page.traits["faces"].items()}
    page.send(page.command("accept"))
    assert page.session.current == "1"
    assert page.face["version"] == versions["1"], "what is shown already need not be loaded again"
    assert len(page.traits["photos"]) <= PHOTOS


def test_an_edit_is_recorded_then_acknowledged() -> None:
    page = Page(FakeDesk())
    page.send(page.edit())
    assert page.traits["acknowledged"] == {"me": 1}
    assert [edit.after.xy for edit in page.desk.journals["0"]] == [{1: (5.0, 7.0)}]
    assert page.problem == ""


def test_an_outbox_that_comes_again_is_done_once() -> None:
    page = Page(FakeDesk())
    first, second = page.edit(5), page.edit(6)
    page.send(first)
    page.send(first, second)
    page.send(first, second)
    assert len(page.desk.journals["0"]) == 2
    # A new server has no counters, but knows the entries.
    again = Page(page.desk)
    again.send(first, {**second, "replayed": True})
    assert len(page.desk.journals["0"]) == 2
    assert again.traits["acknowledged"] == {"me": 2}
    assert again.face["xy"][1] == [6, 7]


def test_what_an_earlier_page_left_is_shown_when_it_is_stored() -> None:
    page = Page(FakeDesk())
    version = page.face["version"]
    page.send({**page.edit(9), "replayed": True})
    assert page.face["xy"][1] == [9, 7]
    assert page.face["version"] > version


def test_a_page_that_is_loaded_again_gets_what_was_done_since() -> None:
    page = Page(FakeDesk())
    page.send(page.edit(9))
    assert page.face["xy"][1] == [1, 1], "the page shows it anyway"
    page.send(page.entry("hello"))
    assert page.face["xy"][1] == [9, 7]
    assert [edit["label"] for edit in page.face["done"]] == ["drag"]


def test_nothing_is_acknowledged_while_nothing_can_be_stored() -> None:
    page = Page(FakeDesk())
    page.desk.fails = StoreError("labelkit.db", "the disk is full")
    one = page.edit()
    page.send(one)
    assert "acknowledged" not in page.traits
    assert "the disk is full" in page.problem
    page.send(one)
    assert page.traits["acknowledged"] == {"me": 1}
    assert page.problem == ""


def test_undo_and_redo_are_followed() -> None:
    page = Page(FakeDesk())
    one = page.edit(5)
    page.send(one, page.entry("undo", edit={"id": one["edit"]["id"]}))
    assert page.desk.journals["0"] == []
    page.send(page.entry("redo", edit={"id": one["edit"]["id"]}))
    assert len(page.desk.journals["0"]) == 1


def test_an_edit_made_under_an_older_scheme_finds_its_points() -> None:
    page = Page(FakeDesk())
    page.send(page.edit(5, scheme="1"))
    assert [edit.after.xy for edit in page.desk.journals["0"]] == [{0: (5.0, 7.0)}]


def test_somebody_elses_revision_is_told() -> None:
    page = Page(FakeDesk())
    page.desk.crossed = Crossed("bob", datetime(2030, 1, 2, 3, 4, tzinfo=UTC), 7, own=False)
    page.send(page.edit())
    conflict = page.traits["status"]["conflict"]
    assert (conflict["key"], conflict["author"], conflict["revision"], conflict["own"]) == (
        "0",
        "bob",
        7,
        False,
    )
    page.desk.crossed = None
    page.send(page.command("keep"))
    assert page.traits["status"]["conflict"] is None


@pytest.mark.parametrize(
    ("command", "current"),
    [("accept", "2"), ("skip", "2"), ("next", "2"), ("previous", "0"), ("open", "4"), ("comment", "1")],
)
def test_where_a_command_leads(command: str, current: str) -> None:
    page = Page(FakeDesk(), "1")
    page.send(page.command(command))
    assert page.desk.decided == [(command, "1")]
    assert page.traits["current"] == current


def test_the_ends_are_told() -> None:
    page = Page(FakeDesk(2), "1")
    page.send(page.command("next"))
    assert page.traits["current"] == "1"
    assert page.traits["status"]["notice"] == "This is the last face."
    empty = Page(FakeDesk(0))
    assert (empty.traits["current"], empty.traits["faces"]) == ("", {})
    assert empty.traits["status"]["notice"] == "No face waits that nobody else has open."


def test_a_face_whose_photo_cannot_be_read_is_shown_without_it() -> None:
    page = Page(FakeDesk(), "3")
    assert page.traits[f"photo_{page.traits['photos']['3.png']}"] == b""
    assert page.problem == "3.png: is damaged"


HOSTILE: list[Any] = [
    "",
    "[]",
    "{",
    '{"client": "me"}',
    '{"client": "", "entries": []}',
    '{"client": 5, "entries": []}',
    '{"client": "me", "entries": {}}',
    '{"client": "me", "entries": [5]}',
    '{"client": "me", "entries": [{"seq": "7"}]}',
    '{"client": "me", "entries": [{"seq": 0}]}',
    '{"client": "me", "entries": [{"seq": 1e400}]}',
    "[" * 100_000,
    json.dumps({"client": "me", "entries": [{"seq": 1}] * 5000}),
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:40])
def test_a_hostile_outbox_is_refused_in_one_line(text: str) -> None:
    page = Page(FakeDesk())
    page.session.receive(text)
    assert page.problem
    assert "\n" not in page.problem
    assert len(page.problem) < 200
    page.send(page.edit())
    assert page.problem == ""


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"type": "edit"},
        {"type": "delete"},
        {"type": "edit", "id": "e", "key": "99", "edit": {}},
        {"type": "edit", "id": "e", "key": "../x", "edit": {}},
        {"type": "edit", "id": "e", "key": "0", "edit": {"id": "e", "after": {"xy": {"7": [1, 2]}}}},
        {"type": "edit", "id": "e", "key": "0", "edit": {"id": "e", "after": {"xy": {"1": [1, None]}}}},
        {"type": "undo", "id": "e", "key": "0"},
        {"type": "command", "id": "e", "key": "0"},
        {"type": "command", "id": "e", "key": "0", "command": {"name": "__init__"}},
        {"type": "command", "id": "e", "key": "0", "command": {"name": ["accept"]}},
        {"type": ["edit"], "id": "e", "key": "0"},
    ],
    ids=str,
)
def test_a_hostile_entry_is_refused_and_does_not_hold_up_the_others(entry: dict[str, Any]) -> None:
    page = Page(FakeDesk())
    page.seq = 1
    page.send({"seq": 1, **entry}, page.edit())
    assert page.traits["acknowledged"] == {"me": 2}
    assert page.problem
    assert "\n" not in page.problem
    assert len(page.desk.journals["0"]) == 1


def test_faces_are_held_while_somebody_is_here() -> None:
    page = Page(FakeDesk())
    page.send(page.entry("hello"))
    assert page.desk.held == ["0", "1", "2"], "those to come as well, not the one before"
    page.desk.held = []
    page.send(page.entry("here"))
    assert page.desk.held == ["0", "1", "2"]
    page.send(page.command("accept"))
    assert page.desk.held == ["1", "2", "3"]
    page.send(page.entry("gone"))
    assert page.desk.held == []
    assert page.problem == ""

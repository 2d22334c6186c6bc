"""Faces a page at a time for the grid of the page *Review*, and what is decided there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Protocol

from labelkit.app import parts
from labelkit.app.session import WAITING, Session
from labelkit.app.thumbs import SIDES, face_crop, face_source, square
from labelkit.editor.grid import PER_PAGE, FaceGrid, Tile, pairs
from labelkit.errors import InputError
from labelkit.landmarks import Landmarks
from labelkit.project.bulk import Bulk, Outcome
from labelkit.project.holding import Hold
from labelkit.project.waiting import described, line
from labelkit.queue import QueueItem, Way
from labelkit.store import FaceState, StoredFace, StoredImage

#: Seconds after which whoever has done nothing at a page no longer holds its faces.
_ASLEEP = 600.0

#: Where a page begins: in a list of states or of faces, and the face before it.
_Start = tuple[int, StoredFace | None]


class Pages(Protocol):
    """Faces a page at a time."""

    def after(self, start: _Start, limit: int) -> list[tuple[int, StoredFace]]:
        """Up to ``limit`` faces from ``start`` on, each with the first half of what a page after it
        starts with."""

    def count(self) -> int:
        """How many there are."""

    def keep(self, face_ids: Sequence[int]) -> list[int]:
        """Somebody looks at these faces and no others; those that nobody else has open."""


class Queue:
    """Pages of what waits, in an order of the queue, without what others have open."""

    def __init__(self, session: Session, way: Way) -> None:
        self._store, self._author, self._way = session.project.store, session.author, way
        self._hold = Hold(self._store, session.author)
        self._ids: list[int] = []
        self._rest: Iterator[int] = iter(())

    def keep(self, face_ids: Sequence[int]) -> list[int]:
        return self._hold.keep(face_ids)

    def after(self, start: _Start, limit: int) -> list[tuple[int, StoredFace]]:
        place, last = start
        if last is None:  # from the beginning: as things are now
            self._ids, self._rest = [], line(self._store, self._way, self._author)
        found: list[tuple[int, StoredFace]] = []
        while len(found) < limit:
            self._ids += islice(self._rest, max(place + limit - len(self._ids), 0))
            ids = self._ids[place : place + limit]
            if not ids:
                break
            faces = enumerate(self._store.faces(ids), place + 1)
            found += [(number, face) for number, face in faces if face.state in WAITING]
            place += len(ids)
        return found[:limit]

    def count(self) -> int:
        counts = self._store.count_by_state()
        return sum(counts[state] for state in WAITING)


class Faces:
    """Pages of the faces in some states, one state after the other, the most uncertain first."""

    def __init__(self, session: Session, states: Sequence[FaceState]) -> None:
        self._store, self._states = session.project.store, tuple(states)

    def keep(self, face_ids: Sequence[int]) -> list[int]:
        """All of them: what does not wait is given to nobody."""
        return list(face_ids)

    def after(self, start: _Start, limit: int) -> list[tuple[int, StoredFace]]:
        """Up to ``limit`` faces from ``start`` on, each with the place of its state."""
        found: list[tuple[int, StoredFace]] = []
        place, last = start
        while place < len(self._states) and len(found) < limit:
            page = self._store.page(self._states[place], last, limit - len(found), order="score")
            found += [(place, face) for face in page]
            place, last = place + 1, None
        return found

    def count(self) -> int:
        """How many there are."""
        counts = self._store.count_by_state()
        return sum(counts[state] for state in self._states)


class GridView:
    """The grid of one session over some faces."""

    def __init__(self, session: Session, faces: Pages) -> None:
        self._session, self._project = session, session.project
        self._faces = faces
        self._bulk = Bulk(session.project, session.author)
        self._starts: list[_Start] = [(0, None)]
        self._shown: list[tuple[int, StoredFace]] = []
        self._revisions: dict[int, int] = {}
        self._more, self._stirred = False, time.monotonic()
        self.grid = FaceGrid()
        self.grid.heard = session.guarded(self._hear)
        self.fill()

    @property
    def untouched(self) -> bool:
        """Whether nothing on this page has been decided yet, so that it may be filled anew."""
        return not self.grid.marks

    def fill(self) -> None:
        """Show the page anew."""
        found = self._faces.after(self._starts[-1], 2 * PER_PAGE)
        free = self._faces.keep([face.id for _, face in found[:PER_PAGE]])
        self._shown = [entry for entry in found[:PER_PAGE] if entry[1].id in free]
        ahead = found[PER_PAGE:]
        self._more = bool(ahead)
        tiles = self._tiles([face for _, face in self._shown])
        images = self._images([face for _, face in ahead])
        sources = [face_source(face, images[face.image_id]) for _, face in ahead]
        self._revisions = {face.id: face.revision for _, face in self._shown}
        self._tell()
        self.grid.load(self._project.scheme, tiles, sources)

    def restore(self) -> None:
        """Bring back what is rejected on this page."""
        self._stirred = time.monotonic()
        self._decide(
            {
                "name": "restore",
                "keys": [key for key in map(str, self._revisions) if key not in self.grid.marks],
            }
        )

    def stay(self) -> None:
        """Go on holding what is shown, as long as hands stir now and then."""
        if time.monotonic() - self._stirred < _ASLEEP:
            self._faces.keep([face.id for _, face in self._shown])

    def leave(self) -> None:
        """Give back what is held: the page is no longer looked at."""
        self._faces.keep([])

    def _tiles(self, faces: Sequence[StoredFace]) -> list[Tile]:
        store = self._project.store
        points = store.currents([face.id for face in faces], fill=True)
        images = self._images(faces)
        items = described(store, faces, self._session.author)
        return [
            _tile(face, points[face.id], images[face.image_id], item)
            for face, item in zip(faces, items, strict=True)
        ]

    def _images(self, faces: Sequence[StoredFace]) -> dict[int, StoredImage]:
        return {face.image_id: self._project.store.image(face.image_id) for face in faces}

    def _tell(self) -> None:
        total = self._faces.count()
        page = len(self._starts)
        decided = len(self.grid.marks)
        self.grid.info = {
            "place": f"page {page}" if total or decided else "",
            "undo": self._bulk.steps > 0,
            "back": page > 1,
            "next": self._more or decided > 0,
        }

    def _hear(self, data: dict[str, Any]) -> None:
        self._stirred = time.monotonic()
        match data.get("type"):
            case "decide":
                self._decide(data)
            case "undo":
                self._undo()
            case "page":
                self._turn(1 if data.get("by") == 1 else -1)
            case "open":
                self._session.go("review", face=_number(data.get("key")))

    def _decide(self, data: dict[str, Any]) -> None:
        keys = [_number(key) for key in data.get("keys", ())]
        seen = {key: self._revisions[key] for key in keys if key in self._revisions}
        outcome = self._bulk.decide(str(data.get("name")), seen)
        self._mark({str(key): state.value for key, state in outcome.states.items()})
        self._report(outcome)
        if data.get("turn") and not outcome.problems:
            self._turn(1)
        self._session.look()

    def _undo(self) -> None:
        outcome = self._bulk.undo()
        self._session.tell(f"Undone: {parts.count(len(outcome.states), 'face')} as before")
        self._report(outcome)
        if all(key in self._revisions for key in outcome.states):
            for face in self._project.store.faces(outcome.states):
                self._revisions[face.id] = face.revision
            self._mark({}, [str(key) for key in outcome.states])
        else:
            self._starts = [(0, None)]
            self.fill()
        self._session.look()

    def _mark(self, new: dict[str, str], gone: Sequence[str] = ()) -> None:
        marks = {key: mark for key, mark in self.grid.marks.items() if key not in gone}
        self.grid.marks = {**marks, **new}
        for face in self._project.store.faces([int(key) for key in new]):
            self._revisions[face.id] = face.revision
        self._tell()

    def _report(self, outcome: Outcome) -> None:
        for problem in list(outcome.problems.values())[:3]:
            self._session.tell(problem, "bad")

    def _turn(self, by: int) -> None:
        if by < 0:
            self._starts = self._starts[:-1] or [(0, None)]
        elif self._more and self._shown:
            self._starts.append(self._shown[-1])
        else:
            self._starts = [(0, None)]  # what was left undecided on earlier pages
        self.fill()


def _tile(face: StoredFace, points: Landmarks, image: StoredImage, item: QueueItem) -> Tile:
    crop = face_crop(face, points)
    doubt = "" if item.score is None else f"{100 * item.score:.0f} %"
    name = image.path.rpartition("/")[2]
    more = f" · {face.face.index + 1}" if face.face.index else ""
    return Tile(
        str(face.id),
        f"{name}{more}",
        face_source(face, image),
        face_source(face, image, SIDES[1]),
        (0.0, 0.0, 1.0) if crop is None else square(crop),
        pairs(points.xy) if crop is not None else [],
        item.reason,
        doubt,
    )


def _number(key: object) -> int:
    if not isinstance(key, str) or not key.isdecimal() or len(key) > 12:
        raise InputError("the browser named a face that cannot be")
    return int(key)

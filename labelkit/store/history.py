"""What happened to the faces: append-only."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, insert, select

from labelkit.errors import InputError
from labelkit.store import tables
from labelkit.store.checks import checked_text
from labelkit.store.facerows import load_face
from labelkit.store.part import Part
from labelkit.store.schemes import scheme_at
from labelkit.store.tables import events
from labelkit.store.values import Event, EventKind, SchemeRevision


class HistoryCalls(Part):
    """The part of `Store` about events and comments."""

    def add_comment(self, face_id: int, text: str, author: str, point: str | None = None) -> Event:
        """Write a comment on a face, pinned to the point of this name where one is given."""
        with self._database.write() as connection:
            load_face(connection, face_id)
            scheme = scheme_at(connection)
            entry = {
                "face_id": face_id,
                "kind": EventKind.COMMENT.value,
                "author": checked_text(author, "an author"),
                "time": tables.now(),
                "text": checked_text(text, "a comment"),
                "point_uid": None if point is None else _uid(scheme, point),
            }
            event_id = connection.execute(insert(events), entry).lastrowid
            return _events(connection, events.c.id == event_id)[0]

    def events(
        self,
        face_id: int | None = None,
        after: int = 0,
        limit: int = 1000,
        kind: EventKind | None = None,
    ) -> list[Event]:
        """The first ``limit`` events with an id above ``after``, the oldest first; of one face, or
        of one kind, where that is given. With the last id seen, it tells what is new."""
        wanted = [events.c.id > after]
        if face_id is not None:
            wanted.append(events.c.face_id == face_id)
        if kind is not None:
            wanted.append(events.c.kind == kind.value)
        with self._database.read() as connection:
            return _events(connection, *wanted, limit=limit)


def _events(connection: Connection, *wanted: Any, limit: int | None = None) -> list[Event]:
    scheme = scheme_at(connection)
    names = dict(zip(scheme.uids, scheme.scheme.names, strict=True))
    query = select(events).where(*wanted).order_by(events.c.id).limit(limit)
    return [_event(row, names) for row in connection.execute(query)]


def _event(row: Row[Any], names: dict[int, str]) -> Event:
    return Event(
        row.id,
        row.face_id,
        EventKind(row.kind),
        row.author,
        row.time,
        row.text,
        row.before,
        row.after,
        row.point_uid,
        names.get(row.point_uid),
    )


def _uid(scheme: SchemeRevision, point: str) -> int:
    if point not in scheme.scheme.names:
        raise InputError(f"the scheme has no point {point!r}")
    return scheme.uids[scheme.scheme.names.index(point)]

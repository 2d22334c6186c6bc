"""Who did what, when, and to which face: everything that the store keeps of it, in one order.

Annotations, events, scheme revisions and finished jobs tell it by themselves; what leaves no other
trace (an export, an import, the start of a training) is recorded in the table ``actions``. Nothing
of it can be changed or removed: triggers refuse it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, insert, select

from labelkit.store import tables
from labelkit.store.checks import checked_object, checked_text
from labelkit.store.facerows import load_face
from labelkit.store.part import Part
from labelkit.store.schemes import scheme_at
from labelkit.store.tables import actions, annotation_rows, events, faces, images, jobs, schemes
from labelkit.store.values import EventKind, LogEntry

#: What an entry is about, besides the kinds of events and of actions.
ANNOTATION, SCHEME, JOB = "annotation", "scheme", "job"


@dataclass(frozen=True)
class _Asked:
    """Which entries are wanted, see `LogCalls.log`."""

    face_id: int | None
    author: str | None
    since: datetime | None
    limit: int | None
    photo: str | None = None
    what: str | None = None


class LogCalls(Part):
    """The part of `Store` about who did what."""

    def record(self, kind: str, author: str, text: str, details: Mapping[str, Any] | None = None) -> None:
        """Write down that ``author`` did something that leaves no other trace; for ever."""
        row = {
            "kind": checked_text(kind, "a kind of action"),
            "author": checked_text(author, "an author"),
            "time": tables.now(),
            "text": checked_text(text, "a text"),
            "details": checked_object(details or {}, "the details of an action"),
        }
        with self._database.write() as connection:
            connection.execute(insert(actions), row)

    def log(
        self,
        *,
        face_id: int | None = None,
        author: str | None = None,
        since: datetime | None = None,
        limit: int | None = None,
        photo: str | None = None,
        what: str | None = None,
    ) -> list[LogEntry]:
        """What was done, the oldest first: to one face, by one person, from a moment on, to photos that
        have ``photo`` in their paths, or of one kind (``what`` of `LogEntry`); of more than ``limit``
        entries the newest. What nobody in particular did has no author. Raises `InputError` for an
        unknown face."""
        asked = _Asked(face_id, author, since, limit, photo or None, what or None)
        with self._database.read() as connection:
            if face_id is not None:
                load_face(connection, face_id)
            kept = [list(read(connection, asked)) for read in _readers(asked)]
        # By time where that says more, but never against the order in which entries of a kind were
        # stored: the clock may have been set in between.
        found = list(heapq.merge(*kept, key=lambda entry: entry.time))
        return found if limit is None else found[max(len(found) - limit, 0) :]

    def authors(self) -> list[str]:
        """Everybody of whom the log tells, by name."""
        names: set[str] = set()
        with self._database.read() as connection:
            for table in (annotation_rows, events, schemes, actions):
                names |= set(connection.execute(select(table.c.author).distinct()).scalars())
        return sorted(names - {""})

    def actions(self) -> list[str]:
        """The kinds of actions that there are: exports, imports, backups and the like."""
        with self._database.read() as connection:
            return sorted(connection.execute(select(actions.c.kind).distinct()).scalars())


_Reader = Callable[[Connection, _Asked], Iterator[LogEntry]]


def _readers(asked: _Asked) -> list[_Reader]:
    """Where what was asked for may be found."""
    of_faces: dict[str, _Reader] = {ANNOTATION: _annotations, **dict.fromkeys(EventKind, _events)}
    of_all: dict[str, _Reader] = {SCHEME: _schemes, JOB: _jobs}
    only_faces = asked.face_id is not None or asked.photo is not None
    if asked.what is None:
        return [_annotations, _events, *([] if only_faces else [_schemes, _jobs, _actions])]
    known = of_faces.get(asked.what) or (None if only_faces else of_all.get(asked.what, _actions))
    return [known] if known is not None else []


def _annotations(connection: Connection, asked: _Asked) -> Iterator[LogEntry]:
    rows = annotation_rows.c
    columns = (rows.id, rows.time, rows.author, rows.revision, rows.face_state, rows.source)
    for row in _newest(connection, annotation_rows, columns, asked):
        source = "" if row.source == "person" else f", {row.source}"
        text = f"revision {row.revision}, {row.face_state}{source}"
        yield LogEntry(row.time, row.author, ANNOTATION, row.face_id, row.path, row.number, text)


def _events(connection: Connection, asked: _Asked) -> Iterator[LogEntry]:
    rows = events.c
    columns = (rows.id, rows.time, rows.author, rows.kind, rows.text, rows.before, rows.after, rows.point_uid)
    present = scheme_at(connection)
    names = dict(zip(present.uids, present.scheme.names, strict=True))
    for row in _newest(connection, events, columns, asked):
        yield LogEntry(
            row.time,
            row.author,
            row.kind,
            row.face_id,
            row.path,
            row.number,
            _said(row, names.get(row.point_uid)),
            row.before,
            row.after,
        )


def _said(row: Row[Any], point: str | None) -> str:
    """An event in words."""
    match row.kind:
        case EventKind.STATE:
            return f"{row.before} -> {row.after}" + (f": {row.text}" if row.text else "")
        case EventKind.COMMENT:
            return f"{point}: {row.text}" if point else str(row.text)
        case EventKind.NOTE:
            return str(row.after)
        case EventKind.BOX:
            return "a box was drawn" if row.before is None else "the box was changed"
        case EventKind.ATTRIBUTES:
            return ", ".join(f"{name} {value}" for name, value in (row.after or {}).items())
    return str(row.text)


def _schemes(connection: Connection, asked: _Asked) -> Iterator[LogEntry]:
    rows = schemes.c
    columns = (rows.revision.label("id"), rows.time, rows.author, rows.uids, rows.note, rows.scheme)
    for row in _newest(connection, schemes, columns, asked):
        note = f": {row.note}" if row.note else ""
        yield LogEntry(row.time, row.author, SCHEME, text=f"revision {row.id}, {len(row.uids)} points{note}")


def _jobs(connection: Connection, asked: _Asked) -> Iterator[LogEntry]:
    """The ends of jobs, which nobody in particular brings about."""
    if asked.author:
        return
    rows = jobs.c
    query = select(jobs).where(rows.finished.is_not(None)).order_by(rows.finished.desc()).limit(asked.limit)
    if asked.since is not None:
        query = query.where(rows.finished >= asked.since)
    for row in reversed(connection.execute(query).all()):
        message = f": {row.message}" if row.message else ""
        yield LogEntry(row.finished, "", JOB, text=f"{row.kind} {row.id} {row.state}{message}")


def _actions(connection: Connection, asked: _Asked) -> Iterator[LogEntry]:
    for row in _newest(connection, actions, tuple(actions.c), asked):
        yield LogEntry(row.time, row.author, row.kind, text=row.text, after=row.details or None)


def _newest(
    connection: Connection, table: Table, columns: tuple[ColumnElement[Any], ...], asked: _Asked
) -> list[Row[Any]]:
    """The newest rows of a table, the oldest of them first; with the face where they are about one."""
    query: Select[Any] = select(*columns)
    if "face_id" in table.c:
        query = (
            query.add_columns(table.c.face_id, faces.c.number, images.c.path)
            .join(faces, faces.c.id == table.c.face_id)
            .join(images, images.c.id == faces.c.image_id)
        )
    if asked.face_id is not None:
        query = query.where(table.c.face_id == asked.face_id)
    if asked.photo is not None:
        query = query.where(images.c.path.contains(asked.photo, autoescape=True))
    if asked.what is not None and "kind" in table.c:
        query = query.where(table.c.kind == asked.what)
    if asked.author is not None:
        query = query.where(table.c.author == asked.author)
    if asked.since is not None:
        query = query.where(table.c.time >= asked.since)
    identity = table.c.revision if table is schemes else table.c.id
    found = connection.execute(query.order_by(identity.desc()).limit(asked.limit)).all()
    return list(reversed(found))

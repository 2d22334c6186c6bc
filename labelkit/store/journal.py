"""Unsaved edits: deltas with undo and redo that survive a reload and a crash.

Entries are only ever added, those that say "undo" and "redo" included; what is done and undone
follows from reading them in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from labelkit.errors import InputError
from labelkit.store import tables
from labelkit.store.checks import checked_object, checked_text
from labelkit.store.facerows import load_face
from labelkit.store.part import Part
from labelkit.store.tables import editor_entries, journal_entries, journals
from labelkit.store.values import Delta, Journal, OpenJournal


class Journals(Part):
    """The journals of a store. A journal belongs to one face and one session of an editor (any
    string that the editor chose); it ends with the annotation that accepts it, or is discarded.
    An edit after that begins a new one."""

    def claim(self, entry: str) -> bool:
        """Whether the entry of this id (any string that an editor chose) is new; it no longer is
        afterwards. Called with what the entry does in one `Store.together`, it keeps an entry that
        comes twice, as after a crash, from being done twice."""
        checked_text(entry, "an entry's id")
        row = {"id": entry, "time": tables.now()}
        with self._database.write() as connection:
            new = connection.execute(upsert(editor_entries).on_conflict_do_nothing(), row)
            return new.rowcount == 1

    def append(self, face_id: int, session: str, author: str, edit: Mapping[str, Any]) -> Journal:
        """Write one edit (a JSON object). What could have been redone no longer can."""
        checked_text(session, "a session")
        checked_text(author, "an author")
        edit = checked_object(edit, "an edit")
        with self._database.write() as connection:
            load_face(connection, face_id)
            journal = _open(connection, face_id, session) or _begin(connection, face_id, session, author)
            _add(connection, journal, "edit", edit)
            return _read(connection, journal)

    def undo(self, face_id: int, session: str) -> Journal:
        """Take the last edit back; `InputError` when there is none."""
        return self._step(face_id, session, "undo")

    def redo(self, face_id: int, session: str) -> Journal:
        """Bring back the edit that was undone last; `InputError` when there is none."""
        return self._step(face_id, session, "redo")

    def read(self, face_id: int, session: str) -> Journal | None:
        """The open journal of a session, None when it has none."""
        with self._database.read() as connection:
            journal = _open(connection, face_id, session)
            return None if journal is None else _read(connection, journal)

    def discard(self, face_id: int, session: str) -> None:
        """End the open journal of a session without an annotation, if there is one."""
        with self._database.write() as connection:
            close_journal(connection, face_id, session, None)

    def unfinished(self, face_id: int | None = None, author: str | None = None) -> list[OpenJournal]:
        """The open journals (of a face, of a person), the one last written to first."""
        query = select(journals).where(journals.c.closed.is_(None))
        if face_id is not None:
            query = query.where(journals.c.face_id == face_id)
        if author is not None:
            query = query.where(journals.c.author == author)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(journals.c.touched.desc(), journals.c.id.desc())).all()
        return [OpenJournal(row.face_id, row.session, row.author, row.touched) for row in rows]

    def _step(self, face_id: int, session: str, kind: Literal["undo", "redo"]) -> Journal:
        with self._database.write() as connection:
            row = _open(connection, face_id, session)
            journal = None if row is None else _read(connection, row)
            if row is None or journal is None or not (journal.done if kind == "undo" else journal.undone):
                raise InputError(f"there is nothing to {kind}")
            _add(connection, row, kind, None)
            return _read(connection, row)


def close_journal(connection: Connection, face_id: int, session: str, revision: int | None) -> None:
    """End the open journal of a session, if there is one, with the annotation that accepts it."""
    connection.execute(
        update(journals)
        .where(journals.c.face_id == face_id, journals.c.session == session, journals.c.closed.is_(None))
        .values(closed=tables.now(), revision=revision)
    )


def _open(connection: Connection, face_id: int, session: str) -> Row[Any] | None:
    query = select(journals).where(
        journals.c.face_id == face_id, journals.c.session == session, journals.c.closed.is_(None)
    )
    return connection.execute(query).one_or_none()


def _begin(connection: Connection, face_id: int, session: str, author: str) -> Row[Any]:
    time = tables.now()
    row = {"face_id": face_id, "session": session, "author": author, "opened": time, "touched": time}
    connection.execute(insert(journals), row)
    journal = _open(connection, face_id, session)
    assert journal is not None
    return journal


def _add(connection: Connection, journal: Row[Any], kind: str, edit: Mapping[str, Any] | None) -> None:
    time = tables.now()
    mine = journal_entries.c.journal_id == journal.id
    last = connection.scalar(select(func.max(journal_entries.c.sequence)).where(mine)) or 0
    entry = {"journal_id": journal.id, "sequence": last + 1, "kind": kind, "edit": edit, "time": time}
    connection.execute(insert(journal_entries), entry)
    connection.execute(update(journals).where(journals.c.id == journal.id).values(touched=time))


def _read(connection: Connection, journal: Row[Any]) -> Journal:
    query = (
        select(journal_entries)
        .where(journal_entries.c.journal_id == journal.id)
        .order_by(journal_entries.c.sequence)
    )
    done: list[Delta] = []
    undone: list[Delta] = []
    for row in connection.execute(query):
        if row.kind == "edit":
            done.append(Delta(row.sequence, row.time, row.edit))
            undone.clear()
        elif row.kind == "undo":
            undone.append(done.pop())
        else:
            done.append(undone.pop())
    return Journal(journal.face_id, journal.session, journal.author, tuple(done), tuple(reversed(undone)))

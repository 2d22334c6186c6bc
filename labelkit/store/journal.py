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

Kind = Literal["edit", "undo", "redo"]


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
        return self._added(face_id, session, author, "edit", edit)

    def ends(self, face_id: int, session: str) -> tuple[Delta | None, Delta | None]:
        """The edit that an undo would take back and the one that a redo would bring back, None where
        there is none; takes no longer for a journal of a thousand edits."""
        with self._database.read() as connection:
            journal = _open(connection, face_id, session)
            if journal is None:
                return None, None
            done, undone = _standing(connection, journal)
            return _delta(connection, journal, done), _delta(connection, journal, undone)

    def add(
        self, face_id: int, session: str, author: str, kind: Kind, edit: Mapping[str, Any] | None
    ) -> None:
        """As `append`, `undo` or `redo`, without reading what the journal says then."""
        checked_text(session, "a session")
        checked_text(author, "an author")
        checked = None if edit is None else checked_object(edit, "an edit")
        with self._database.write() as connection:
            load_face(connection, face_id)
            journal = _open(connection, face_id, session)
            if kind == "edit":
                journal = journal or _begin(connection, face_id, session, author)
            else:
                stacks = ([], []) if journal is None else _standing(connection, journal)
                if not stacks[kind == "redo"]:
                    raise InputError(f"there is nothing to {kind}")
            assert journal is not None
            _add(connection, journal, kind, checked if kind == "edit" else None)

    def undo(self, face_id: int, session: str) -> Journal:
        """Take the last edit back; `InputError` when there is none."""
        return self._added(face_id, session, "", "undo", None)

    def redo(self, face_id: int, session: str) -> Journal:
        """Bring back the edit that was undone last; `InputError` when there is none."""
        return self._added(face_id, session, "", "redo", None)

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

    def _added(
        self, face_id: int, session: str, author: str, kind: Kind, edit: Mapping[str, Any] | None
    ) -> Journal:
        with self._database.together():
            self.add(face_id, session, author, kind, edit)
            journal = self.read(face_id, session)
        assert journal is not None
        return journal


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


def _standing(connection: Connection, journal: Row[Any]) -> tuple[list[int], list[int]]:
    """The numbers of the edits that are done and of those that are undone, in the order in which an
    undo and a redo take them from the end."""
    entries = journal_entries.c
    query = select(entries.sequence, entries.kind).where(entries.journal_id == journal.id)
    done: list[int] = []
    undone: list[int] = []
    for sequence, kind in connection.execute(query.order_by(entries.sequence)):
        if kind == "edit":
            done.append(sequence)
            undone.clear()
        elif kind == "undo":
            undone.append(done.pop())
        else:
            done.append(undone.pop())
    return done, undone


def _delta(connection: Connection, journal: Row[Any], numbers: list[int]) -> Delta | None:
    """The last of these edits."""
    if not numbers:
        return None
    entries = journal_entries.c
    query = select(entries.sequence, entries.time, entries.edit).where(
        entries.journal_id == journal.id, entries.sequence == numbers[-1]
    )
    return Delta(*connection.execute(query).one())


def _read(connection: Connection, journal: Row[Any]) -> Journal:
    entries = journal_entries.c
    done, undone = _standing(connection, journal)
    query = select(entries.sequence, entries.time, entries.edit).where(
        entries.journal_id == journal.id, entries.kind == "edit"
    )
    edits = {row.sequence: Delta(*row) for row in connection.execute(query)}
    return Journal(
        journal.face_id,
        journal.session,
        journal.author,
        tuple(edits[number] for number in done),
        tuple(edits[number] for number in reversed(undone)),
    )

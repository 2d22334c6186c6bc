"""The project's scheme and its revisions."""

from __future__ import annotations

import json
from functools import lru_cache
from itertools import count
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from labelkit.errors import InputError, SchemeError
from labelkit.scheme import Scheme, scheme_from_dict
from labelkit.scheme.change import SchemeChange
from labelkit.store import tables
from labelkit.store.checks import checked_text
from labelkit.store.coverage import renew_states
from labelkit.store.part import Part
from labelkit.store.tables import schemes
from labelkit.store.values import SchemeRevision, SchemeSwitch


class SchemeCalls(Part):
    """The part of `Store` about the scheme."""

    def scheme(self) -> Scheme:
        """The project's present scheme."""
        return self.scheme_revision().scheme

    def scheme_revision(self, revision: int | None = None) -> SchemeRevision:
        """A revision of the scheme, the present one by default; `InputError` for an unknown one."""
        with self._database.read() as connection:
            return scheme_at(connection, revision)

    def scheme_history(self) -> list[SchemeRevision]:
        """Every revision, the oldest first."""
        with self._database.read() as connection:
            return [
                _revision(row) for row in connection.execute(select(schemes).order_by(schemes.c.revision))
            ]

    def change_scheme(self, change: SchemeChange, author: str, note: str = "") -> SchemeSwitch:
        """Make ``change.new`` the project's scheme.

        Points keep their uid along ``change.lineage``; no annotation is touched. When points were
        added, faces that are ``done`` or ``reviewed`` and have no value for them become
        ``predicted`` with the reason "new points"; faces that were waiting for points that are no
        longer there are finished again. Raises `InputError` when ``change.old`` is not the
        present scheme, because somebody else has changed it in the meantime.
        """
        with self._database.write() as connection:
            present = scheme_at(connection)
            if change.old != present.scheme:
                raise InputError(
                    f"the change begins with another scheme than the project's: that is revision "
                    f"{present.revision} of {present.scheme.name!r}, by {present.author or 'nobody'}"
                )
            return _switch(connection, change.new, _uids(connection, present, change), author, note)

    def undo_scheme_change(self, author: str) -> SchemeSwitch:
        """Go back one change: a new revision with the points and uids of the one before.

        Called again, it goes back further. Removed points return with what was annotated.
        Raises `InputError` when the present scheme is the first.
        """
        with self._database.write() as connection:
            now = scheme_at(connection)
            undone = now.restores or now.revision
            if undone == 1:
                raise InputError("the scheme is the one that the project began with: nothing to undo")
            before = scheme_at(connection, undone - 1)
            # The one before may itself have been an undo; then going on from it goes back further.
            restores = before.restores or before.revision
            note = f"undo of revision {undone}"
            return _switch(connection, before.scheme, before.uids, author, note, restores)


def scheme_at(connection: Connection, revision: int | None = None) -> SchemeRevision:
    """A revision of the scheme, the newest by default; `InputError` when it is unknown."""
    query = select(schemes).order_by(schemes.c.revision.desc()).limit(1)
    if revision is not None:
        query = query.where(schemes.c.revision == revision)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise InputError(f"the project has no scheme revision {revision}")
    return _revision(row)


def first_scheme(connection: Connection, scheme: Scheme, author: str) -> None:
    """Write the scheme that a project begins with."""
    _write(connection, scheme, tuple(range(len(scheme))), author, "", None)


def _uids(connection: Connection, old: SchemeRevision, change: SchemeChange) -> tuple[int, ...]:
    """The uid of each point after a change: its own from before, or one that was never used."""
    used = connection.scalars(select(schemes.c.uids)).all()
    fresh = count(1 + max(uid for uids in used for uid in uids))
    return tuple(next(fresh) if index == -1 else old.uids[index] for index in change.lineage)


def _switch(
    connection: Connection,
    scheme: Scheme,
    uids: tuple[int, ...],
    author: str,
    note: str,
    restores: int | None = None,
) -> SchemeSwitch:
    _write(connection, scheme, uids, author, note, restores)
    waiting, finished = renew_states(connection, uids, author)
    return SchemeSwitch(scheme_at(connection), waiting, finished)


def _write(
    connection: Connection,
    scheme: Scheme,
    uids: tuple[int, ...],
    author: str,
    note: str,
    restores: int | None,
) -> None:
    newest = connection.scalar(select(func.max(schemes.c.revision))) or 0
    row = {
        "revision": newest + 1,
        "scheme": scheme.to_json(),
        "uids": list(uids),
        "restores": restores,
        "time": tables.now(),
        "author": checked_text(author, "an author"),
        "note": checked_text(note, "a note"),
    }
    connection.execute(insert(schemes), row)


def _revision(row: Row[Any]) -> SchemeRevision:
    scheme = _parsed(row.scheme)
    return SchemeRevision(row.revision, scheme, tuple(row.uids), row.time, row.author, row.note, row.restores)


@lru_cache(maxsize=64)
def _parsed(text: str) -> Scheme:
    # Rows of this table never change, and a scheme is a value: it can be shared.
    try:
        return scheme_from_dict(json.loads(text))
    except SchemeError as error:  # nobody gave us this scheme: the row has been altered
        raise ValueError(str(error)) from error

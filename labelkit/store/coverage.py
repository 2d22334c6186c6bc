"""Which finished faces say something about every point of the present scheme.

A point is known by its uid. A face covers it when a complete annotation (one in which a person
has said something about every point) was made in a scheme revision that had the point.

Hundreds of thousands of faces may change their state at once: SQLite moves them by itself.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, insert, literal, select, update

from labelkit.store import tables
from labelkit.store.tables import annotation_rows, events, faces, schemes
from labelkit.store.values import FINISHED, NEW_POINTS, EventKind, FaceState

#: The states as they stand in the history, which holds JSON.
_PREDICTED, _QUOTE = f'"{FaceState.PREDICTED.value}"', '"'


def renew_states(connection: Connection, uids: tuple[int, ...], author: str) -> tuple[int, int]:
    """Bring the states in line with a new scheme whose points are ``uids``.

    How many finished faces now wait for new points, and how many that waited are finished.
    """
    covered = [_covered(revisions) for revisions in _needed(connection, uids)]
    # In this order, so that what now begins to wait is not looked at again.
    finished = _finish_again(connection, and_(*covered), author)
    waiting = sum(_send_back(connection, ~one, author) for one in covered)
    return waiting, finished


def _needed(connection: Connection, uids: tuple[int, ...]) -> list[list[int]]:
    """Scheme revisions: a face needs a complete annotation of one from each list.

    A list per point, the revisions that have it; one that contains another asks for nothing more
    than that one does.
    """
    rows = connection.execute(select(schemes.c.revision, schemes.c.uids)).all()
    having = [(row.revision, frozenset(row.uids)) for row in rows]
    sets = {frozenset(revision for revision, points in having if uid in points) for uid in uids}
    return sorted(sorted(one) for one in sets if not any(other < one for other in sets))


def _covered(revisions: list[int]) -> ColumnElement[bool]:
    """Whether a face has a complete annotation of one of these scheme revisions."""
    return exists().where(
        annotation_rows.c.face_id == faces.c.id,
        annotation_rows.c.complete == 1,
        annotation_rows.c.scheme_revision.in_(revisions),
    )


def _send_back(connection: Connection, lacking: ColumnElement[bool], author: str) -> int:
    """Let finished faces that are ``lacking`` something wait for it; how many these are."""
    which = and_(faces.c.state.in_([state.value for state in FINISHED]), lacking)
    before = literal(_QUOTE) + faces.c.state + literal(_QUOTE)
    _note(connection, which, author, NEW_POINTS, before, literal(_PREDICTED))
    waits = {"state": FaceState.PREDICTED.value, "reason": NEW_POINTS, "updated": tables.now()}
    return connection.execute(update(faces).where(which).values(**waits)).rowcount


def _finish_again(connection: Connection, complete: ColumnElement[bool], author: str) -> int:
    """Give faces that waited and are ``complete`` the state that they had before; how many."""
    which = and_(faces.c.state == FaceState.PREDICTED.value, faces.c.reason == NEW_POINTS, complete)
    _note(connection, which, author, "", literal(_PREDICTED), _newest(events.c.before))
    state = func.trim(_newest(events.c.after), _QUOTE)
    return connection.execute(
        update(faces).where(which).values(state=state, reason="", updated=tables.now())
    ).rowcount


def _note(
    connection: Connection,
    which: ColumnElement[bool],
    author: str,
    text: str,
    before: ColumnElement[Any],
    after: ColumnElement[Any],
) -> None:
    """An entry in the history of each face."""
    time = literal(tables.now(), tables.Time)
    entry = (faces.c.id, literal(EventKind.STATE.value), literal(author), time, literal(text), before, after)
    names = ["face_id", "kind", "author", "time", "text", "before", "after"]
    connection.execute(insert(events).from_select(names, select(*entry).where(which)))


def _newest(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """What the newest change of a face's state says."""
    state = and_(events.c.face_id == faces.c.id, events.c.kind == EventKind.STATE.value)
    return select(column).where(state).order_by(events.c.id.desc()).limit(1).scalar_subquery()

"""Which finished faces say something about every point of the present scheme.

A point is known by its uid. A face covers it when a complete annotation (one in which a person
has said something about every point) was made in a scheme revision that had the point.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, exists, func, select

from labelkit.store.part import chunks
from labelkit.store.states import move
from labelkit.store.tables import annotation_rows, events, faces, schemes
from labelkit.store.values import FINISHED, NEW_POINTS, EventKind, FaceState


def renew_states(connection: Connection, uids: tuple[int, ...], author: str) -> tuple[int, int]:
    """Bring the states in line with a new scheme whose points are ``uids``.

    How many finished faces now wait for new points, and how many that waited are finished.
    """
    needed = _needed(connection, uids)
    done = faces.c.state.in_([state.value for state in FINISHED])
    lacking = _lacking(connection, needed, done)
    waits = (faces.c.state == FaceState.PREDICTED.value) & (faces.c.reason == NEW_POINTS)
    waiting = set(connection.scalars(select(faces.c.id).where(waits)))
    complete = sorted(waiting - set(_lacking(connection, needed, waits)))
    move(connection, list(lacking.items()), FaceState.PREDICTED, author, NEW_POINTS)
    _finish_again(connection, complete, author)
    return len(lacking), len(complete)


def _needed(connection: Connection, uids: tuple[int, ...]) -> set[frozenset[int]]:
    """Sets of scheme revisions: a face needs a complete annotation from each of them.

    One set per point, those revisions that have it; a set that contains another asks for
    nothing more than that one does.
    """
    rows = connection.execute(select(schemes.c.revision, schemes.c.uids)).all()
    having = [(row.revision, frozenset(row.uids)) for row in rows]
    sets = {frozenset(revision for revision, points in having if uid in points) for uid in uids}
    return {one for one in sets if not any(other < one for other in sets)}


def _lacking(
    connection: Connection, needed: set[frozenset[int]], which: ColumnElement[bool]
) -> dict[int, FaceState]:
    """The faces among ``which`` that lack a needed annotation, with their states."""
    lacking: dict[int, FaceState] = {}
    for revisions in sorted(needed, key=sorted):
        covered = exists().where(
            annotation_rows.c.face_id == faces.c.id,
            annotation_rows.c.complete == 1,
            annotation_rows.c.scheme_revision.in_(sorted(revisions)),
        )
        rows = connection.execute(select(faces.c.id, faces.c.state).where(which, ~covered))
        lacking.update((row.id, FaceState(row.state)) for row in rows)
    return lacking


def _finish_again(connection: Connection, face_ids: list[int], author: str) -> None:
    """Give faces that waited for new points the state that they had before."""
    for chunk in chunks(face_ids):
        newest = (
            select(func.max(events.c.id))
            .where(events.c.kind == EventKind.STATE.value, events.c.face_id.in_(chunk))
            .group_by(events.c.face_id)
        )
        rows = connection.execute(select(events.c.face_id, events.c.before).where(events.c.id.in_(newest)))
        before = {row.face_id: FaceState(row.before) for row in rows}
        for state in FINISHED:
            moves = [(face, FaceState.PREDICTED) for face in chunk if before[face] == state]
            move(connection, moves, state, author)

"""Storing thousands of annotations in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from labelkit.store import tables
from labelkit.store.blobs import landmark_columns
from labelkit.store.facerows import load_faces
from labelkit.store.fitting import accepted, check_fits
from labelkit.store.part import chunks
from labelkit.store.schemes import scheme_at
from labelkit.store.states import Move, move
from labelkit.store.tables import annotation_rows, faces
from labelkit.store.values import FaceState, ImportCounts, NewAnnotation

#: What makes two annotations of a face equal in value.
_VALUE = ("scheme_revision", "face_state", "states", "visibility", "xy")


def import_all(
    connection: Connection,
    new: Sequence[NewAnnotation],
    author: str,
    state: FaceState,
    source: str,
    reason: str,
) -> ImportCounts:
    """Add each annotation as the next revision of its face, unless it is what the face has or
    somebody was quicker."""
    scheme = scheme_at(connection)
    known = load_faces(connection, (one.face_id for one in new))
    values = _newest_values(connection, (face.id for face in known.values() if face.revision))
    revisions = {face.id: face.revision for face in known.values()}
    common = {"author": author, "time": tables.now(), "source": source}
    rows: list[dict[str, Any]] = []
    overtaken = 0
    for one in new:
        check_fits(one.landmarks, scheme, known[one.face_id])
        row = {
            "face_id": one.face_id,
            "scheme_revision": scheme.revision,
            "face_state": state.value,
            **landmark_columns(accepted(one.landmarks, state)),
        }
        value = tuple(row[name] for name in _VALUE)
        if values.get(one.face_id) == value:
            continue
        if one.base_revision not in (None, revisions[one.face_id]):
            overtaken += 1
            continue
        values[one.face_id] = value
        revisions[one.face_id] += 1
        rows.append({**row, **common, "revision": revisions[one.face_id]})
    moves = [(face_id, known[face_id].state) for face_id in dict.fromkeys(row["face_id"] for row in rows)]
    _write(connection, rows, revisions, moves)
    move(connection, moves, state, author, reason)
    return ImportCounts(len(rows), len(new) - len(rows) - overtaken, overtaken)


def _newest_values(connection: Connection, face_ids: Iterable[int]) -> dict[int, tuple[Any, ...]]:
    columns = [annotation_rows.c[name] for name in _VALUE]
    values: dict[int, tuple[Any, ...]] = {}
    for chunk in chunks(face_ids):
        query = (
            select(annotation_rows.c.face_id, *columns)
            .join(faces, faces.c.id == annotation_rows.c.face_id)
            .where(faces.c.id.in_(chunk), annotation_rows.c.revision == faces.c.revision)
        )
        for face_id, *value in connection.execute(query):
            values[face_id] = tuple(value)
    return values


def _write(
    connection: Connection, rows: list[dict[str, Any]], revisions: dict[int, int], moves: list[Move]
) -> None:
    if not rows:
        return
    connection.execute(insert(annotation_rows), rows)
    query = update(faces).where(faces.c.id == bindparam("face")).values(revision=bindparam("new"))
    connection.execute(query, [{"face": face_id, "new": revisions[face_id]} for face_id, _ in moves])

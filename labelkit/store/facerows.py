"""Rows of the table ``faces`` as values, and the one way to read them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, select

from labelkit.errors import InputError
from labelkit.geometry import Box
from labelkit.landmarks import Face
from labelkit.store.part import chunks
from labelkit.store.tables import faces, images
from labelkit.store.values import FaceState, StoredFace

#: Every face with the path of its photo.
FACES = select(faces, images.c.path).join(images, images.c.id == faces.c.image_id)


def stored_face(row: Row[Any]) -> StoredFace:
    """The face in a row of `FACES`; raises ValueError for what labelkit never writes."""
    if not isinstance(row.path, str):
        raise ValueError(f"a face in a photo without a path, number {row.image_id}")
    return StoredFace(
        row.id,
        row.image_id,
        Face(row.path, row.number, _box(row)),
        FaceState(row.state),
        row.reason,
        row.note,
        row.attributes,
        -row.rank if math.isfinite(row.rank) else None,
        row.revision,
        row.prediction_id,
        row.updated,
    )


def load_face(connection: Connection, face_id: int) -> StoredFace:
    """The face with this id; `InputError` when there is none."""
    row = connection.execute(FACES.where(faces.c.id == face_id)).one_or_none()
    if row is None:
        raise InputError(f"the project has no face {face_id}")
    return stored_face(row)


def load_faces(connection: Connection, face_ids: Iterable[int]) -> dict[int, StoredFace]:
    """The faces with these ids, by id; `InputError` when one is unknown."""
    wanted = list(dict.fromkeys(face_ids))
    found: dict[int, StoredFace] = {}
    for chunk in chunks(wanted):
        rows = connection.execute(FACES.where(faces.c.id.in_(chunk)))
        found.update((row.id, stored_face(row)) for row in rows)
    unknown = [face_id for face_id in wanted if face_id not in found]
    if unknown:
        raise InputError(f"the project has no face {unknown[0]}")
    return found


def box_columns(box: Box | None) -> dict[str, Any]:
    """The columns of ``faces`` that hold a box, all NULL for None."""
    # Detectors give their own kinds of float, which SQLite does not know.
    corners = (None,) * 4 if box is None else tuple(float(value) for value in box.xyxy)
    score = None if box is None or box.score is None else float(box.score)
    kind, source = (None, None) if box is None else (box.kind, box.source)
    names = ("x0", "y0", "x1", "y1", "box_kind", "box_source", "box_score")
    return dict(zip(names, (*corners, kind, source, score), strict=True))


def box_list(box: Box | None) -> list[Any] | None:
    """A box for the history: its corners, kind, source and score."""
    return None if box is None else list(box_columns(box).values())


def _box(row: Row[Any]) -> Box | None:
    if row.x0 is None:
        return None
    return Box(row.x0, row.y0, row.x1, row.y1, row.box_kind, row.box_source, row.box_score)

"""Adding faces: their numbers within a photo, and the mark that nobody is in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from labelkit.errors import InputError
from labelkit.store import tables
from labelkit.store.checks import checked_object
from labelkit.store.facerows import box_columns, box_list
from labelkit.store.part import chunks
from labelkit.store.states import move
from labelkit.store.tables import events, faces, images
from labelkit.store.values import EventKind, FaceState, NewFace

#: The face numbers that a photo has, with the ids; the mark `no face` stands under None.
Numbers = dict[int | None, int]


def insert_faces(connection: Connection, new: Sequence[NewFace], author: str = "") -> list[int]:
    """Add the faces that are not there yet; the ids of all in the same order. ``author`` is who drew
    their boxes, where anybody did."""
    photos = _numbers(connection, {face.image_id for face in new})
    rows: list[dict[str, Any]] = []
    slots: list[tuple[int, int]] = []
    drawn: dict[tuple[int, int], NewFace] = {}
    for face in new:
        numbers = photos[face.image_id]
        number = _number(face, numbers)
        slots.append((face.image_id, number))
        if number in numbers:
            continue
        mark = numbers.pop(None, None)
        if mark is not None:
            _take_place(connection, mark, number, face)
        else:
            rows.append(_row(face, number))
        drawn[face.image_id, number] = face
        numbers[number] = mark if mark is not None else 0
    if rows:
        connection.execute(insert(faces), rows)
    ids = _numbers(connection, {face.image_id for face in new})
    if author and drawn:
        _note(connection, {ids[image_id][number]: face for (image_id, number), face in drawn.items()}, author)
    return [ids[image_id][number] for image_id, number in slots]


def insert_marks(connection: Connection, image_ids: Iterable[int]) -> int:
    """Mark those of the photos that have no face; how many these are."""
    photos = _numbers(connection, set(image_ids))
    rows = [
        {**_row(NewFace(image_id), 0), "state": FaceState.NO_FACE.value}
        for image_id, numbers in sorted(photos.items())
        if not numbers
    ]
    if rows:
        connection.execute(insert(faces), rows)
    return len(rows)


def _numbers(connection: Connection, image_ids: set[int]) -> dict[int, Numbers]:
    """What each photo has; `InputError` for an unknown photo."""
    photos: dict[int, Numbers] = {}
    for chunk in chunks(sorted(image_ids)):
        query = (
            select(images.c.id.label("image"), faces.c.id, faces.c.number, faces.c.state)
            .outerjoin(faces, faces.c.image_id == images.c.id)
            .where(images.c.id.in_(chunk))
        )
        for row in connection.execute(query):
            numbers = photos.setdefault(row.image, {})
            if row.id is not None:
                numbers[None if row.state == FaceState.NO_FACE else row.number] = row.id
    unknown = image_ids - photos.keys()
    if unknown:
        raise InputError(f"the project has no photo {min(unknown)}")
    return photos


def _number(face: NewFace, numbers: Numbers) -> int:
    if face.index is None:
        return 1 + max((number for number in numbers if number is not None), default=-1)
    if face.index < 0:
        raise InputError(f"a face's number within its photo counts from 0, and cannot be {face.index}")
    return face.index


def _row(face: NewFace, number: int) -> dict[str, Any]:
    return {
        "image_id": face.image_id,
        "number": number,
        **box_columns(face.box),
        "state": FaceState.TODO.value,
        "attributes": checked_object(face.attributes, "the attributes"),
        "updated": tables.now(),
    }


def _note(connection: Connection, drawn: dict[int, NewFace], author: str) -> None:
    """Write into the history who drew the boxes of new faces."""
    common = {"kind": EventKind.BOX.value, "author": author, "time": tables.now()}
    rows = [
        {**common, "face_id": face_id, "after": box_list(face.box)} for face_id, face in sorted(drawn.items())
    ]
    connection.execute(insert(events), rows)


def _take_place(connection: Connection, mark: int, number: int, face: NewFace) -> None:
    connection.execute(update(faces).where(faces.c.id == mark).values(_row(face, number)))
    move(connection, [(mark, FaceState.NO_FACE)], FaceState.TODO, author="", reason="a face was added")

"""Pages of photos for people who leaf through them, in any order and from anywhere."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, exists, func, select

from labelkit.store.checks import checked_text
from labelkit.store.images import stored_image
from labelkit.store.part import Part
from labelkit.store.tables import annotation_rows, events, faces, images
from labelkit.store.values import FaceState, StoredImage


class PhotoKind(StrEnum):
    """Which photos to look at: all, those with a face, those in which nobody is, those that were not
    searched for faces, those whose files were not found."""

    ALL = "all"
    WITH_FACES = "with faces"
    NO_FACE = "no face"
    UNSEARCHED = "not searched"
    MISSING = "missing"


class BrowseCalls(Part):
    """The part of `Store` for leafing through photos."""

    def photo_page(
        self, kind: PhotoKind = PhotoKind.ALL, name: str = "", offset: int = 0, limit: int = 60
    ) -> list[StoredImage]:
        """Up to ``limit`` photos by id, ``offset`` of them passed over, whose path holds ``name``."""
        query = select(images).where(*_wanted(kind, name)).order_by(images.c.id)
        with self._database.read() as connection:
            rows: list[Row[Any]] = list(connection.execute(query.limit(limit).offset(offset)))
        return [stored_image(row) for row in rows]

    def count_photos(self, kind: PhotoKind = PhotoKind.ALL, name: str = "") -> int:
        """How many photos `photo_page` leafs through."""
        query = select(func.count()).select_from(images).where(*_wanted(kind, name))
        with self._database.read() as connection:
            return connection.scalars(query).one()

    def position(self) -> tuple[int, int]:
        """The newest event and the newest annotation, by id: what they were tells whether there is
        anything new, at next to no cost."""
        query = select(
            select(func.max(events.c.id)).scalar_subquery(),
            select(func.max(annotation_rows.c.id)).scalar_subquery(),
        )
        with self._database.read() as connection:
            event, annotation = connection.execute(query).one()
        return event or 0, annotation or 0


def _wanted(kind: PhotoKind, name: str) -> list[ColumnElement[bool]]:
    face = exists().where(faces.c.image_id == images.c.id)
    nobody = face.where(faces.c.state == FaceState.NO_FACE.value)
    wanted: list[ColumnElement[bool]] = []
    match kind:
        case PhotoKind.WITH_FACES:
            wanted = [face.where(faces.c.state != FaceState.NO_FACE.value)]
        case PhotoKind.NO_FACE:
            wanted = [nobody]
        case PhotoKind.UNSEARCHED:
            wanted = [~face]
        case PhotoKind.MISSING:
            wanted = [images.c.missing == 1]
    if name:
        wanted.append(images.c.path.contains(checked_text(name, "a part of a name"), autoescape=True))
    return wanted

"""The project's photos, known by their path relative to the image root."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, case, delete, exists, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert

from labelkit.errors import InputError, StoreError
from labelkit.store.checks import checked_path, checked_text
from labelkit.store.part import Part, chunks
from labelkit.store.tables import faces, images
from labelkit.store.values import ImageCounts, NewImage, StoredImage

_WITHOUT_FACE = ~exists().where(faces.c.image_id == images.c.id)


class ImageCalls(Part):
    """The part of `Store` about photos."""

    def add_images(self, images: Iterable[NewImage]) -> list[int]:
        """The ids of the photos in the same order; new ones are added, others brought up to date.

        What is None in a `NewImage` stays as it is stored, except that a changed size or mtime
        without a hash makes the hash unknown again. A photo given here is no longer missing.
        Raises `InputError` for a path that is absolute, empty or leads out of the image root.
        """
        rows = [_checked(image) for image in images]
        if not rows:
            return []
        with self._database.write() as connection:
            connection.execute(_upsert(), rows)
            return _ids(connection, [row["path"] for row in rows])

    def image(self, image_id: int) -> StoredImage:
        """The photo with this id; `InputError` when there is none."""
        with self._database.read() as connection:
            row = connection.execute(select(images).where(images.c.id == image_id)).one_or_none()
        if row is None:
            raise InputError(f"the project has no photo {image_id}")
        return stored_image(row)

    def find_image(self, path: str) -> StoredImage | None:
        """The photo with this path relative to the image root, None when there is none."""
        found = self._images(images.c.path == checked_text(path, "a photo's path"))
        return found[0] if found else None

    def images_by_hash(self, content_hash: str) -> list[StoredImage]:
        """The photos with this content, by id."""
        return self._images(images.c.hash == content_hash)

    def images(
        self, after: int = 0, limit: int = 1000, *, unsearched: bool = False, unhashed: bool = False
    ) -> list[StoredImage]:
        """Up to ``limit`` photos with an id above ``after``, by id.

        ``unsearched``: only those without any face and without the mark that nobody is in them.
        ``unhashed``: only those whose content hash is not known.
        """
        wanted = [images.c.id > after]
        if unsearched:
            wanted.append(_WITHOUT_FACE)
        if unhashed:
            wanted.append(images.c.hash.is_(None))
        found = self._images(*wanted, limit=limit)
        if found and found[-1].id <= after:  # or whoever walks through a damaged table would do so for ever
            raise StoreError(
                self._database.path, "is damaged (its photos are in no order); restore a backup copy"
            )
        return found

    def count_images(self) -> ImageCounts:
        """How many photos there are, and how many need attention."""
        every = select(func.count()).select_from(images)
        # An index walked once tells how many different values it holds.
        searched = select(faces.c.image_id).group_by(faces.c.image_id).subquery()
        contents = select(images.c.hash).where(images.c.hash.is_not(None)).group_by(images.c.hash).subquery()
        with self._database.read() as connection:
            total = connection.scalars(every).one()
            hashed = connection.scalars(select(func.count(images.c.hash))).one()
            return ImageCounts(
                total=total,
                missing=connection.scalars(every.where(images.c.missing)).one(),
                unsearched=total - connection.scalars(select(func.count()).select_from(searched)).one(),
                repeated=hashed - connection.scalars(select(func.count()).select_from(contents)).one(),
            )

    def duplicates(self) -> list[list[StoredImage]]:
        """Photos of equal content, a list for each content that stands more than once."""
        twice = (
            select(images.c.hash)
            .where(images.c.hash.is_not(None))
            .group_by(images.c.hash)
            .having(func.count() > 1)
        )
        query = select(images).where(images.c.hash.in_(twice)).order_by(images.c.hash, images.c.id)
        with self._database.read() as connection:
            found = [stored_image(row) for row in connection.execute(query)]
        return [list(group) for _, group in groupby(found, key=lambda image: image.hash)]

    def mark_missing(self, image_ids: Iterable[int], missing: bool = True) -> None:
        """Note that the files of these photos were not found (or are there again)."""
        rows = [{"image": image_id} for image_id in image_ids]
        if not rows:
            return
        with self._database.write() as connection:
            query = update(images).where(images.c.id == bindparam("image")).values(missing=int(missing))
            connection.execute(query, rows)

    def relocate(self, moves: Mapping[int, str]) -> None:
        """Give photos, by id, new paths; all at once, so that two may change places.

        Where a new path belongs to another photo without faces (the same file, found again and
        added as new), that entry is dropped. Raises `InputError` when the other photo has faces
        or its content is known to differ, or when one path is given twice.
        """
        paths = {image_id: checked_path(path) for image_id, path in moves.items()}
        if len(set(paths.values())) != len(paths):
            raise InputError("two photos cannot move to the same path")
        if not paths:
            return
        with self._database.write() as connection:
            # Out of the way first, to a name that no path can have.
            _rename(connection, {image_id: f"\0{image_id}" for image_id in paths})
            _drop_targets(connection, paths)
            _rename(connection, paths)

    def _images(self, *wanted: Any, limit: int | None = None) -> list[StoredImage]:
        query = select(images).where(*wanted).order_by(images.c.id).limit(limit)
        with self._database.read() as connection:
            return [stored_image(row) for row in connection.execute(query)]


def _checked(image: NewImage) -> dict[str, Any]:
    checked_path(image.path)
    if image.person is not None:
        checked_text(image.person, "a person")
    return asdict(image)


def _upsert() -> Any:
    query = insert(images)
    new, old = query.excluded, images.c
    # A comparison with NULL is not true: what is not known has not changed.
    changed = or_(new.size != old.size, new.mtime != old.mtime)
    content = case((new.hash.is_not(None), new.hash), (changed, None), else_=old.hash)
    kept = {
        name: func.coalesce(new[name], old[name]) for name in ("size", "mtime", "width", "height", "person")
    }
    return query.on_conflict_do_update(index_elements=["path"], set_={"hash": content, "missing": 0, **kept})


def _ids(connection: Connection, paths: list[str]) -> list[int]:
    known: dict[str, int] = {}
    for chunk in chunks(paths):
        rows = connection.execute(select(images.c.path, images.c.id).where(images.c.path.in_(chunk)))
        known.update((row.path, row.id) for row in rows)
    return [known[path] for path in paths]


def _rename(connection: Connection, paths: Mapping[int, str]) -> None:
    query = update(images).where(images.c.id == bindparam("image")).values(path=bindparam("new"), missing=0)
    for image_id, path in paths.items():
        if connection.execute(query, {"image": image_id, "new": path}).rowcount != 1:
            raise InputError(f"the project has no photo {image_id}")


def _drop_targets(connection: Connection, paths: Mapping[int, str]) -> None:
    """Drop the entries that stand where photos move to; `InputError` when one may not go."""
    moved = images.alias()
    for image_id, path in paths.items():
        other = connection.execute(
            select(images.c.id, images.c.hash, moved.c.hash.label("own"), _WITHOUT_FACE.label("empty"))
            .join(moved, and_(moved.c.id == image_id))
            .where(images.c.path == path)
        ).one_or_none()
        if other is None:
            continue
        if not other.empty:
            raise InputError(f"{path}: is another photo of the project, with faces of its own")
        if None not in (other.hash, other.own) and other.hash != other.own:
            raise InputError(f"{path}: has another content than the photo that is to move there")
        connection.execute(delete(images).where(images.c.id == other.id))


def stored_image(row: Row[Any]) -> StoredImage:
    """The photo in a row of ``images``; raises ValueError for what labelkit never writes."""
    if not isinstance(row.path, str):
        raise ValueError(f"a photo without a path, number {row.id}")
    return StoredImage(
        row.id,
        row.path,
        row.hash,
        row.size,
        row.mtime,
        row.width,
        row.height,
        row.person,
        bool(row.missing),
    )

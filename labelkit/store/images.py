"""The project's photos, known by their path relative to the image root."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from labelkit.store.values import ImageCounts, NewImage, StoredImage


class ImageCalls:
    """The part of `Store` about photos."""

    def add_images(self, images: Iterable[NewImage]) -> list[int]:
        """The ids of the photos in the same order; new ones are added, others brought up to date.

        What is None in a `NewImage` stays as it is stored, except that a changed size or mtime
        without a hash makes the hash unknown again. A photo given here is no longer missing.
        Raises `InputError` for a path that is absolute, empty or leads out of the image root.
        """
        raise NotImplementedError

    def image(self, image_id: int) -> StoredImage:
        """The photo with this id; `InputError` when there is none."""
        raise NotImplementedError

    def find_image(self, path: str) -> StoredImage | None:
        """The photo with this path relative to the image root, None when there is none."""
        raise NotImplementedError

    def images_by_hash(self, content_hash: str) -> list[StoredImage]:
        """The photos with this content, by id."""
        raise NotImplementedError

    def images(
        self, after: int = 0, limit: int = 1000, *, unsearched: bool = False, unhashed: bool = False
    ) -> list[StoredImage]:
        """Up to ``limit`` photos with an id above ``after``, by id.

        ``unsearched``: only those without any face and without the mark that nobody is in them.
        ``unhashed``: only those whose content hash is not known.
        """
        raise NotImplementedError

    def count_images(self) -> ImageCounts:
        """How many photos there are, and how many need attention."""
        raise NotImplementedError

    def duplicates(self) -> list[list[StoredImage]]:
        """Photos of equal content, a list for each content that stands more than once."""
        raise NotImplementedError

    def mark_missing(self, image_ids: Iterable[int], missing: bool = True) -> None:
        """Note that the files of these photos were not found (or are there again)."""
        raise NotImplementedError

    def relocate(self, moves: Mapping[int, str]) -> None:
        """Give photos, by id, new paths; all at once, so that two may change places.

        Where a new path belongs to another photo without faces (the same file, found again and
        added as new), that entry is dropped. Raises `InputError` when the other photo has faces
        or its content is known to differ.
        """
        raise NotImplementedError

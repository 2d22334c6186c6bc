"""The project's faces: where they stand, and pages of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from labelkit.geometry import Box
from labelkit.store.values import Attributes, FaceState, NewFace, Order, StoredFace


class FaceCalls:
    """The part of `Store` about faces."""

    def add_faces(self, faces: Iterable[NewFace]) -> list[int]:
        """The ids of the faces in the same order; new ones are added as ``todo``.

        A face whose photo has one of that index already is that face, and is left as it is. The
        first face of a photo marked ``no face`` takes the place of that mark. Raises
        `InputError` for an unknown photo.
        """
        raise NotImplementedError

    def mark_no_face(self, image_ids: Iterable[int]) -> int:
        """Note that nobody was found in these photos; the number of photos newly marked.

        Each gets a face of index 0 in the state ``no face`` and without a box, which a person
        can draw with `set_box`. Photos that have a face are left as they are.
        """
        raise NotImplementedError

    def face(self, face_id: int) -> StoredFace:
        """The face with this id; `InputError` when there is none."""
        raise NotImplementedError

    def faces(self, face_ids: Iterable[int]) -> list[StoredFace]:
        """The faces with these ids in the same order; `InputError` when one is unknown."""
        raise NotImplementedError

    def find_face(self, path: str, index: int = 0) -> StoredFace | None:
        """The face of this number in the photo of this path, None when there is none."""
        raise NotImplementedError

    def faces_of_image(self, image_id: int) -> list[StoredFace]:
        """The faces of a photo, by their number."""
        raise NotImplementedError

    def count_by_state(self) -> dict[FaceState, int]:
        """How many faces are in each state; every state has an entry."""
        raise NotImplementedError

    def page(
        self,
        state: FaceState | None = None,
        after: StoredFace | None = None,
        limit: int = 50,
        order: Order = "id",
    ) -> list[StoredFace]:
        """The next ``limit`` faces after the face ``after`` (the last of the page before).

        ``order`` "score" puts the most uncertain first, those without a score last, ties by id.
        """
        raise NotImplementedError

    def set_state(self, face_id: int, state: FaceState, author: str, reason: str = "") -> StoredFace:
        """Move a face to another state and write that into its history.

        Raises `InputError` for a step that makes no sense (`TRANSITIONS`), and for ``done`` or
        ``reviewed`` while a point of the present scheme has not been confirmed.
        """
        raise NotImplementedError

    def set_note(self, face_id: int, note: str, author: str) -> StoredFace:
        """Replace the note of a face."""
        raise NotImplementedError

    def set_attributes(self, face_id: int, attributes: Attributes, author: str) -> StoredFace:
        """Replace the attributes of a face."""
        raise NotImplementedError

    def set_box(self, face_id: int, box: Box, author: str) -> StoredFace:
        """Replace the box of a face; one that was ``no face`` becomes ``todo``."""
        raise NotImplementedError

    def set_scores(self, scores: Mapping[int, float | None]) -> None:
        """Set the uncertainty of faces by id. Raises `InputError` for NaN and infinity."""
        raise NotImplementedError

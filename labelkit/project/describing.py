"""What is said about a face beside its points."""

from __future__ import annotations

from collections.abc import Mapping

from labelkit.dataset.sample import Attribute
from labelkit.errors import InputError
from labelkit.landmarks import Face
from labelkit.store import Store, StoredFace


class DescribingCalls:
    """Calls about the attributes of the faces of ``store``."""

    store: Store

    def set_attributes(
        self, face: Face, attributes: Mapping[str, Attribute | None], *, author: str
    ) -> StoredFace:
        """Say something about a face: ``{"person": "ann", "glasses": True}``; None takes a word back.

        Attributes that are not named stay. ``person`` keeps the photos of one person together, when an
        export is split by person and when a fine-tuning is checked on people whom it did not see.
        Raises `InputError` for a face that the project does not have, and without an author.
        """
        known = self.store.find_face(face.image, face.index)
        if known is None:
            raise InputError(f"{face.image}: the project has no face {face.index + 1} in it")
        if not author.strip():
            raise InputError(f"{face.image}: say who says so: an attribute needs an author")
        kept = {name: value for name, value in known.attributes.items() if name not in attributes}
        said = {name: value for name, value in attributes.items() if value is not None}
        return self.store.set_attributes(known.id, {**kept, **said}, author)

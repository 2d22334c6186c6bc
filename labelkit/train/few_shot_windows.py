"""The same few faces as a refinement head sees them: in its own windows of the photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelkit.geometry import Array, Crop, Similarity
from labelkit.images import RGBImage
from labelkit.models.refiner import Refiner
from labelkit.sampling import sample_crop


@dataclass(frozen=True)
class Window:
    """One face: ``pixels`` (S, S, 3) and ``valid`` (S, S) of the window, the ``anchors`` (A, 2) in its
    units, and what takes points of the model's crop to them."""

    pixels: RGBImage
    valid: NDArray[np.bool_]
    anchors: Array
    from_crop: Similarity


@dataclass(frozen=True)
class Windows:
    """M faces: as `Window`, stacked. They stay where they were cut for the model as it was: one that is
    trained finds the anchors, which it is tied to, at nearly the same places."""

    pixels: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    anchors: Array
    from_crop: tuple[Similarity, ...]

    @classmethod
    def of(cls, faces: Sequence[Window]) -> Windows:
        """The windows of all faces together."""
        return cls(
            np.stack([face.pixels for face in faces]),
            np.stack([face.valid for face in faces]),
            np.stack([face.anchors for face in faces]),
            tuple(face.from_crop for face in faces),
        )

    def subset(self, chosen: NDArray[np.intp]) -> Windows:
        """Some of the faces, in the given order."""
        moves = tuple(self.from_crop[i] for i in chosen.tolist())
        return Windows(self.pixels[chosen], self.valid[chosen], self.anchors[chosen], moves)

    def into(self, points: Array) -> Array:
        """Points (M, N, 2) of the model's crops in units of the windows."""
        return np.stack([move(xy) for move, xy in zip(self.from_crop, points, strict=True)])

    def out_of(self, points: Array) -> Array:
        """Points (M, N, 2) of the windows in units of the model's crops."""
        return np.stack([move.inverse()(xy) for move, xy in zip(self.from_crop, points, strict=True)])


def window(refiner: Refiner, image: RGBImage, crop: Crop, anchors: Array) -> Window:
    """The window about the ``anchors`` (A, 2) that the model found in its ``crop``, in its units."""
    own = refiner.crop(crop, anchors)
    pixels, valid = sample_crop(image, own, refiner.size)
    from_crop = own.to_image.inverse().after(crop.to_image)
    return Window(pixels, valid, from_crop(anchors), from_crop)

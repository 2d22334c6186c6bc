"""What detectors have in common: images that they take, boxes of the same
face, rectangles of the copy that was searched."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from labelkit.boxrules import landmark_box
from labelkit.errors import InputError
from labelkit.geometry import Box, resize_points
from labelkit.images import RGBImage

#: Two boxes are of the same face when they share more than this of the smaller one.
SAME_FACE = 0.5


def suppressed(boxes: Iterable[Box], same: float = SAME_FACE) -> list[Box]:
    """Non-maximum suppression: best first, without those that share more than ``same`` of the
    smaller box with a better one.

    Boxes are compared by what they say about the landmarks, because detectors frame a face
    differently; by the smaller one, because detectors also find faces in parts of faces.
    """
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda box: -(box.score or 0)):
        if all(_shared(landmark_box(box), landmark_box(other)) <= same for other in kept):
            kept.append(box)
    return kept


def checked(image: RGBImage) -> RGBImage:
    """The image itself; raises `InputError` for an array of another kind."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise InputError(f"an image is an array (H, W, 3) of uint8, not {image.shape} of {image.dtype}")
    return image


def to_image(
    rectangle: ArrayLike, small: tuple[int, ...], full: tuple[int, ...]
) -> tuple[float, float, float, float]:
    """x, y, width, height in an image of the shape ``small`` as x0, y0, x1, y1 in one of the
    shape ``full``: the rectangle begins at the outer edge of pixel x, half a pixel before its
    centre."""
    x, y, width, height = np.asarray(rectangle, np.float64)
    x0, x1 = resize_points([x - 0.5, x + width - 0.5], full[1] / small[1])
    y0, y1 = resize_points([y - 0.5, y + height - 0.5], full[0] / small[0])
    return float(x0), float(y0), float(x1), float(y1)


def _shared(first: Box, second: Box) -> float:
    """The part of the smaller box that lies in the other one, 0 to 1."""
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    smaller = min(first.width * first.height, second.width * second.height)
    return max(width, 0) * max(height, 0) / smaller

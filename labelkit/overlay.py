"""Points, curves and ellipses drawn over a photo, as pixels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import ImageColor

from labelkit.errors import InputError
from labelkit.geometry import Array, Crop, Similarity, ellipses
from labelkit.landmarks import Landmarks
from labelkit.prediction import Prediction
from labelkit.sampling import sample_crop
from labelkit.scheme import Scheme
from labelkit.scheme.drawing import group_colours

Picture = NDArray[np.uint8]

#: Where the points of a face are: image px, (N, 2) if an array.
Points = Landmarks | Prediction | ArrayLike
#: The points of a face, their scheme and, if one colour is meant for all of them, that colour (a
#: name or #RRGGBB); else each group of the scheme has its own.
Shape = tuple[Points, Scheme] | tuple[Points, Scheme, str]

#: The whole photo, or the square around the points.
View = Literal["photo", "face"]

#: How much of its colour fills an ellipse.
_FILL = 0.22

#: cv2 takes places in 1/16 px.
_SHIFT, _STEPS = 4, 16


def drawn(points: Sequence[int], closed: bool) -> list[int]:
    """Point indices of a curve in drawing order, the first again at the end of a closed one."""
    return [*points, *(points[:1] if closed else ())]


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of a name or #RRGGBB; raises `InputError`."""
    try:
        r, g, b = ImageColor.getrgb(colour)[:3]
    except ValueError as error:
        raise InputError(f"{colour!r} is no colour: give a name or #RRGGBB") from error
    return r, g, b


def draw_over(
    image: Picture,
    shapes: Sequence[Shape],
    size: int = 320,
    view: View = "face",
    level: float | None = 0.95,
) -> tuple[Picture, Similarity]:
    """The photo (H, W, 3) RGB uint8 with shapes drawn over it, and the map from image px to its px.

    ``face`` is a square of ``size`` px around all points, cut at the photo's own resolution;
    ``photo``, and ``face`` where there is no point, shows the whole photo, for ``photo`` with its
    longer side at ``size`` px. Of predictions with a spread the ellipses are drawn that hold
    ``level`` of the cases. Raises `InputError` for what is no photo, and for points that do not
    fit their scheme.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise InputError(f"a photo is uint8 (H, W, 3), not {image.dtype} {image.shape}")
    points = [_points(shape) for shape in shapes]
    if view == "face":
        crop = _around(np.concatenate([np.empty((0, 2)), *points]), image)
        picture, _ = sample_crop(image, crop, size)
        to_picture = crop.pixel_map(size).inverse()
    else:
        picture, to_picture = _resized(image, size)
    for shape, xy in zip(shapes, points, strict=True):
        colours = _colours(shape)
        if level is not None and isinstance(shape[0], Prediction):
            cov = to_picture.covariances(shape[0].cov)
            _draw_ellipses(picture, ellipses(to_picture(xy), cov, level), colours)
        _draw_face(picture, to_picture(xy), shape[1], colours)
    return picture, to_picture


def _points(shape: Shape) -> Array:
    """The points (N, 2) of a shape, NaN where a point is not there."""
    given = shape[0]
    xy = np.array(given.xy if isinstance(given, Landmarks | Prediction) else given, np.float64)
    if xy.shape != (len(shape[1]), 2):
        raise InputError(f"scheme {shape[1].name!r} has {len(shape[1])} points, not an array of {xy.shape}")
    xy[~np.isfinite(xy).all(axis=1)] = np.nan
    return xy


def _colours(shape: Shape) -> list[tuple[int, int, int]]:
    """The colour of every point."""
    scheme, colour = shape[1], shape[2] if len(shape) == 3 else None
    groups = {g: rgb(colour or c) for g, c in group_colours(scheme).items()}
    return [groups[point.group] for point in scheme.points]


def _resized(image: Picture, size: int) -> tuple[Picture, Similarity]:
    height, width = image.shape[:2]
    factor = size / max(height, width)
    sides = (max(1, round(width * factor)), max(1, round(height * factor)))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    resized = np.asarray(cv2.resize(image, sides, interpolation=how), np.uint8)
    return resized, Similarity(factor, 0.0, (factor - 1) / 2, (factor - 1) / 2)


def _around(points: Array, image: Picture) -> Crop:
    """The square around the points with a quarter of their extent on every side, or around
    the whole photo."""
    height, width = image.shape[:2]
    there = points[np.isfinite(points).all(axis=1)]
    if len(there):
        low, high = there.min(axis=0), there.max(axis=0)
        half = max(0.75 * float((high - low).max()), 8.0)
    else:
        low, high = np.array((-0.5, -0.5)), np.array((width - 0.5, height - 0.5))
        half = max(height, width) / 2
    x, y = (low + high) / 2
    return Crop(Similarity(half, 0.0, float(x), float(y)))


def _draw_ellipses(picture: Picture, outlines: Array, colours: Sequence[tuple[int, int, int]]) -> None:
    """Translucent, with their outline; those that are not known (NaN) are left out."""
    filled = picture.copy()
    known = [i for i in range(len(outlines)) if np.isfinite(outlines[i]).all()]
    fixed = {i: np.round(outlines[i] * _STEPS).astype(np.int32) for i in known}
    for i, line in fixed.items():
        cv2.fillPoly(filled, [line], colours[i], cv2.LINE_AA, _SHIFT)
    cv2.addWeighted(filled, _FILL, picture, 1 - _FILL, 0, dst=picture)
    for i, line in fixed.items():
        cv2.polylines(picture, [line], True, colours[i], 1, cv2.LINE_AA, _SHIFT)


def _draw_face(picture: Picture, xy: Array, scheme: Scheme, colours: Sequence[tuple[int, int, int]]) -> None:
    """Curves as thin lines and points as dots with a dark rim, drawn into ``picture``."""
    fixed = [None if np.isnan(x) else (round(x * _STEPS), round(y * _STEPS)) for x, y in xy]
    for curve in scheme.curves:
        line = drawn(curve.points, curve.closed)
        for i, j in pairwise(line):
            start, end = fixed[i], fixed[j]
            if start is not None and end is not None:
                cv2.line(picture, start, end, colours[i], 1, cv2.LINE_AA, _SHIFT)
    radius = _dot_radius(xy, max(picture.shape[:2]))
    for rim in (1.0, 0.0):  # all rims first, so that none covers a neighbour's dot
        for place, fill in zip(fixed, colours, strict=True):
            if place is not None:
                shade = (20, 20, 20) if rim else fill
                across = round((radius + rim) * _STEPS)
                cv2.circle(picture, place, across, shade, -1, cv2.LINE_AA, _SHIFT)


def _dot_radius(xy: Array, size: int) -> float:
    """In px: what suits the picture, less where the points stand close."""
    there = xy[np.isfinite(xy).all(axis=1)]
    if len(there) < 2:
        return size / 170
    distances = np.linalg.norm(there[:, None] - there[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    return float(np.clip(0.28 * np.median(distances.min(axis=1)), 0.8, size / 170))

"""The inverse of a model: from points on a face back to the plane (DESIGN, section 5).

Asked for a dense grid of plane points, a model says where each of them is on a face. The grid's
cells, cut into triangles, are a piecewise linear map from plane to photo, and an annotated point
is taken back by the triangle in which it lies: exact at the grid's own points, however the face
is turned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from labelkit.errors import ImageError
from labelkit.geometry import Array, Box
from labelkit.images import ImageFile, RGBImage, decode_ahead
from labelkit.models.shapes import as_scheme
from labelkit.prediction import Model
from labelkit.scheme import Scheme

#: The grid's edges on the plane, x0, y0, x1, y1, and its columns and rows: cells of 0.07.
#: `benchmarks/fit_scheme.py` says how far a model is from straight lines between their corners.
EDGES = (-0.84, -0.84, 0.84, 1.05)
COLUMNS, ROWS = 25, 28

#: A triangle below this share of the usual area is taken to have none.
_NO_AREA = 1e-3

#: How far outside of a triangle rounding may put a point on its edge, in its heights.
_ROUNDING = 1e-9

#: Photos that wait to be read, and that are in the network, at the same time: large ones fill
#: memory, while the grid makes even one face enough work for a processor.
_BATCH = 4


class Face(NamedTuple):
    """An annotated face: its photo, a face box where somebody gave one, its points (N, 2) in
    image px, NaN where one is not there."""

    image: ImageFile
    box: Box | None
    xy: Array


@dataclass(frozen=True)
class Grid:
    """Plane points and the triangles (T, 3) between them, as a scheme that a model can place."""

    scheme: Scheme
    triangles: NDArray[np.intp]

    @classmethod
    def regular(cls) -> Grid:
        """Columns and rows over `EDGES`. The cells' diagonals lean to the midline, so that a
        mirrored face is read as the mirror image."""
        x0, y0, x1, y1 = EDGES
        x, y = np.meshgrid(np.linspace(x0, x1, COLUMNS), np.linspace(y0, y1, ROWS))
        number = np.arange(x.size).reshape(x.shape)
        a, b, c, d = (n.ravel() for n in (number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]))
        left = (a % COLUMNS < COLUMNS // 2)[:, None]
        upper = np.where(left, np.stack([a, b, c], axis=1), np.stack([a, b, d], axis=1))
        lower = np.where(left, np.stack([b, d, c], axis=1), np.stack([a, d, c], axis=1))
        plane = np.stack([x.ravel(), y.ravel()], axis=1)
        return cls(as_scheme("grid", plane), np.concatenate([upper, lower]))

    def to_plane(self, placed: Array, points: Array) -> Array:
        """Points (N, 2) of a face, in image px, on the plane; NaN outside of the grid.

        ``placed`` (K, 2) is where a model put the grid's points. Triangles that came out turned
        over or without area (the far side of a turned face) take no part. Where the grid is
        folded and covers a point twice, the triangle counts in which the point is most central.
        """
        origin, u, v = np.moveaxis(placed[self.triangles], 1, 0)
        u, v = u - origin, v - origin
        area = _cross(u, v)
        good = area > _NO_AREA * np.median(np.abs(area))
        if not good.any():
            return np.full(points.shape, np.nan)
        origin, u, v, area = origin[good], u[good], v[good], area[good]
        offset = points[:, None] - origin
        second, third = _cross(offset, v) / area, _cross(u, offset) / area
        weights = np.stack([1 - second - third, second, third], axis=-1)
        inside = weights.min(axis=-1)
        rows, best = np.arange(len(points)), inside.argmax(axis=1)
        corners = self.scheme.plane[self.triangles[good][best]]
        plane = np.einsum("nk,nkd->nd", weights[rows, best], corners)
        plane[~(inside[rows, best] > -_ROUNDING)] = np.nan  # so written that NaN is outside, too
        return np.asarray(plane)


@dataclass
class InverseMap:
    """Takes annotated faces to the plane through a model, a batch at a time.

    ``heard`` is told how many readings of faces are done, of ``total``; ``problems`` collects
    what is wrong with photos that cannot be read.
    """

    model: Model
    total: int
    heard: Callable[[int, int], None]
    problems: list[str] = field(default_factory=list)
    grid: Grid = field(default_factory=Grid.regular)
    done: int = 0

    def read(
        self, faces: Sequence[Face], start: Callable[[Face, RGBImage], Box | None]
    ) -> tuple[list[tuple[Face, Array]], list[Face]]:
        """The faces with their points on the plane (N, 2), NaN outside of the grid, and the faces
        for which ``start`` gives no box to begin with."""
        found: list[tuple[Face, Array]] = []
        without: list[Face] = []
        waiting: list[tuple[Face, RGBImage, Box]] = []
        pictures = decode_ahead((face.image for face in faces), ahead=_BATCH)
        for face, (_, picture) in zip(faces, pictures, strict=True):
            if isinstance(picture, ImageError):
                self.problems.append(str(picture))
                self._advance(1)
            elif (box := start(face, picture)) is None:
                without.append(face)
                self._advance(1)
            else:
                waiting.append((face, picture, box))
            if len(waiting) == _BATCH:
                found += self._read(waiting)
                waiting = []
        return found + self._read(waiting), without

    def _read(self, waiting: Sequence[tuple[Face, RGBImage, Box]]) -> list[tuple[Face, Array]]:
        if not waiting:
            return []
        faces, pictures, boxes = zip(*waiting, strict=True)
        placed = self.model.predict(pictures, boxes, self.grid.scheme)
        self._advance(len(waiting))
        return [(f, self.grid.to_plane(p.xy, f.xy)) for f, p in zip(faces, placed, strict=True)]

    def _advance(self, count: int) -> None:
        self.done += count
        self.heard(self.done, self.total)


def _cross(first: Array, second: Array) -> Array:
    return np.asarray(first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0])

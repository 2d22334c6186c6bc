"""Boxes, similarities and crops: the only owner of the pixel-centre rule.

Frames
------
- *image px*: float, 0-based, x right, y down; the centre of the top-left pixel is (0, 0), so an
  image of width W spans -0.5 to W - 0.5.
- *plane*: the frontal mean face; outer eye corners of ``ibug68`` at (-0.38, -0.10) and
  (0.38, -0.10).
- *crop units*: the square [-1, 1]² that a `Crop` lays over the face. A face that looked exactly
  like the plane would have its landmarks at its plane positions.
- *crop px*: the same square sampled with ``size`` pixels a side; a feature map of stride s is the
  same with ``size / s``.

Points are arrays (..., 2), covariances (..., 2, 2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelkit.errors import BoxError, InputError

Array = NDArray[np.float64]
BoxKind = Literal["landmarks", "detector", "user"]

#: Distance of the outer eye corners of ``ibug68`` on the plane.
PLANE_IOD = 0.76

#: What rounding leaves of a sum of squares that should be 0, as a share of the squares.
_ROUNDING = 1e-24


def freeze(values: ArrayLike) -> Array:
    """A read-only float64 copy of ``values``."""
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array


def resize_points(points: ArrayLike, factor: float) -> Array:
    """Points of an image after resizing it by ``factor``: p -> (p + 0.5) k - 0.5."""
    return np.asarray((np.asarray(points, np.float64) + 0.5) * factor - 0.5)


def flip_points(points: ArrayLike, width: float) -> Array:
    """Points of an image of ``width`` pixels after mirroring it: x -> W - 1 - x."""
    flipped = np.array(points, dtype=np.float64)
    flipped[..., 0] = width - 1 - flipped[..., 0]
    return flipped


def tight_box(points: ArrayLike) -> tuple[float, float, float, float]:
    """x0, y0, x1, y1 around the points (N, 2) that are there (NaN is "not there").

    Raises `BoxError` when no point is there.
    """
    array = np.asarray(points, np.float64).reshape(-1, 2)
    array = array[np.isfinite(array).all(axis=1)]
    if not len(array):
        raise BoxError("no point is there, so no box can be drawn around them")
    (x0, y0), (x1, y1) = array.min(axis=0), array.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


def ellipse_radius(share: float) -> float:
    """How many standard deviations from its centre the ellipse lies that holds ``share`` (0 to 1,
    both excluded) of a normal distribution in the plane: r² = -2 ln(1 - p). Raises `InputError`."""
    if not 0 < share < 1:
        raise InputError(f"an ellipse holds a share between 0 and 1 of the cases, not {share}")
    return math.sqrt(-2 * math.log(1 - share))


def ellipses(centres: ArrayLike, covariances: ArrayLike, share: float, corners: int = 48) -> Array:
    """The ellipses (N, corners, 2) that hold ``share`` of normal distributions in the plane.

    ``centres`` (N, 2), ``covariances`` (N, 2, 2) in the square of their unit. NaN where either is
    not known, or a covariance is none. Raises `InputError` as `ellipse_radius` does.
    """
    radius = ellipse_radius(share)
    middle, spread = np.asarray(centres, np.float64), np.asarray(covariances, np.float64)
    known = np.asarray(np.isfinite(middle).all(axis=1) & np.isfinite(spread).all(axis=(1, 2)))
    squares, axes = np.linalg.eigh(np.where(known[:, None, None], spread, np.eye(2)))
    known &= (squares >= 0).all(axis=1)
    lengths = radius * np.sqrt(np.where(known[:, None], squares, np.nan))
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)])
    return np.asarray(middle[:, None] + np.swapaxes((axes * lengths[:, None]) @ circle, 1, 2))


@dataclass(frozen=True)
class Box:
    """An axis-parallel box in image px that says what it is.

    ``kind`` is ``landmarks`` (tight around annotated points; ``source`` names their
    scheme), ``detector`` (``source`` names the detector, ``score`` is its confidence) or
    ``user``. ``landmarks`` boxes with ``source`` None are tight around the points of
    whatever scheme is asked for. Raises `BoxError` when a side is not positive or a
    number is not finite.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    kind: BoxKind = "landmarks"
    source: str | None = None
    score: float | None = None

    def __post_init__(self) -> None:
        if not all(math.isfinite(v) for v in self.xyxy):
            raise BoxError(f"box {self.xyxy} has a coordinate that is not a number")
        if self.x1 <= self.x0 or self.y1 <= self.y0:
            raise BoxError(f"box {self.xyxy} has no area")

    @classmethod
    def around(cls, points: ArrayLike, scheme: str | None = None) -> Box:
        """The tight box of kind ``landmarks`` around the points (N, 2) that are there."""
        return cls(*tight_box(points), kind="landmarks", source=scheme)

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom, image px."""
        return (self.x0, self.y0, self.x1, self.y1)

    @property
    def width(self) -> float:
        """In px, always positive."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """In px, always positive."""
        return self.y1 - self.y0

    @property
    def center(self) -> tuple[float, float]:
        """x and y of the middle, image px."""
        return ((self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2)

    def iou(self, other: Box) -> float:
        """Intersection over union with another box, 0 to 1."""
        return float(iou_matrix([self], [other])[0, 0])

    def flipped(self, width: float) -> Box:
        """The box in the mirrored image of ``width`` pixels."""
        return replace(self, x0=width - 1 - self.x1, x1=width - 1 - self.x0)


def iou_matrix(first: Sequence[Box], second: Sequence[Box]) -> Array:
    """Intersection over union of every box with every other, (len(first), len(second))."""
    a = np.array([box.xyxy for box in first], np.float64).reshape(-1, 1, 4)
    b = np.array([box.xyxy for box in second], np.float64).reshape(1, -1, 4)
    overlap = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.prod(np.clip(overlap, 0, None), axis=-1)
    areas = np.prod(a[..., 2:] - a[..., :2], axis=-1) + np.prod(b[..., 2:] - b[..., :2], axis=-1)
    return np.asarray(shared / (areas - shared))


@dataclass(frozen=True)
class Similarity:
    """p -> [[a, -b], [b, a]] p + (tx, ty): scale and rotation without reflection."""

    a: float
    b: float
    tx: float
    ty: float

    @classmethod
    def fit(cls, source: ArrayLike, target: ArrayLike, weights: ArrayLike | None = None) -> Similarity:
        """The weighted least-squares similarity that takes ``source`` to ``target``.

        Both (N, 2); pairs in which a coordinate is NaN do not count. Closed form in
        complex numbers: with centred points z and w, a + ib = Σ z̄ w / Σ |z|² (Umeyama
        1991 in two dimensions, where it needs no singular value decomposition).
        Raises `BoxError` when fewer than two different points are there on either side, or
        when the best scale is 0: nothing leads back from that.
        """
        src, dst = (np.asarray(p, np.float64).reshape(-1, 2) for p in (source, target))
        w = np.ones(len(src)) if weights is None else np.asarray(weights, np.float64)
        there = np.isfinite(src).all(1) & np.isfinite(dst).all(1) & (w > 0)
        src, dst, w = src[there], dst[there], w[there]
        if len(src) < 2:
            raise BoxError(f"a similarity needs two points, {len(src)} are there")
        share = w / w.sum()
        mean_src, mean_dst = share @ src, share @ dst
        z, t = src - mean_src, dst - mean_dst
        spread = float(share @ (z**2).sum(1))
        # Equal points do not cancel exactly, hence no comparison with 0.
        if spread <= _ROUNDING * float(share @ (src**2).sum(1)):
            raise BoxError("a similarity needs two different points")
        a = float(share @ (z * t).sum(1)) / spread
        b = float(share @ (z[:, 0] * t[:, 1] - z[:, 1] * t[:, 0])) / spread
        if (a**2 + b**2) * spread <= _ROUNDING * float(share @ (dst**2).sum(1)):
            raise BoxError("the points have no similarity: its scale would be 0")
        tx, ty = mean_dst - np.array([[a, -b], [b, a]]) @ mean_src
        return cls(a, b, float(tx), float(ty))

    @property
    def scale(self) -> float:
        """By how much lengths grow."""
        return math.hypot(self.a, self.b)

    @property
    def angle(self) -> float:
        """Rotation in radians, clockwise on the screen because y points down."""
        return math.atan2(self.b, self.a)

    @property
    def linear(self) -> Array:
        """The (2, 2) matrix without the shift."""
        return np.array([[self.a, -self.b], [self.b, self.a]])

    @property
    def matrix(self) -> Array:
        """The (2, 3) matrix."""
        return np.array([[self.a, -self.b, self.tx], [self.b, self.a, self.ty]])

    def __call__(self, points: ArrayLike) -> Array:
        return np.asarray(points, np.float64) @ self.linear.T + (self.tx, self.ty)

    def inverse(self) -> Similarity:
        """The similarity that leads back."""
        square = self.a**2 + self.b**2
        a, b = self.a / square, -self.b / square
        return Similarity(a, b, -(a * self.tx - b * self.ty), -(b * self.tx + a * self.ty))

    def after(self, first: Similarity) -> Similarity:
        """The similarity that applies ``first``, then this one."""
        tx, ty = self([first.tx, first.ty])
        return Similarity(
            self.a * first.a - self.b * first.b,
            self.a * first.b + self.b * first.a,
            float(tx),
            float(ty),
        )

    def covariances(self, covariances: ArrayLike) -> Array:
        """Covariances (..., 2, 2) carried along: A Σ Aᵀ."""
        return np.asarray(self.linear @ np.asarray(covariances, np.float64) @ self.linear.T)


@dataclass(frozen=True)
class Crop:
    """The image square onto which a similarity maps the plane's [-1, 1]².

    ``to_image`` takes crop units to image px; everything else follows from it.
    """

    to_image: Similarity

    @classmethod
    def from_box(cls, box: Box, plane_box: tuple[float, float, float, float]) -> Crop:
        """The upright crop in which ``plane_box`` (a scheme's tight box on the plane)
        lies on ``box``: same centre, and the larger of the two scales, so that the face
        fits in whatever way it is turned."""
        px0, py0, px1, py1 = plane_box
        scale = max(box.width / (px1 - px0), box.height / (py1 - py0))
        cx, cy = box.center
        return cls(Similarity(scale, 0.0, cx - scale * (px0 + px1) / 2, cy - scale * (py0 + py1) / 2))

    @classmethod
    def from_landmarks(cls, plane: ArrayLike, points: ArrayLike) -> Crop:
        """The crop of the least-squares similarity from ``plane`` (N, 2) to the image
        ``points`` (N, 2), rotation included."""
        return cls(Similarity.fit(plane, points))

    @property
    def pixels_per_unit(self) -> float:
        """Image px per plane unit."""
        return self.to_image.scale

    @property
    def corners(self) -> Array:
        """The four corners in image px, (4, 2), clockwise from the top left."""
        return self.to_image([[-1, -1], [1, -1], [1, 1], [-1, 1]])

    def points_to_image(self, points: ArrayLike) -> Array:
        """Crop units (..., 2) to image px."""
        return self.to_image(points)

    def points_to_crop(self, points: ArrayLike) -> Array:
        """Image px (..., 2) to crop units."""
        return self.to_image.inverse()(points)

    def covariances_to_image(self, covariances: ArrayLike) -> Array:
        """Covariances (..., 2, 2) in crop units² to image px²."""
        return self.to_image.covariances(covariances)

    def pixel_map(self, size: int) -> Similarity:
        """Crop px, of a crop sampled with ``size`` pixels a side, to image px.

        The square's edge -1 is the outer edge of pixel 0, whose centre is 0; hence the
        half pixel: unit = (px + 0.5) · 2 / size - 1.
        """
        step = 2 / size
        return self.to_image.after(Similarity(step, 0.0, step / 2 - 1, step / 2 - 1))

    def flipped(self, width: float) -> Crop:
        """The crop that sees, in the mirrored image, the mirror image of what this sees."""
        t = self.to_image
        return Crop(Similarity(t.a, -t.b, width - 1 - t.tx, t.ty))


def procrustes_mean(shapes: ArrayLike, rounds: int = 20) -> Array:
    """The mean (N, 2) of shapes (M, N, 2) after removing shift, scale and rotation.

    Generalised Procrustes analysis (Gower 1975): every shape is brought onto the mean by
    its similarity, the mean is taken anew and brought back to unit size, until it rests.
    """
    array = np.asarray(shapes, np.float64)
    mean = _unit(array[0])
    for _ in range(rounds):
        mean = _unit(np.mean([Similarity.fit(shape, mean)(shape) for shape in array], axis=0))
    return mean


def _unit(shape: Array) -> Array:
    centred = shape - shape.mean(axis=0)
    return np.asarray(centred / np.sqrt((centred**2).sum()))

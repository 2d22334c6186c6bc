"""Places along a curve by arc length.

A smooth curve through control points is a centripetal Catmull-Rom spline (Yuksel, Schaefer and
Keyser 2011), which passes through every control point and makes neither loops nor cusps between
two of them. It is drawn as cubic Hermite segments; an open one begins and ends along the
parabola through its first and last three control points.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelkit.errors import SchemeError
from labelkit.geometry import Array

#: Every segment is measured in this many pieces, each by Gauss-Legendre quadrature.
_PIECES = 32
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(5)

#: Halvings after which a piece is so short that it may be taken as straight.
_HALVINGS = 16


def along(control: ArrayLike, count: int, *, smooth: bool = True, closed: bool = False) -> Array:
    """``count`` places (count, 2) at equal arc length on the curve through ``control`` (K, 2).

    Both ends are included; a closed curve has none, and its first place is the first control
    point. Raises `SchemeError` where that describes no curve.
    """
    if count < 1 or (count < 2 and not closed):
        raise SchemeError(f"{count} points cannot be spread from end to end of a curve")
    share = np.linspace(0, 1, count, endpoint=not closed)
    return Arc(control, smooth=smooth, closed=closed).at(share)


class Arc:
    """A curve through control points (K, 2), measured.

    ``knots`` are the shares of the length at which it passes the control points: (K,) from 0 to
    1, for a closed curve (K + 1,), as it comes back to the first. Raises `SchemeError` for fewer
    than two control points, a coordinate that is not finite, or two successive control points at
    one place.
    """

    def __init__(self, control: ArrayLike, *, smooth: bool = True, closed: bool = False) -> None:
        points = _checked(control, closed)
        chords = np.linalg.norm(np.diff(points, axis=0), axis=1)
        if smooth and len(points) > 2:
            steps = np.sqrt(chords)  # centripetal: the square root of the chord
            arriving, leaving = _tangents(points, steps, closed)
            arriving, leaving = arriving * steps[:, None], leaving * steps[:, None]
        else:
            arriving = leaving = np.diff(points, axis=0)
        self._cubics = _hermite(points[:-1], points[1:], leaving, arriving)
        starts = np.tile(np.arange(_PIECES) / _PIECES, (len(chords), 1))
        segments = np.repeat(np.arange(len(chords)), _PIECES).reshape(starts.shape)
        pieces = self._length(segments, starts, starts + 1 / _PIECES)
        self._ends = np.concatenate([[0.0], np.cumsum(pieces)])
        self.length = float(self._ends[-1])
        self.knots: Array = self._ends[::_PIECES] / self.length

    def at(self, share: ArrayLike) -> Array:
        """Places (n, 2) at shares (n,) of the length, 0 to 1."""
        wanted = np.asarray(share, np.float64) * self.length
        piece = np.clip(np.searchsorted(self._ends, wanted, side="right") - 1, 0, len(self._ends) - 2)
        segment, start = np.divmod(piece, _PIECES)
        begin = start / _PIECES
        rest = wanted - self._ends[piece]
        low, high = begin, begin + 1 / _PIECES
        for _ in range(_HALVINGS):  # length grows with the parameter, so halving always finds it
            middle = (low + high) / 2
            short = self._length(segment, begin, middle) < rest
            low, high = np.where(short, middle, low), np.where(short, high, middle)
        before, after = (self._length(segment, begin, u) for u in (low, high))
        part = (rest - before) / np.maximum(after - before, np.finfo(float).tiny)
        return self._place(segment, low + np.clip(part, 0, 1) * (high - low))

    def _place(self, segment: NDArray[np.intp], u: Array) -> Array:
        a, b, c, d = np.moveaxis(self._cubics[segment], -2, 0)
        u = u[..., None]
        return np.asarray(((d * u + c) * u + b) * u + a)

    def _length(self, segment: NDArray[np.intp], start: Array, end: Array) -> Array:
        """Length from parameter ``start`` to ``end`` of segments, all of one shape."""
        half = (end - start)[..., None] / 2
        u = (start + end)[..., None] / 2 + half * _NODES
        _, b, c, d = np.moveaxis(self._cubics[segment], -2, 0)[..., None, :]
        speed = np.linalg.norm((3 * d * u[..., None] + 2 * c) * u[..., None] + b, axis=-1)
        return np.asarray((speed * half) @ _WEIGHTS)


def _checked(control: ArrayLike, closed: bool) -> Array:
    points = np.asarray(control, np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2:
        raise SchemeError(f"a curve goes through at least two places (x, y), not an array of {points.shape}")
    if not np.isfinite(points).all():
        raise SchemeError("a control point of the curve has no place on the plane")
    if closed:
        points = np.concatenate([points, points[:1]])
    same = np.flatnonzero((np.diff(points, axis=0) == 0).all(axis=1))
    if len(same):
        following = (same[0] + 1) % (len(points) - closed)
        raise SchemeError(f"control points {same[0]} and {following} of the curve are at one place")
    return points


def _tangents(points: Array, steps: Array, closed: bool) -> tuple[Array, Array]:
    """Derivatives by the knot parameter at the end and at the start of every segment."""
    slopes = np.diff(points, axis=0) / steps[:, None]
    before, after = np.roll(slopes, 1, axis=0), slopes
    h0, h1 = np.roll(steps, 1)[:, None], steps[:, None]
    inner = (h1 * before + h0 * after) / (h0 + h1)  # of the parabola through three neighbours
    if closed:
        return np.roll(inner, -1, axis=0), inner
    first, last = 2 * slopes[0] - inner[1], 2 * slopes[-1] - inner[-1]
    return np.vstack([inner[1:], last]), np.vstack([first, inner[1:]])


def _hermite(start: Array, end: Array, leaving: Array, arriving: Array) -> Array:
    """Coefficients (S, 4, 2) of 1, u, u² and u³ for u from 0 to 1."""
    way = end - start
    return np.stack([start, leaving, 3 * way - 2 * leaving - arriving, leaving + arriving - 2 * way], axis=1)

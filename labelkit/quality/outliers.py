"""Shapes that are hardly those of a face, and what is wrong with them.

A shape is odd when a point lies much further from where the others expect it than is usual among
the faces. For an odd one, simple mistakes are tried: left and right swapped, in the whole face or
in a pair of parts, and the points of a curve in another order. What makes the shape much more
likely is told; else the points are named that have to be left out until the rest fits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelkit.geometry import PLANE_IOD, Array
from labelkit.quality.shapes import Judge, Judged
from labelkit.scheme import Scheme

#: A shape is odd from so many times the usual largest deviation of a face's points.
_ODD = 1.75

#: Beside the faces so many are imagined whose largest deviation is that of a normal distribution
#: times this factor, as it is where faces are many.
_IMAGINED, _FACTOR = 20, 1.6

#: A point is not called wrong that is nearer than this to its place, in % of the eye distance.
_NEAR = 3.0

#: A mistake explains a shape that becomes likelier by at least this factor without it.
_EXPLAINED = 0.75

#: At most so many points are named.
_MOST = 6

#: A whole shape is odd from so many times the usual strangeness.
_STRANGE = 2.5

Kind = Literal["swapped", "order", "points", "shape"]


@dataclass(frozen=True)
class Oddity:
    """What is odd about the face ``row``.

    ``kind``: left and right are ``swapped``, a curve is out of ``order``, ``points`` are where the
    others do not expect them, or the ``shape`` as a whole is none. ``points`` are their numbers,
    ``part`` what they are a part of (a curve or groups; empty for the whole face), ``size`` how odd:
    1 is the limit, twice as odd 2. ``error`` is the largest distance from where a point is
    expected, in % of the eye distance.
    """

    row: int
    kind: Kind
    points: tuple[int, ...]
    part: str
    size: float
    error: float

    def in_words(self, scheme: Scheme) -> str:
        """One line for people."""
        if self.kind == "swapped":
            return "left and right swapped" + (f" ({self.part})" if self.part else "")
        if self.kind == "order":
            return f"points of {self.part} out of order"
        if self.kind == "shape":
            return "hardly the shape of a face"
        first, count = scheme.names[self.points[0]], len(self.points)
        off = f"{self.error:.0f} % of the eye distance"
        if count == 1:
            return f"{first} is {off} from where the other points put it"
        return f"{count} points are not where the others put them, {first} by {off}"


@dataclass(frozen=True)
class Oddities:
    """``sizes`` (M,): how odd each face is, 1 is the limit, NaN for one with too few points;
    ``found``: the odd faces, the oddest first."""

    sizes: Array
    found: tuple[Oddity, ...]


def find_oddities(shapes: ArrayLike, scheme: Scheme, most: int | None = None) -> Oddities:
    """The odd ones among faces (M, N, 2) in image px, NaN for points that are not there.

    Each is judged by what the others look like, so that a few wrong faces do no harm; with few
    faces, by what a smooth bend of the scheme's plane could be. ``most``: look into so many only.
    Raises `InputError` when the array does not fit the scheme.
    """
    judge = Judge(shapes, scheme)
    xy = np.asarray(shapes, np.float64)
    judged = judge.judged(xy)
    sizes = _sizes(judged)
    order = [int(row) for row in np.argsort(-np.nan_to_num(sizes), kind="stable") if sizes[row] > 1]
    rows = np.array(order[:most], np.intp)
    found = _Search(judge, xy, judged, sizes, rows).found() if len(rows) else ()
    return Oddities(sizes, tuple(found))


def _sizes(judged: Judged) -> Array:
    """How odd each face is, (M,), by its points and as a whole."""
    largest, strange = _largest(judged), judged.strangeness
    by_points = largest / _limit(largest, judged.deviation.shape[1])
    known = strange[np.isfinite(strange)]
    usual = float(np.median(np.concatenate([known, np.ones(_IMAGINED)])))
    return np.asarray(np.fmax(by_points, strange / (_STRANGE * usual)))


def _largest(judged: Judged) -> Array:
    """The largest deviation of a face's points, (M,), among those that are far enough off to matter;
    NaN where nothing is known."""
    far = 100 * np.linalg.norm(judged.error, axis=2) / PLANE_IOD >= _NEAR
    known = np.isfinite(judged.deviation)
    largest = np.where(known & far, judged.deviation, 0.0).max(axis=1, initial=0.0)
    return np.where(known.any(axis=1), largest, np.nan)


def _limit(largest: Array, points: int) -> float:
    """The deviation from which on a face is odd."""
    usual = _FACTOR * np.sqrt(2 * np.log(max(points, 2)))
    known = largest[np.isfinite(largest)]
    return float(_ODD * np.median(np.concatenate([known, np.full(_IMAGINED, usual)])))


class _Search:
    """What is wrong with the odd faces ``rows`` among the judged ones."""

    def __init__(
        self, judge: Judge, shapes: Array, judged: Judged, sizes: Array, rows: NDArray[np.intp]
    ) -> None:
        self._judge, self._scheme = judge, judge.scheme
        self._rows, self._shapes = rows, shapes[rows]
        self._judged, self._sizes = judged, sizes[rows]
        self._limit = _limit(_largest(judged), len(judge.scheme))
        #: The best explanation so far: how much of the strangeness it leaves, and what it is.
        self._left = np.full(len(rows), _EXPLAINED)
        self._why: list[tuple[Kind, str, NDArray[np.intp]] | None] = [None] * len(rows)

    def found(self) -> Iterator[Oddity]:
        for part, order in _swaps(self._scheme):
            self._try("swapped", part, np.tile(order, (len(self._rows), 1)))
        for curve in self._scheme.curves:
            if len(curve.points) > 2:
                points = np.array(sorted(set(curve.points)), np.intp)
                self._try(
                    "order", curve.name, np.stack([self._sorted(i, points) for i in range(len(self._rows))])
                )
        for number, row in enumerate(self._rows):
            yield self._oddity(number, int(row))

    def _try(self, kind: Kind, part: str, orders: NDArray[np.intp]) -> None:
        """Judge the faces with their points in other orders (n, N), and note whom that explains."""
        changed = np.flatnonzero((orders != np.arange(len(self._scheme))).any(axis=1))
        if not len(changed):
            return
        variants = np.take_along_axis(self._shapes[changed], orders[changed][:, :, None], axis=1)
        strange = self._judge.judged(variants, self._rows[changed]).strangeness
        left = strange / self._judged.strangeness[self._rows[changed]]
        for number, value in zip(changed, left, strict=True):
            if value < self._left[number]:
                self._left[number] = value
                moved = np.flatnonzero(orders[number] != np.arange(len(self._scheme)))
                self._why[number] = (kind, part, moved)

    def _sorted(self, number: int, points: NDArray[np.intp]) -> NDArray[np.intp]:
        """The order in which the points of a curve lie where the rest of the face expects them, with
        the shortest ways in all."""
        order = np.arange(len(self._scheme))
        row = int(self._rows[number])
        placed = self._judged.placed[row]
        here = points[np.isfinite(placed[points]).all(axis=1)]
        deviates = self._judged.deviation[row][here] > self._limit / 2
        others = np.isfinite(placed).all(axis=1).sum() - len(here)
        if not deviates.any() or others < 2:
            return order
        from scipy.optimize import (
            linear_sum_assignment,
        )  # a quarter of a second, which every command would wait

        expected = self._judge.space(row).expected(placed, here)
        ways = np.linalg.norm(expected[:, None] - placed[here][None], axis=2)
        order[here] = here[linear_sum_assignment(ways**2)[1]]
        return order

    def _oddity(self, number: int, row: int) -> Oddity:
        size = float(self._sizes[number])
        errors = 100 * np.linalg.norm(self._judged.error[row], axis=1) / PLANE_IOD
        why = self._why[number]
        if why is not None:
            kind, part, moved = why
            worst = float(np.nanmax(errors[moved]))
            return Oddity(row, kind, tuple(moved.tolist()), part, size, worst)
        if not (self._judged.deviation[row] > self._limit).any():
            return Oddity(row, "shape", (), "", size, float(np.nanmax(errors)))
        points, worst = self._wrong(number, row)
        return Oddity(row, "points", points, "", size, worst)

    def _wrong(self, number: int, row: int) -> tuple[tuple[int, ...], float]:
        """The points that have to be left out until the rest fits, the worst first, and how far that
        one is off."""
        space, shape = self._judge.space(row), self._shapes[number].copy()
        points: list[int] = []
        judged, worst = space.judged(shape[None]), 0.0
        while len(points) < _MOST:
            deviation = np.nan_to_num(judged.deviation[0])
            point = int(deviation.argmax())
            if points and deviation[point] < self._limit:
                break
            if not points:
                worst = 100 * float(np.linalg.norm(judged.error[0, point])) / PLANE_IOD
            points.append(point)
            shape[point] = np.nan
            judged = space.judged(shape[None])
        return tuple(points), worst


def _swaps(scheme: Scheme) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """The orders that exchange left and right: in the whole face, and in each pair of groups."""
    if not scheme.mirror:
        return
    mirror = scheme.mirror_index
    yield "", mirror
    parts: dict[tuple[str, ...], list[int]] = {}
    for first, second in scheme.mirror:
        if first != second:
            names = sorted({scheme.points[first].group, scheme.points[second].group})
            parts.setdefault(tuple(names), []).extend((first, second))
    for groups, points in parts.items() if len(parts) > 1 else ():
        order = np.arange(len(scheme))
        order[points] = mirror[points]
        yield _joined(groups), order


def _joined(groups: Sequence[str]) -> str:
    return " and ".join(group or "points without a group" for group in groups)

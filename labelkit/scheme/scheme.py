"""The values: points, curves and the scheme that holds them, checked when they are made."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelkit.errors import InputError, SchemeError
from labelkit.geometry import PLANE_IOD, Array, Similarity, freeze, tight_box

#: How far two mirrored points of a symmetric scheme may differ, in plane units.
SYMMETRY_TOLERANCE = 1e-6

#: No landmark is further from the middle of the face, in plane units; squares of such places are numbers.
FARTHEST = 1e6

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")  # files are called by it


@dataclass(frozen=True)
class Point:
    """One landmark: its name (its identity), its place on the plane, and what the
    labeller is told: a group to show and hide together, a definition in one sentence."""

    name: str
    x: float
    y: float
    group: str = ""
    definition: str = ""


@dataclass(frozen=True)
class Curve:
    """Point indices in the order in which a line is drawn through them."""

    name: str
    points: tuple[int, ...]
    closed: bool = False


@dataclass(frozen=True)
class Scheme:
    """Landmarks in a fixed order with positions on the plane.

    ``mirror`` pairs every index with its mirror image (a midline point with itself) or
    is empty for an asymmetric scheme. ``normalizers`` maps a name to two lists of point
    indices, whose averages are the two ends of the distance that errors are divided by.
    Raises `SchemeError`, naming the point, when any of it is inconsistent.
    """

    name: str
    points: tuple[Point, ...]
    mirror: tuple[tuple[int, int], ...] = ()
    curves: tuple[Curve, ...] = ()
    normalizers: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    title: str = ""
    version: str = "1"
    description: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        _check(self)

    def __len__(self) -> int:
        return len(self.points)

    def __hash__(self) -> int:
        return hash((self.name, self.version, self.points))

    def __repr__(self) -> str:
        return f"<Scheme {self.name!r}: {len(self)} points>"

    def _repr_html_(self) -> str:
        from labelkit.scheme.drawing import scheme_html  # which draws what this module defines

        return scheme_html(self)

    @cached_property
    def plane(self) -> Array:
        """Positions on the plane, (N, 2), read-only."""
        return freeze([(p.x, p.y) for p in self.points])

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the points, in their order."""
        return tuple(p.name for p in self.points)

    @cached_property
    def mirror_index(self) -> NDArray[np.intp]:
        """For every point the index of its mirror image, (N,).

        Raises `SchemeError` for an asymmetric scheme, which has none.
        """
        if not self.mirror:
            raise SchemeError(f"scheme {self.name!r} is asymmetric: it has no mirror table")
        index = np.empty(len(self), np.intp)
        for i, j in self.mirror:
            index[i], index[j] = j, i
        return index

    @cached_property
    def plane_box(self) -> tuple[float, float, float, float]:
        """The tight box of the points on the plane: x0, y0, x1, y1."""
        return tight_box(self.plane)

    def align(self, points: ArrayLike) -> Similarity:
        """The least-squares similarity from the plane to ``points`` (N, 2); NaN rows do
        not count."""
        return Similarity.fit(self.plane, self._checked(points))

    def normalizer(self, points: ArrayLike, name: str = "inter_ocular") -> float:
        """The distance, in the unit of ``points`` (N, 2), that errors are divided by.

        A scheme without this normalizer is measured by the scale of the similarity from
        the plane times the plane's inter-ocular distance (0.76).
        """
        array = self._checked(points)
        ends = self.normalizers.get(name)
        if ends is None:
            return self.align(array).scale * PLANE_IOD
        first, second = (array[list(indices)].mean(axis=0) for indices in ends)
        return float(np.hypot(*(first - second)))

    def to_dict(self) -> dict[str, Any]:
        """The scheme as it stands in a file."""
        return {
            "name": self.name,
            "title": self.title,
            "version": self.version,
            "description": self.description,
            "source": self.source,
            "points": [vars(p) for p in self.points],
            "mirror": [list(pair) for pair in self.mirror],
            "curves": [{"name": c.name, "points": list(c.points), "closed": c.closed} for c in self.curves],
            "normalizers": {k: [list(a), list(b)] for k, (a, b) in self.normalizers.items()},
        }

    def to_json(self) -> str:
        """The file's text: one line per point, so that a change shows as one line."""
        data = self.to_dict()
        rows = {key: data.pop(key) for key in ("points", "mirror", "curves")}
        text = json.dumps(data, indent=1, ensure_ascii=False).removesuffix("\n}")
        for key, items in rows.items():
            lines = ",\n  ".join(json.dumps(item, ensure_ascii=False) for item in items)
            text += f',\n "{key}": ' + (f"[\n  {lines}\n ]" if items else "[]")
        return text + "\n}\n"

    def _checked(self, points: ArrayLike) -> Array:
        array = np.asarray(points, np.float64)
        if array.shape != (len(self), 2):
            raise InputError(f"scheme {self.name!r} has {len(self)} points, not an array of {array.shape}")
        return array


def pairs_from_index(index: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Mirror pairs (i, j), i <= j, from the index of every point's mirror image."""
    return tuple((i, int(j)) for i, j in enumerate(index) if i <= j)


def _check(scheme: Scheme) -> None:
    count = len(scheme.points)
    if not isinstance(scheme.name, str) or not _NAME.fullmatch(scheme.name):
        rule = "at most 100 letters, digits, '.', '_' and '-', as file names"
        raise SchemeError(f"{str(scheme.name)[:60]!r} is no name: {rule}")
    if not count:
        raise SchemeError("a scheme needs at least one point")
    seen: set[str] = set()
    for p in scheme.points:
        if not p.name or p.name in seen:
            raise SchemeError(f"point name {p.name!r} is empty or stands twice")
        seen.add(p.name)
        if not (abs(p.x) <= FARTHEST and abs(p.y) <= FARTHEST):  # which NaN is not either
            raise SchemeError(f"point {p.name!r} has no place on the plane")
    curve_points = [i for c in scheme.curves for i in c.points]
    ends = [i for pair in scheme.normalizers.values() for end in pair for i in end]
    for what, indices in (("a curve", curve_points), ("a normalizer", ends)):
        outside = [i for i in indices if not 0 <= i < count]
        if outside:
            raise SchemeError(f"{what} uses point {outside[0]}, but there are {count} (from 0)")
    if any(not a or not b for a, b in scheme.normalizers.values()):
        raise SchemeError("a normalizer needs a point at each end")
    if scheme.mirror:
        _check_mirror(scheme)


def _check_mirror(scheme: Scheme) -> None:
    paired = sorted(i for pair in scheme.mirror for i in set(pair))
    if paired != list(range(len(scheme.points))):
        raise SchemeError("the mirror table must name every point exactly once")
    for i, j in scheme.mirror:
        a, b = scheme.points[i], scheme.points[j]
        if max(abs(a.x + b.x), abs(a.y - b.y)) > SYMMETRY_TOLERANCE:
            raise SchemeError(f"points {a.name!r} and {b.name!r} are a mirror pair, but their places are not")

"""What a change of the scheme means for annotations that exist already.

A landmark's identity is its name: what was annotated under a name stays with that name,
wherever the point moves on the plane or in the order. A new name for an old point has to be
said (`guess_renames` proposes). Removed points leave the annotations of faces, never their
history; added ones are not there until they are predicted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelkit.errors import InputError, SchemeError
from labelkit.geometry import Array
from labelkit.scheme.scheme import Scheme

#: Points that lie further apart than this on the plane have moved.
MOVED = 1e-6


@dataclass(frozen=True)
class SchemeChange:
    """The way from one scheme to another.

    ``lineage`` holds, for each point of ``new``, the index of the point of ``old`` whose
    annotations it keeps, or -1 for an added point. Raises `SchemeError` when it has another
    length, names a point that ``old`` does not have, or one twice.
    """

    old: Scheme
    new: Scheme
    lineage: tuple[int, ...]

    def __post_init__(self) -> None:
        kept = [index for index in self.lineage if index != -1]
        if (
            len(self.lineage) != len(self.new)
            or len(set(kept)) != len(kept)
            or not set(kept) <= set(range(len(self.old)))
        ):
            raise SchemeError(f"{self.lineage} does not lead from {self.old.name!r} to {self.new.name!r}")

    @cached_property
    def added(self) -> tuple[str, ...]:
        """Names of the new points that continue no old one."""
        return tuple(name for name, index in zip(self.new.names, self.lineage, strict=True) if index < 0)

    @cached_property
    def removed(self) -> tuple[str, ...]:
        """Names of the old points that no new one continues."""
        kept = set(self.lineage)
        return tuple(name for index, name in enumerate(self.old.names) if index not in kept)

    @cached_property
    def renamed(self) -> tuple[tuple[str, str], ...]:
        """Old and new names of the points that have another name."""
        both = ((self.old.names[i], self.new.names[j]) for i, j in self._kept)
        return tuple((before, after) for before, after in both if before != after)

    @cached_property
    def distances(self) -> dict[str, float]:
        """By its new name, how far every moved point went on the plane."""
        pairs = self._kept
        away = np.hypot(*(self.new.plane[pairs[:, 1]] - self.old.plane[pairs[:, 0]]).T)
        return {self.new.names[pairs[k, 1]]: float(away[k]) for k in np.flatnonzero(away > MOVED)}

    @property
    def moved(self) -> tuple[str, ...]:
        """New names of the points that lie elsewhere on the plane (by more than `MOVED`)."""
        return tuple(self.distances)

    @cached_property
    def reordered(self) -> bool:
        """Whether the points that stay stand in another order."""
        return bool((np.diff(self._kept[:, 0]) < 0).any())

    @property
    def is_empty(self) -> bool:
        """Whether both schemes have the same points under the same names in the same order at
        the same places; texts, curves and normalizers may differ."""
        return not (self.added or self.removed or self.renamed or self.moved or self.reordered)

    def inverse(self) -> SchemeChange:
        """The way back. It brings the points back, not what was carried away: that is in the
        history of the annotations."""
        lineage = np.full(len(self.old), -1)
        pairs = self._kept
        lineage[pairs[:, 0]] = pairs[:, 1]
        return SchemeChange(self.new, self.old, tuple(lineage.tolist()))

    def carry(
        self, xy: ArrayLike, state: ArrayLike, visibility: ArrayLike
    ) -> tuple[Array, NDArray[np.int8], NDArray[np.int8]]:
        """What is known about faces of the old scheme, in the new one.

        ``xy`` (..., N, 2), ``state`` and ``visibility`` (..., N), for any number of faces; the
        result has M points instead of N. Added points are NaN, of state `PREDICTED` and of
        visibility `UNKNOWN` (both 0). Raises `InputError` for another number of points.
        """
        given = np.asarray(xy, np.float64)
        states, seen = np.asarray(state, np.int8), np.asarray(visibility, np.int8)
        faces = given.shape[:-2]
        if given.shape[len(faces) :] != (len(self.old), 2) or not (
            states.shape == seen.shape == (*faces, len(self.old))
        ):
            raise InputError(
                f"scheme {self.old.name!r} has {len(self.old)} points: points, states and visibilities of "
                f"{given.shape}, {states.shape} and {seen.shape} do not fit"
            )
        index = np.asarray(self.lineage)
        points = np.where((index < 0)[:, None], np.nan, given[..., index, :])
        return points, np.where(index < 0, 0, states[..., index]), np.where(index < 0, 0, seen[..., index])

    def describe(self) -> list[str]:
        """What the change does, a line each; to be shown before it is made."""
        lines = []
        if self.added:
            lines.append(f"{_count(self.added)} added: {_listed(self.added)} (to be predicted on every face)")
        if self.removed:
            lines.append(
                f"{_count(self.removed)} removed: {_listed(self.removed)} "
                "(their annotations stay in the history)"
            )
        if self.renamed:
            pairs = [f"{before} -> {after}" for before, after in self.renamed]
            lines.append(f"{_count(pairs)} renamed: {_listed(pairs)} (annotations go with them)")
        if self.moved:
            ways = [f"{name} by {away:.3f}" for name, away in self.distances.items()]
            lines.append(
                f"{_count(ways)} moved on the plane: {_listed(ways)} (annotations stay where they are)"
            )
        if self.reordered:
            lines.append("the points stand in another order")
        lines += self.parts
        return lines or ["no point changes"]

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """What becomes of curves, normalizers and the mirror table, a sentence each. A curve
        that lost a point is changed."""
        names = {self.old.names[i]: self.new.names[j] for i, j in self._kept}
        before, after = _parts(self.old), _parts(self.new)
        fates = [f"{key} is removed" for key in before if key not in after]
        fates += [f"{key} is added" for key in after if key not in before]
        fates += [
            f"{key} is changed"
            for key, part in before.items()
            if key in after and _translated(part, names) != after[key]
        ]
        if bool(self.old.mirror) != bool(self.new.mirror):
            fates.append(f"the mirror table is {'added' if self.new.mirror else 'removed'}")
        return tuple(fates)

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON can hold it."""
        return {
            "old": self.old.name,
            "new": self.new.name,
            "lineage": list(self.lineage),
            "added": list(self.added),
            "removed": list(self.removed),
            "renamed": [list(pair) for pair in self.renamed],
            "moved": self.distances,
            "reordered": self.reordered,
            "parts": list(self.parts),
        }

    @cached_property
    def _kept(self) -> NDArray[np.intp]:
        """Old and new index of the points that stay, (K, 2), in the new order."""
        index = np.asarray(self.lineage, np.intp)
        new = np.flatnonzero(index >= 0)
        return np.stack([index[new], new], axis=1)


def plan_change(
    old: Scheme, new: Scheme, renamed: Mapping[str, str] | None = None, *, guess: bool = False
) -> SchemeChange:
    """How ``new`` follows from ``old``: points of one name are one point.

    ``renamed`` maps old names to new ones and goes before equal names; with ``guess``, what
    `guess_renames` finds among the others is taken for renamed too. Raises `SchemeError` for a
    name in ``renamed`` that the scheme does not have, or when two points would become one.
    """
    renamed = dict(renamed or {})
    if guess:
        guessed = guess_renames(old, new)
        taken = set(renamed.values())
        renamed |= {a: b for a, b in guessed.items() if a not in renamed and b not in taken}
    for before, after in renamed.items():
        if before not in old.names:
            raise SchemeError(f"{before!r} cannot be renamed: scheme {old.name!r} has no such point")
        if after not in new.names:
            raise SchemeError(
                f"{before!r} cannot be renamed to {after!r}: scheme {new.name!r} has no such point"
            )
    origin = {after: before for before, after in renamed.items()}
    if len(origin) < len(renamed):
        twice = Counter(renamed.values()).most_common(1)[0][0]
        raise SchemeError(f"two points cannot both be renamed to {twice!r}")
    index = {name: number for number, name in enumerate(old.names)}
    lineage = [
        index[origin[name]] if name in origin else (-1 if name in renamed else index.get(name, -1))
        for name in new.names
    ]
    return SchemeChange(old, new, tuple(lineage))


def guess_renames(old: Scheme, new: Scheme) -> dict[str, str]:
    """Old to new names of points that look renamed: the name is gone, and a point under a new
    name has exactly its place on the plane. A place that several of them share says nothing."""
    gone, come = _lone_places(old, set(new.names)), _lone_places(new, set(old.names))
    return {name: come[place] for place, name in gone.items() if place in come}


def _lone_places(scheme: Scheme, known: set[str]) -> dict[tuple[float, float], str]:
    """Places of the points whose names are not known, those that lie alone."""
    points = [point for point in scheme.points if point.name not in known]
    crowd = Counter((point.x, point.y) for point in points)
    return {(point.x, point.y): point.name for point in points if crowd[point.x, point.y] == 1}


_Part = tuple[tuple[str, ...], ...]


def _parts(scheme: Scheme) -> dict[str, _Part]:
    """Curves and normalizers by what they are called, as the names of their points."""

    def names(indices: tuple[int, ...]) -> tuple[str, ...]:
        return tuple(scheme.names[i] for i in indices)

    # No point is called "": so a closed curve differs from an open one.
    curves = {f"the curve {c.name!r}": (names(c.points), ("",) * c.closed) for c in scheme.curves}
    normalizers = {
        f"the normalizer {name!r}": (names(first), names(second))
        for name, (first, second) in scheme.normalizers.items()
    }
    return {**curves, **normalizers}


def _translated(part: _Part, names: Mapping[str, str]) -> _Part:
    return tuple(tuple(names.get(name, name) for name in group) for group in part)


def _count(items: tuple[str, ...] | list[str]) -> str:
    return f"{len(items)} point{'s' * (len(items) != 1)}"


def _listed(items: tuple[str, ...] | list[str], most: int = 12) -> str:
    rest = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + rest

"""From places on the plane to a scheme: mirror table, normalizer, what was extrapolated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from labelkit.errors import InputError, SchemeError
from labelkit.geometry import Array, freeze
from labelkit.scheme import Point, Scheme, load_scheme, pairs_from_index

#: How far, in plane units, a point may lie from its partner's mirror image.
FARTHEST_PARTNER = 0.15

#: Points of the mean shape within this distance lie in one place.
TOGETHER = 0.02

#: How near to the outer eye corners of ``ibug68`` a point has to lie to be one.
CORNER_DISTANCE = 0.03

#: The group of points whose place is extrapolated; the others are in none.
EXTRAPOLATED = "extrapolated"

#: What labellers are told of such a point.
WARNING = "Its place on the plane is extrapolated: check it before use."

#: Decimals of a place on the plane.
_DECIMALS = 6


@dataclass(frozen=True)
class Mirror:
    """Which point is the mirror image of which.

    ``index`` (N,) is the partner of every point, None where the points have no table, and
    ``problem`` then says why. ``asymmetry`` is the largest distance, in plane units, of a point
    from its partner's mirror image; ``doubtful`` are the points whose partner might as well be
    another, because several lie in one place (the lips of a closed mouth).
    """

    index: NDArray[np.intp] | None
    asymmetry: float = float("nan")
    doubtful: tuple[int, ...] = ()
    problem: str = ""

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Index pairs as in a scheme file; empty without a table."""
        return () if self.index is None else pairs_from_index(self.index.tolist())


@dataclass(frozen=True)
class SchemeFit:
    """A fitted scheme and what is known about it.

    ``spread`` (N,) is how far single faces are from the place of a point on the plane, in plane
    units: the mean of the middle half. ``seen`` (N,) counts the faces with the point and ``faces``
    all that were used; ``extrapolated`` (N,) marks places outside of what is known. The mirror
    table is in the scheme only where it was made symmetric, as schemes with a table have to be.
    ``problems`` names, in a line each, the faces that could not be used.
    """

    scheme: Scheme
    spread: Array
    seen: NDArray[np.intp]
    extrapolated: NDArray[np.bool_]
    faces: int
    mirror: Mirror
    problems: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """What ``labelkit scheme fit --json`` prints."""
        points = [
            {"name": p.name, "x": p.x, "y": p.y, "spread": s, "faces": n, "extrapolated": e}
            for p, s, n, e in zip(
                self.scheme.points,
                self.spread.tolist(),
                self.seen.tolist(),
                self.extrapolated.tolist(),
                strict=True,
            )
        ]
        return {
            "name": self.scheme.name,
            "faces": self.faces,
            "spread": float(self.spread.mean()),
            "extrapolated": int(self.extrapolated.sum()),
            "symmetric": bool(self.scheme.mirror),
            "mirror": [list(pair) for pair in self.mirror.pairs],
            "asymmetry": self.mirror.asymmetry,
            "doubtful": [self.scheme.names[i] for i in self.mirror.doubtful],
            "not_mirrored_because": self.mirror.problem,
            "normalizers": list(self.scheme.normalizers),
            "points": points,
            "problems": list(self.problems),
        }


@dataclass(frozen=True)
class Places:
    """What a fit found: ``plane`` (N, 2); ``shape`` (N, 2), the faces' mean shape laid over it;
    ``spread``, ``seen`` and ``extrapolated`` as in `SchemeFit`."""

    plane: Array
    shape: Array
    spread: Array
    seen: NDArray[np.intp]
    extrapolated: NDArray[np.bool_]


def point_names(names: Sequence[str] | None, count: int) -> tuple[str, ...]:
    """``names`` as given, or p0, p1, ...; raises `InputError` for another number of names."""
    if names is None:
        return tuple(f"p{i}" for i in range(count))
    if len(names) != count:
        raise InputError(f"{len(names)} names for {count} points")
    return tuple(names)


def make_fit(
    places: Places,
    name: str,
    names: Sequence[str],
    how: str,
    *,
    symmetric: bool,
    faces: int,
    problems: Sequence[str],
) -> SchemeFit:
    """The scheme with points in these places; ``how`` says where they are from.

    ``symmetric`` moves every point half way to its partner's mirror image and keeps the table.
    Raises `SchemeError` when that is asked for and there is no table.
    """
    mirror = find_mirror(places.shape, places.plane, names)
    plane = places.plane
    if symmetric:
        if mirror.index is None:
            raise SchemeError(f"scheme {name!r} cannot be made symmetric: {mirror.problem}")
        plane = (plane + plane[mirror.index] * (-1, 1)) / 2
    plane = plane.round(_DECIMALS) + 0.0  # no -0
    points = zip(names, plane.tolist(), places.extrapolated.tolist(), strict=True)
    scheme = Scheme(
        name=name,
        points=tuple(
            Point(label, x, y, EXTRAPOLATED, WARNING) if beyond else Point(label, x, y)
            for label, (x, y), beyond in points
        ),
        mirror=mirror.pairs if symmetric else (),
        normalizers=normalizers(plane, places.extrapolated),
        title=f"{name}, fitted to annotated faces",
        description=how,
    )
    return SchemeFit(
        scheme, freeze(places.spread), places.seen, places.extrapolated, faces, mirror, tuple(problems)
    )


def find_mirror(shape: Array, plane: Array, names: Sequence[str]) -> Mirror:
    """The mirror table of points by their places (N, 2) in ``shape``, the faces' mean, which knows
    neighbours best relative to one another, and on the ``plane``.

    Partners are chosen over all points at once, so that the squared distances to mirrored
    partners add up to the least: where points lie close together, as on the lips of a closed
    mouth, the nearest neighbours alone are no involution.
    """
    cost = _squared(shape * (-1, 1), shape)
    index = _partners((cost + cost.T) / 2)
    away = np.linalg.norm(plane[index] * (-1, 1) - plane, axis=1)
    lonely = np.flatnonzero(away > FARTHEST_PARTNER).tolist()
    if lonely:
        return Mirror(None, problem=f"nothing lies at the mirrored place of {_listed(lonely, names)}")
    # Which of several points in one place is the partner, nobody can tell from these faces.
    crowded = (_squared(shape, shape) < TOGETHER**2).sum(axis=1) > 1
    doubtful = np.flatnonzero(crowded[index] | (cost.argmin(axis=1) != index))
    return Mirror(index, float(away.max()), tuple(doubtful.tolist()))


def _partners(cost: Array) -> NDArray[np.intp]:
    """The involution (N,) whose costs (N, N), symmetric, add up to about the least."""
    index = np.asarray(linear_sum_assignment(cost)[1], np.intp)
    odd = np.flatnonzero(index[index] != np.arange(len(index)))
    # Nearly equal costs can also end in rings of three and more: the cheapest pairs first, there.
    while len(odd):
        i, j = np.unravel_index(int(cost[np.ix_(odd, odd)].argmin()), (len(odd), len(odd)))
        index[odd[i]], index[odd[j]] = odd[j], odd[i]
        odd = np.delete(odd, [i, j])
    return index


def _squared(first: Array, second: Array) -> Array:
    return np.asarray(((first[:, None] - second[None]) ** 2).sum(axis=2))


def normalizers(
    plane: Array, extrapolated: NDArray[np.bool_]
) -> Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    """``inter_ocular``, where a point lies at either outer eye corner of ``ibug68``."""
    reference = load_scheme("ibug68")
    first, second = reference.normalizers["inter_ocular"]
    corners = reference.plane[[*first, *second]]
    away = np.linalg.norm(plane[:, None] - corners[None], axis=2)
    away[extrapolated] = np.inf
    left, right = away.argmin(axis=0).tolist()
    if away.min(axis=0).max() > CORNER_DISTANCE:
        return {}
    return {"inter_ocular": ((left,), (right,))}


def _listed(indices: Sequence[int], names: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(names[i] for i in indices[:most])
    return f"{shown} and {len(indices) - most} more" if len(indices) > most else shown

"""A face's landmarks of one scheme, re-expressed in another.

Every scheme lies on the same plane, so the points of a face say where that plane goes on the
photo. A thin-plate spline (Bookstein 1989) carries this map from the points of the source
scheme to those of the target: an affine part plus radial parts r² log r, with a little
regularisation (Wahba 1990). For two given schemes it is linear in the points of the face, so
that many faces cost one matrix product.

The error estimate uses that the spline is also the best linear prediction of a random field
(kriging; Cressie 1993, section 5.9). Its variance at a target point follows from the places of
the points alone: near source points it is small, far away it grows. One factor per face says
how much that face bends: its restricted maximum-likelihood estimate, yᵀBy / 2(n - 3), drawn a
little towards what is usual (`USUAL_BENDING`), which matters where few points are there. The
mean length of an error whose two components are normal is √(π/4) of its root mean square.
``benchmarks/convert.py`` compares estimates with errors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelkit.errors import InputError, SchemeError
from labelkit.geometry import PLANE_IOD, Array, freeze
from labelkit.scheme.scheme import Scheme

#: Points of two schemes within this distance on the plane are taken to mean the same.
SHARED_DISTANCE = 0.02

#: Variance of a label's own noise relative to the field's: it moves a source point by about
#: 0.2 % of IOD, which keeps the spline from bending between neighbours that disagree.
NOISE = 1e-3

#: How much faces bend, in IOD, the root mean square over `ibug68/train`; and how many points
#: that knowledge is worth.
USUAL_BENDING = 0.25
USUAL_WEIGHT = 2.0

#: Source points whose spread across is below this share of that along lie on a line.
FLAT = 1e-3

_MEAN_OF_RMS = math.sqrt(math.pi / 4)


@dataclass(frozen=True)
class Conversion:
    """Points of the target scheme, and how far each may be off.

    ``points`` (..., M, 2) in the unit of what was given; ``error`` (..., M), the expected
    distance from where the point would have been labelled, as a fraction of the face's IOD (the
    scale of the similarity from the plane times 0.76); ``origin`` (M,), for each target point
    the source point at the same place of the plane (within `SHARED_DISTANCE`), or -1. All NaN
    for a face of which fewer than three points, or only points on a line, are there.
    """

    points: Array
    error: Array
    origin: NDArray[np.intp]

    @property
    def shared(self) -> NDArray[np.bool_]:
        """Which target points have a source point at their place, (M,)."""
        return np.asarray(self.origin >= 0)


class Converter:
    """Converts faces from ``source`` to ``target``; what depends on the schemes alone is
    computed once (`converter` keeps it).

    Raises `SchemeError` when the source scheme cannot place a face.
    """

    def __init__(self, source: Scheme, target: Scheme) -> None:
        self.source, self.target = source, target
        if _flat(source.plane):
            raise SchemeError(
                f"scheme {source.name!r} cannot be converted: that takes three points not on a line"
            )

    @cached_property
    def origin(self) -> NDArray[np.intp]:
        """For each target point the source point at its place, or -1, (M,)."""
        distance = _distances(self.target.plane, self.source.plane)
        nearest = distance.argmin(axis=1)
        near = distance[np.arange(len(nearest)), nearest] <= SHARED_DISTANCE
        origin = np.where(near, nearest, -1)
        origin.setflags(write=False)
        return origin

    def __call__(self, points: ArrayLike) -> Conversion:
        """Faces (..., N, 2) in the target scheme; a point with a NaN takes no part.

        Raises `InputError` for another number of points.
        """
        given = np.asarray(points, np.float64)
        if given.ndim < 2 or given.shape[-2:] != (len(self.source), 2):
            raise InputError(
                f"scheme {self.source.name!r} has {len(self.source)} points, not an array of {given.shape}"
            )
        faces = given.reshape(-1, len(self.source), 2)
        found = np.full((len(faces), len(self.target), 2), np.nan)
        error = np.full(found.shape[:2], np.nan)
        patterns, which = np.unique(np.isfinite(faces).all(axis=2), axis=0, return_inverse=True)
        for number, there in enumerate(patterns):
            rows = np.flatnonzero(which.reshape(-1) == number)
            field = self._field(there)
            if field is not None:
                found[rows], error[rows] = _carry(field, faces[rows][:, there])
        shape = given.shape[:-2]
        return Conversion(
            freeze(found.reshape(*shape, *found.shape[1:])),
            freeze(error.reshape(*shape, *error.shape[1:])),
            self.origin,
        )

    @cached_property
    def _whole(self) -> _Field:
        return _spline(self.source.plane, self.target.plane)

    def _field(self, there: NDArray[np.bool_]) -> _Field | None:
        if there.all():
            return self._whole
        plane = self.source.plane[there]
        return None if _flat(plane) else _spline(plane, self.target.plane)


@lru_cache(maxsize=64)
def converter(source: Scheme, target: Scheme) -> Converter:
    """The `Converter` of two schemes, made once."""
    return Converter(source, target)


def convert(points: ArrayLike, source: Scheme, target: Scheme) -> Conversion:
    """The points (N, 2) of one face, or (..., N, 2) of several, in another scheme.

    Raises `InputError` for another number of points, `SchemeError` when the source scheme has
    fewer than three points or all on a line.
    """
    return converter(source, target)(points)


class _Field(NamedTuple):
    """A spline through n points, evaluated at m others."""

    plane: Array  # (n, 2), where the points lie
    weights: Array  # (m, n): points of a face to their values at the others
    bending: Array  # (n, n): yᵀBy is the energy of the radial part
    spread: Array  # (m,): standard deviation at the others where the field's is 1


def _spline(plane: Array, others: Array) -> _Field:
    count = len(plane)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _radial(_distances(plane, plane)) + NOISE * np.eye(count)
    system[:count, count:] = _affine(plane)
    system[count:, :count] = _affine(plane).T
    inverse: Array = np.asarray(np.linalg.inv(system), np.float64)
    rows = np.hstack([_radial(_distances(others, plane)), _affine(others)])
    solved = rows @ inverse
    variance = NOISE - np.einsum("mi,mi->m", solved, rows)
    return _Field(plane, solved[:, :count], inverse[:count, :count], np.sqrt(np.maximum(variance, 0.0)))


def _carry(field: _Field, faces: Array) -> tuple[Array, Array]:
    """Values (B, m, 2) and errors (B, m) for faces (B, n, 2) of which every point is there."""
    middle = faces.mean(axis=1, keepdims=True)
    offsets = faces - middle
    found = _each(field.weights, offsets) + middle
    energy = np.maximum((_each(field.bending, offsets) * offsets).sum(axis=(1, 2)), 0.0)
    iod = _scales(field.plane, offsets) * PLANE_IOD
    freedom = len(field.plane) - 3  # the affine part takes three
    with np.errstate(divide="ignore", invalid="ignore"):  # all points at one place: no IOD, no error
        variance = (energy / iod**2 + USUAL_WEIGHT * USUAL_BENDING**2) / (freedom + USUAL_WEIGHT)
    return found, _MEAN_OF_RMS * np.sqrt(variance)[:, None] * field.spread


def _each(matrix: Array, faces: Array) -> Array:
    """``matrix`` (m, n) applied to every face (B, n, 2), as one product: (B, m, 2)."""
    return np.asarray(np.tensordot(matrix, faces, axes=(1, 1)).swapaxes(0, 1))


def _scales(plane: Array, offsets: Array) -> Array:
    """Scale of the least-squares similarity from ``plane`` (n, 2) to each centred face, (B,)."""
    z = (plane - plane.mean(axis=0)) @ (1, 1j)
    return np.asarray(np.abs(offsets @ (1, 1j) @ z.conj()) / (np.abs(z) ** 2).sum())


def _flat(plane: Array) -> bool:
    if len(plane) < 3:
        return True
    along, across = np.linalg.svd(plane - plane.mean(axis=0), compute_uv=False)
    return bool(across <= FLAT * along)


def _affine(plane: Array) -> Array:
    return np.hstack([np.ones((len(plane), 1)), plane])


def _distances(first: Array, second: Array) -> Array:
    return np.asarray(np.linalg.norm(first[:, None] - second[None], axis=2))


def _radial(distance: Array) -> Array:
    # r² log r tends to 0 with r.
    return np.asarray(distance**2 * np.log(np.where(distance > 0, distance, 1.0)))

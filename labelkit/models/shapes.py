"""Shapes of many faces on the plane: averages, mean shapes, what lies outside of what.

Shapes are arrays (M, N, 2), NaN where a point is not there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labelkit.errors import BoxError, InputError
from labelkit.geometry import Array, Similarity
from labelkit.scheme import Point, Scheme
from labelkit.scheme.convert import convert

#: Known points whose extent across is below this share of that along say too little about it.
THIN = 0.2

#: Rounds in which a mean shape comes to rest.
_ROUNDS = 10


def middle_mean(values: Array) -> Array:
    """The mean over the first axis without the least and the largest quarter.

    NaN does not count; where nothing is there the mean is NaN. Of three values or more a single
    wrong one never decides: of three it is the median.
    """
    ordered = np.sort(values, axis=0)  # NaN comes last
    there = np.isfinite(values).sum(axis=0)
    cut = np.minimum(-(-there // 4), np.maximum(there - 1, 0) // 2)
    rank = np.arange(len(values)).reshape(-1, *[1] * (values.ndim - 1))
    kept = (rank >= cut) & (rank < there - cut)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(kept, ordered, 0.0).sum(axis=0) / kept.sum(axis=0))


def mean_shape(shapes: Array, known: Array) -> Array:
    """The mean (N, 2) of shapes without shift, scale and rotation, laid over ``known`` (N, 2).

    As `labelkit.geometry.procrustes_mean`, but points may be missing, in the shapes and in
    ``known``, over which the mean is laid by a similarity. Raises `InputError` when no shape has
    two different ones of the known points.
    """
    mean = known
    for _ in range(_ROUNDS):
        laid = aligned(shapes, mean)
        count = np.isfinite(laid).sum(axis=0)
        if not count.any():
            raise InputError("no face has two of the points whose places are known")
        with np.errstate(invalid="ignore"):
            mean = np.nansum(laid, axis=0) / count
        mean = Similarity.fit(mean, known)(mean)
    return mean


def carry(shape: Array, known: Array) -> Array:
    """``known`` (N, 2) with its gaps (NaN) filled from ``shape`` (N, 2), which lies over it.

    By the thin-plate spline through the known points; where they are fewer than three or nearly
    on a line, as ``shape`` lies.
    """
    there = np.asarray(np.isfinite(known).all(axis=1))
    filled = shape
    if not there.all() and not _thin(shape[there]):
        filled = convert(known[there], as_scheme("known", shape[there]), as_scheme("all", shape)).points
    return np.asarray(np.where(there[:, None], known, filled))


def aligned(shapes: Array, target: Array) -> Array:
    """Every shape laid over ``target`` (N, 2) by its similarity; those that share no two different
    points with it are all NaN."""
    laid = np.full(shapes.shape, np.nan)
    for i, shape in enumerate(shapes):
        try:
            laid[i] = Similarity.fit(shape, target)(shape)
        except BoxError:
            continue
    return laid


def distances(shapes: Array, target: Array) -> Array:
    """(M, N) of the points of shapes from ``target`` (N, 2)."""
    return np.asarray(np.linalg.norm(shapes - target, axis=2))


def seen(shapes: Array) -> NDArray[np.intp]:
    """In how many of the shapes each point is there, (N,)."""
    return np.asarray(np.isfinite(shapes).all(axis=2).sum(axis=0))


def outside_of(points: Array, others: Array, margin: float) -> NDArray[np.bool_]:
    """Which points (N, 2) lie farther than ``margin`` outside of the convex hull of ``others``.

    By its extent in every direction, a degree apart, which holds for a hull without area, too.
    """
    angles = np.deg2rad(np.arange(360))
    directions = np.stack([np.cos(angles), np.sin(angles)])
    return np.asarray((points @ directions > (others @ directions).max(axis=0) + margin).any(axis=1))


def as_scheme(name: str, plane: Array) -> Scheme:
    """Points (N, 2) as a scheme, for what works on schemes."""
    return Scheme(name, tuple(Point(str(i), x, y) for i, (x, y) in enumerate(plane.tolist())))


def _thin(points: Array) -> bool:
    if len(points) < 3:
        return True
    along, across = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    return bool(across < THIN * along)

"""Where the vertices of the head lie on the plane."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import RBFInterpolator

from labelkit.geometry import Array
from labelkit.scheme import Scheme
from labelkit.train.head.contour import JAW
from labelkit.train.head.model import HeadModel, Ints
from labelkit.train.head.visible import self_occluded

#: A triangle that the warp shrinks or stretches by more than this factor against the others, or
#: turns over, gives no place: between closed lips and open ones nothing corresponds.
STRETCH = 3.0


def plane_places(head: HeadModel, scheme: Scheme, left_out: tuple[int, ...] = ()) -> Array:
    """The plane position of every vertex, (V, 2), exactly symmetric; NaN where there is none.

    The neutral head seen from the front, warped by a thin-plate spline that takes the landmark
    vertices to the places of ``scheme`` (`ibug68`); those ``left_out`` have no say. Vertices that
    are not seen from the front, and those below the jaw, have no place.
    """
    seen = np.setdiff1d(np.arange(len(scheme)), left_out)
    front = head.neutral[:, :2].astype(np.float64)
    warp = RBFInterpolator(front[head.landmarks[seen]], scheme.plane[seen], kernel="thin_plate_spline")
    places = np.asarray(warp(front))
    mirrored = places[head.mirror] * (-1, 1)
    places = (places + mirrored) / 2
    everything = np.arange(len(places))
    hidden = self_occluded(head, head.neutral[None], everything, np.ones(1))[0]
    lost = hidden | _distorted(head, front, places) | _below(places, scheme)
    places[lost | lost[head.mirror]] = np.nan
    return places


def spread_out(places: Array, mirror: Ints, count: int, away_from: Array) -> Ints:
    """About ``count`` vertices that cover the plane evenly and symmetrically, in rising order.

    Each next one is the farthest from those before and from ``away_from`` (n, 2) (Gonzalez 1985);
    its mirror image comes along.
    """
    rows = np.flatnonzero(np.isfinite(places).all(axis=1))
    if not len(rows):
        return rows
    distance = np.full(len(rows), np.inf)
    for taken in away_from:
        distance = np.minimum(distance, np.linalg.norm(places[rows] - taken, axis=1))
    chosen: set[int] = set()
    while len(chosen) < min(count, len(rows)) and distance.max() > 0:
        pick = int(rows[distance.argmax()])
        for vertex in {pick, int(mirror[pick])}:
            chosen.add(vertex)
            distance = np.minimum(distance, np.linalg.norm(places[rows] - places[vertex], axis=1))
    return np.array(sorted(chosen), np.intp)


def _distorted(head: HeadModel, front: Array, places: Array) -> Array:
    """Vertices (V,) of triangles that the warp turns over, stretches or shrinks."""
    before, after = (_areas(flat[head.triangles]) for flat in (front, places))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = after / before
    usual = np.nanmedian(ratio)
    bad = ~((ratio > usual / STRETCH) & (ratio < usual * STRETCH))
    distorted = np.zeros(len(places), bool)
    # Seen from the side a triangle has no area: its other neighbours decide.
    sideways = abs(before) < np.median(abs(before)) / 10
    distorted[head.triangles[bad & ~sideways]] = True
    return distorted


def _areas(corners: Array) -> Array:
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])


def _below(places: Array, scheme: Scheme) -> Array:
    """Vertices (V,) under the jaw: the neck turns against the head. Ears reach down to where
    the jaw bends, beside it."""
    jaw = scheme.plane[:JAW]
    line = np.interp(places[:, 0], jaw[:, 0], jaw[:, 1])
    return np.asarray(places[:, 1] > np.maximum(line, jaw[3, 1]))

"""What a face looks like in a few bytes: enough to tell that two are nearly the same.

A signature is 18 half floats and 64 bytes. The first say where nine places of the plane come to
lie in the crop once a smooth bend of the plane is fitted to the predicted points: pose and
expression, whatever the scheme is. The rest is the crop itself, 8 x 8 px of grey, without
brightness and contrast.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from labelkit.geometry import Array
from labelkit.prediction import Prediction
from labelkit.sampling import LOOK_BYTES
from labelkit.scheme import Scheme

_PLACES = np.array([(x, y) for y in (-0.4, 0.1, 0.6) for x in (-0.45, 0.0, 0.45)])

#: The length of a signature in bytes.
BYTES = 2 * _PLACES.size + LOOK_BYTES

#: A bend is held straight by as much as so many points that are not bent.
_STIFFNESS = 0.02

#: At these distances, in plane units and in standard deviations of grey, two faces are still alike
#: by exp(-1/2). Frames of a film half a second apart differ by about half as much.
_BEND_SCALE, _LOOK_SCALE = 0.04, 0.8


def signature(prediction: Prediction, scheme: Scheme, look: bytes | None = None) -> bytes | None:
    """The signature of a face whose points of ``scheme`` were predicted; ``look`` is that of its
    crop (`labelkit.sampling.look`). None without points."""
    there = np.isfinite(prediction.xy).all(axis=1)
    if not there.any():
        return None
    moved = prediction.crop.points_to_crop(prediction.xy) - scheme.plane
    bend = _bend(scheme, there.tobytes()) @ moved[there]
    return bend.astype("<f2").tobytes() + (look or bytes(LOOK_BYTES))


@lru_cache(maxsize=64)
def _bend(scheme: Scheme, there: bytes) -> Array:
    """The matrix (9, n) from the displacements of the points to those of the nine places: the
    quadratic in x and y that fits best, with a little ridge."""
    plane = scheme.plane[np.frombuffer(there, bool)]
    terms = _terms(plane)
    ridge = _STIFFNESS * len(plane) * np.eye(terms.shape[1])
    ridge[0, 0] = 1e-9  # a shift costs nothing
    return np.asarray(_terms(_PLACES) @ np.linalg.solve(terms.T @ terms + ridge, terms.T))


def _terms(places: Array) -> Array:
    x, y = places.T
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)


def squared_distances(signatures: Sequence[bytes | None]) -> Array:
    """(B, B), in units in which two faces at a distance of 1 are alike by exp(-1/2); infinite
    where one has no signature."""
    there = np.array([one is not None and len(one) == BYTES for one in signatures], bool)
    pairs = zip(signatures, there, strict=True)
    blobs = (one if one is not None and known else bytes(BYTES) for one, known in pairs)
    table = np.frombuffer(b"".join(blobs), np.uint8).reshape(-1, BYTES)
    split = 2 * _PLACES.size
    bends = table[:, :split].copy().view("<f2").astype(np.float64)
    looks = table[:, split:].copy().view(np.int8).astype(np.float64)
    distances = _between(bends) / (len(_PLACES) * _BEND_SCALE**2)
    light = _between(looks) / (LOOK_BYTES * (32 * _LOOK_SCALE) ** 2)
    seen = looks.any(axis=1)  # of a face that was never cut out nothing is known
    distances += np.where(np.logical_and.outer(seen, seen), light, 0.0)
    return np.where(np.logical_and.outer(there, there), distances, np.inf)


def _between(rows: Array) -> Array:
    squares = (rows**2).sum(axis=1)
    return np.asarray(np.maximum(squares[:, None] + squares[None, :] - 2 * rows @ rows.T, 0.0))

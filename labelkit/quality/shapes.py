"""What shapes of a scheme usually look like: a low-rank Gaussian on the plane, fitted robustly.

Shapes are brought onto the plane by similarities; what is left has the mean of the scheme's plane
bent by what the faces have in common, and a covariance C = B Bᵀ + D of a few modes and a variance
for each coordinate (factor analysis). A point is judged by where the others expect it: with the
precision Λ = C⁻¹ the error of point i given all others is Λ_ii⁻¹ (Λ (x - μ))_i, of covariance
Λ_ii⁻¹ (Bishop 2006, eq. 2.96), so that one matrix product judges every point of every face.

Faces are few at first, and some are wrong. The covariance is therefore held by a prior, smooth
bends of the plane, that counts as much as `PRIOR` faces, and a face that fits worse than most by
the weight that a multivariate t distribution gives it (Lange, Little and Taylor 1989), or not at
all where it is hardly a face.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelkit.errors import InputError
from labelkit.geometry import Array
from labelkit.scheme import Scheme

#: The prior counts as much as so many faces.
PRIOR = 20.0

#: The smooth bends of the prior: their size and reach in plane units, and what points deviate by
#: from one another (about 2 % of the eye distance).
_BEND, _REACH, _NOISE = 0.06, 0.4, 0.015

#: Modes beyond so many, or beyond this share of the variance, count as noise.
_MODES, _SHARE = 60, 0.999

#: Degrees of freedom of the t distribution, and rounds of fitting.
_FREEDOM, _ROUNDS = 4.0, 6

#: A face so many times as strange as the median does not count in the fit.
_FOREIGN = 2.5

#: Fewer faces than `_MANY` are judged in so many parts; of more at most `_ENOUGH` are fitted.
_FOLDS, _MANY, _ENOUGH = 5, 500, 3000

#: With fewer points a shape is nothing that can be judged: a similarity has 4 numbers.
LEAST = 4


@dataclass(frozen=True)
class ShapeSpace:
    """What shapes look like: ``mean`` (N, 2) and ``covariance`` (2N, 2N) on the plane, x and y of
    each point in turn; ``faces`` is how many it was fitted to."""

    scheme: Scheme
    mean: Array
    covariance: Array
    faces: int

    def judged(self, shapes: ArrayLike) -> Judged:
        """What is to be said about shapes (M, N, 2) in image px, NaN for points that are not there."""
        xy = _checked(shapes, self.scheme)
        there = _there(xy)
        placed, scale = _placed(xy, there, self.mean)
        error, deviation = np.full(xy.shape, np.nan), np.full(there.shape, np.nan)
        strangeness = np.full(len(xy), np.nan)
        for rows, points in _patterns(there):
            precision = self._precision(points)
            found, d, total = _conditional(placed[rows][:, points] - self.mean[points], precision)
            error[np.ix_(rows, points)], deviation[np.ix_(rows, points)] = found, d
            strangeness[rows] = total
        return Judged(placed, error, deviation, strangeness, scale)

    def expected(self, placed: Array, points: NDArray[np.intp]) -> Array:
        """Where the other points of a shape on the plane (N, 2) expect ``points``, (n, 2)."""
        others = np.setdiff1d(np.flatnonzero(np.isfinite(placed).all(axis=1)), points)
        own, given = _coordinates(points), _coordinates(others)
        known = np.linalg.solve(
            self.covariance[np.ix_(given, given)], (placed[others] - self.mean[others]).ravel()
        )
        return np.asarray(self.mean[points] + (self.covariance[np.ix_(own, given)] @ known).reshape(-1, 2))

    def _precision(self, points: NDArray[np.intp]) -> Array:
        index = _coordinates(points)
        return np.asarray(np.linalg.inv(self.covariance[np.ix_(index, index)]))


@dataclass(frozen=True)
class Judged:
    """``placed`` (M, N, 2): the shapes on the plane. ``error`` (M, N, 2), in plane units: how far
    each point lies from where the others expect it; ``deviation`` (M, N) the same in about standard
    deviations (Mahalanobis); ``strangeness`` (M,) that of the whole shape, by point; ``scale`` (M,)
    px per plane unit. NaN where a point is not there or a face has fewer than `LEAST`."""

    placed: Array
    error: Array
    deviation: Array
    strangeness: Array
    scale: Array

    @classmethod
    def blank(cls, faces: int, points: int) -> Judged:
        """Nothing said about so many faces yet."""
        shapes = ((faces, points, 2), (faces, points, 2), (faces, points), (faces,), (faces,))
        return cls(*(np.full(shape, np.nan) for shape in shapes))

    def put(self, rows: NDArray[np.bool_], judged: Judged) -> None:
        """Take over what is said about the faces ``rows``."""
        for one in fields(self):
            getattr(self, one.name)[rows] = getattr(judged, one.name)


class Judge:
    """Judges faces (M, N, 2) in image px by what the others look like.

    Of few faces each would explain itself: they are judged in `_FOLDS` parts, each by the rest. Of
    very many, `_ENOUGH` spread evenly say what shapes look like.
    """

    def __init__(self, shapes: ArrayLike, scheme: Scheme) -> None:
        xy = _checked(shapes, scheme)
        self.scheme = scheme
        if len(xy) >= _MANY:
            self._part: NDArray[np.intp] = np.zeros(len(xy), np.intp)
            self._spaces: list[ShapeSpace] = [fit_shapes(xy[:: -(-len(xy) // _ENOUGH)], scheme)]
        else:
            self._part = np.arange(len(xy)) % _FOLDS
            self._spaces = [fit_shapes(xy[self._part != one], scheme) for one in range(_FOLDS)]

    def space(self, row: int) -> ShapeSpace:
        """What the face ``row`` is judged by."""
        return self._spaces[int(self._part[row])]

    def judged(self, shapes: ArrayLike, rows: NDArray[np.intp] | None = None) -> Judged:
        """What is to be said about shapes (n, N, 2), which are those of the faces ``rows`` (n,), or
        variants of them; by default of all faces."""
        xy = _checked(shapes, self.scheme)
        part = self._part if rows is None else self._part[rows]
        result = Judged.blank(len(xy), len(self.scheme))
        for number, space in enumerate(self._spaces):
            here = np.asarray(part == number)
            if here.any():
                result.put(here, space.judged(xy[here]))
        return result


def place(shapes: ArrayLike, scheme: Scheme) -> NDArray[np.complex128]:
    """The similarity from the plane to each of the shapes (M, N, 2) in image px, as the complex number
    (M,) by which it multiplies: px per plane unit and turn. NaN for one with fewer than two points."""
    xy = _checked(shapes, scheme)
    there = _there(xy)
    turn = _similarities(xy, there, scheme.plane)[0]
    return np.where((there.sum(axis=1) > 1) & (np.abs(turn) > 0), turn, np.nan)


def fit_shapes(shapes: ArrayLike, scheme: Scheme) -> ShapeSpace:
    """The shape space of faces (M, N, 2) in image px, NaN for points that are not there.

    With few faces, or none, it is mostly what the scheme's plane and smooth bends of it say. Raises
    `InputError` when the array does not fit the scheme.
    """
    xy = _checked(shapes, scheme)
    there = _there(xy)
    usable = there.sum(axis=1) >= LEAST
    xy, there = xy[usable], there[usable]
    mean, prior = scheme.plane.copy(), _prior(scheme)
    covariance = prior
    for _ in range(_ROUNDS if len(xy) else 0):
        placed, _ = _placed(xy, there, mean)
        filled, spread, weights = _expected(placed, there, mean, covariance)
        mean = (PRIOR * scheme.plane + np.einsum("m,mnc->nc", weights, filled)) / (PRIOR + weights.sum())
        rest = (filled - mean).reshape(len(xy), -1)
        scatter = (rest * weights[:, None]).T @ rest + spread
        covariance = _low_rank((PRIOR * prior + scatter) / (PRIOR + (weights > 0).sum()))
    return ShapeSpace(scheme, mean, covariance, len(xy))


def _checked(shapes: ArrayLike, scheme: Scheme) -> Array:
    xy = np.asarray(shapes, np.float64)
    if xy.ndim != 3 or xy.shape[1:] != (len(scheme), 2):
        raise InputError(f"scheme {scheme.name!r} has {len(scheme)} points, not shapes of {xy.shape}")
    return xy


def _there(xy: Array) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(xy).all(axis=2))


def _coordinates(points: NDArray[np.intp]) -> NDArray[np.intp]:
    return np.asarray((2 * points[:, None] + [0, 1]).ravel())


def _patterns(there: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """The faces that have the same points, and these points; those with too few are left out."""
    if not len(there):
        return
    kinds, which = np.unique(there, axis=0, return_inverse=True)
    for number, kind in enumerate(kinds):
        if kind.sum() >= LEAST:
            yield np.flatnonzero(which.ravel() == number), np.flatnonzero(kind)


def _placed(xy: Array, there: NDArray[np.bool_], mean: Array) -> tuple[Array, Array]:
    """Shapes brought onto ``mean`` (M, N, 2) by their similarities, and px per plane unit (M,)."""
    turn, points = _similarities(xy, there, mean)
    points = np.where(there, points, np.nan)
    return np.stack([points.real, points.imag], axis=2), np.abs(turn)


def _similarities(
    xy: Array, there: NDArray[np.bool_], mean: Array
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """By what the similarity from ``mean`` to each shape multiplies (M,), and the shapes brought back
    onto it (M, N), in complex numbers.

    As `Similarity.fit`, for all shapes at once and robustly: each point counts by how well it fits
    (Welsch's weights, at twice the median distance). It is fitted from the plane, not to it, or the
    mirror image of a face would shrink to a point, with which nothing is wrong.
    """
    plane = mean[:, 0] + 1j * mean[:, 1]
    source = np.where(there, xy[..., 0] + 1j * xy[..., 1], 0)
    weights = there.astype(np.float64)
    for _ in range(4):
        total = np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
        centre = (weights * source).sum(axis=1, keepdims=True) / total
        middle = (weights * plane).sum(axis=1, keepdims=True) / total
        z, w = plane[None] - middle, source - centre
        power = np.maximum((weights * np.abs(z) ** 2).sum(axis=1, keepdims=True), 1e-12)
        turn = (weights * np.conj(z) * w).sum(axis=1, keepdims=True) / power
        placed = w / np.where(np.abs(turn) > 1e-9, turn, 1e-9) + middle
        distance = np.where(there, np.abs(placed - plane[None]), np.nan)
        usual = np.nanmedian(np.where(there.any(axis=1, keepdims=True), distance, 1.0), axis=1, keepdims=True)
        weights = np.where(there, np.exp(-0.5 * (distance / np.maximum(2 * usual, 1e-6)) ** 2), 0.0)
    return np.asarray(turn[:, 0]), np.asarray(placed)


def _conditional(rest: Array, precision: Array) -> tuple[Array, Array, Array]:
    """Of deviations from the mean (M, n, 2): the error of each point given the others (M, n, 2), the
    same in standard deviations (M, n), and the root mean square of the whole (M,)."""
    count = rest.shape[1]
    pulled = (rest.reshape(len(rest), -1) @ precision).reshape(rest.shape)
    own = precision.reshape(count, 2, count, 2)[np.arange(count), :, np.arange(count), :]
    error = np.einsum("nij,mnj->mni", np.linalg.inv(own), pulled)
    deviation = np.sqrt(np.maximum(np.einsum("mni,mni->mn", error, pulled), 0))
    whole = np.einsum("mni,mni->m", rest, pulled)
    return error, deviation, np.sqrt(np.maximum(whole, 0) / (2 * count))


def _expected(
    placed: Array, there: NDArray[np.bool_], mean: Array, covariance: Array
) -> tuple[Array, Array, Array]:
    """The E step with missing points: shapes filled in (M, N, 2), the summed covariance of what was
    filled in, and the weight of each face (M,)."""
    filled, weights = placed.copy(), np.zeros(len(placed))
    strange, spread = np.zeros(len(placed)), np.zeros_like(covariance)
    for rows, points in _patterns(there):
        own, gone = _coordinates(points), _coordinates(np.flatnonzero(~there[rows[0]]))
        rest = (placed[rows][:, points] - mean[points]).reshape(len(rows), -1)
        inverse = np.linalg.inv(covariance[np.ix_(own, own)])
        whole = np.einsum("mi,ij,mj->m", rest, inverse, rest)
        weights[rows] = np.minimum(1.0, (_FREEDOM + len(own)) / (_FREEDOM + whole))
        strange[rows] = whole / len(own)
        if len(gone):
            across = covariance[np.ix_(gone, own)] @ inverse
            flat = filled.reshape(len(placed), -1)
            flat[np.ix_(rows, gone)] = mean.ravel()[gone] + rest @ across.T
            spread[np.ix_(gone, gone)] += len(rows) * (
                covariance[np.ix_(gone, gone)] - across @ covariance[np.ix_(own, gone)]
            )
    # Bounded influence is not enough: a few faces with left and right swapped all pull the same way.
    weights[strange > _FOREIGN**2 * np.median(strange)] = 0.0
    return filled, spread, weights


def _prior(scheme: Scheme) -> Array:
    """Smooth bends of the plane: a squared exponential kernel, equal in x and y, and noise."""
    away = ((scheme.plane[:, None] - scheme.plane[None]) ** 2).sum(axis=2)
    smooth = _BEND**2 * np.exp(-0.5 * away / _REACH**2) + _NOISE**2 * np.eye(len(scheme))
    return np.asarray(np.kron(smooth, np.eye(2)))


def _low_rank(covariance: Array) -> Array:
    """The largest modes of a covariance, and the rest as variances of single coordinates."""
    values, modes = np.linalg.eigh(covariance)
    share = np.cumsum(values[::-1]) / values.sum()
    count = min(int(np.searchsorted(share, _SHARE)) + 1, _MODES, len(values))
    kept = (modes[:, -count:] * values[-count:]) @ modes[:, -count:].T
    return np.asarray(kept + np.diag(np.maximum(np.diag(covariance) - np.diag(kept), (0.2 * _NOISE) ** 2)))

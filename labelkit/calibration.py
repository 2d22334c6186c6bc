"""From a network's spread to one that can be believed: one global function, smooth over the plane.

A network's standard deviations order its errors well, but they are too small, since it has seen its
training faces before, and they are told along the crop's axes, while the points of an outline err along
it. Both are mended by a function of the spread and of the place on the plane. It is fitted on faces that no
training saw, without regard to which point it is, and so holds for schemes that are drawn later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize

from labelkit.errors import CheckpointError, InputError
from labelkit.geometry import Array, ellipse_radius
from labelkit.metrics import ELLIPSES

#: An error of a point below this share of the IOD counts as right (contract, section 5).
RIGHT = 0.05

#: A usual standard deviation, as a share of the IOD, at which ``power`` changes nothing.
USUAL = 0.02

#: Where on the right half of the plane the bumps stand of which smooth functions are made, and how wide.
BUMPS = np.array([(x, y) for x in (0.0, 0.35, 0.7) for y in (-0.6, -0.25, 0.1, 0.45, 0.8, 1.15)])
WIDTH = 0.3

#: An error of nothing would have no logarithm: this share of the IOD is added to all.
_LEAST = 0.003

#: How strongly a readout's weights are held to nothing, in units of one point's square; the number of
#: faces in turn left out.
_RIDGE, _FOLDS = 3000.0, 5

#: Degrees of freedom of Student's distribution, by whose likelihood the function is fitted: the tails of
#: landmark errors are heavier than normal ones.
_TAILS = 10.0

#: How strongly smooth functions are held to nothing, in units of one point's likelihood.
_HELD = 20.0


@dataclass(frozen=True)
class Readout:
    """A second reading of what a network tells its spread from, on faces that its training did not see.

    The logarithm of a spread changes by ``constant`` + ``share`` x log(m / `USUAL`) + ``weights`` · r, with
    m the geometric mean of the spread along both axes, as a share of the IOD, and r (C,) what the network
    read. It is the same for all points.
    """

    constant: float
    share: float
    weights: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a card; `from_dict` reads it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Any) -> Readout:
        """Raises `CheckpointError` for what is no readout."""
        try:
            known = dict(data)
            weights = tuple(float(weight) for weight in known.pop("weights"))
            found = cls(weights=weights, **{key: float(value) for key, value in known.items()})
        except (TypeError, ValueError, KeyError, OverflowError) as error:
            raise CheckpointError(f"the readout of the spread cannot be understood ({error})") from error
        if not np.isfinite([found.constant, found.share, *weights]).all():
            raise CheckpointError("the readout of the spread has a number that is not finite")
        return found

    def spread(self, spread: ArrayLike, read: ArrayLike) -> Array:
        """New standard deviations (..., 2), shares of the IOD, of those that the network gave, and of what
        it read (..., C)."""
        told = np.asarray(spread, np.float64)
        more = self.constant + self.share * _size(told) + np.asarray(read, np.float64) @ self.weights
        return np.asarray(told * np.exp(more)[..., None])


@dataclass(frozen=True)
class Calibration:
    """The covariance of a point of the place p is D R(p) D: D holds the standard deviations along the
    axes, as shares of the IOD, ``scale`` x `USUAL` x (spread / `USUAL`) ^ ``power``, and R is

        exp(2 size(p)) x [[exp(-2 ratio(p)), tanh tilt(p)], [tanh tilt(p), exp(2 ratio(p))]]

    ``size``, ``ratio`` and ``tilt`` are the heights of the `BUMPS`, or empty: smooth over the plane, and
    such that mirrored places have mirrored ellipses. Far from all bumps R is the identity.

    The probability that a point is right is 1 - exp(-(``reach`` x t) ^ ``shape``), with t the limit
    `RIGHT` over the root of the covariance's trace (Weibull's distribution of the error, which has a
    normal one's as the special case of shape 2).
    """

    scale: float = 1.0
    power: float = 1.0
    reach: float = 1.0
    shape: float = 2.0
    size: tuple[float, ...] = ()
    ratio: tuple[float, ...] = ()
    tilt: tuple[float, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a card; `from_dict` reads it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Any) -> Calibration:
        """Raises `CheckpointError` for what is no calibration."""
        try:
            known = dict(data)
            size, ratio, tilt = (tuple(map(float, known.pop(key, ()))) for key in ("size", "ratio", "tilt"))
            numbers = {key: float(value) for key, value in known.items()}
            found = cls(size=size, ratio=ratio, tilt=tilt, **numbers)
        except (TypeError, ValueError, OverflowError) as error:
            raise CheckpointError(f"the calibration cannot be understood ({error})") from error
        if not all(np.isfinite(number) and number > 0 for number in numbers.values()):
            raise CheckpointError("the calibration has a number that is not positive")
        if any(len(row) not in (0, len(BUMPS)) or not np.isfinite(row).all() for row in (size, ratio, tilt)):
            raise CheckpointError(f"the calibration has other than {len(BUMPS)} finite heights of bumps")
        return found

    def cov(self, spread: ArrayLike, plane: ArrayLike) -> Array:
        """Calibrated covariances (..., N, 2, 2), squared shares of the IOD, of raw standard deviations
        (..., N, 2), shares of the IOD, at the places ``plane`` (N, 2)."""
        raw, places = np.asarray(spread, np.float64), np.asarray(plane, np.float64)
        along = self.scale * USUAL * (raw / USUAL) ** self.power
        return np.asarray(along[..., :, None] * self._relative(places) * along[..., None, :])

    def confidence(self, cov: ArrayLike) -> Array:
        """P(error < `RIGHT`) of points whose calibrated covariances are (..., 2, 2)."""
        size = np.sqrt(np.trace(np.asarray(cov, np.float64), axis1=-2, axis2=-1))
        with np.errstate(divide="ignore"):
            return np.asarray(-np.expm1(-((self.reach * RIGHT / size) ** self.shape)))

    def _relative(self, places: Array) -> Array:
        """R at places (N, 2), (N, 2, 2)."""
        even, odd = _bumps(places)
        none = np.zeros(len(BUMPS))
        size, ratio = even @ (self.size or none), even @ (self.ratio or none)
        rho = np.tanh(odd @ (self.tilt or none))
        rows = np.stack([np.exp(-2 * ratio), rho, rho, np.exp(2 * ratio)], axis=-1)
        return np.asarray(np.exp(2 * size)[:, None, None] * rows.reshape(-1, 2, 2))


def fit_readout(errors: ArrayLike, spread: ArrayLike, read: ArrayLike) -> tuple[Readout, Array]:
    """By ridge regression of the logarithm of the errors (M, N, 2) on what the network read (M, N, C) and
    on its spread (M, N, 2), both as shares of the IOD; NaN is not there.

    Also returns the spread (M, N, 2) that such readouts give to faces that they were not fitted to, a
    fifth of all in turn: what a calibration is to be fitted on. Raises `InputError` for fewer faces than
    that takes.
    """
    told, seen = np.asarray(spread, np.float64), np.asarray(read, np.float64)
    far = np.log(np.linalg.norm(np.asarray(errors, np.float64), axis=-1) + _LEAST)
    there = np.isfinite(far) & np.isfinite(told).all(-1)
    if np.count_nonzero(there.any(1)) < 2 * _FOLDS:
        raise InputError(f"{len(there)} faces are too few to read a spread anew")
    fold = np.arange(len(told)) % _FOLDS
    unseen = np.full_like(told, np.nan)
    for number in range(_FOLDS):
        rest, part = there & (fold != number)[:, None], fold == number
        unseen[part] = _regressed(far[rest], told[rest], seen[rest]).spread(told[part], seen[part])
    return _regressed(far[there], told[there], seen[there]), unseen


def _regressed(far: Array, told: Array, seen: Array) -> Readout:
    """The readout of points: logarithms of errors (n,), spreads (n, 2) and what was read (n, C)."""
    middle, width = seen.mean(0), seen.std(0) + 1e-6
    size = _size(told)
    columns = np.column_stack([(seen - middle) / width, size, np.ones(len(size))])
    held = np.diag([*np.full(len(width), _RIDGE), 0.0, 0.0])
    *weights, share, constant = np.linalg.solve(columns.T @ columns + held, columns.T @ far)
    weights = weights / width
    # The network's own spread is multiplied, hence one less of it.
    constant = constant - weights @ middle - np.log(USUAL)
    return Readout(float(constant), float(share) - 1, tuple(weights.tolist()))


def _size(spread: Array) -> Array:
    """The logarithm of the geometric mean of both axes (..., 2) over `USUAL`."""
    return np.asarray(np.log(spread / USUAL).mean(-1))


def fit_calibration(errors: ArrayLike, spread: ArrayLike, plane: ArrayLike) -> Calibration:
    """From errors (M, N, 2) and raw standard deviations of the same shape, as shares of the IOD and
    along the same axes, of points at ``plane`` (N, 2); NaN is not there.

    Power and smooth functions are those of the greatest likelihood under Student's distribution, the
    scale is then the one whose ellipses hold the shares that they are to hold (`ELLIPSES`), and reach and
    shape are those of the greatest likelihood of what came out right. Raises `InputError` for fewer than
    a hundred points.
    """
    difference, raw = np.asarray(errors, np.float64), np.asarray(spread, np.float64)
    there = np.isfinite(difference).all(-1) & np.isfinite(raw).all(-1)
    if there.sum() < 100:
        raise InputError(f"{there.sum()} points are too few to calibrate a spread on")
    places = np.broadcast_to(np.asarray(plane, np.float64), difference.shape)[there]
    difference, raw = difference[there], raw[there]
    begun = _most_likely(difference, raw, places)
    cov = begun.cov(raw, places)
    distance = np.sqrt(np.einsum("ni,nij,nj->n", difference, np.linalg.inv(cov), difference))
    scale = best_scale(distance)
    fitted = Calibration(begun.scale * scale, begun.power, 1.0, 2.0, begun.size, begun.ratio, begun.tilt)
    reach, shape = _best_chance(fitted.cov(raw, places), np.hypot(*difference.T) < RIGHT)
    return Calibration(fitted.scale, fitted.power, reach, shape, begun.size, begun.ratio, begun.tilt)


def best_scale(distance: Array) -> float:
    """By what to widen ellipses so that they hold what they are to hold, as well as one number between
    e⁻¹ and e can; ``distance`` (n,) are Mahalanobis distances of true points."""
    radii = np.array([ellipse_radius(level) for level in ELLIPSES])
    factors = np.exp(np.linspace(-1.0, 1.0, 801))
    inside = np.searchsorted(np.sort(distance), factors[:, None] * radii, side="right") / len(distance)
    return float(factors[((inside - np.array(ELLIPSES)) ** 2).sum(1).argmin()])


def _most_likely(difference: Array, raw: Array, places: Array) -> Calibration:
    even, odd = _bumps(places)
    count = len(BUMPS)
    logs = np.log(raw / USUAL)

    def cost(numbers: Array) -> tuple[float, Array]:
        """Minus the log likelihood and its gradient, over the places' three numbers and the power."""
        heights = numbers[2:].reshape(3, count)
        size, ratio, tilt = even @ heights[0], even @ heights[1], odd @ heights[2]
        log_along = numbers[0] + np.exp(numbers[1]) * logs + size[:, None]
        x = difference[:, 0] / USUAL * np.exp(-log_along[:, 0] + ratio)
        y = difference[:, 1] / USUAL * np.exp(-log_along[:, 1] - ratio)
        rho = np.tanh(tilt)
        rest = 1 - rho**2
        square = (x**2 - 2 * rho * x * y + y**2) / rest
        weight = (_TAILS + 2) / (_TAILS + square)
        value = 0.5 * (_TAILS + 2) * np.log1p(square / _TAILS) + log_along.sum(1) + 0.5 * np.log(rest)
        # How the value changes with the logarithms of both deviations, and with the correlation.
        by_x = 1 - weight * (x**2 - rho * x * y) / rest
        by_y = 1 - weight * (y**2 - rho * x * y) / rest
        by_tilt = weight * (rho * square - x * y) - rho
        slope = np.concatenate(
            [
                [(by_x + by_y).sum(), np.exp(numbers[1]) * (by_x * logs[:, 0] + by_y * logs[:, 1]).sum()],
                even.T @ (by_x + by_y),
                even.T @ (by_y - by_x),
                odd.T @ by_tilt,
            ]
        )
        held = np.concatenate([np.zeros(2), numbers[2:]])
        total = value.sum() + 0.5 * _HELD * (held**2).sum()
        return float(total) / len(raw), (slope + _HELD * held) / len(raw)

    found = minimize(cost, np.zeros(2 + 3 * count), jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    size, ratio, tilt = (tuple(map(float, row)) for row in found[2:].reshape(3, count))
    return Calibration(float(np.exp(found[0])), float(np.exp(found[1])), size=size, ratio=ratio, tilt=tilt)


def _best_chance(cov: Array, right: Array) -> tuple[float, float]:
    """Reach and shape of the probability to be right, from what was."""
    t = RIGHT / np.sqrt(np.trace(cov, axis1=1, axis2=2))

    def surprise(numbers: Array) -> float:
        wrong = np.exp(-((np.exp(numbers[0]) * t) ** np.exp(numbers[1])))
        chance = np.clip(np.where(right, 1 - wrong, wrong), 1e-6, 1)
        return float(-np.log(chance).mean())

    reach, shape = np.exp(_least(surprise))
    return float(reach), float(shape)


def _bumps(places: Array) -> tuple[Array, Array]:
    """Every bump at places (N, 2), together with its mirror image and less it, (N, K) each."""

    def at(centres: Array) -> Array:
        away = ((places[:, None] - centres) ** 2).sum(-1)
        return np.asarray(np.exp(-0.5 * away / WIDTH**2))

    here, there = at(BUMPS), at(BUMPS * (-1, 1))
    return here + there, here - there


def _least(cost: Callable[[Array], float]) -> Array:
    """Where a function of two numbers is least."""
    simplex = [[0.0, 0.0], [0.5, 0.0], [0.0, 0.4]]
    options = {"initial_simplex": simplex, "xatol": 1e-4, "fatol": 1e-6}
    return np.asarray(minimize(cost, np.zeros(2), method="Nelder-Mead", options=options).x)

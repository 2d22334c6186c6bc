"""From a network's spread to one that can be believed: one global function of few numbers.

A network's standard deviations order its errors well and are too small, since it has seen its training
faces before. Fitted on faces that no training saw, and without regard to which point it is, the function
holds for schemes that are drawn later.
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

#: How much the shares inside ellipses count beside the likelihood when the two numbers are fitted.
_SHARES = 200.0


@dataclass(frozen=True)
class Calibration:
    """Spread along an axis, as a share of the IOD: ``scale`` x `USUAL` x (spread / `USUAL`) ^ ``power``.

    The probability that a point is right is 1 - exp(-(``reach`` x t) ^ ``shape``), with t the limit
    `RIGHT` over the calibrated spread, the root of the sum of both axes' squares (Weibull's distribution
    of the error, which has a normal one's as the special case of shape 2).
    """

    scale: float = 1.0
    power: float = 1.0
    reach: float = 1.0
    shape: float = 2.0

    def to_dict(self) -> dict[str, float]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Any) -> Calibration:
        """Raises `CheckpointError` for what is no calibration."""
        try:
            found = cls(**{key: float(value) for key, value in dict(data).items()})
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"the calibration cannot be understood ({error})") from error
        if not all(np.isfinite(value) and value > 0 for value in found.to_dict().values()):
            raise CheckpointError("the calibration has a number that is not positive")
        return found

    def spread(self, spread: ArrayLike) -> Array:
        """Calibrated standard deviations of raw ones, both as shares of the IOD."""
        return np.asarray(self.scale * USUAL * (np.asarray(spread, np.float64) / USUAL) ** self.power)

    def confidence(self, spread: ArrayLike) -> Array:
        """P(error < `RIGHT`) of points whose calibrated standard deviations are (..., 2)."""
        size = np.hypot(*np.moveaxis(np.asarray(spread, np.float64), -1, 0))
        with np.errstate(divide="ignore"):
            return np.asarray(-np.expm1(-((self.reach * RIGHT / size) ** self.shape)))


def fit_calibration(errors: ArrayLike, spread: ArrayLike) -> Calibration:
    """From errors (M, N, 2) and raw standard deviations of the same shape, as shares of the IOD and
    along the same axes; NaN is not there.

    Scale and power are those of the greatest likelihood of normal errors, pulled to the shares that the
    `ELLIPSES` are to hold; reach and shape those of the greatest likelihood of what came out right.
    Raises `InputError` for fewer than a hundred points.
    """
    difference = np.asarray(errors, np.float64).reshape(-1, 2)
    raw = np.asarray(spread, np.float64).reshape(-1, 2)
    there = np.isfinite(difference).all(1) & np.isfinite(raw).all(1)
    difference, raw = difference[there], raw[there]
    if len(raw) < 100:
        raise InputError(f"{len(raw)} points are too few to calibrate a spread on")
    radii = np.array([ellipse_radius(level) for level in ELLIPSES])

    def cost(numbers: Array) -> float:
        deviation = np.exp(numbers[0]) * USUAL * (raw / USUAL) ** np.exp(numbers[1])
        distance = np.hypot(*(difference / deviation).T)
        shares = np.array([(distance <= radius).mean() for radius in radii])
        # Of Laplace's distribution, whose tails are nearer to those of landmark errors.
        likelihood = (np.abs(difference) / deviation * 2**0.5 + np.log(deviation)).mean()
        return float(_SHARES * ((shares - ELLIPSES) ** 2).sum() + likelihood)

    scale, power = np.exp(_least(cost))
    begun = Calibration(float(scale), float(power))
    right = np.hypot(*difference.T) < RIGHT
    t = RIGHT / np.hypot(*begun.spread(raw).T)

    def surprise(numbers: Array) -> float:
        wrong = np.exp(-((np.exp(numbers[0]) * t) ** np.exp(numbers[1])))
        chance = np.clip(np.where(right, 1 - wrong, wrong), 1e-6, 1)
        return float(-np.log(chance).mean())

    reach, shape = np.exp(_least(surprise))
    return Calibration(begun.scale, begun.power, float(reach), float(shape))


def _least(cost: Callable[[Array], float]) -> Array:
    """Where a function of two numbers is least; it may have small steps, as shares have."""
    simplex = [[0.0, 0.0], [0.5, 0.0], [0.0, 0.4]]
    options = {"initial_simplex": simplex, "xatol": 1e-4, "fatol": 1e-6}
    return np.asarray(minimize(cost, np.zeros(2), method="Nelder-Mead", options=options).x)

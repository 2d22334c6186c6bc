"""How far predictions are from annotations: NME, FR, AUC, CED, calibration.

Errors are per face, normalised by a distance of that face; means over points come first,
then over faces (300-W: Sagonas et al. 2013). Rates and errors are fractions here and
percent in what commands print; AUC is the area under the cumulative error distribution
from 0 to a threshold, divided by the threshold (Zhu et al. 2015 and later papers).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from labelkit.geometry import Array, ellipse_radius

#: The probabilities of the ellipses that calibration is told for (contract, section 7).
ELLIPSES = (0.39, 0.68, 0.86, 0.95)


def point_errors(predicted: ArrayLike, true: ArrayLike) -> Array:
    """Euclidean distances (..., N) between points (..., N, 2); NaN where a point is absent."""
    difference = np.asarray(predicted, np.float64) - np.asarray(true, np.float64)
    return np.asarray(np.hypot(difference[..., 0], difference[..., 1]))


def nme(predicted: ArrayLike, true: ArrayLike, normalizer: ArrayLike) -> Array:
    """Normalised mean error per face: mean point error over the points (N, 2) or
    (M, N, 2) that are there, divided by the face's distance; NaN for a face without points."""
    errors = point_errors(predicted, true)
    there = np.isfinite(errors)
    count = there.sum(axis=-1)
    total = np.where(there, errors, 0.0).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count > 0, total / count, np.nan)
        return np.asarray(mean / np.asarray(normalizer, np.float64))


def failure_rate(errors: ArrayLike, threshold: float = 0.1, missed: int = 0) -> float:
    """The share of faces whose NME exceeds the threshold; ``missed`` faces that nothing
    was predicted for count as failures, and so do NaN errors. NaN for no faces."""
    array = np.asarray(errors, np.float64)
    total = len(array) + missed
    return float((np.sum(~(array <= threshold)) + missed) / total) if total else float("nan")


def ced(errors: ArrayLike, thresholds: ArrayLike, missed: int = 0) -> Array:
    """Cumulative error distribution: the share of faces with an NME at most each threshold,
    in which ``missed`` faces and those with a NaN error never are."""
    array = np.sort(np.asarray(errors, np.float64))
    total = len(array) + missed
    return np.asarray(np.searchsorted(array, np.asarray(thresholds), side="right") / max(total, 1))


def auc(errors: ArrayLike, threshold: float = 0.1, missed: int = 0) -> float:
    """Area under the CED from 0 to the threshold, divided by the threshold: 0 to 1.

    The distribution is a staircase, so its area is exact: a face with error e adds
    (threshold - e) / threshold, one with a NaN error nothing. NaN for no faces.
    """
    array = np.asarray(errors, np.float64)
    total = len(array) + missed
    return float(np.nansum(np.clip(1 - array / threshold, 0, None)) / total) if total else float("nan")


def mahalanobis(predicted: ArrayLike, cov: ArrayLike, true: ArrayLike) -> Array:
    """Mahalanobis distance (..., N) of the true points from the predicted ones (..., N, 2)
    with covariances (..., N, 2, 2); NaN where either is absent."""
    difference = np.asarray(true, np.float64) - np.asarray(predicted, np.float64)
    spread = np.asarray(cov, np.float64)
    # The 2 x 2 inverse by hand: np.linalg.solve raises on a NaN or a singular point.
    a, b, d = spread[..., 0, 0], spread[..., 0, 1], spread[..., 1, 1]
    x, y = difference[..., 0], difference[..., 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt((d * x * x - 2 * b * x * y + a * y * y) / (a * d - b * b)))


def calibration(
    predicted: ArrayLike, cov: ArrayLike, true: ArrayLike, levels: Sequence[float] = ELLIPSES
) -> dict[str, float]:
    """The share of true points inside the p-ellipse, r² = -2 ln(1 - p), for every level:
    ``{"p39": ..., "p68": ...}``. NaN where no point has a spread."""
    distances = mahalanobis(predicted, cov, true).ravel()
    # Infinite is outside of every ellipse: a flat covariance must not hide the point.
    distances = distances[~np.isnan(distances)]
    return {
        f"p{round(100 * p)}": float(np.mean(distances <= ellipse_radius(p)))
        if len(distances)
        else float("nan")
        for p in levels
    }


def bootstrap_interval(
    values: ArrayLike, level: float = 0.95, rounds: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """A percentile bootstrap interval of the mean (Efron 1979), faces drawn with
    replacement; (NaN, NaN) for no values."""
    array = np.asarray(values, np.float64)
    if not len(array):
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    means = array[rng.integers(0, len(array), (rounds, len(array)))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)

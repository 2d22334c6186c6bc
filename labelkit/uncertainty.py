"""From a prediction to what is probably wrong with it."""

from __future__ import annotations

import numpy as np

from labelkit.geometry import PLANE_IOD, Array
from labelkit.prediction import Prediction

#: An error above this share of the eye distance counts as one that has to be corrected.
WRONG = 0.05


def score(prediction: Prediction) -> float | None:
    """The share of the points (0 to 1) that are expected to be off by more than 5 % of IOD; None
    from a model that gives neither confidence nor spread."""
    known = doubts(prediction)
    known = known[np.isfinite(known)]
    return float(known.mean()) if len(known) else None


def doubts(prediction: Prediction) -> Array:
    """The probability of each point (N,) to be off by more than 5 % of IOD.

    From the calibrated confidence where there is one, else from the spread, taken to be normal;
    NaN from a model that gives neither.
    """
    by_confidence = 1 - prediction.confidence
    known = np.where(np.isfinite(by_confidence), by_confidence, _doubts_by_spread(prediction))
    return np.asarray(np.clip(known, 0, 1))


def expected_errors(prediction: Prediction) -> Array:
    """The mean error of each point (N,) in px of the photo that its spread leads to expect, NaN
    where there is none: of a round normal spread the error is Rayleigh distributed, with the mean
    sqrt(π tr Σ) / 2."""
    return np.asarray(np.sqrt(np.pi * np.trace(prediction.cov, axis1=1, axis2=2)) / 2)


def _doubts_by_spread(prediction: Prediction) -> Array:
    """P(error > `WRONG`) of each point, (N,): of a round normal spread of the same mean variance
    the error's square is exponential, with the trace of Σ as its mean."""
    reach = WRONG * PLANE_IOD * prediction.crop.pixels_per_unit
    trace = np.trace(prediction.cov, axis1=1, axis2=2)
    with np.errstate(divide="ignore"):
        return np.asarray(np.exp(-(reach**2) / trace))

"""From a prediction to one number: how much of it is probably wrong."""

from __future__ import annotations

import numpy as np

from labelkit.geometry import PLANE_IOD, Array
from labelkit.prediction import Prediction

#: An error above this share of the eye distance counts as one that has to be corrected.
WRONG = 0.05


def score(prediction: Prediction) -> float | None:
    """The share of the points (0 to 1) that are expected to be off by more than 5 % of IOD.

    From the calibrated confidence where there is one, else from the spread, taken to be normal;
    None from a model that gives neither.
    """
    doubts = 1 - prediction.confidence
    doubts = np.where(np.isfinite(doubts), doubts, _doubts_by_spread(prediction))
    known = doubts[np.isfinite(doubts)]
    return float(np.clip(known, 0, 1).mean()) if len(known) else None


def _doubts_by_spread(prediction: Prediction) -> Array:
    """P(error > `WRONG`) of each point, (N,): of a round normal spread of the same mean variance
    the error's square is exponential, with the trace of Σ as its mean."""
    reach = WRONG * PLANE_IOD * prediction.crop.pixels_per_unit
    trace = np.trace(prediction.cov, axis1=1, axis2=2)
    with np.errstate(divide="ignore"):
        return np.asarray(np.exp(-(reach**2) / trace))

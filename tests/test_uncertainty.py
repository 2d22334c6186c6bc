from __future__ import annotations

import numpy as np
import pytest

from labelkit.geometry import PLANE_IOD, Crop, Similarity
from labelkit.prediction import Prediction
from labelkit.uncertainty import WRONG, score

CROP = Crop(Similarity(100, 0, 50, 50))


def prediction(**known: object) -> Prediction:
    return Prediction(np.zeros((4, 2)), "m@1", CROP, "four", **known)  # type: ignore[arg-type]


def test_a_model_that_says_nothing_has_no_score() -> None:
    assert score(prediction()) is None


def test_confidence_counts_first() -> None:
    known = prediction(confidence=[1, 0.5, 0.75, np.nan], cov=np.full((4, 2, 2), np.nan))
    assert score(known) == pytest.approx(0.25)


def test_spread_gives_the_share_that_is_seen_in_draws() -> None:
    cov = np.tile([[40.0, 0.0], [0.0, 40.0]], (4, 1, 1))
    errors = np.random.default_rng(0).normal(0, np.sqrt(40), (200_000, 2))
    seen = float((np.hypot(*errors.T) > WRONG * PLANE_IOD * 100).mean())
    assert score(prediction(cov=cov)) == pytest.approx(seen, abs=0.005)


def test_a_point_without_spread_is_sure() -> None:
    assert score(prediction(cov=np.zeros((4, 2, 2)))) == 0


def test_more_spread_is_more_doubt() -> None:
    small, large = (score(prediction(cov=np.tile(v * np.eye(2), (4, 1, 1)))) for v in (1.0, 9.0))
    assert small is not None
    assert large is not None
    assert small < large

from __future__ import annotations

import numpy as np
import pytest

from labelkit.calibration import RIGHT, Calibration, fit_calibration
from labelkit.errors import CheckpointError, InputError
from labelkit.metrics import ELLIPSES, calibration


def made(seed: int, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Normal errors of deviations between 0.5 and 5 % of the IOD, whose network says another power of a
    half of them."""
    rng = np.random.default_rng(seed)
    true = np.exp(rng.uniform(np.log(0.005), np.log(0.05), (count, 2)))
    return rng.normal(0, true), 0.5 * 0.02 * (true / 0.02) ** 0.8


def test_ellipses_hold_what_they_say_on_points_that_were_not_fitted() -> None:
    fitted = fit_calibration(*made(0))
    errors, raw = made(1)
    cov = fitted.spread(raw)[..., None] ** 2 * np.eye(2)
    for level, share in zip(ELLIPSES, calibration(errors, cov, np.zeros_like(errors)).values(), strict=True):
        assert share == pytest.approx(level, abs=0.04)
    assert fitted.power == pytest.approx(1 / 0.8, rel=0.15)
    assert fitted.scale == pytest.approx(2, rel=0.2)


def test_confidence_is_the_share_of_points_that_come_out_right() -> None:
    fitted = fit_calibration(*made(0))
    errors, raw = made(1)
    sure = fitted.confidence(fitted.spread(raw))
    right = np.hypot(*errors.T) < RIGHT
    for low, high in ((0.2, 0.5), (0.5, 0.8), (0.8, 0.95), (0.95, 1.0)):
        among = (sure >= low) & (sure < high)
        assert right[among].mean() == pytest.approx(sure[among].mean(), abs=0.05)


def test_less_spread_means_more_confidence_within_0_and_1() -> None:
    sure = Calibration(reach=0.8, shape=1.4).confidence(
        [[0.001, 0.001], [0.02, 0.02], [1.0, 1.0], [np.nan, 0.1]]
    )
    assert (np.diff(sure[:3]) < 0).all()
    assert (sure[:3] >= 0).all()
    assert (sure[:3] <= 1).all()
    assert np.isnan(sure[3])


def test_points_that_are_not_there_do_not_count() -> None:
    errors, raw = made(0, 500)
    errors[::2] = np.nan
    raw[1::5] = np.nan
    assert fit_calibration(errors, raw) == fit_calibration(
        *(a[np.isfinite(errors).all(1) & np.isfinite(raw).all(1)] for a in (errors, raw))
    )
    with pytest.raises(InputError, match="too few"):
        fit_calibration(errors[:40], raw[:40])


def test_a_calibration_goes_through_its_card() -> None:
    told = Calibration(1.2, 0.9, 0.7, 1.6)
    assert Calibration.from_dict(told.to_dict()) == told


@pytest.mark.parametrize(
    "data", [None, "much", {"scale": "a"}, {"scale": -1}, {"tilt": 1}, {"power": float("nan")}]
)
def test_what_is_no_calibration_is_refused(data: object) -> None:
    with pytest.raises(CheckpointError):
        Calibration.from_dict(data)

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from labelkit.calibration import BUMPS, RIGHT, Calibration, Readout, fit_calibration, fit_readout
from labelkit.errors import CheckpointError, InputError
from labelkit.metrics import ELLIPSES, calibration, mahalanobis
from labelkit.scheme import load_scheme

PLANE = load_scheme("ibug68").plane


def made(seed: int, faces: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Normal errors of deviations between 0.5 and 5 % of the IOD, whose network says another power of a
    half of them, and knows nothing of this: to the right of the nose the axes go together, to its left
    against one another, and lower points err more along y."""
    rng = np.random.default_rng(seed)
    told = np.exp(rng.uniform(np.log(0.005), np.log(0.05), (faces, len(PLANE), 2)))
    x, y = PLANE.T
    rho, more = 0.7 * np.tanh(3 * x), np.exp(0.6 * y)
    first, second = rng.normal(size=(2, faces, len(PLANE)))
    errors = np.stack([first, (rho * first + np.sqrt(1 - rho**2) * second) * more], axis=-1) * told
    return errors, 0.5 * 0.02 * (told / 0.02) ** 0.8


@pytest.fixture(scope="module")
def fitted() -> Calibration:
    return fit_calibration(*made(0), PLANE)


def test_ellipses_hold_what_they_say_on_points_that_were_not_fitted(fitted: Calibration) -> None:
    errors, raw = made(1)
    cov = fitted.cov(raw, PLANE)
    for level, share in zip(ELLIPSES, calibration(errors, cov, np.zeros_like(errors)).values(), strict=True):
        assert share == pytest.approx(level, abs=0.03)
    assert fitted.power == pytest.approx(1 / 0.8, rel=0.05)


def test_ellipses_lie_along_the_errors_in_every_part_of_the_plane(fitted: Calibration) -> None:
    errors, raw = made(1)
    distance = mahalanobis(errors, fitted.cov(raw, PLANE), np.zeros_like(errors))
    blind = Calibration(fitted.scale, fitted.power)
    without = mahalanobis(errors, blind.cov(raw, PLANE), np.zeros_like(errors))
    jaw = (distance[:, :17] ** 2).mean(0)
    assert jaw == pytest.approx(2, rel=0.25)
    assert (without[:, :17] ** 2).mean(0).max() > 1.4 * jaw.max()
    cov = fitted.cov(raw, PLANE).mean(0)
    correlation = cov[:, 0, 1] / np.sqrt(cov[:, 0, 0] * cov[:, 1, 1])
    assert correlation[4] < -0.4
    assert correlation[12] > 0.4


def test_mirrored_places_have_mirrored_ellipses(fitted: Calibration) -> None:
    raw = made(0, 1)[1]
    here, there = fitted.cov(raw, PLANE), fitted.cov(raw, PLANE * (-1, 1))
    assert np.allclose(there, here * [[1, -1], [-1, 1]])
    assert not np.allclose(there, here)


def test_far_from_all_faces_only_scale_and_power_are_left(fitted: Calibration) -> None:
    far = fitted.cov([[0.01, 0.02]], [[6.0, -6.0]])[0]
    assert np.allclose(far, Calibration(fitted.scale, fitted.power).cov([[0.01, 0.02]], [[0, 0]])[0])


def test_confidence_is_the_share_of_points_that_come_out_right(fitted: Calibration) -> None:
    errors, raw = made(1)
    sure = fitted.confidence(fitted.cov(raw, PLANE))
    right = np.hypot(*np.moveaxis(errors, -1, 0)) < RIGHT
    for low, high in ((0.2, 0.5), (0.5, 0.8), (0.8, 0.95), (0.95, 1.0)):
        among = (sure >= low) & (sure < high)
        assert right[among].mean() == pytest.approx(sure[among].mean(), abs=0.05)


def test_less_spread_means_more_confidence_within_0_and_1() -> None:
    deviations = np.array([0.001, 0.02, 1.0, np.nan])
    sure = Calibration(reach=0.8, shape=1.4).confidence(deviations[:, None, None] ** 2 * np.eye(2))
    assert (np.diff(sure[:3]) < 0).all()
    assert (sure[:3] >= 0).all()
    assert (sure[:3] <= 1).all()
    assert np.isnan(sure[3])


def test_points_that_are_not_there_do_not_count(fitted: Calibration) -> None:
    errors, raw = made(0)
    more = np.concatenate([errors, np.full_like(errors[:9], np.nan)])
    assert fit_calibration(more, np.concatenate([raw, raw[:9]]), PLANE) == fitted
    with pytest.raises(InputError, match="too few"):
        fit_calibration(errors[:1], raw[:1], PLANE)


def test_a_calibration_goes_through_its_card() -> None:
    told = Calibration(1.2, 0.9, 0.7, 1.6, tilt=tuple(np.linspace(-1, 1, len(BUMPS))))
    assert Calibration.from_dict(told.to_dict()) == told
    assert Calibration.from_dict({"scale": 2}) == Calibration(2.0)


@pytest.mark.parametrize(
    "data",
    [
        None,
        "much",
        {"scale": "a"},
        {"scale": -1},
        {"tilt": 1},
        {"tilt": [1.0, 2.0]},
        {"size": [float("inf")] * len(BUMPS)},
        {"power": float("nan")},
        {"weight": 1},
    ],
)
def test_what_is_no_calibration_is_refused(data: object) -> None:
    with pytest.raises(CheckpointError):
        Calibration.from_dict(data)


def read_by_a_network(seed: int, faces: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Errors whose size the third of four numbers tells that a network read; its spread knows half."""
    rng = np.random.default_rng(seed)
    read = rng.normal(size=(faces, 30, 4))
    told = 0.02 * np.exp(rng.normal(0, 0.3, (faces, 30, 1)) * [1, 1])
    errors = rng.normal(size=told.shape) * told * np.exp(0.5 * read[..., 2:3])
    return errors, told, read


def rank(spread: np.ndarray, errors: np.ndarray) -> float:
    found = spearmanr(np.prod(spread, axis=-1).ravel(), np.linalg.norm(errors, axis=-1).ravel())
    return float(found[0])


def test_a_readout_finds_what_the_spread_leaves_unsaid() -> None:
    readout, unseen = fit_readout(*read_by_a_network(0))
    errors, told, read = read_by_a_network(1)
    new = readout.spread(told, read)
    assert rank(new, errors) > rank(told, errors) + 0.1
    assert np.argmax(np.abs(readout.weights)) == 2
    assert np.allclose(new[..., 0] / new[..., 1], told[..., 0] / told[..., 1])
    first = read_by_a_network(0)
    assert np.abs(np.log(unseen / readout.spread(first[1], first[2]))).max() < 0.2
    assert not np.array_equal(unseen, readout.spread(first[1], first[2]))


def test_a_readout_leaves_out_points_that_are_not_there_and_goes_through_its_card() -> None:
    errors, told, read = read_by_a_network(0)
    gone = np.concatenate([np.full_like(errors[:5], np.nan), errors])
    readout, _ = fit_readout(gone, np.concatenate([told[:5], told]), np.concatenate([read[:5], read]))
    plain, _ = fit_readout(errors, told, read)
    assert np.allclose(readout.weights, plain.weights)
    assert Readout.from_dict(plain.to_dict()) == plain
    for data in (
        None,
        {},
        {"weights": [1], "share": "x", "constant": 0},
        {**plain.to_dict(), "share": np.inf},
    ):
        with pytest.raises(CheckpointError):
            Readout.from_dict(data)
    with pytest.raises(InputError, match="too few"):
        fit_readout(errors[:4], told[:4], read[:4])

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from labelkit.geometry import Array, Similarity
from labelkit.metrics import (
    ELLIPSES,
    auc,
    bootstrap_interval,
    calibration,
    ced,
    failure_rate,
    mahalanobis,
    nme,
    point_errors,
)

errors = st.lists(st.floats(0, 0.5), min_size=1, max_size=40)
missed = st.integers(0, 5)
seeds = st.integers(0, 2**32 - 1)


def covariances(rng: np.random.Generator, *shape: int) -> Array:
    """Covariances that are not degenerate, (*shape, 2, 2)."""
    roots = rng.normal(size=(*shape, 2, 2))
    return np.asarray(roots @ np.swapaxes(roots, -1, -2) + 0.1 * np.eye(2))


class TestPointErrors:
    def test_by_hand(self) -> None:
        predicted, true = [[0, 0], [3, 4], [1, 1]], [[0, 0], [0, 0], [np.nan, 1]]
        np.testing.assert_array_equal(point_errors(predicted, true), [0, 5, np.nan])


class TestNme:
    def test_one_face_by_hand(self) -> None:
        # Errors 5, 0 and 1 over a distance of 20.
        assert nme([[3, 4], [1, 1], [6, 5]], [[0, 0], [1, 1], [5, 5]], 20) == pytest.approx(6 / 3 / 20)

    def test_absent_points_do_not_count(self) -> None:
        true = [[0, 0], [np.nan, np.nan], [5, 5]]
        assert nme([[3, 4], [100, 100], [6, 5]], true, 20) == pytest.approx(6 / 2 / 20)

    def test_a_batch_gives_what_single_faces_give(self) -> None:
        rng = np.random.default_rng(0)
        predicted, true = rng.normal(size=(2, 4, 7, 2))
        true[1, 3] = true[2, :] = np.nan
        distances = np.array([1.0, 2, 3, 4])
        batch = nme(predicted, true, distances)
        single = [float(nme(p, t, d)) for p, t, d in zip(predicted, true, distances, strict=True)]
        np.testing.assert_allclose(batch, single)
        assert math.isnan(batch[2])

    @given(seeds, st.floats(0.1, 50), st.floats(-math.pi, math.pi))
    def test_moving_turning_and_scaling_the_photo_changes_nothing(
        self, seed: int, scale: float, angle: float
    ) -> None:
        rng = np.random.default_rng(seed)
        predicted, true = rng.normal(size=(2, 9, 2))
        move = Similarity(scale * math.cos(angle), scale * math.sin(angle), *rng.normal(size=2) * 100)
        distances = [float(np.hypot(*(p[0] - p[1]))) for p in (true, move(true))]
        moved = nme(move(predicted), move(true), distances[1])
        assert moved == pytest.approx(float(nme(predicted, true, distances[0])), rel=1e-6)


class TestRates:
    # Four faces found, one missed; the threshold is 10 %.
    ERRORS = (0.02, 0.05, 0.10, 0.30)

    def test_failure_rate_by_hand(self) -> None:
        assert failure_rate(self.ERRORS) == pytest.approx(1 / 4)
        assert failure_rate(self.ERRORS, missed=1) == pytest.approx(2 / 5)
        assert failure_rate(self.ERRORS, threshold=0.04) == pytest.approx(3 / 4)

    def test_auc_by_hand(self) -> None:
        # The areas that each face adds: 0.8, 0.5, 0 and 0 of the threshold.
        assert auc(self.ERRORS) == pytest.approx(1.3 / 4)
        assert auc(self.ERRORS, missed=1) == pytest.approx(1.3 / 5)
        assert auc([0.0, 0.0]) == 1

    def test_ced_by_hand(self) -> None:
        np.testing.assert_allclose(ced(self.ERRORS, [0, 0.02, 0.07, 0.1, 1]), [0, 0.25, 0.5, 0.75, 1])
        np.testing.assert_allclose(ced(self.ERRORS, [0.1, 1], missed=1), [0.6, 0.8])

    @given(errors, missed, st.floats(0.01, 0.4))
    def test_auc_is_the_integral_of_the_ced(self, values: list[float], missed: int, threshold: float) -> None:
        # Midpoints of thin strips: a face's step is misplaced by at most half a strip.
        strips = 4000
        middles = (np.arange(strips) + 0.5) * threshold / strips
        area = float(ced(values, middles, missed).mean())
        assert auc(values, threshold, missed) == pytest.approx(area, abs=0.5 / strips + 1e-9)

    @given(errors, missed, st.floats(0.01, 0.4))
    def test_who_fails_is_who_is_not_in_the_ced(self, values: list[float], missed: int, limit: float) -> None:
        assert failure_rate(values, limit, missed) == pytest.approx(1 - float(ced(values, limit, missed)))

    @given(errors, missed)
    def test_the_ced_rises_to_the_share_that_was_found(self, values: list[float], missed: int) -> None:
        curve = ced(values, np.linspace(0, 0.5, 30), missed)
        assert (np.diff(curve) >= 0).all()
        assert curve[-1] == pytest.approx(len(values) / (len(values) + missed))

    @given(errors)
    def test_an_error_that_is_not_a_number_counts_as_a_missed_face(self, values: list[float]) -> None:
        with_hole = [*values, math.nan]
        assert failure_rate(with_hole) == failure_rate(values, missed=1)
        assert auc(with_hole) == pytest.approx(auc(values, missed=1))
        assert ced(with_hole, 0.1) == ced(values, 0.1, missed=1)

    def test_no_faces_have_no_rate(self) -> None:
        assert math.isnan(failure_rate([]))
        assert math.isnan(auc([]))
        assert (failure_rate([], missed=3), auc([], missed=3)) == (1, 0)


class TestMahalanobis:
    @given(seeds)
    def test_it_agrees_with_solving(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        predicted, true = rng.normal(size=(2, 3, 5, 2)) * 10
        cov = covariances(rng, 3, 5)
        offset = (true - predicted)[..., None]
        expected = np.sqrt((offset * np.linalg.solve(cov, offset)).sum(axis=(-2, -1)))
        np.testing.assert_allclose(mahalanobis(predicted, cov, true), expected, rtol=1e-6)

    def test_by_hand(self) -> None:
        # Two deviations along x (variance 9), one along y (variance 4).
        assert mahalanobis([0, 0], [[9, 0], [0, 4]], [6, 2]) == pytest.approx(math.sqrt(5))

    def test_absent_points_and_spreads_have_no_distance(self) -> None:
        cov = np.array([np.eye(2), np.eye(2), np.full((2, 2), np.nan)])
        distances = mahalanobis([[0, 0]] * 3, cov, [[3, 4], [np.nan, 0], [1, 1]])
        np.testing.assert_array_equal(distances, [5, np.nan, np.nan])


class TestCalibration:
    @staticmethod
    def gaussian(factor: float = 1.0) -> tuple[Array, Array, Array]:
        """Predictions, covariances and true points drawn from them, (200, 68, ...)."""
        rng = np.random.default_rng(3)
        predicted, cov = rng.normal(size=(200, 68, 2)), covariances(rng, 200, 68)
        noise = np.linalg.cholesky(cov) @ rng.normal(size=(200, 68, 2, 1))
        return predicted, cov * factor, predicted + noise[..., 0]

    def test_an_honest_gaussian_is_calibrated(self) -> None:
        found = calibration(*self.gaussian())
        assert list(found) == ["p39", "p68", "p86", "p95"]
        # Four standard errors of a share of 13,600 points are below 2 %.
        for share, level in zip(found.values(), ELLIPSES, strict=True):
            assert share == pytest.approx(level, abs=0.02)

    def test_overconfidence_shows_as_too_few_inside(self) -> None:
        boasting, honest, shy = (calibration(*self.gaussian(f)) for f in (0.5, 1, 2))
        assert all(boasting[p] < honest[p] - 0.02 < shy[p] - 0.04 for p in ("p39", "p68"))

    def test_levels_by_hand(self) -> None:
        # With unit spread the 39 % ellipse has the radius 0.994, the 95 % one 2.448.
        true: NDArray[np.float64] = np.array([[0.9, 0], [0, 1.1], [2.4, 0], [0, 2.5]])
        found = calibration(np.zeros((4, 2)), np.broadcast_to(np.eye(2), (4, 2, 2)), true, (0.39, 0.95))
        assert found == {"p39": 0.25, "p95": 0.75}

    def test_points_without_spread_do_not_count(self) -> None:
        predicted, cov, true = self.gaussian()
        cov, true = cov.copy(), true.copy()
        cov[:, ::2], true[:, 1] = np.nan, np.nan
        kept = np.arange(3, 68, 2)
        assert calibration(predicted, cov, true) == calibration(
            predicted[:, kept], cov[:, kept], true[:, kept]
        )

    def test_a_flat_covariance_that_misses_counts_as_outside(self) -> None:
        assert calibration([[0, 0]], [[[1, 0], [0, 0]]], [[0, 1]], (0.95,)) == {"p95": 0}

    def test_a_model_without_spread_has_no_calibration(self) -> None:
        found = calibration(np.zeros((3, 2)), np.full((3, 2, 2), np.nan), np.zeros((3, 2)))
        assert all(math.isnan(share) for share in found.values())


class TestBootstrap:
    def test_it_covers_the_mean_as_often_as_it_says(self) -> None:
        rng = np.random.default_rng(0)
        inside = 0
        for _ in range(200):
            low, high = bootstrap_interval(rng.normal(0.05, 0.02, 60), rounds=300)
            inside += low <= 0.05 <= high
        # 95 % of 200 is 190; five standard deviations below that is 174.
        assert inside >= 174

    def test_it_is_as_wide_as_theory_says(self) -> None:
        values = np.random.default_rng(1).normal(0.05, 0.02, 400)
        low, high = bootstrap_interval(values)
        assert (low + high) / 2 == pytest.approx(values.mean(), rel=0.01)
        assert high - low == pytest.approx(2 * 1.96 * values.std() / math.sqrt(400), rel=0.1)

    def test_a_wider_level_gives_a_wider_interval(self) -> None:
        values = np.random.default_rng(1).normal(size=50)
        (low99, high99), (low90, high90) = (bootstrap_interval(values, level) for level in (0.99, 0.9))
        assert low99 < low90 < high90 < high99

    @given(errors)
    def test_it_repeats_itself_and_stays_within_the_values(self, values: list[float]) -> None:
        low, high = bootstrap_interval(values, rounds=50)
        assert (low, high) == bootstrap_interval(values, rounds=50)
        assert min(values) - 1e-12 <= low <= high <= max(values) + 1e-12

    def test_no_values_have_no_interval(self) -> None:
        assert all(math.isnan(end) for end in bootstrap_interval([]))

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from labelkit.errors import InputError
from labelkit.train.head.contour import JAW
from labelkit.train.head.fit import FitOptions, HeadFit, fit_heads
from labelkit.train.head.model import HeadModel

EXACT = FitOptions(noise=0.002, robust=1e9, rounds=20)
INNER = range(JAW, 68)


def angle(first: HeadFit, second: HeadFit) -> np.ndarray:
    """Degrees between the rotations of two sets of fits."""
    between = first.rotation @ second.rotation.transpose(0, 2, 1)
    return np.degrees(np.arccos(np.clip((np.trace(between, axis1=1, axis2=2) - 1) / 2, -1, 1)))


def test_pose_and_coefficients_come_back(head: HeadModel, make_faces: Callable) -> None:
    faces = make_faces(20, turn=30)
    fit = fit_heads(head, faces.points, INNER, EXACT)
    assert angle(fit, faces.truth).max() < 2
    assert np.median(angle(fit, faces.truth)) < 0.7
    assert np.nanmax(fit.residual) < 0.005
    assert np.isnan(fit.residual[:, :JAW]).all()
    # Mouth and smile are seen well; what only moves depth is not told apart from the camera.
    assert np.abs(fit.coefficients - faces.truth.coefficients)[:, 5:].max() < 0.15
    known = np.corrcoef(fit.coefficients[:, 0], faces.truth.coefficients[:, 0])[0, 1]
    assert known > 0.8
    assert np.allclose(fit.placed[:, JAW:], faces.points[:, JAW:], atol=0.3)


def test_frames_and_sizes_change_nothing(head: HeadModel, make_faces: Callable) -> None:
    points = make_faces(3).points
    fit, moved = fit_heads(head, points), fit_heads(head, points * 1e-2 - 50)
    assert np.allclose(moved.coefficients, fit.coefficients, atol=1e-5)
    assert np.allclose(moved.error, fit.error, rtol=1e-5)
    assert np.allclose(moved.placed, fit.placed * 1e-2 - 50, atol=1e-6)
    assert np.allclose(moved.scale, fit.scale * 1e-2)


def test_expressions_stay_between_0_and_1(head: HeadModel, make_faces: Callable) -> None:
    faces = make_faces(6)
    closed = faces.points.copy()
    closed[:, 55:60, 1] -= 8  # a lower lip that no opening of the mouth explains
    wide = faces.points.copy()
    wide[:, 55:60, 1] += 12
    shut, true, open_ = (
        fit_heads(head, points, INNER, EXACT).coefficients[:, head.identities :]
        for points in (closed, faces.points, wide)
    )
    assert (shut[:, 0] < true[:, 0]).all()
    assert open_[:, 0].mean() > true[:, 0].mean() + 0.2
    assert shut.min() == 0
    assert open_.max() == 1


def test_a_few_wrong_labels_lose_their_say(head: HeadModel, make_faces: Callable) -> None:
    faces = make_faces(8)
    wrong = faces.points.copy()
    wrong[:, [20, 33, 45]] += 25
    trusting = fit_heads(head, wrong, INNER, EXACT)
    wary = fit_heads(head, wrong, INNER, replace(EXACT, noise=0.01, robust=3))
    right = [i for i in INNER if i not in (20, 33, 45)]
    assert np.median(wary.residual[:, right]) < 0.4 * np.median(trusting.residual[:, right])
    assert wary.residual[:, [20, 33, 45]].min() > 0.2


def test_points_not_seen_have_no_say(head: HeadModel, make_faces: Callable) -> None:
    points = make_faces(3).points
    seen = [i for i in range(68) if i not in (8, 30, 36, 45)]
    changed = points.copy()
    changed[:, [8, 30, 36]] += 100
    changed[:, 45] = np.nan
    first, second = fit_heads(head, points, seen), fit_heads(head, changed, seen)
    assert np.array_equal(first.coefficients, second.coefficients)
    assert np.array_equal(first.placed, second.placed)
    assert np.isnan(first.residual[:, 30]).all()


def test_too_few_points_and_no_faces(head: HeadModel, make_faces: Callable) -> None:
    points = make_faces(3).points
    points[1, 10:] = np.nan
    fit = fit_heads(head, points)
    assert np.isfinite(fit.error).tolist() == [True, False, True]
    assert np.isnan(fit.residual[1]).all()
    assert np.isfinite(fit.placed).all()
    alone = fit_heads(head, points[[0, 2]])
    assert np.allclose(alone.coefficients, fit.coefficients[[0, 2]], atol=1e-6)
    assert len(fit_heads(head, np.empty((0, 68, 2)))) == 0
    with pytest.raises(InputError, match="68 points"):
        fit_heads(head, np.zeros((2, 98, 2)))


def test_a_face_turned_to_the_viewers_right_has_positive_yaw(head: HeadModel, make_faces: Callable) -> None:
    faces = make_faces(30, turn=30, seed=3)
    fit = fit_heads(head, faces.points, INNER, EXACT)
    # The nose tip moves to where the face looks, against the eyes.
    nose = faces.points[:, 30, 0] - faces.points[:, [36, 45], 0].mean(axis=1)
    clear = abs(faces.truth.yaw) > 12
    roll = np.abs(np.arctan2(fit.rotation[:, 1, 0], fit.rotation[:, 0, 0])) < 0.2
    assert (clear & roll).sum() >= 5
    assert (np.sign(nose) == np.sign(fit.yaw))[clear & roll].all()
    assert np.abs(fit.yaw - faces.truth.yaw).max() < 2.5

from __future__ import annotations

import numpy as np
import pytest

from labelkit.train.head.contour import BACK, FRONT, JAW, find_contour
from labelkit.train.head.model import HeadModel


def about_y(degrees: float) -> np.ndarray:
    a = np.radians(degrees)
    return np.array([[[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]]])


def test_rows_run_through_their_points_from_front_to_back(head: HeadModel) -> None:
    contour = find_contour(head)
    own = head.landmarks[:JAW]
    assert (contour.rows[:, 0] == own).all()
    depth = (head.neutral[contour.rows] - head.neutral[own][:, None])[..., 2]
    assert (depth.max(axis=1) > 0).all()
    assert depth.max() <= FRONT * head.eyes
    assert depth.min() >= -BACK * head.eyes
    assert np.allclose(np.linalg.norm(contour.outwards, axis=1), 1, atol=1e-5)
    assert contour.outwards[0, 0] < -0.9  # at the ear, to the side
    assert contour.outwards[8, 1] > 0.99  # at the chin, down


@pytest.mark.parametrize(("yaw", "far"), [(60, range(13, 16)), (-60, range(1, 4))])
def test_a_point_slides_to_where_the_cheek_ends(head: HeadModel, yaw: float, far: range) -> None:
    contour, rotation = find_contour(head), about_y(yaw)
    turned = (head.neutral @ rotation[0].T)[:, :2]
    chosen = contour.choose(turned[contour.rows][None], rotation)[0]
    vertices = contour.rows[np.arange(JAW), chosen]
    side = np.sign(head.neutral[head.landmarks[far[0]], 0])
    for point in far:
        slid, own = turned[vertices[point], 0] * side, turned[head.landmarks[point], 0] * side
        assert slid > own + 0.02 * head.eyes
        assert slid == (turned[contour.rows[point], 0] * side).max()

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from labelkit.geometry import Similarity
from labelkit.images import ImageFile
from labelkit.models.inverse import EDGES, Face, Grid, InverseMap

GRID = Grid.regular()
PLANE = GRID.scheme.plane
inside = arrays(np.float64, (20, 2), elements=st.floats(-0.8, 0.8))


def bent(points: np.ndarray) -> np.ndarray:
    """A smooth face: turned, larger, its sides drawn down and one of them nearer."""
    x, y = points[..., 0], points[..., 1]
    warped = np.stack([x + 0.1 * x * y - 0.05 * x**2, y + 0.12 * x**2], axis=-1)
    return Similarity(95.0, 30.0, 200.0, 150.0)(warped)


def test_the_grid_covers_its_edges_with_triangles_of_one_orientation() -> None:
    corners = PLANE[GRID.triangles]
    u, v = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) / 2
    assert (area > 0).all()
    assert area.sum() == pytest.approx((EDGES[2] - EDGES[0]) * (EDGES[3] - EDGES[1]))
    assert np.allclose([*PLANE.min(axis=0), *PLANE.max(axis=0)], EDGES)


@settings(max_examples=25)
@given(inside, st.floats(5, 300), st.floats(-3, 3))
def test_similar_faces_are_read_exactly(points: np.ndarray, scale: float, angle: float) -> None:
    face = Similarity(scale * np.cos(angle), scale * np.sin(angle), 40.0, 70.0)
    assert np.abs(GRID.to_plane(face(PLANE), face(points)) - points).max() < 1e-9


@settings(max_examples=25)
@given(inside)
def test_bent_faces_are_read_nearly(points: np.ndarray) -> None:
    assert np.abs(GRID.to_plane(bent(PLANE), bent(points)) - points).max() < 5e-4


def test_the_grids_own_points_come_back_on_any_face() -> None:
    noisy = bent(PLANE) + np.random.default_rng(0).normal(0, 0.8, PLANE.shape)
    assert np.abs(GRID.to_plane(noisy, noisy) - PLANE).max() < 1e-9


@settings(max_examples=25)
@given(inside, st.integers(0, 10))
def test_a_mirrored_face_is_read_as_the_mirror_image(points: np.ndarray, seed: int) -> None:
    placed = bent(PLANE) + np.random.default_rng(seed).normal(0, 0.3, PLANE.shape)
    mirrored = np.lexsort((-PLANE[:, 0], PLANE[:, 1]))  # the grid's point at the mirrored place
    assert np.allclose(PLANE[mirrored] * (-1, 1), PLANE)
    once = GRID.to_plane(placed, bent(points))
    twice = GRID.to_plane(placed[mirrored] * (-1, 1), bent(points) * (-1, 1))
    assert np.allclose(twice * (-1, 1), once, atol=1e-9, equal_nan=True)


def test_outside_of_the_grid_there_is_no_answer() -> None:
    points = np.array([[0, 0], [0, -1.2], [0.9, 0], [np.nan, np.nan]])
    found = GRID.to_plane(bent(PLANE), bent(points))
    assert np.isfinite(found).all(axis=1).tolist() == [True, False, False, False]


def test_a_folded_side_does_not_answer_for_the_visible_one() -> None:
    """The far side of a turned face: beyond x = 0.4 the grid runs back over itself."""
    folded = np.where(PLANE[:, :1] > 0.4, [[0.8, 0]] - PLANE * (1, -1), PLANE) * 100
    points = np.array([[0.3, 0.1], [-0.5, 0.5]])
    assert np.abs(GRID.to_plane(folded, 100 * points) - points).max() < 1e-9


@pytest.mark.parametrize("placed", [np.zeros_like(PLANE), PLANE * (-1, 1)], ids=["one place", "turned over"])
def test_a_face_that_is_none_gives_no_answer(placed: np.ndarray) -> None:
    assert np.isnan(GRID.to_plane(placed, np.zeros((3, 2)))).all()


def test_a_photo_that_cannot_be_read_is_a_problem_of_its_own(tmp_path: Path) -> None:
    class NoModel:
        name = id = "none"

        def predict(self, *_: object) -> list:
            raise AssertionError("was asked")

    heard: list[tuple[int, int]] = []
    inverse = InverseMap(NoModel(), 1, lambda done, total: heard.append((done, total)))
    face = Face(ImageFile(tmp_path / "a.png"), None, np.zeros((1, 2)))
    assert inverse.read([face], lambda face, picture: None) == ([], [])
    assert "a.png" in inverse.problems[0]
    assert heard == [(1, 1)]

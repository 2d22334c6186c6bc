from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from labelkit.errors import InputError
from labelkit.geometry import Similarity
from labelkit.models.shapes import aligned, carry, mean_shape, middle_mean, outside_of, seen
from labelkit.scheme import load_scheme

PLANE = load_scheme("ibug68").plane
NAN = float("nan")
numbers = st.floats(-1e3, 1e3)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1], 1),
        ([1, 3], 2),
        ([1, 2, 99], 2),
        ([0, 1, 3, 99], 2),
        ([-99, 1, 2, 3, 99, 4, 5, 6], 3.5),
        ([NAN, 4, NAN], 4),
        ([5, NAN, 1, 3], 3),
    ],
)
def test_middle_mean(values: list[float], expected: float) -> None:
    assert middle_mean(np.array(values, float)) == expected


def test_middle_mean_of_nothing_is_nan_and_columns_do_not_mix() -> None:
    found = middle_mean(np.array([[NAN, 1.0], [NAN, 3.0]]))
    assert np.isnan(found[0])
    assert found[1] == 2


@given(arrays(np.float64, st.tuples(st.integers(3, 9), st.just(2)), elements=numbers), st.integers(0, 8))
def test_one_wrong_value_never_decides(values: np.ndarray, which: int) -> None:
    wrong = values.copy()
    wrong[which % len(values)] = 1e9
    others = np.delete(values, which % len(values), axis=0)
    assert (middle_mean(wrong) <= others.max(axis=0) + 1e-6).all()
    assert (middle_mean(wrong) >= others.min(axis=0) - 1e-6).all()


@given(arrays(np.float64, (5, 4, 2), elements=numbers))
def test_the_middle_mean_of_mirrored_values_is_mirrored(values: np.ndarray) -> None:
    assert np.allclose(middle_mean(values * (-1, 1)), middle_mean(values) * (-1, 1))


def turned(angle: float, scale: float, shift: tuple[float, float]) -> Similarity:
    return Similarity(scale * np.cos(angle), scale * np.sin(angle), *shift)


def test_the_mean_shape_lies_over_what_is_known_whatever_is_missing() -> None:
    shapes = np.stack([turned(0.1 * i, 10 + i, (5 * i, 3))(PLANE) for i in range(6)])
    shapes[0, :17] = NAN
    shapes[1, 30:] = NAN
    shapes[2] = NAN
    shapes[2, :3] = 7.0  # shares no two different points with anything
    known = np.full(PLANE.shape, NAN)
    known[[36, 45, 8]] = PLANE[[36, 45, 8]]
    assert np.allclose(mean_shape(shapes, known), PLANE)


def test_a_mean_shape_needs_two_known_points() -> None:
    known = np.full(PLANE.shape, NAN)
    known[8] = 0.0
    with pytest.raises(InputError, match="two of the points"):
        mean_shape(PLANE[None], known)


def test_carry_bends_the_shape_to_what_is_known() -> None:
    bent = PLANE + 0.05 * np.stack([PLANE[:, 1], PLANE[:, 0] ** 2], axis=1)
    known = np.where(np.arange(68)[:, None] % 2 == 0, bent, NAN)
    filled = carry(PLANE, known)
    assert np.array_equal(filled[::2], bent[::2])
    assert np.abs(filled - bent).max() < 0.01


def test_carry_leaves_the_shape_where_the_known_points_lie_on_a_line() -> None:
    known = np.full(PLANE.shape, NAN)
    known[[36, 39, 42, 45]] = PLANE[[36, 39, 42, 45]] + (0, 0.02)
    filled = carry(PLANE, known)
    rest = [i for i in range(68) if i not in (36, 39, 42, 45)]
    assert np.array_equal(filled[rest], PLANE[rest])
    assert np.array_equal(filled[36], PLANE[36] + (0, 0.02))


def test_aligned_gives_nan_for_a_shape_without_two_points() -> None:
    lost = np.full(PLANE.shape, NAN)
    lost[3] = 1.0
    laid = aligned(np.stack([2 * PLANE + 5, lost]), PLANE)
    assert np.allclose(laid[0], PLANE)
    assert np.isnan(laid[1]).all()


def test_seen_counts_whole_points() -> None:
    shapes = np.array([[[0, 0], [NAN, 1]], [[NAN, NAN], [2, 2]]])
    assert seen(shapes).tolist() == [1, 1]


def test_outside_of_a_square_with_a_margin() -> None:
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)
    points = np.array([[0, 0], [1.04, 0], [1.06, 0], [1.04, 1.04], [0, -1.2]])
    assert outside_of(points, square, 0.05).tolist() == [False, False, True, True, True]


def test_outside_of_a_line() -> None:
    line = np.array([[-1, 0], [1, 0]], float)
    points = np.array([[0, 0.04], [0.5, -0.04], [0, 0.1], [1.1, 0]])
    assert outside_of(points, line, 0.05).tolist() == [False, False, True, True]

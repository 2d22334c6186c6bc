from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from labelkit.errors import SchemeError
from labelkit.geometry import Array
from labelkit.scheme.curves import Arc, along

coordinates = st.integers(-100, 100).map(lambda value: value / 100)
controls = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=8, unique=True).map(np.array)
yes_or_no = st.booleans()


@settings(max_examples=30)
@given(controls, yes_or_no, yes_or_no)
def test_a_curve_passes_its_control_points(control: Array, smooth: bool, closed: bool) -> None:
    arc = Arc(control, smooth=smooth, closed=closed)
    through = np.vstack([control, control[:1]]) if closed else control
    np.testing.assert_allclose(arc.at(arc.knots), through, atol=1e-9)
    assert arc.knots[0] == 0
    assert arc.knots[-1] == 1
    assert (np.diff(arc.knots) > 0).all()


@settings(max_examples=30)
@given(st.integers(3, 40), yes_or_no, st.floats(-3, 3))
def test_an_arc_of_a_circle_is_cut_evenly(count: int, closed: bool, turn: float) -> None:
    angles = turn + np.linspace(0, 2 * np.pi if closed else np.pi, 64, endpoint=not closed)
    places = along(np.stack([np.cos(angles), np.sin(angles)], axis=1), count, closed=closed)
    got = np.unwrap(np.arctan2(places[:, 1], places[:, 0]))
    whole = 2 * np.pi * (1 - 1 / count) if closed else np.pi
    np.testing.assert_allclose(got - got[0], np.linspace(0, whole, count), atol=1e-5)
    np.testing.assert_allclose(np.hypot(*places.T), 1, atol=1e-4)


@settings(max_examples=10)
@given(controls, st.integers(2, 5), yes_or_no)
def test_points_on_a_smooth_curve_are_equally_far_apart_along_it(
    control: Array, count: int, closed: bool
) -> None:
    arc = Arc(control, closed=closed)
    steps = count if closed else count - 1
    fine = arc.at(np.linspace(0, 1, 200 * steps + 1))
    places = along(control, count, closed=closed)
    np.testing.assert_allclose(places, fine[::200][:count], atol=1e-9)
    lengths = np.linalg.norm(np.diff(fine, axis=0), axis=1).reshape(steps, 200).sum(axis=1)
    # Chords cut the tip off a sharp turn, hence the tolerance.
    np.testing.assert_allclose(lengths, arc.length / steps, rtol=0.02)


def test_lengths_are_those_of_an_independent_quadrature() -> None:
    control = np.array([(0.0, 0.0), (0.2, 0.5), (0.7, 0.4), (1.0, -0.3), (0.4, -0.6)])
    for closed in (False, True):
        arc = Arc(control, closed=closed)
        segments = np.arange(len(arc.knots) - 1)

        def speed(u: float, cubic: Any) -> float:
            _, b, c, d = cubic
            return float(np.linalg.norm(b + 2 * c * u + 3 * d * u * u))

        lengths = [quad(speed, 0, 1, args=(arc._cubics[s],), epsabs=1e-12)[0] for s in segments]
        np.testing.assert_allclose(np.diff(arc.knots) * arc.length, lengths, atol=1e-9)


@settings(max_examples=30)
@given(controls, st.integers(2, 12))
def test_a_polyline_is_cut_exactly(control: Array, count: int) -> None:
    chords = np.linalg.norm(np.diff(control, axis=0), axis=1)
    at = np.concatenate([[0], np.cumsum(chords)])
    wanted = np.linspace(0, at[-1], count)
    expected = np.stack([np.interp(wanted, at, axis) for axis in control.T], axis=1)
    np.testing.assert_allclose(along(control, count, smooth=False), expected, atol=1e-9)


@settings(max_examples=30)
@given(controls, st.integers(3, 12), yes_or_no)
def test_a_mirrored_curve_gives_mirrored_places(control: Array, count: int, closed: bool) -> None:
    places = along(control, count, closed=closed)
    np.testing.assert_allclose(along(control * (-1, 1), count, closed=closed), places * (-1, 1), atol=1e-9)
    if not closed:
        np.testing.assert_allclose(along(control[::-1], count), places[::-1], atol=1e-6)


@settings(max_examples=30)
@given(controls)
def test_a_curve_stays_near_its_control_points(control: Array) -> None:
    arc = Arc(control)
    for a, b, first, last in zip(control[:-1], control[1:], arc.knots[:-1], arc.knots[1:], strict=True):
        way = arc.at(np.linspace(first, last, 50))
        assert np.linalg.norm(way - (a + b) / 2, axis=1).max() < 2 * np.linalg.norm(b - a)


@given(st.tuples(coordinates, coordinates), st.tuples(coordinates, coordinates), st.integers(2, 9))
def test_two_control_points_make_a_straight_line(
    first: tuple[float, float], last: tuple[float, float], count: int
) -> None:
    assume(first != last)
    expected = np.linspace(first, last, count)
    np.testing.assert_allclose(along([first, last], count), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("control", "count", "closed", "problem"),
    [
        ([(0, 0)], 3, False, "at least two places"),
        ([(0, 0, 0), (1, 1, 1)], 3, False, "at least two places"),
        ([(0, 0), (float("nan"), 1)], 3, False, "no place on the plane"),
        ([(0, 0), (1, 1), (1, 1)], 3, False, "control points 1 and 2 of the curve are at one place"),
        ([(0, 0), (1, 1), (0, 0)], 3, True, "control points 2 and 0 of the curve are at one place"),
        ([(0, 0), (1, 1)], 1, False, "1 points cannot be spread"),
        ([(0, 0), (1, 1)], 0, True, "0 points cannot be spread"),
    ],
)
def test_what_is_no_curve_is_refused(control: Any, count: int, closed: bool, problem: str) -> None:
    with pytest.raises(SchemeError, match=problem):
        along(control, count, closed=closed)


def test_a_closed_curve_may_hold_a_single_point() -> None:
    np.testing.assert_allclose(along([(0, 0), (1, 0), (0, 1)], 1, closed=True), [(0, 0)], atol=1e-12)

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit.errors import SchemeError
from labelkit.scheme import SYMMETRY_TOLERANCE, Curve, Point, Scheme, builtin_schemes, edit, load_scheme
from labelkit.scheme.symmetry import Side, make_symmetric, mirror_half, mirrored_text, pair_by_place

IBUG = load_scheme("ibug68")
#: All that is told by places and names alone.
BARE = edit.without_mirror(IBUG)
SIDES: tuple[Side, Side] = ("right", "left")


def half_of(scheme: Scheme, keep: Side) -> Scheme:
    """One half of a symmetric scheme with its midline, as a person draws it first."""
    sign = 1 if keep == "right" else -1
    return edit.remove_points(
        edit.without_mirror(scheme), [p.name for p in scheme.points if sign * p.x > SYMMETRY_TOLERANCE]
    )


def asymmetry(scheme: Scheme) -> float:
    return float(np.abs(scheme.plane[scheme.mirror_index] * (-1, 1) - scheme.plane).max())


@pytest.mark.parametrize(
    ("text", "mirrored"),
    [
        ("eye_left_outer", "eye_right_outer"),
        ("right", "left"),
        ("Right end of the left brow.", "Left end of the right brow."),
        ("LEFT-3", "RIGHT-3"),
        ("bright cleft, upright", "bright cleft, upright"),
        ("chin", "chin"),
    ],
)
def test_left_and_right_are_exchanged(text: str, mirrored: str) -> None:
    assert mirrored_text(text) == mirrored
    assert mirrored_text(mirrored) == text


@pytest.mark.parametrize("name", builtin_schemes())
def test_places_tell_the_pairs_of_built_in_schemes(name: str) -> None:
    scheme = load_scheme(name)
    np.testing.assert_array_equal(pair_by_place(scheme.plane, SYMMETRY_TOLERANCE), scheme.mirror_index)


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1))), st.floats(0, 0.5))
def test_pairs_are_mutual_and_near(places: list[tuple[float, float]], tolerance: float) -> None:
    partner = pair_by_place(places, tolerance)
    found = np.flatnonzero(partner >= 0)
    np.testing.assert_array_equal(partner[partner[found]], found)
    plane = np.array(places).reshape(-1, 2)
    away = np.linalg.norm(plane[partner[found]] * (-1, 1) - plane[found], axis=1)
    assert (away <= tolerance).all()
    alone = plane[partner < 0]
    between = np.linalg.norm((alone * (-1, 1))[:, None] - alone[None], axis=2)
    assert not len(alone) or between.min() > tolerance, "no two that fit are left over"


@given(st.integers(0, 2**32 - 1))
def test_a_shaky_drawing_becomes_symmetric(seed: int) -> None:
    shaken = IBUG.plane + np.random.default_rng(seed).uniform(-0.004, 0.004, (68, 2))
    points = tuple(replace(p, x=x, y=y) for p, (x, y) in zip(IBUG.points, shaken.tolist(), strict=True))
    scheme = make_symmetric(replace(BARE, points=points))
    assert asymmetry(scheme) <= SYMMETRY_TOLERANCE
    np.testing.assert_array_equal(scheme.mirror_index, IBUG.mirror_index)
    assert np.abs(scheme.plane - shaken).max() <= 0.008
    np.testing.assert_allclose(make_symmetric(edit.without_mirror(scheme)).plane, scheme.plane, atol=1e-15)


def test_a_point_without_a_counterpart_is_named() -> None:
    scheme = edit.add_point(BARE, Point("mole", 0.25, 0.35))
    with pytest.raises(SchemeError, match="'mole' has no mirror image within"):
        make_symmetric(scheme)
    with pytest.raises(SchemeError, match="'mole' mirrors none of the right half"):
        mirror_half(scheme, "right")
    assert mirror_half(scheme, "left").names[-1] == "mole_mirrored"


@pytest.mark.parametrize("keep", SIDES)
@pytest.mark.parametrize("name", ["ibug68", "wflw98"])
def test_the_other_half_is_made_from_one(name: str, keep: Side) -> None:
    scheme = load_scheme(name)
    half = half_of(scheme, keep)
    whole = mirror_half(half, keep)
    assert len(whole) == len(scheme)
    assert whole.points[: len(half)] == half.points
    assert asymmetry(whole) <= SYMMETRY_TOLERANCE
    places = {tuple(place) for place in np.round(scheme.plane, 6).tolist()}
    assert {tuple(place) for place in np.round(whole.plane, 6).tolist()} == places
    for side in SIDES:
        np.testing.assert_allclose(mirror_half(whole, side).plane, whole.plane, atol=1e-15)
        assert mirror_half(whole, side).curves == whole.curves
    assert half_of(whole, keep).points == half.points
    named = {p.name: p for p in whole.points}
    for point in scheme.points:
        if mirrored_text(point.name) != point.name:
            assert named[point.name].definition == point.definition


def test_curves_follow_their_half() -> None:
    whole = mirror_half(half_of(IBUG, "right"), "right")

    def lines(scheme: Scheme) -> dict[str, tuple[bool, set[frozenset[tuple[float, ...]]]]]:
        """By name, whether a curve is closed and between which places it runs."""
        result = {}
        for curve in scheme.curves:
            places = [tuple(np.round(scheme.plane[i], 6).tolist()) for i in curve.points]
            ends = places[1:] + places[:1] if curve.closed else places[1:]
            result[curve.name] = (curve.closed, set(map(frozenset, zip(places, ends, strict=False))))
        return result

    assert lines(whole) == lines(IBUG)


def test_an_open_line_between_two_midline_points_is_closed() -> None:
    points = (Point("top", 0, 0), Point("right", -0.3, 0.2), Point("low", 0.001, 0.4))
    scheme = Scheme("own", points, curves=(Curve("ring", (0, 1, 2)), Curve("axis", (0, 2))))
    whole = mirror_half(scheme, "right")
    assert whole.names == ("top", "right", "low", "left")
    assert whole.curves == (Curve("ring", (0, 1, 2, 3), closed=True), Curve("axis", (0, 2)))
    assert whole.points[2].x == 0.0


def test_partners_far_from_their_place_are_known_by_name() -> None:
    moved = edit.move_points(BARE, {IBUG.names[19]: (-0.3, -0.6)})
    whole = mirror_half(moved, "right")
    assert len(whole) == 68
    np.testing.assert_allclose(whole.plane[24], (0.3, -0.6))
    np.testing.assert_array_equal(whole.mirror_index, IBUG.mirror_index)
    back = mirror_half(moved, "left")
    np.testing.assert_allclose(back.plane, IBUG.plane, atol=SYMMETRY_TOLERANCE)


def test_partners_on_one_half_are_refused() -> None:
    scheme = Scheme("own", (Point("eye_right", -0.3, 0.0), Point("eye_left", -0.5, 0.4)))
    with pytest.raises(SchemeError, match="'eye_right' and 'eye_left' are partners, but on one half"):
        mirror_half(scheme, "right")

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.errors import SchemeError
from labelkit.geometry import Array
from labelkit.scheme import SYMMETRY_TOLERANCE, Curve, Point, Scheme, edit, load_scheme, pairs_from_index
from labelkit.scheme.curves import Arc

IBUG = load_scheme("ibug68")
CORNERS = (IBUG.names[48], IBUG.names[54])

coordinates = st.floats(-1, 1).map(lambda value: round(value, 4))


@st.composite
def symmetric_schemes(draw: st.DrawFn) -> Scheme:
    """Pairs and midline points in any order, with curves and a normalizer."""
    right = draw(st.lists(st.tuples(st.floats(-1, -0.01), coordinates), min_size=1, max_size=5))
    middle = draw(st.lists(coordinates, max_size=3))
    points = [Point(f"right_{i}", x, y) for i, (x, y) in enumerate(right)]
    points += [Point(f"left_{i}", -x, y) for i, (x, y) in enumerate(right)]
    points += [Point(f"middle_{i}", 0.0, y) for i, y in enumerate(middle)]
    count = len(right)
    partner = [*range(count, 2 * count), *range(count), *range(2 * count, len(points))]
    curves = (Curve("line", tuple(range(len(points)))), Curve("pair", (0, count), closed=True))
    scheme = Scheme("own", tuple(points), pairs_from_index(partner), curves, {"width": ((0,), (count,))})
    return edit.reorder_points(scheme, draw(st.permutations(scheme.names)))


def asymmetry(scheme: Scheme) -> float:
    return float(np.abs(scheme.plane[scheme.mirror_index] * (-1, 1) - scheme.plane).max())


def steps(plane: Array, closed: bool = False) -> Array:
    return np.asarray(np.linalg.norm(np.diff(np.vstack([plane, plane[:closed]]), axis=0), axis=1))


@given(symmetric_schemes(), st.floats(0.001, 1), coordinates)
def test_removing_what_was_added_gives_the_same_scheme(scheme: Scheme, x: float, y: float) -> None:
    grown = edit.add_point(scheme, Point("ear_right", -x, y, "ears"), "ear_left")
    assert grown.points[-1] == Point("ear_left", x, y, "ears")
    assert asymmetry(grown) <= SYMMETRY_TOLERANCE
    assert edit.remove_points(grown, ["ear_left"]) == scheme
    drawn = edit.add_curve(grown, "ears", ["ear_right", "ear_left"])
    drawn = edit.set_normalizer(drawn, "ears", ["ear_right"], ["ear_left", scheme.names[0]])
    assert edit.remove_points(drawn, ["ear_right", "ear_left"]) == scheme
    crown = edit.add_point(scheme, Point("crown", 0.0, -1.0))
    assert edit.remove_points(crown, ["crown"]) == scheme


@given(symmetric_schemes(), st.data())
def test_reordering_there_and_back_gives_the_same_scheme(scheme: Scheme, data: st.DataObject) -> None:
    order = data.draw(st.permutations(scheme.names))
    other = edit.reorder_points(scheme, order)
    assert other.names == tuple(order)
    assert edit.reorder_points(other, scheme.names) == scheme
    by_name = {name: scheme.names[j] for name, j in zip(scheme.names, scheme.mirror_index, strict=True)}
    assert {name: other.names[j] for name, j in zip(order, other.mirror_index, strict=True)} == by_name
    for before, after in zip(scheme.curves, other.curves, strict=True):
        assert [scheme.names[i] for i in before.points] == [other.names[i] for i in after.points]


@given(symmetric_schemes(), st.data(), coordinates, coordinates)
def test_moves_keep_the_symmetry(scheme: Scheme, data: st.DataObject, x: float, y: float) -> None:
    name = data.draw(st.sampled_from(scheme.names))
    i = scheme.names.index(name)
    partner = scheme.mirror_index[i]
    if partner == i and x != 0:
        with pytest.raises(SchemeError, match=f"'{name}' is its own mirror image: it must stay on the"):
            edit.move_points(scheme, {name: (x, y)})
        x = 0.0
    moved = edit.move_points(scheme, {name: (x, y)})
    assert asymmetry(moved) <= SYMMETRY_TOLERANCE
    assert moved.plane[i].tolist() == [x, y]
    still = np.setdiff1d(np.arange(len(scheme)), [i, partner])
    np.testing.assert_array_equal(moved.plane[still], scheme.plane[still])
    assert edit.move_points(moved, {name: tuple(scheme.plane[i].tolist())}).plane == pytest.approx(
        scheme.plane
    )


def test_one_of_a_pair_moves_alone_only_without_a_mirror_table() -> None:
    brow = IBUG.names[19]
    with pytest.raises(SchemeError, match=f"'{brow}' and '{IBUG.names[24]}' are a mirror pair"):
        edit.move_points(IBUG, {brow: (-0.3, -0.5)}, mirrored=False)
    alone = edit.move_points(edit.without_mirror(IBUG), {brow: (-0.3, -0.5)})
    assert alone.plane[19].tolist() == [-0.3, -0.5]
    np.testing.assert_array_equal(np.delete(alone.plane, 19, 0), np.delete(IBUG.plane, 19, 0))
    both = edit.move_points(IBUG, {brow: (-0.3, -0.5), IBUG.names[24]: (0.3, -0.5)}, mirrored=False)
    assert both.plane[24].tolist() == [0.3, -0.5]


def test_a_point_needs_its_mirror_image() -> None:
    with pytest.raises(SchemeError, match="'mole' has no mirror image: scheme 'ibug68' is symmetric"):
        edit.add_point(IBUG, Point("mole", 0.2, 0.3))
    assert len(edit.add_point(edit.without_mirror(IBUG), Point("mole", 0.2, 0.3))) == 69
    with pytest.raises(SchemeError, match="'crown' lies on the midline"):
        edit.add_point(IBUG, Point("crown", 0.0, -1.0), "crown_2")
    with pytest.raises(SchemeError, match=f"'{IBUG.names[0]}' is empty or stands twice"):
        edit.add_point(IBUG, Point(IBUG.names[0], 0.0, -1.0))
    with pytest.raises(SchemeError, match="'crown' has no place"):
        edit.add_point(edit.without_mirror(IBUG), Point("crown", 0.0, float("nan")))


@given(symmetric_schemes(), st.data())
def test_renaming_changes_names_alone(scheme: Scheme, data: st.DataObject) -> None:
    order = data.draw(st.permutations(scheme.names))
    other = edit.rename_points(scheme, dict(zip(scheme.names, order, strict=True)))
    assert other.names == tuple(order)
    np.testing.assert_array_equal(other.plane, scheme.plane)
    assert (other.mirror, other.curves, other.normalizers) == (
        scheme.mirror,
        scheme.curves,
        scheme.normalizers,
    )
    assert edit.rename_points(other, dict(zip(order, scheme.names, strict=True))) == scheme


def test_two_points_cannot_have_one_name() -> None:
    with pytest.raises(SchemeError, match="point name 'b' is empty or stands twice"):
        edit.rename_points(Scheme("own", (Point("a", 0, 0), Point("b", 0, 0))), {"a": "b"})


def test_texts_are_set_one_by_one() -> None:
    scheme = edit.describe_points(IBUG, IBUG.names[:2], group="edge")
    scheme = edit.describe_points(scheme, IBUG.names[1:3], definition="Where it is.")
    assert scheme.points[0] == replace(IBUG.points[0], group="edge")
    assert scheme.points[1] == replace(IBUG.points[1], group="edge", definition="Where it is.")
    assert scheme.points[2] == replace(IBUG.points[2], definition="Where it is.")
    assert scheme.points[3:] == IBUG.points[3:]


def test_what_hangs_on_removed_points_follows_them() -> None:
    eye = [IBUG.names[i] for i in (36, 37, 38, 39, 41)]
    scheme = edit.remove_points(IBUG, eye)
    assert len(scheme) == 58
    assert {c.name for c in IBUG.curves} - {c.name for c in scheme.curves} == {"eye_right", "eye_left"}
    assert "inter_ocular" not in scheme.normalizers
    first, second = scheme.normalizers["inter_pupil"]
    assert [scheme.names[i] for i in (*first, *second)] == [IBUG.names[40], IBUG.names[47]]
    assert asymmetry(scheme) <= SYMMETRY_TOLERANCE


def test_only_whole_pairs_go() -> None:
    with pytest.raises(SchemeError, match=f"'{IBUG.names[16]}' would lose its mirror image"):
        edit.remove_points(IBUG, [IBUG.names[0]], mirrored=False)
    assert len(edit.remove_points(edit.without_mirror(IBUG), [IBUG.names[0]])) == 67
    assert len(edit.remove_points(IBUG, [IBUG.names[0], IBUG.names[16]], mirrored=False)) == 66
    with pytest.raises(SchemeError, match="at least one point"):
        edit.remove_points(IBUG, IBUG.names)


def test_an_order_names_every_point_once() -> None:
    names = list(IBUG.names)
    with pytest.raises(SchemeError, match=f"'{names[0]}' stands twice"):
        edit.reorder_points(IBUG, [*names, names[0]])
    with pytest.raises(SchemeError, match=f"'{names[67]}' is missing"):
        edit.reorder_points(IBUG, names[:67])


@settings(max_examples=20)
@given(st.sampled_from(["jaw", "brow_right", "brow_left", "nose_bridge", "nose_base"]), st.booleans())
def test_points_are_spaced_evenly_along_their_curve(name: str, smooth: bool) -> None:
    scheme = edit.space_evenly(IBUG, name, smooth=smooth)
    curve = next(c for c in IBUG.curves if c.name == name)
    members = list(curve.points)
    assert asymmetry(scheme) <= SYMMETRY_TOLERANCE
    arc = Arc(IBUG.plane[members], smooth=smooth)
    np.testing.assert_allclose(
        scheme.plane[members], arc.at(np.linspace(0, 1, len(members))), atol=SYMMETRY_TOLERANCE
    )
    touched = {*members, *IBUG.mirror_index[members]}
    still = [i for i in range(68) if i not in touched]
    np.testing.assert_array_equal(scheme.plane[still], IBUG.plane[still])


def test_a_closed_curve_is_spaced_between_the_points_that_stay() -> None:
    scheme = edit.space_evenly(IBUG, "lips_outer", keep=CORNERS, smooth=False)
    np.testing.assert_allclose(scheme.plane[[48, 54]], IBUG.plane[[48, 54]], atol=1e-12)
    arc = Arc(IBUG.plane[48:60], smooth=False, closed=True)
    corner = arc.knots[6]
    share = [*np.linspace(0, corner, 7), *np.linspace(corner, 1, 7)[1:-1]]
    np.testing.assert_allclose(scheme.plane[48:60], arc.at(share), atol=1e-9)
    with pytest.raises(SchemeError, match="is its own mirror image"):
        edit.space_evenly(IBUG, "lips_outer")
    free = edit.space_evenly(edit.without_mirror(IBUG), "lips_outer", smooth=False)
    again = edit.space_evenly(free, "lips_outer", through=IBUG.plane[48:60], smooth=False)
    np.testing.assert_allclose(again.plane, free.plane, atol=1e-9)


@given(st.floats(0.05, 0.3), st.floats(-0.9, -0.5))
def test_points_are_laid_on_a_line_of_ones_own(width: float, y: float) -> None:
    line = [(-0.3 - width, y), (-0.3 + width, y)]
    scheme = edit.space_evenly(IBUG, "brow_right", through=line)
    np.testing.assert_allclose(scheme.plane[17:22, 1], y)
    np.testing.assert_allclose(steps(scheme.plane[17:22]), width / 2, atol=1e-9)
    assert asymmetry(scheme) <= SYMMETRY_TOLERANCE
    with pytest.raises(SchemeError, match="own line only"):
        edit.space_evenly(IBUG, "brow_right", through=line, keep=[IBUG.names[17]])


def test_a_curve_that_cannot_be_spaced_is_named() -> None:
    with pytest.raises(SchemeError, match="'ibug68' has no curve 'beard'"):
        edit.space_evenly(IBUG, "beard")
    with pytest.raises(SchemeError, match=f"'{IBUG.names[0]}' is not on the curve 'brow_right'"):
        edit.space_evenly(IBUG, "brow_right", keep=[IBUG.names[0]])
    points = tuple(Point(name, x, 0.0) for name, x in (("a", 0), ("b", 0), ("c", 1)))
    bent = Scheme("own", points, curves=(Curve("line", (0, 1, 2)), Curve("twice", (0, 2, 0))))
    with pytest.raises(SchemeError, match="curve 'line': control points 0 and 1 of the curve are"):
        edit.space_evenly(bent, "line")
    with pytest.raises(SchemeError, match="'a' stands twice on the curve 'twice'"):
        edit.space_evenly(bent, "twice")


@given(st.integers(2, 12), st.booleans())
def test_new_points_come_with_their_curve(count: int, smooth: bool) -> None:
    cheek = [(-0.5, 0.1), (-0.4, 0.4), (-0.2, 0.5)]
    names = [f"cheek_right_{i}" for i in range(count)]
    partner = ("cheek_left", [f"cheek_left_{i}" for i in range(count)])
    scheme = edit.add_curve_points(
        IBUG, "cheek_right", cheek, names, smooth=smooth, group="cheeks", partner=partner
    )
    assert scheme.names[68:] == (*names, *partner[1])
    assert {p.group for p in scheme.points[68:]} == {"cheeks"}
    assert scheme.curves[-2:] == (
        Curve("cheek_right", tuple(range(68, 68 + count))),
        Curve("cheek_left", tuple(range(68 + count, 68 + 2 * count))),
    )
    arc = Arc(cheek, smooth=smooth)
    np.testing.assert_allclose(scheme.plane[68 : 68 + count], arc.at(np.linspace(0, 1, count)), atol=1e-9)
    assert asymmetry(scheme) <= SYMMETRY_TOLERANCE


def test_a_curve_across_the_midline_needs_no_partner() -> None:
    hair = [(-0.5, -0.5), (0.0, -0.8), (0.5, -0.5)]
    scheme = edit.add_curve_points(IBUG, "hair", hair, [f"hair_{i}" for i in range(7)])
    assert scheme.mirror_index[68:].tolist() == list(range(74, 67, -1))
    with pytest.raises(SchemeError, match="'cheek_0' has no mirror image"):
        edit.add_curve_points(IBUG, "cheek", [(-0.5, 0.1), (-0.4, 0.4)], ["cheek_0", "cheek_1"])
    with pytest.raises(SchemeError, match="'right' needs a name for each of its 2 points"):
        edit.add_curve_points(IBUG, "left", hair, ["a", "b"], partner=("right", ["c"]))


def test_curves_and_normalizers_come_and_go() -> None:
    scheme = edit.add_curve(IBUG, "sides", [IBUG.names[0], IBUG.names[16]])
    assert scheme.curves[-1] == Curve("sides", (0, 16))
    assert edit.remove_curve(scheme, "sides") == IBUG
    with pytest.raises(SchemeError, match="has a curve 'jaw' already"):
        edit.add_curve(IBUG, "jaw", IBUG.names[:2])
    for name, points in (("", IBUG.names[:2]), ("dot", IBUG.names[:1])):
        with pytest.raises(SchemeError, match="needs a name and at least two points"):
            edit.add_curve(IBUG, name, points)
    wide = edit.set_normalizer(IBUG, "jaw", IBUG.names[:2], IBUG.names[16:17])
    assert wide.normalizers["jaw"] == ((0, 1), (16,))
    assert edit.remove_normalizer(wide, "jaw") == IBUG
    with pytest.raises(SchemeError, match="a normalizer needs a point at each end"):
        edit.set_normalizer(IBUG, "jaw", [], IBUG.names[:1])
    with pytest.raises(SchemeError, match="needs a name"):
        edit.set_normalizer(IBUG, "", IBUG.names[:1], IBUG.names[:1])
    with pytest.raises(SchemeError, match="'ibug68' has no normalizer 'jaw'"):
        edit.remove_normalizer(IBUG, "jaw")


def test_an_unknown_point_is_named() -> None:
    for change in (
        lambda: edit.move_points(IBUG, {"horn": (0, 0)}),
        lambda: edit.rename_points(IBUG, {"horn": "ear"}),
        lambda: edit.remove_points(IBUG, ["horn"]),
        lambda: edit.reorder_points(IBUG, ["horn"]),
        lambda: edit.describe_points(IBUG, ["horn"], group="x"),
        lambda: edit.add_curve(IBUG, "horns", ["horn", "horn"]),
        lambda: edit.set_normalizer(IBUG, "horns", ["horn"], ["horn"]),
    ):
        with pytest.raises(SchemeError, match="scheme 'ibug68' has no point 'horn'"):
            change()

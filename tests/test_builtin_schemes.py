"""The schemes that come with labelkit, each and together, and the JSON Schema beside them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit.errors import SchemeError
from labelkit.geometry import Array
from labelkit.scheme import Curve, Point, Scheme, builtin_schemes, load_scheme, scheme_from_dict

REPOSITORY = Path(__file__).parents[1]
SCHEMA = REPOSITORY / "schemes" / "schema" / "scheme.schema.json"

Pairs = list[tuple[int, int]]


def rev(first: int, last: int) -> Pairs:
    """A range reversed in place."""
    return [(first + step, last - step) for step in range(last - first + 1)]


def cross(first: int, last: int, other: int, other_last: int) -> Pairs:
    """``first..last`` with ``other..other_last``, paired in that order."""
    step = 1 if other <= other_last else -1
    return list(
        zip(range(first, last + 1), range(other, other_last + step, step), strict=True),
    )


def fixed(*points: int) -> Pairs:
    return [(point, point) for point in points]


MIRROR_68 = [
    *rev(0, 16), *rev(17, 26), *fixed(27, 28, 29, 30), *rev(31, 35), *cross(36, 39, 45, 42), (40, 47),
    (41, 46), *rev(48, 54), *rev(55, 59), *rev(60, 64), *rev(65, 67),
]  # fmt: skip

#: Section 8 of the design; celeba5, which it does not print, by its published order.
MIRRORS = {
    "wflw98": [
        *rev(0, 32), *cross(33, 37, 46, 42), *cross(38, 41, 50, 47), *fixed(51, 52, 53, 54), *rev(55, 59),
        *cross(60, 64, 72, 68), *cross(65, 67, 75, 73), *rev(76, 82), *rev(83, 87), *rev(88, 92),
        *rev(93, 95), (96, 97),
    ],
    "ibug68": MIRROR_68,
    "merl68": MIRROR_68,
    "cofw29": [
        (0, 1), (2, 3), (4, 6), (5, 7), (8, 9), (10, 11), (12, 14), (13, 15), (16, 17), (18, 19), (22, 23),
        *fixed(20, 21, 24, 25, 26, 27, 28),
    ],
    "aflw19": [*rev(0, 5), *rev(6, 11), *rev(12, 14), *rev(15, 17), *fixed(18)],
    "jd106": [
        *rev(0, 32), *cross(33, 37, 46, 42), *cross(38, 41, 50, 47), *fixed(51, 52, 53, 54), *rev(55, 65),
        *cross(66, 70, 79, 75), *cross(71, 73, 82, 80), (74, 83), *rev(84, 90), *rev(91, 95), *rev(96, 100),
        *rev(101, 103), (104, 105),
    ],
    "celeba5": [(0, 1), *fixed(2), (3, 4)],
}  # fmt: skip

#: Points with the same meaning: those of a scheme, and those of ibug68 or wflw98.
SAME: list[tuple[str, str, Pairs]] = [
    ("cofw29", "ibug68", [
        (0, 17), (1, 26), (2, 21), (3, 22), (4, 19), (6, 24), (8, 36), (9, 45), (10, 39), (11, 42), (20, 30),
        (21, 33), (22, 48), (23, 54), (24, 51), (25, 62), (26, 66), (27, 57), (28, 8),
    ]),
    ("cofw29", "wflw98", [
        (5, 40), (7, 48), (12, 62), (13, 66), (14, 70), (15, 74), (16, 96), (17, 97),
    ]),
    ("aflw19", "ibug68", [
        (0, 17), (2, 21), (3, 22), (5, 26), (6, 36), (8, 39), (9, 42), (11, 45), (13, 30), (15, 48), (17, 54),
        (18, 8),
    ]),
    ("aflw19", "wflw98", [(7, 96), (10, 97)]),
    ("celeba5", "ibug68", [(2, 30), (3, 48), (4, 54)]),
    ("celeba5", "wflw98", [(0, 96), (1, 97)]),
    ("merl68", "ibug68", fixed(*range(68))),
    ("jd106", "ibug68", [(16, 8), (54, 30), (60, 33), (66, 36), (79, 45), (84, 48), (90, 54)]),
    ("jd106", "wflw98", [
        *fixed(*range(55)), *cross(58, 62, 55, 59), *cross(66, 73, 60, 67), *cross(75, 82, 68, 75),
        *cross(84, 103, 76, 95), (104, 96), (105, 97), (74, 96), (83, 97),
    ]),
    ("dense", "wflw98", fixed(*range(98))),
]  # fmt: skip

OUTER_EYE_CORNERS = {
    "wflw98": (60, 72), "ibug68": (36, 45), "merl68": (36, 45), "cofw29": (8, 9), "jd106": (66, 79),
    "aflw19": (6, 11), "dense": (60, 72), "celeba5": None,
}  # fmt: skip

SIZES = {"wflw98": 98, "ibug68": 68, "merl68": 68, "cofw29": 29, "aflw19": 19, "jd106": 106, "celeba5": 5}

SCHEMES = {name: load_scheme(name) for name in builtin_schemes()}
EVERY = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)


def at(scheme: Scheme, name: str) -> Array:
    return scheme.plane[scheme.names.index(name)]


def of_group(scheme: Scheme, prefix: str) -> Array:
    """The places of all points in groups whose names begin so."""
    return scheme.plane[[point.group.startswith(prefix) for point in scheme.points]]


def test_all_are_there() -> None:
    assert set(SCHEMES) == {*SIZES, "dense"}
    assert {name: len(SCHEMES[name]) for name in SIZES} == SIZES
    assert 300 <= len(SCHEMES["dense"]) <= 400


@pytest.mark.parametrize("name", MIRRORS)
def test_mirror_tables_are_those_of_the_design(name: str) -> None:
    expected = dict(MIRRORS[name]) | {second: first for first, second in MIRRORS[name]}
    assert dict(enumerate(SCHEMES[name].mirror_index.tolist())) == expected


@EVERY
def test_mirror_tables_are_involutions_of_symmetric_places(scheme: Scheme) -> None:
    index = scheme.mirror_index
    np.testing.assert_array_equal(index[index], np.arange(len(scheme)))
    np.testing.assert_allclose(scheme.plane[index] * (-1, 1), scheme.plane, rtol=0, atol=1e-6)


@EVERY
def test_right_and_left_in_names_are_the_persons_own(scheme: Scheme) -> None:
    twins = {"right": "left", "left": "right"}
    for point, mirrored in zip(scheme.points, scheme.mirror_index, strict=True):
        words = point.name.split("_")
        sides = [word for word in words if word in twins]
        assert len(sides) <= 1
        if sides:
            assert (point.x < 0) == (sides == ["right"])
            assert scheme.names[mirrored] == "_".join(twins.get(word, word) for word in words)
            assert sides[0] in point.definition


@EVERY
def test_every_point_has_words_and_a_place_of_its_own(scheme: Scheme) -> None:
    assert len(set(scheme.names)) == len(scheme)
    definitions = [point.definition for point in scheme.points]
    assert len(set(definitions)) == len(scheme)
    assert all(text[0].isupper() and text.endswith(".") and text.count(". ") == 0 for text in definitions)
    assert all(point.group for point in scheme.points)
    assert scheme.title
    assert scheme.version
    assert "person's own" in scheme.description
    assert scheme.source
    places = {(round(x, 3), round(y, 3)) for x, y in scheme.plane}
    assert len(places) == len(scheme)


@EVERY
def test_normalizers_are_those_of_the_plane(scheme: Scheme) -> None:
    corners = OUTER_EYE_CORNERS[scheme.name]
    if corners is None:
        assert "inter_ocular" not in scheme.normalizers
    else:
        assert scheme.normalizers["inter_ocular"] == ((corners[0],), (corners[1],))
    assert scheme.normalizer(scheme.plane) == pytest.approx(0.76)
    assert scheme.normalizer(scheme.plane, "inter_pupil") == pytest.approx(0.545, abs=0.01)
    for right, left in scheme.normalizers.values():
        assert sorted(scheme.mirror_index[list(right)]) == sorted(left)
        assert (scheme.plane[list(right), 0] < 0).all()


@EVERY
def test_the_mirror_image_of_a_curve_is_a_curve(scheme: Scheme) -> None:
    assert scheme.curves
    assert len({curve.name for curve in scheme.curves}) == len(scheme.curves)
    lines = {curve.name: frozenset(sides_of(curve, range(len(scheme)))) for curve in scheme.curves}
    for curve in scheme.curves:
        assert len(set(curve.points)) == len(curve.points) >= 2
        assert frozenset(sides_of(curve, scheme.mirror_index)) in lines.values(), curve.name


def sides_of(curve: Curve, index: Any) -> Iterator[frozenset[int]]:
    """The pairs of points that the curve joins, after a change of indices."""
    line = (*curve.points, *(curve.points[:1] if curve.closed else ()))
    return (frozenset((int(index[a]), int(index[b]))) for a, b in pairwise(line))


@EVERY
def test_curves_turn_gently(scheme: Scheme) -> None:
    """A point out of order would make a spike: the line would turn back by more than a right angle."""
    for curve in scheme.curves:
        points = scheme.plane[list(curve.points)]
        steps = np.diff(points, axis=0)
        cosines = (steps[1:] * steps[:-1]).sum(1) / np.linalg.norm(steps[1:], axis=1)
        corners = curve.closed or curve.name.startswith(("lips", "brow", "eye"))
        assert corners or (cosines > 0).all(), curve.name


@pytest.mark.parametrize(("name", "base", "pairs"), SAME)
def test_points_with_the_same_meaning_nearly_coincide(name: str, base: str, pairs: Pairs) -> None:
    mine, theirs = np.array(pairs).T
    apart = SCHEMES[name].plane[mine] - SCHEMES[base].plane[theirs]
    assert np.hypot(*apart.T).max() < 0.02


def test_points_with_one_name_lie_at_one_place() -> None:
    found: dict[str, Point] = {}
    for scheme in SCHEMES.values():
        for point in scheme.points:
            first = found.setdefault(point.name, point)
            assert np.hypot(point.x - first.x, point.y - first.y) < 0.02, point.name


@pytest.mark.parametrize("name", [name for name in SIZES if name != "celeba5"])
def test_brows_eyes_nose_mouth_and_chin_follow_from_above(name: str) -> None:
    scheme = SCHEMES[name]
    brows, eyes = (
        of_group(scheme, "brow"),
        np.concatenate([of_group(scheme, "eye"), of_group(scheme, "pupil")]),
    )
    mouth = of_group(scheme, "mouth")
    assert brows[:, 1].max() < eyes[:, 1].min()
    assert eyes[:, 1].max() < mouth[:, 1].min()
    assert of_group(scheme, "nose")[:, 1].max() < mouth[:, 1].min()
    assert mouth[:, 1].max() < of_group(scheme, "jaw")[:, 1].max()


def test_the_order_of_celeba() -> None:
    """lefteye, righteye, nose, leftmouth, rightmouth, as the viewer sees them."""
    plane = SCHEMES["celeba5"].plane
    assert np.sign(plane[:, 0]).tolist() == [-1, 1, 0, -1, 1]
    assert plane[0, 1] < plane[2, 1] < plane[3, 1]


def test_the_brows_and_lips_of_cofw_go_down() -> None:
    plane = SCHEMES["cofw29"].plane
    for upper, lower in (
        (4, 5),
        (6, 7),
        (12, 16),
        (16, 13),
        (14, 17),
        (17, 15),
        *pairwise((20, 21, *range(24, 29))),
    ):
        assert plane[upper, 1] < plane[lower, 1]
    assert (plane[[2, 3], 1] > plane[[4, 6], 1]).all()
    assert (plane[[2, 3], 1] < plane[[5, 7], 1] + 0.02).all()


@pytest.mark.parametrize("name", ["cofw29", "aflw19", "jd106", "dense"])
def test_the_wings_are_the_widest_of_the_nose(name: str) -> None:
    scheme = SCHEMES[name]
    wing = at(scheme, "nose_wing_right")
    assert of_group(scheme, "nose")[:, 0].min() == wing[0]
    assert at(scheme, "nose_bridge_3")[1] < wing[1] < SCHEMES["ibug68"].plane[31, 1]


def test_the_outline_of_the_nose_goes_around_it() -> None:
    scheme = SCHEMES["jd106"]
    outline = scheme.plane[55:66]
    assert (np.diff(outline[2:9, 0]) > 0).all()
    assert (np.diff(outline[:6, 1]) > 0).all()


def test_merl68_is_ibug68_with_a_jaw_that_stays() -> None:
    merl, ibug = SCHEMES["merl68"], SCHEMES["ibug68"]
    assert merl.names == ibug.names
    np.testing.assert_array_equal(merl.plane, ibug.plane)
    changed = [i for i in range(68) if merl.points[i].definition != ibug.points[i].definition]
    assert changed == [*range(8), *range(9, 17)]


def test_dense_holds_the_other_dense_schemes() -> None:
    dense = SCHEMES["dense"]
    assert dense.points[:98] == SCHEMES["wflw98"].points
    assert set(SCHEMES["jd106"].points) <= set(dense.points)


def test_dense_reaches_beyond_the_face() -> None:
    scheme = SCHEMES["dense"]
    contour = scheme.plane[:33]
    ears = of_group(scheme, "ear_right")
    outline = np.interp(ears[:, 1], contour[:17, 1], contour[:17, 0])
    assert (ears[:, 0] < outline).all(), "ears lie outside of the contour"
    assert ears[:, 0].min() == pytest.approx(-0.76, abs=0.02)
    hairline, skull = of_group(scheme, "hairline"), of_group(scheme, "skull")
    assert hairline[:, 1].min() == pytest.approx(-0.77, abs=0.03)
    assert skull[:, 1].min() == pytest.approx(-1.0, abs=0.05)
    assert of_group(scheme, "neck")[:, 1].max() > contour[:, 1].max() + 0.1
    centre = np.array([0.0, -0.15])
    for inner, outer in (("forehead", "hairline"), ("hairline", "scalp"), ("scalp", "skull")):
        near, far = (np.array(polar(of_group(scheme, group) - centre)) for group in (inner, outer))
        assert (near[1] < np.interp(near[0], far[0], far[1])).all(), f"{inner} lies within {outer}"


def polar(offsets: Array) -> tuple[Array, Array]:
    """Angle, increasing, and distance of offsets (N, 2) from below them."""
    angles, radii = np.arctan2(offsets[:, 0], -offsets[:, 1]), np.hypot(*offsets.T)
    order = np.argsort(angles)
    return angles[order], radii[order]


def test_dense_leaves_no_gap() -> None:
    """From every place within the skull and the jaw, a point is near."""
    scheme = SCHEMES["dense"]
    skull, jaw = of_group(scheme, "skull"), scheme.plane[:33]
    x, y = (grid.ravel() for grid in np.meshgrid(np.linspace(-0.6, 0.6, 61), np.linspace(-1, 0.88, 95)))
    top = np.interp(x, skull[1:-1, 0], skull[1:-1, 1])
    bottom = np.interp(x, jaw[:, 0], jaw[:, 1])
    inside = np.stack([x, y], axis=1)[(y > top) & (y < bottom)]
    nearest = np.linalg.norm(inside[:, None] - scheme.plane[None], axis=2).min(axis=1)
    assert len(inside) > 3000
    assert nearest.max() < 0.11


@cache
def validator() -> Any:
    jsonschema = pytest.importorskip("jsonschema", reason="JupyterLab brings jsonschema along")
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@EVERY
def test_the_json_schema_takes_every_built_in_file(scheme: Scheme) -> None:
    file = REPOSITORY / "schemes" / f"{scheme.name}.json"
    assert not list(validator().iter_errors(json.loads(file.read_text(encoding="utf-8"))))


@given(count=st.integers(1, 6), data=st.data())
def test_the_json_schema_takes_what_a_scheme_writes(count: int, data: st.DataObject) -> None:
    index = st.integers(0, count - 1)
    ends = st.lists(index, min_size=1, max_size=3).map(tuple)
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    scheme = Scheme(
        data.draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,8}", fullmatch=True)),
        tuple(Point(f"p{i}", 0.0, float(i), data.draw(text)) for i in range(count)),
        mirror=data.draw(st.sampled_from([(), tuple(fixed(*range(count)))])),
        curves=tuple(data.draw(st.lists(st.builds(Curve, text, ends, st.booleans()), max_size=2))),
        normalizers=data.draw(st.dictionaries(text, st.tuples(ends, ends), max_size=2)),
        description=data.draw(text),
    )
    written = json.loads(scheme.to_json())
    assert not list(validator().iter_errors(written))
    assert scheme_from_dict(written) == scheme


TIP = {"name": "tip", "x": 0, "y": 0.2}


@pytest.mark.parametrize(
    "bad",
    [
        [],
        {"points": [TIP]},
        {"name": "a"},
        {"name": "a b", "points": [TIP]},
        {"name": "a", "points": []},
        {"name": "a", "points": [{"name": "tip", "x": 0}]},
        {"name": "a", "points": [{"name": "", "x": 0, "y": 0}]},
        {"name": "a", "points": [{"name": "tip", "x": None, "y": 0}]},
        {"name": "a", "points": [TIP | {"group": 3}]},
        {"name": "a", "points": [TIP], "version": 1},
        {"name": "a", "points": [TIP], "mirror": [[0]]},
        {"name": "a", "points": [TIP], "mirror": [[0, 0.5]]},
        {"name": "a", "points": [TIP], "mirror": [[0, 0], [0, 0]]},
        {"name": "a", "points": [TIP], "curves": [{"name": "c", "points": [-1]}]},
        {"name": "a", "points": [TIP], "curves": [{"points": [0]}]},
        {"name": "a", "points": [TIP], "normalizers": {"n": [[0], []]}},
        {"name": "a", "points": [TIP], "normalizers": {"n": [[0]]}},
    ],
)
def test_what_the_json_schema_refuses_labelkit_refuses(bad: Any) -> None:
    assert list(validator().iter_errors(bad))
    with pytest.raises(SchemeError):
        scheme_from_dict(bad)


@pytest.mark.parametrize(
    "typo",
    [
        {"name": "a", "points": [TIP], "curve": []},
        {"name": "a", "points": [TIP | {"defintion": "The tip."}]},
        {"name": "a", "points": [TIP], "curves": [{"name": "c", "points": [0], "close": True}]},
    ],
)
def test_the_json_schema_finds_misspelt_entries(typo: Any) -> None:
    assert [error.validator for error in validator().iter_errors(typo)] == ["additionalProperties"]


def test_the_shortest_scheme() -> None:
    short = {
        "$schema": "schema/scheme.schema.json",
        "name": "a",
        "points": [TIP],
        "normalizers": {"n": [0, 0]},
    }
    assert not list(validator().iter_errors(short))
    assert len(scheme_from_dict(short)) == 1


def test_the_json_schema_ships_with_the_schemes_and_is_none() -> None:
    assert SCHEMA.is_file()
    assert not {"schema", "scheme.schema"} & set(builtin_schemes())
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    targets = project["tool"]["hatch"]["build"]["targets"]
    assert targets["wheel"]["force-include"]["schemes"] == "labelkit/schemes"
    assert "/schemes" in targets["sdist"]["include"]

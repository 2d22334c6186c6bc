from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit.errors import InputError, SchemeError
from labelkit.geometry import Similarity
from labelkit.scheme import (
    SYMMETRY_TOLERANCE,
    Curve,
    Point,
    Scheme,
    builtin_schemes,
    load_scheme,
    pairs_from_index,
    read_scheme,
    scheme_from_dict,
)

# The mirror tables as section 8 of the design prints them.
MIRROR_98 = (
    "0-32 rev, 33-37 46-42, 38-41 50-47, 51-54, 55-59 rev, 60-64 72-68, 65-67 75-73, "
    "76-82 rev, 83-87 rev, 88-92 rev, 93-95 rev, 96-97 rev"
)
MIRROR_68 = (
    "0-16 rev, 17-26 rev, 27-30, 31-35 rev, 36-39 45-42, 40-41 47-46, "
    "48-54 rev, 55-59 rev, 60-64 rev, 65-67 rev"
)

#: Points of wflw98 and ibug68 with the same meaning (98 -> 68).
SHARED = {
    **{2 * i: i for i in range(17)},
    **dict(zip(range(33, 38), range(17, 22), strict=True)),
    **dict(zip(range(42, 47), range(22, 27), strict=True)),
    **dict(zip(range(51, 60), range(27, 36), strict=True)),
    **dict(zip((60, 64, 68, 72), (36, 39, 42, 45), strict=True)),
    **dict(zip(range(76, 88), range(48, 60), strict=True)),
    **dict(zip((88, 90, 92, 94), (60, 62, 64, 66), strict=True)),
}


def mirror_table(text: str) -> list[int]:
    index: dict[int, int] = {}
    for part in text.split(", "):
        first, _, second = part.partition(" ")
        a = numbers(first)
        b = numbers(second) if "-" in second else (a[::-1] if second == "rev" else a)
        index |= dict(zip(a + b, b + a, strict=True))
    return [index[i] for i in range(len(index))]


def numbers(text: str) -> list[int]:
    a, b = map(int, text.split("-"))
    return list(range(a, b + 1)) if a <= b else list(range(a, b - 1, -1))


def small(**changes: Any) -> Scheme:
    """Two eyes and a chin."""
    points = (Point("right", -0.4, 0.0), Point("left", 0.4, 0.0), Point("chin", 0.0, 0.9))
    scheme = Scheme(
        "small", points, ((0, 1), (2, 2)), (Curve("v", (0, 2, 1)),), {"inter_ocular": ((0,), (1,))}
    )
    return replace(scheme, **changes)


@pytest.mark.parametrize(("name", "table"), [("wflw98", MIRROR_98), ("ibug68", MIRROR_68)])
def test_mirror_tables_are_those_of_the_design(name: str, table: str) -> None:
    index = load_scheme(name).mirror_index
    assert index.tolist() == mirror_table(table)


@pytest.mark.parametrize("name", builtin_schemes())
def test_built_in_schemes_are_symmetric_and_explained(name: str) -> None:
    scheme = load_scheme(name)
    assert scheme.name == name
    if scheme.mirror:
        index = scheme.mirror_index
        np.testing.assert_array_equal(index[index], np.arange(len(scheme)))
        mirrored = scheme.plane[index] * (-1, 1)
        np.testing.assert_allclose(mirrored, scheme.plane, atol=SYMMETRY_TOLERANCE)
    assert all(point.group and point.definition.endswith(".") for point in scheme.points)
    assert len({point.definition for point in scheme.points}) == len(scheme)
    assert scheme.title
    assert scheme.source


def test_left_and_right_are_the_persons_own() -> None:
    for scheme in map(load_scheme, ("ibug68", "wflw98")):
        for point in scheme.points:
            if "right" in point.name:
                assert point.x < 0
            if "left" in point.name:
                assert point.x > 0


def test_the_plane_is_fixed_by_the_outer_eye_corners_of_ibug68() -> None:
    scheme = load_scheme("ibug68")
    np.testing.assert_allclose(scheme.plane[[36, 45]], [(-0.38, -0.10), (0.38, -0.10)], atol=1e-7)
    assert scheme.normalizer(scheme.plane) == pytest.approx(0.76)
    assert load_scheme("wflw98").normalizer(load_scheme("wflw98").plane) == pytest.approx(0.76)


def test_wflw98_meets_ibug68_where_they_mean_the_same() -> None:
    ibug, wflw = load_scheme("ibug68"), load_scheme("wflw98")
    offsets = wflw.plane[list(SHARED)] - ibug.plane[list(SHARED.values())]
    assert np.hypot(*offsets.T).max() < 0.02
    named = [(i, j) for i, j in SHARED.items() if i > 32]
    assert [wflw.names[i] for i, _ in named] == [ibug.names[j] for _, j in named]
    assert not set(wflw.names) - {wflw.names[i] for i, _ in named} & set(ibug.names)


def test_wflw98_goes_along_its_boundaries() -> None:
    plane = load_scheme("wflw98").plane
    for boundary in (range(33), range(60, 65), (64, 65, 66, 67, 60), range(88, 93), (92, 93, 94, 95, 88)):
        steps = np.hypot(*np.diff(plane[list(boundary)], axis=0).T)
        assert steps.max() < 1.06 * steps.min()
    upper, lower = plane[34:38], plane[41:37:-1]
    assert ((lower - upper)[:, 1] > 0.04).all(), "the lower edge of a brow lies below the upper"
    assert (plane[60:65, 1].max() < plane[65:68, 1]).all()
    np.testing.assert_allclose(plane[97], plane[96] * (-1, 1))
    assert plane[62, 1] < plane[96, 1] < plane[66, 1]


@pytest.mark.parametrize("name", builtin_schemes())
def test_a_built_in_file_is_what_its_scheme_writes(name: str) -> None:
    file = Path(__file__).parents[2] / "schemes" / f"{name}.json"
    assert file.read_text(encoding="utf-8") == load_scheme(name).to_json()


def texts() -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
        ["<img src=x onerror=alert(1)>", "@points@", '"', "\n", "µ 眉 👁"]
    )


@st.composite
def schemes(draw: st.DrawFn) -> Scheme:
    places = draw(st.lists(st.tuples(*[st.floats(-9, 9)] * 2), min_size=1, max_size=3))
    names = draw(st.lists(texts().filter(bool), min_size=len(places), max_size=len(places), unique=True))
    points = tuple(
        Point(name, x, y, draw(texts()), draw(texts())) for name, (x, y) in zip(names, places, strict=True)
    )
    indices = st.lists(st.integers(0, len(points) - 1), min_size=1, max_size=4).map(tuple)
    curves = draw(st.lists(st.builds(Curve, texts(), indices, st.booleans()), max_size=2).map(tuple))
    normalizers = draw(st.dictionaries(texts(), st.tuples(indices, indices), max_size=2))
    return Scheme("drawn", points, (), curves, normalizers, draw(texts()), draw(texts()), draw(texts()))


@given(schemes())
def test_a_scheme_survives_its_file(scheme: Scheme) -> None:
    text = scheme.to_json()
    assert scheme_from_dict(json.loads(text)) == scheme
    assert text.count("\n{") == 0
    assert hash(scheme) == hash(scheme_from_dict(json.loads(text)))


def test_html_in_names_is_kept_as_text() -> None:
    point = Point("<b>chin</b>", 0, 0.9, "<i>", "<script>alert(1)</script>")
    scheme = Scheme("html", (point,), title="<h1>")
    assert scheme_from_dict(json.loads(scheme.to_json())).points == (point,)


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "small.json"
    file.write_text(small().to_json(), encoding="utf-8-sig")
    assert load_scheme(file) == small()
    assert load_scheme(str(file)) == small()
    assert load_scheme(small()) == small()


def test_what_a_file_may_leave_out() -> None:
    scheme = scheme_from_dict({"name": "one", "points": [{"name": "tip", "x": 0, "y": 0}]})
    assert scheme == Scheme("one", (Point("tip", 0.0, 0.0),))
    with pytest.raises(SchemeError, match="asymmetric"):
        _ = scheme.mirror_index


@given(st.integers(-9, 9).filter(lambda i: not 0 <= i < 3))
def test_an_index_out_of_range_is_refused(index: int) -> None:
    with pytest.raises(SchemeError, match=f"a curve uses point {index}, but there are 3"):
        small(curves=(Curve("broken", (0, index)),))
    with pytest.raises(SchemeError, match=f"a normalizer uses point {index}"):
        small(normalizers={"inter_ocular": ((0,), (index,))})
    with pytest.raises(SchemeError, match="mirror table"):
        small(mirror=((0, 1), (index, index)))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=4))
def test_only_whole_mirror_tables_of_mirrored_places_are_taken(pairs: list[tuple[int, int]]) -> None:
    right = {(0, 1), (2, 2)}
    if {(min(pair), max(pair)) for pair in pairs} == right and len(pairs) == 2:
        assert small(mirror=tuple(pairs)).mirror_index.tolist() == [1, 0, 2]
    else:
        with pytest.raises(SchemeError):
            small(mirror=tuple(pairs))


def test_a_mirror_pair_must_lie_symmetrically() -> None:
    points = (Point("right", -0.4, 0.0), Point("left", 0.4001, 0.0), Point("chin", 0.0, 0.9))
    with pytest.raises(SchemeError, match="'right' and 'left' are a mirror pair, but their places are not"):
        small(points=points)
    assert len(small(points=points, mirror=())) == 3


@given(st.sampled_from([float("nan"), float("inf"), -float("inf")]), st.sampled_from(["x", "y"]))
def test_a_point_needs_a_place(value: float, axis: str) -> None:
    lost = replace(Point("chin", 0.0, 0.9), **{axis: value})
    with pytest.raises(SchemeError, match="point 'chin' has no place on the plane"):
        small(points=(*small().points[:2], lost))


@given(st.permutations(["a", "a", "b"]))
def test_a_name_may_stand_once(names: list[str]) -> None:
    with pytest.raises(SchemeError, match="'a' is empty or stands twice"):
        Scheme("twins", tuple(Point(name, 0, 0) for name in names))


@pytest.mark.parametrize("name", ["", "../evil", "a/b", "a b", ".hidden", None, 3, "x" * 101])
def test_a_scheme_is_named_like_a_file(name: Any) -> None:
    with pytest.raises(SchemeError, match="is no name"):
        small(name=name)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "a scheme is a JSON object"),
        ('{"name": "a"}', "the entry 'points' is missing"),
        ('{"name": "a", "points": []}', "at least one point"),
        ('{"name": "a", "points": [7]}', "point 0 has the wrong form"),
        ('{"name": "a", "points": [{"name": "tip", "x": 0}]}', "point 0 has no 'y'"),
        ('{"name": "a", "points": [{"name": "tip", "x": 0, "y": NaN}]}', "point 'tip' has no place"),
        ('{"name": "a", "points": [{"name": null, "x": 0, "y": 0}]}', "None is not a text"),
        ('{"name": "a", "points": [{"name": "\\ud800", "x": 0, "y": 0}]}', "point 0 has the wrong form"),
        ('{"name": "a", "points": [{"name": "b", "x": 1' + "0" * 400 + ', "y": 0}]}', "wrong form"),
        ('{"name": "a", "points": [{"name": "b", "x": 0, "y": 0}], "mirror": [[0.0, 0]]}', "the wrong form"),
        ('{"name": "a", "points": [{"name": "b", "x": 0, "y": 0}], "mirror": [[0]]}', "the wrong form"),
        ('{"name": "a", "points": [{"name": "b", "x": 0, "y": 0}], "mirror": [[1, 0]]}', "mirror table"),
        ('{"name": "a", "points": [{"name": "b", "x": 0, "y": 0}], "normalizers": {"n": [[0], []]}}',
         "a point at each end"),
    ],
)  # fmt: skip
def test_a_bad_file_is_named_with_its_problem(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SchemeError) as caught:
        read_scheme(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert problem in message
    assert "\n" not in message


def test_a_missing_scheme_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(SchemeError, match=r"no scheme is called 'ibug86'; built in are .*ibug68"):
        load_scheme("ibug86")
    with pytest.raises(SchemeError, match=r"gone\.json: cannot be read"):
        load_scheme(tmp_path / "gone.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SchemeError, match="is not JSON"):
        load_scheme(tmp_path / "binary.json")


@given(st.floats(0.01, 100), st.floats(-3, 3), st.floats(-500, 500))
def test_a_scheme_without_eye_corners_is_measured_by_the_whole_shape(
    k: float, angle: float, t: float
) -> None:
    to_image = Similarity(k * np.cos(angle), k * np.sin(angle), t, -t)
    scheme = small()
    assert scheme.normalizer(to_image(scheme.plane)) == pytest.approx(0.8 * k)
    blind = small(normalizers={})
    assert blind.normalizer(to_image(blind.plane)) == pytest.approx(0.76 * k)
    assert scheme.align(to_image(scheme.plane)).angle == pytest.approx(angle, abs=1e-9)


def test_normalizers_average_their_points() -> None:
    scheme = small(normalizers={"eyes_to_chin": ((0, 1), (2,))})
    assert scheme.normalizer(scheme.plane, "eyes_to_chin") == pytest.approx(0.9)


def test_arrays_of_another_length_are_refused() -> None:
    with pytest.raises(InputError, match=r"'small' has 3 points, not an array of \(2, 2\)"):
        small().align(np.zeros((2, 2)))


def test_a_scheme_is_a_value() -> None:
    scheme = small()
    assert scheme == small()
    assert len({scheme, small()}) == 1
    with pytest.raises(ValueError, match="read-only"):
        scheme.plane[0] = 0
    assert scheme.plane_box == (-0.4, 0.0, 0.4, 0.9)


@given(st.permutations(range(4)))
def test_pairs_and_index_say_the_same(order: list[int]) -> None:
    index = [0] * 4
    for a, b in (order[:2], order[2:]):
        index[a], index[b] = b, a
    scheme = Scheme("p", tuple(Point(f"p{i}", 0, 0) for i in range(4)), pairs_from_index(index))
    assert scheme.mirror_index.tolist() == index


@pytest.mark.parametrize("place", [(1e7, 0.0), (0.0, -1e308), (float("nan"), 0.0)])
def test_a_point_further_out_than_any_face_is_refused(place: tuple[float, float]) -> None:
    with pytest.raises(SchemeError, match="point 'far' has no place on the plane"):
        Scheme("drawn", (Point("far", *place),))


@pytest.mark.parametrize(
    "entry",
    [
        {"normalizers": {"inter_ocular": [False, [1]]}},
        {"normalizers": {"inter_ocular": [[0], [True]]}},
        {"curves": [{"name": "line", "points": [0, True]}]},
        {"mirror": [[0, True]]},
    ],
)
def test_true_and_false_are_no_numbers_of_points(entry: dict[str, Any]) -> None:
    points = [{"name": "a", "x": -0.5, "y": 0}, {"name": "b", "x": 0.5, "y": 0}]
    with pytest.raises(SchemeError, match=r"an entry has the wrong form .* is no number of a point"):
        scheme_from_dict({"name": "drawn", "points": points, **entry})

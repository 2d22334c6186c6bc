from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.errors import InputError, SchemeError
from labelkit.geometry import Array, Similarity
from labelkit.scheme import Point, Scheme, builtin_schemes, load_scheme
from labelkit.scheme.convert import SHARED_DISTANCE, Converter, convert, converter

IBUG, WFLW = load_scheme("ibug68"), load_scheme("wflw98")


def scheme(plane: Any, name: str = "own") -> Scheme:
    return Scheme(name, tuple(Point(f"p{i}", x, y) for i, (x, y) in enumerate(plane)))


def bend(plane: Array, strength: float) -> Array:
    """A smooth change of a face that no affine map makes: the plane laid on a cylinder."""
    x, y = plane.T
    return np.stack([np.sin(strength * x) / strength, y + 0.1 * strength * x * y], axis=1)


@given(st.floats(0.1, 500), st.floats(-3, 3), st.floats(-5000, 5000), st.floats(-0.5, 0.5))
def test_a_face_like_the_plane_converts_exactly(k: float, angle: float, shift: float, shear: float) -> None:
    to_image = Similarity(k * np.cos(angle), k * np.sin(angle), shift, -shift)
    stretch = np.array([[1.0, shear], [0.0, 1.0 - shear / 2]])
    found = convert(to_image(WFLW.plane @ stretch), WFLW, IBUG)
    np.testing.assert_allclose(found.points, to_image(IBUG.plane @ stretch), atol=1e-9 * (k + abs(shift)))
    assert found.error.max() < 0.02


@given(st.floats(0.2, 1.2))
def test_a_bent_face_converts_within_its_estimate(strength: float) -> None:
    found = convert(200 * bend(WFLW.plane, strength), WFLW, IBUG)
    away = np.linalg.norm(found.points / 200 - bend(IBUG.plane, strength), axis=1) / 0.76
    assert away.max() < 0.02
    assert (away <= 3 * found.error).all()


@pytest.mark.parametrize("pair", [("ibug68", "wflw98"), ("wflw98", "ibug68")], ids="-".join)
def test_shared_points_stay_where_they_are(pair: tuple[str, str]) -> None:
    source, target = map(load_scheme, pair)
    rng = np.random.default_rng(0)
    face = 150 * bend(source.plane, 0.8) + rng.normal(0, 0.5, source.plane.shape)
    found = convert(face, source, target)
    origin = found.origin[found.shared]
    apart = np.linalg.norm(source.plane[origin] - target.plane[found.shared], axis=1)
    exact = apart < 1e-6
    assert exact.sum() > 20
    away = np.linalg.norm(found.points[found.shared] - face[origin], axis=1)
    assert away[exact].max() < 0.01 * 0.76 * 150
    assert (away < 1.5 * 150 * (apart + 0.01)).all()


def test_what_is_shared() -> None:
    source = scheme([(0, 0), (0.5, 0), (0, 0.5)])
    target = scheme([(0.5, SHARED_DISTANCE * 1.01), (0.001, 0.5), (0, SHARED_DISTANCE * 0.99), (0.25, 0.25)])
    found = convert(source.plane, source, target)
    assert found.origin.tolist() == [-1, 2, 0, -1]
    assert found.shared.tolist() == [False, True, True, False]


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_faces_with_gaps_convert_one_by_one_as_together(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    faces = 100 * IBUG.plane + rng.normal(0, 2, (2, count, 68, 2))
    faces[rng.random(faces.shape[:3]) < 0.3] = np.nan
    together = convert(faces, IBUG, WFLW)
    assert together.points.shape == (2, count, 98, 2)
    assert together.error.shape == (2, count, 98)
    for index in np.ndindex(2, count):
        alone = convert(faces[index], IBUG, WFLW)
        np.testing.assert_allclose(alone.points, together.points[index], rtol=0, atol=1e-6)
        np.testing.assert_allclose(alone.error, together.error[index])


@given(st.integers(0, 67), st.sampled_from([np.nan, np.inf]))
def test_a_point_of_which_half_is_missing_takes_no_part(index: int, value: float) -> None:
    face = 100 * bend(IBUG.plane, 0.5)
    half, none = face.copy(), face.copy()
    half[index, 1] = value
    none[index] = np.nan
    np.testing.assert_array_equal(convert(half, IBUG, WFLW).points, convert(none, IBUG, WFLW).points)
    assert np.isfinite(convert(half, IBUG, WFLW).error).all()


def test_the_less_is_known_the_larger_is_the_estimate() -> None:
    face = 100 * bend(IBUG.plane, 0.8) + np.random.default_rng(1).normal(0, 1, (68, 2))
    no_jaw = face.copy()
    no_jaw[:17] = np.nan
    whole, part = convert(face, IBUG, WFLW), convert(no_jaw, IBUG, WFLW)
    assert (part.error[:33] > 2 * whole.error[:33]).all()
    assert part.error[16] > 3 * part.error[54], "the chin is far from every point that is there"
    eyes = slice(60, 76)
    np.testing.assert_allclose(part.error[eyes].mean(), whole.error[eyes].mean(), rtol=0.5)


@given(st.floats(0.01, 100), st.floats(-1000, 1000))
def test_the_estimate_knows_no_unit(k: float, shift: float) -> None:
    face = bend(IBUG.plane, 0.7)
    np.testing.assert_allclose(
        convert(k * face + shift, IBUG, WFLW).error, convert(face, IBUG, WFLW).error, rtol=1e-5
    )


@pytest.mark.parametrize("there", [0, 1, 2])
def test_a_face_of_too_few_points_stays_unknown(there: int) -> None:
    faces = np.tile(100 * IBUG.plane, (2, 1, 1))
    faces[0, there:] = np.nan
    found = convert(faces, IBUG, WFLW)
    assert np.isnan(found.points[0]).all()
    assert np.isnan(found.error[0]).all()
    assert np.isfinite(found.points[1]).all()


def test_points_on_a_line_place_no_face() -> None:
    line = np.array([(-0.3, -0.1), (0.0, 0.0), (0.3, 0.1), (0.6, 0.2)])
    with pytest.raises(SchemeError, match="'own' cannot be converted: that takes three points not on a line"):
        Converter(scheme(line), IBUG)
    with pytest.raises(SchemeError, match="three points"):
        convert(np.zeros((2, 2)), scheme(line[:2]), IBUG)
    off = scheme([*line, (0.0, 0.5)])
    face = 100 * off.plane
    face[4] = np.nan
    assert np.isnan(convert(face, off, IBUG).points).all()


def test_a_face_shrunk_to_a_dot_has_no_estimate() -> None:
    found = convert(np.full((68, 2), 7.0), IBUG, WFLW)
    np.testing.assert_allclose(found.points, 7.0)
    assert not np.isfinite(found.error).any()


@pytest.mark.parametrize("shape", [(68,), (67, 2), (68, 3), (2, 98, 2)])
def test_arrays_of_another_length_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="'ibug68' has 68 points, not an array of"):
        convert(np.zeros(shape), IBUG, WFLW)


def test_two_source_points_at_one_place_are_averaged() -> None:
    source = scheme([(-0.4, 0), (0.4, 0), (0, 0.9), (0, 0.9)])
    face = np.array([(-40.0, 0), (40, 0), (-1, 90), (1, 90)])
    found = convert(face, source, scheme([(0, 0.9)]))
    np.testing.assert_allclose(found.points, [(0, 90)], atol=1e-9)


def test_every_built_in_scheme_converts_to_every_other() -> None:
    for first, second in permutations(map(load_scheme, builtin_schemes()), 2):
        found = convert(100 * first.plane, first, second)
        np.testing.assert_allclose(found.points, 100 * second.plane, atol=1e-6)
        assert np.isfinite(found.error).all()


def test_a_conversion_is_a_value() -> None:
    found = convert(np.zeros((0, 68, 2)), IBUG, WFLW)
    assert found.points.shape == (0, 98, 2)
    with pytest.raises(ValueError, match="read-only"):
        convert(IBUG.plane, IBUG, WFLW).points[0] = 0
    assert converter(IBUG, WFLW) is converter(load_scheme("ibug68"), load_scheme("wflw98"))


def test_estimates_hold_on_labelled_faces(shared_data: Any) -> None:
    from labelkit.formats import read

    data = read(shared_data / "ibug68" / "dev", format="300w")
    faces = np.array([sample.landmarks.xy for sample in data if sample.landmarks is not None])
    hidden = np.arange(0, 68, 3)
    known = faces.copy()
    known[:, hidden] = np.nan
    found = convert(known, IBUG, IBUG)
    iod = np.array([IBUG.align(face).scale for face in faces]) * 0.76
    away = np.linalg.norm(found.points - faces, axis=2)[:, hidden] / iod[:, None]
    assert away.mean() == pytest.approx(found.error[:, hidden].mean(), rel=0.3)

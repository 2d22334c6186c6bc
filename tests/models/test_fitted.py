from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from labelkit.errors import InputError, SchemeError
from labelkit.models.fitted import (
    EXTRAPOLATED,
    Places,
    SchemeFit,
    find_mirror,
    make_fit,
    normalizers,
    point_names,
)
from labelkit.scheme import load_scheme, scheme_from_dict

IBUG = load_scheme("ibug68")
NOWHERE = np.zeros(68, np.bool_)


def fit(plane: np.ndarray, symmetric: bool = False, far: tuple[int, ...] = ()) -> SchemeFit:
    count = len(plane)
    beyond = np.isin(np.arange(count), far)
    places = Places(plane, plane, np.full(count, 0.01), np.full(count, 3), beyond)
    names = point_names(None, count)
    return make_fit(places, "mine", names, "made up", symmetric=symmetric, faces=3, problems=["a: bad"])


def test_the_mirror_table_of_a_known_scheme_is_found_through_noise() -> None:
    noisy = IBUG.plane + np.random.default_rng(0).normal(0, 0.01, (68, 2))
    mirror = find_mirror(noisy, noisy, IBUG.names)
    assert mirror.index is not None
    assert np.array_equal(mirror.index, IBUG.mirror_index)
    assert 0 < mirror.asymmetry < 0.06


def test_what_lies_in_one_place_is_paired_and_doubted() -> None:
    """The lips of a closed mouth, seen from the left: nearest neighbours would be no involution."""
    lips = np.array([[-0.2, 0.5], [0.0, 0.5], [0.2, 0.5]])
    eyes = np.array([[-0.38, -0.1], [0.38, -0.1]])
    shape = np.concatenate([lips, lips + 0.002, eyes])
    shape[:, 0] += 0.003
    mirror = find_mirror(shape, shape, point_names(None, 8))
    assert mirror.index is not None
    assert np.array_equal(mirror.index[mirror.index], np.arange(8))
    assert mirror.index[6] == 7
    assert mirror.doubtful == (0, 1, 2, 3, 4, 5)


@given(arrays(np.float64, st.tuples(st.integers(1, 12), st.just(2)), elements=st.floats(-1, 1)))
def test_a_mirror_table_is_an_involution_or_absent(plane: np.ndarray) -> None:
    mirror = find_mirror(plane, plane, point_names(None, len(plane)))
    assert (mirror.index is None) == bool(mirror.problem)
    if mirror.index is not None:
        assert np.array_equal(mirror.index[mirror.index], np.arange(len(plane)))
        assert sorted(i for pair in mirror.pairs for i in set(pair)) == list(range(len(plane)))


def test_half_a_face_has_no_mirror_table() -> None:
    right = IBUG.plane[IBUG.plane[:, 0] < -0.1]
    result = fit(right)
    assert result.mirror.pairs == result.scheme.mirror == ()
    assert "nothing lies at the mirrored place of p0" in result.mirror.problem
    with pytest.raises(SchemeError, match="'mine' cannot be made symmetric: nothing lies"):
        fit(right, symmetric=True)


def test_symmetric_moves_points_half_way_and_keeps_the_table() -> None:
    noisy = IBUG.plane + np.random.default_rng(1).normal(0, 0.01, (68, 2))
    loose, exact = fit(noisy).scheme, fit(noisy, symmetric=True).scheme
    assert loose.mirror == ()
    assert np.abs(loose.plane - noisy).max() <= 5e-7
    assert np.array_equal(exact.mirror_index, IBUG.mirror_index)
    assert np.array_equal(exact.plane[exact.mirror_index] * (-1, 1), exact.plane)
    half_way = (noisy + noisy[IBUG.mirror_index] * (-1, 1)) / 2
    assert np.abs(exact.plane - half_way).max() <= 1e-6


def test_a_fitted_scheme_is_a_scheme_file() -> None:
    scheme = fit(IBUG.plane, symmetric=True, far=(0, 16)).scheme
    again = scheme_from_dict(json.loads(scheme.to_json()))
    assert again == scheme
    assert [p.name for p in again.points if p.group == EXTRAPOLATED] == ["p0", "p16"]
    assert all(("extrapolated" in p.definition) == (p.group == EXTRAPOLATED) for p in again.points)
    assert scheme.description == "made up"


def test_the_report_says_everything_in_json() -> None:
    facts = fit(IBUG.plane, far=(3,)).to_dict()
    assert json.loads(json.dumps(facts)) == facts
    assert (facts["faces"], facts["extrapolated"], facts["symmetric"]) == (3, 1, False)
    assert facts["points"][3]["extrapolated"] is True
    assert facts["problems"] == ["a: bad"]
    assert len(facts["mirror"]) == len(IBUG.mirror)


def test_outer_eye_corners_are_known_by_their_places() -> None:
    assert normalizers(IBUG.plane + 0.01, NOWHERE) == {"inter_ocular": ((36,), (45,))}
    assert normalizers(IBUG.plane + 0.04, NOWHERE) == {}
    assert normalizers(IBUG.plane[:40], NOWHERE[:40]) == {}
    assert normalizers(IBUG.plane, np.arange(68) == 36) == {}


def test_point_names() -> None:
    assert point_names(None, 3) == ("p0", "p1", "p2")
    assert point_names(["a", "b"], 2) == ("a", "b")
    with pytest.raises(InputError, match="1 names for 2 points"):
        point_names(["a"], 2)

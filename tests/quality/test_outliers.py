from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from labelkit.geometry import Array
from labelkit.quality import Oddity, find_oddities
from labelkit.scheme import Scheme

from .conftest import make_faces


def only(shapes: Array, scheme: Scheme) -> Oddity:
    """The one odd face."""
    (found,) = find_oddities(shapes, scheme).found
    return found


@pytest.fixture(params=[15, 120])
def faces(request: pytest.FixtureRequest, ibug68: Scheme) -> Array:
    return make_faces(ibug68, request.param)


def test_among_good_faces_none_is_odd(faces: Array, ibug68: Scheme) -> None:
    oddities = find_oddities(faces, ibug68)
    assert oddities.found == ()
    assert oddities.sizes.max() < 1


def test_left_and_right_swapped(faces: Array, ibug68: Scheme) -> None:
    faces[4] = faces[4, ibug68.mirror_index]
    found = only(faces, ibug68)
    assert (found.row, found.kind, found.part) == (4, "swapped", "")
    assert found.in_words(ibug68) == "left and right swapped"


def test_one_pair_of_parts_swapped(faces: Array, ibug68: Scheme) -> None:
    eyes = np.arange(36, 48)
    faces[2, eyes] = faces[2, ibug68.mirror_index[eyes]]
    found = only(faces, ibug68)
    assert found.in_words(ibug68) == "left and right swapped (eye_left and eye_right)"
    assert found.points == tuple(eyes.tolist())


def test_a_curve_out_of_order(faces: Array, ibug68: Scheme) -> None:
    faces[7, [3, 4, 5]] = faces[7, [5, 3, 4]]
    found = only(faces, ibug68)
    assert (found.kind, found.part, found.points) == ("order", "jaw", (3, 4, 5))
    assert found.in_words(ibug68) == "points of jaw out of order"


def test_points_that_were_moved_are_named_the_worst_first(faces: Array, ibug68: Scheme) -> None:
    iod = ibug68.normalizer(faces[5])
    faces[5, 8] += 0.3 * iod * np.array([0, 1])
    faces[5, 57] += 0.2 * iod * np.array([1, 0])
    found = only(faces, ibug68)
    assert (found.kind, set(found.points)) == ("points", {8, 57})
    assert 15 < found.error < 40
    first = ibug68.names[found.points[0]]
    assert found.in_words(ibug68).startswith(f"2 points are not where the others put them, {first} by ")
    alone = replace(found, points=found.points[:1])
    assert alone.in_words(ibug68).endswith("% of the eye distance from where the other points put it")


def test_faces_come_the_oddest_first_and_most_limits_them(ibug68: Scheme) -> None:
    faces = make_faces(ibug68, 60)
    iod = ibug68.normalizer(faces[1])
    for row, share in ((1, 0.3), (2, 0.6), (3, 0.45)):
        faces[row, 30] += share * iod
    oddities = find_oddities(faces, ibug68)
    assert [one.row for one in oddities.found] == [2, 3, 1]
    assert oddities.found[0].size == oddities.sizes[2] == oddities.sizes.max()
    assert [one.row for one in find_oddities(faces, ibug68, most=1).found] == [2]


def test_missing_points_and_asymmetric_schemes_are_no_hindrance(ibug68: Scheme) -> None:
    plain = replace(ibug68, mirror=())
    faces = make_faces(plain, 40)
    faces[::3, 20:30] = np.nan
    faces[5, 8] += 60
    assert only(faces, plain).points == (8,)


def test_faces_without_points_are_neither_odd_nor_in_the_way(ibug68: Scheme) -> None:
    faces = make_faces(ibug68, 20)
    faces[:5] = np.nan
    oddities = find_oddities(faces, ibug68)
    assert np.isnan(oddities.sizes[:5]).all()
    assert oddities.found == ()
    assert find_oddities(np.full((2, 68, 2), np.nan), ibug68).found == ()
    assert find_oddities(np.empty((0, 68, 2)), ibug68).found == ()


def test_points_in_one_place_are_odd_but_no_error(ibug68: Scheme) -> None:
    faces = make_faces(ibug68, 20)
    faces[3] = 100.0
    found = only(faces, ibug68)
    assert (found.row, found.in_words(ibug68)) == (3, "hardly the shape of a face")

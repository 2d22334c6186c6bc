"""Faces brought into another scheme are predictions, and keep what both schemes share."""

from __future__ import annotations

import numpy as np
import pytest

from labelkit.dataset.reexpress import reexpress
from labelkit.dataset.sample import Sample
from labelkit.errors import SchemeError
from labelkit.geometry import Box, Similarity
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks, State, Visibility
from labelkit.scheme import Point, Scheme

SQUARE = Scheme(
    "square", tuple(Point(f"s{i}", x, y) for i, (x, y) in enumerate([(-1, -1), (1, -1), (1, 1), (-1, 1)]))
)
#: One point at the place of s1, one in the middle.
OTHER = Scheme("other", (Point("corner", 1, -1), Point("middle", 0, 0)))
TURN = Similarity(30, 40, 200, 100)


def face(name: str) -> Sample:
    marks = [Visibility.VISIBLE, Visibility.OCCLUDED, Visibility.VISIBLE, Visibility.VISIBLE]
    points = Landmarks(SQUARE, TURN(SQUARE.plane), State.CONFIRMED, marks)
    return Sample(ImageFile(name), Box(0, 0, 9, 9, "landmarks", "square"), points, {"pose": 1})


def test_points_lie_where_the_plane_says_and_are_predicted() -> None:
    (found,) = reexpress([face("a.jpg")], SQUARE, OTHER)
    assert found.landmarks is not None
    assert found.landmarks.scheme == "other"
    np.testing.assert_allclose(found.landmarks.xy, TURN(OTHER.plane), atol=1e-6)
    assert found.landmarks.state.tolist() == [State.PREDICTED] * 2
    assert found.landmarks.visibility.tolist() == [Visibility.OCCLUDED, Visibility.UNKNOWN]
    assert (found.image, found.box, found.attributes) == (ImageFile("a.jpg"), face("a.jpg").box, {"pose": 1})


def test_faces_without_landmarks_stay_as_they_are_in_their_place() -> None:
    bare = Sample(ImageFile("b.jpg"))
    found = reexpress([bare, face("a.jpg"), bare], SQUARE, OTHER)
    assert (found[0], found[2]) == (bare, bare)
    assert found[1].landmarks is not None
    assert reexpress([bare], SQUARE, OTHER) == [bare]
    assert reexpress([], SQUARE, OTHER) == []


def test_a_face_with_too_few_points_has_none_afterwards() -> None:
    lonely = Sample(ImageFile("a.jpg"), None, Landmarks(SQUARE, [[1, 2], *[[np.nan, np.nan]] * 3]))
    (found,) = reexpress([lonely], SQUARE, OTHER)
    assert found.landmarks is not None
    assert not found.landmarks.present.any()


def test_a_scheme_that_cannot_place_a_face_is_refused() -> None:
    with pytest.raises(SchemeError):
        reexpress([Sample(ImageFile("a.jpg"), None, Landmarks(OTHER, OTHER.plane))], OTHER, SQUARE)

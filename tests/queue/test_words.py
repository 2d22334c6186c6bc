from __future__ import annotations

import numpy as np
import pytest

from labelkit.geometry import Crop, Similarity
from labelkit.prediction import Prediction
from labelkit.queue import in_words
from labelkit.scheme import Point, Scheme, load_scheme

CROP = Crop(Similarity(100, 0, 200, 200))


@pytest.fixture(scope="module")
def ibug68() -> Scheme:
    return load_scheme("ibug68")


def unsure(scheme: Scheme, **px: tuple[list[int], float]) -> Prediction:
    """A prediction with a spread of 0.1 px but for the points of each (points, deviation in px)."""
    deviation = np.full(len(scheme), 0.1)
    for points, value in px.values():
        deviation[points] = value
    cov = deviation[:, None, None] ** 2 * np.eye(2)
    return Prediction(CROP.points_to_image(scheme.plane), "m@1", CROP, scheme.name, cov)


def test_the_part_is_named_with_its_side_and_the_mean_error_in_px(ibug68: Scheme) -> None:
    # Points 11 to 16 are on the person's left; of a deviation of 4 px the mean error is 5.
    assert in_words(unsure(ibug68, jaw=([11, 12, 13, 14, 15, 16], 4.0)), ibug68) == (
        "left jaw, 6 points, about 5 px"
    )


def test_a_group_that_has_a_side_in_its_name_says_it_once(ibug68: Scheme) -> None:
    assert in_words(unsure(ibug68, eye=([36], 6.0)), ibug68) == "right eye, 1 point, about 8 px"


def test_points_of_both_sides_have_none_and_a_second_part_follows_if_it_counts(ibug68: Scheme) -> None:
    both = unsure(ibug68, jaw=(list(range(17)), 4.0), mouth=(list(range(48, 68)), 3.0), eye=([36], 5.0))
    assert in_words(both, ibug68) == "jaw, 17 points, about 5 px; mouth, 20 points, about 4 px"


def test_only_the_side_is_named_that_is_clearly_worse(ibug68: Scheme) -> None:
    worse = unsure(ibug68, right=(list(range(8)), 4.0), left=(list(range(9, 17)), 6.0))
    assert in_words(worse, ibug68) == "left jaw, 8 points, about 8 px"
    alike = unsure(ibug68, right=(list(range(8)), 4.0), left=(list(range(9, 17)), 4.5))
    assert in_words(alike, ibug68) == "jaw, 16 points, about 5 px"


def test_what_is_doubted_a_little_everywhere_is_told_as_that(ibug68: Scheme) -> None:
    assert in_words(unsure(ibug68), ibug68) == "no point in doubt"
    assert "px" in in_words(unsure(ibug68, all=(list(range(68)), 3.0)), ibug68)


def test_where_nearly_all_is_in_doubt_there_is_perhaps_no_face(ibug68: Scheme) -> None:
    half = Prediction(ibug68.plane, "m@1", CROP, "ibug68", confidence=np.full(68, 0.4))
    assert in_words(half, ibug68).startswith("mouth, 20 points")
    none = Prediction(ibug68.plane, "m@1", CROP, "ibug68", confidence=np.full(68, 0.3))
    assert in_words(none, ibug68) == "perhaps no face: nearly every point is in doubt"


def test_confidence_without_spread_gives_points_without_a_length(ibug68: Scheme) -> None:
    sure = np.ones(68)
    sure[17:22] = 0.2
    prediction = Prediction(ibug68.plane, "m@1", CROP, "ibug68", confidence=sure)
    assert in_words(prediction, ibug68) == "right brow, 5 points"


def test_a_model_that_says_nothing_of_the_kind_gives_no_words(ibug68: Scheme) -> None:
    assert in_words(Prediction(ibug68.plane, "m@1", CROP, "ibug68"), ibug68) == ""


def test_points_without_groups_are_told_by_their_side() -> None:
    plain = Scheme("plain", (Point("a", -0.4, 0.0), Point("b", -0.2, 0.1), Point("c", 0.3, 0.0)))
    assert in_words(unsure(plain, a=([0, 1], 5.0)), plain) == "right side, 2 points, about 6 px"
    assert in_words(unsure(plain, a=([0, 1, 2], 3.0)), plain) == "face, 3 points, about 4 px"

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit.errors import BoxError, InputError, SchemeError
from labelkit.geometry import Crop, Similarity
from labelkit.landmarks import Annotation, Face, Landmarks, State, Visibility
from labelkit.scheme import Point, Scheme

# Two eyes with their brows and a nose: indices 0-1 are one side, 3-4 the other.
SCHEME = Scheme(
    "five",
    tuple(
        Point(name, x, y)
        for name, x, y in [
            ("brow_r", -0.4, -0.3),
            ("eye_r", -0.3, -0.1),
            ("nose", 0.0, 0.2),
            ("brow_l", 0.4, -0.3),
            ("eye_l", 0.3, -0.1),
        ]
    ),
    mirror=((0, 3), (1, 4), (2, 2)),
)
LOPSIDED = Scheme("lopsided", (Point("mole", 0.2, 0.3),))


@st.composite
def landmarks(draw: st.DrawFn) -> Landmarks:
    number = st.one_of(st.floats(-500, 500), st.just(float("nan")))
    return Landmarks(
        SCHEME,
        draw(st.lists(st.tuples(number, number), min_size=5, max_size=5)),
        draw(st.lists(st.sampled_from(State), min_size=5, max_size=5)),
        draw(st.lists(st.sampled_from(Visibility), min_size=5, max_size=5)),
    )


def test_one_state_holds_for_all_points() -> None:
    points = Landmarks("five", np.zeros((5, 2)), State.PLACED)
    assert points.state.tolist() == [State.PLACED] * 5
    assert points.visibility.tolist() == [Visibility.UNKNOWN] * 5
    assert points.state.dtype == points.visibility.dtype == np.int8
    assert len(points) == 5


def test_a_scheme_is_kept_by_its_name() -> None:
    assert Landmarks(SCHEME, np.zeros((5, 2))).scheme == "five"


@pytest.mark.parametrize("name", ["xy", "state", "visibility"])
def test_arrays_are_read_only_copies(name: str) -> None:
    given_arrays = {"xy": np.zeros((5, 2)), "state": np.zeros(5), "visibility": np.zeros(5)}
    points = Landmarks("five", **given_arrays)
    given_arrays[name][0] = 3
    assert not getattr(points, name)[0].any()
    with pytest.raises(ValueError, match="read-only"):
        getattr(points, name)[0] = 1


def test_attributes_cannot_be_replaced() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Landmarks("five", np.zeros((5, 2))).xy = np.ones((5, 2))  # type: ignore[misc]


@pytest.mark.parametrize("shape", [(5,), (5, 3), (1, 5, 2)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"\(N, 2\)"):
        Landmarks("five", np.zeros(shape))


def test_a_scheme_of_another_length_is_refused() -> None:
    with pytest.raises(InputError, match="'five' has 5 points, not 4"):
        Landmarks(SCHEME, np.zeros((4, 2)))


@pytest.mark.parametrize("what", ["state", "visibility"])
def test_states_of_another_length_are_refused(what: str) -> None:
    with pytest.raises(InputError, match=what):
        Landmarks("five", np.zeros((5, 2)), **{what: np.zeros(4)})


def test_absent_points_are_neither_present_nor_in_the_box() -> None:
    points = Landmarks("five", [[1, 2], [np.nan, 0], [5, 4], [np.nan, np.nan], [3, 9]])
    assert points.present.tolist() == [True, False, True, False, True]
    assert points.box.xyxy == (1, 2, 5, 9)
    assert (points.box.kind, points.box.source) == ("landmarks", "five")


def test_a_face_without_points_has_no_box() -> None:
    with pytest.raises(BoxError):
        _ = Landmarks("five", np.full((5, 2), np.nan)).box


@given(landmarks())
def test_equal_by_value_absent_points_included(points: Landmarks) -> None:
    twin = Landmarks(points.scheme, points.xy, points.state, points.visibility)
    assert points == twin
    assert points != Landmarks("six", points.xy, points.state, points.visibility)
    assert points != Landmarks(points.scheme, np.nan_to_num(points.xy) + 1, points.state, points.visibility)
    assert points != Landmarks(points.scheme, points.xy, points.state + 1, points.visibility)
    assert points != Landmarks(points.scheme, points.xy, points.state, points.visibility + 1)
    assert points != points.xy.tolist()


def test_landmarks_cannot_be_hashed() -> None:
    with pytest.raises(TypeError):
        hash(Landmarks("five", np.zeros((5, 2))))


@given(landmarks(), st.integers(1, 2000))
def test_flipping_twice_changes_nothing(points: Landmarks, width: int) -> None:
    again = points.flipped(width, SCHEME).flipped(width, SCHEME)
    np.testing.assert_allclose(again.xy, points.xy, atol=1e-9)
    assert again.state.tolist() == points.state.tolist()
    assert again.visibility.tolist() == points.visibility.tolist()


def test_flipping_takes_state_and_visibility_to_the_other_side() -> None:
    visibility = [Visibility.OCCLUDED, Visibility.VISIBLE, *[Visibility.UNKNOWN] * 3]
    points = Landmarks(SCHEME, [[1, 1], [2, 2], [3, 3], [4, 4], [5, 5]], [0, 1, 2, 0, 0], visibility)
    flipped = points.flipped(10, SCHEME)
    assert flipped.xy.tolist() == [[5, 4], [4, 5], [6, 3], [8, 1], [7, 2]]
    assert flipped.state.tolist() == [0, 0, 2, 0, 1]
    assert flipped.visibility[3] == Visibility.OCCLUDED
    assert flipped.visibility[4] == Visibility.VISIBLE


@given(st.floats(-1, 1), st.floats(-1, 1), st.integers(10, 500))
def test_the_mirrored_crop_of_a_face_holds_its_flipped_landmarks(
    turn: float, lean: float, width: int
) -> None:
    crop = Crop(Similarity(50 + turn, 30 * lean, 200, 100))
    points = Landmarks(SCHEME, crop.points_to_image(SCHEME.plane))
    seen = crop.flipped(width).points_to_crop(points.flipped(width, SCHEME).xy)
    np.testing.assert_allclose(seen, SCHEME.plane, atol=1e-9)


def test_flipping_needs_a_mirror_table_of_the_same_points() -> None:
    with pytest.raises(SchemeError, match="asymmetric"):
        Landmarks(LOPSIDED, [[1, 2]]).flipped(10, LOPSIDED)
    with pytest.raises(InputError, match="'five' has 5 points, not 7"):
        Landmarks("seven", np.zeros((7, 2))).flipped(10, SCHEME)


def test_annotations_are_equal_by_value() -> None:
    def annotation(x: float) -> Annotation:
        points = Landmarks(SCHEME, np.full((5, 2), x))
        return Annotation(Face("a.jpg"), points, "ann", datetime(2024, 5, 1, tzinfo=UTC), started_from="base")

    assert annotation(1) == annotation(1)
    assert annotation(1) != annotation(2)
    assert annotation(1).revision == 1


def test_an_annotation_has_crossed_another_that_its_author_did_not_see() -> None:
    one = Annotation(Face("a.jpg"), Landmarks(LOPSIDED, [[0, 0]]), "ann", datetime(2024, 5, 1, tzinfo=UTC), 3)
    assert not one.crossed
    assert not dataclasses.replace(one, base_revision=2).crossed
    assert dataclasses.replace(one, base_revision=1).crossed
    assert dataclasses.replace(one, base_revision=0).crossed

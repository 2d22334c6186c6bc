from __future__ import annotations

import numpy as np
import pytest

from labelkit.errors import InputError
from labelkit.geometry import PLANE_IOD, Array, Similarity
from labelkit.quality import compare_people
from labelkit.scheme import Scheme

from .conftest import make_faces

BROWS = np.arange(17, 27)


def redrawn(faces: Array, scheme: Scheme, habit: Array, noise: float = 0.004) -> Array:
    """The same faces by somebody who places points elsewhere by ``habit`` (N, 2), in plane units."""
    rng = np.random.default_rng(9)
    moved = habit + rng.normal(0, noise, faces.shape)
    return faces + np.stack(
        [
            (Similarity.fit(scheme.plane, face).linear @ one.T).T
            for face, one in zip(faces, moved, strict=True)
        ]
    )


def test_a_habit_is_told_from_noise(ibug68: Scheme) -> None:
    faces = make_faces(ibug68, 12)
    habit = np.zeros((68, 2))
    habit[BROWS, 1] = -0.02 * PLANE_IOD
    found = compare_people(faces, redrawn(faces, ibug68, habit), ibug68, ("ann", "bob"))
    assert found.faces == 12
    np.testing.assert_allclose(found.habit[BROWS], np.tile([0, -2.0], (10, 1)), atol=0.7)
    assert found.sure[BROWS].all()
    assert found.sure.sum() - 10 <= 2, "one in twenty of those told may be chance"
    assert np.median(found.scatter) == pytest.approx(100 * 0.004 * np.sqrt(2) / PLANE_IOD, rel=0.25)
    lines = found.in_words()
    assert any(
        line.startswith("bob places all points of brow_left 2.") and "higher" in line for line in lines[:2]
    )
    assert any("brow_right" in line for line in lines[:2])


def test_without_habits_none_is_told_and_intervals_hold_zero(ibug68: Scheme) -> None:
    faces = make_faces(ibug68, 8)
    found = compare_people(faces, redrawn(faces, ibug68, np.zeros((68, 2))), ibug68)
    assert found.sure.sum() <= 1
    # The joint ellipse lies within its box: a single axis is inside more often than that.
    assert (np.abs(found.habit) <= found.interval).mean() >= 0.95


def test_turned_faces_have_the_same_habit(ibug68: Scheme) -> None:
    faces = make_faces(ibug68, 10)
    habit = np.zeros((68, 2))
    habit[30] = (0.03, 0)
    other = redrawn(faces, ibug68, habit)
    upside_down = Similarity(-1.0, 0.3, 500.0, 400.0)
    one = compare_people(faces, other, ibug68)
    two = compare_people(upside_down(faces), upside_down(other), ibug68)
    np.testing.assert_allclose(one.habit, two.habit, atol=1e-6)
    assert "further right" in "".join(one.in_words())


def test_exchanging_the_two_turns_habits_round(ibug68: Scheme) -> None:
    faces = make_faces(ibug68, 10)
    other = redrawn(faces, ibug68, np.full((68, 2), 0.01))
    one, two = compare_people(faces, other, ibug68), compare_people(other, faces, ibug68)
    np.testing.assert_allclose(one.habit, -two.habit, atol=1e-9)
    np.testing.assert_allclose(one.distance, two.distance, atol=1e-9)


def test_of_few_faces_only_the_distance_is_told(ibug68: Scheme) -> None:
    faces = make_faces(ibug68, 2)
    found = compare_people(faces, faces + 3, ibug68)
    assert np.isnan(found.habit).all()
    assert not found.sure.any()
    assert found.in_words() == []
    assert found.mean > 0


def test_points_that_one_of_them_left_out_do_not_count(ibug68: Scheme) -> None:
    faces = make_faces(ibug68, 6)
    other = redrawn(faces, ibug68, np.zeros((68, 2)))
    other[:, 5] = np.nan
    other[:4, 6] = np.nan
    found = compare_people(faces, other, ibug68)
    assert (found.counts[5], found.counts[6], found.counts[7]) == (0, 2, 6)
    assert np.isnan(found.distance[5])
    assert np.isfinite(found.distance[6])
    assert np.isnan(found.habit[6]).all()
    assert np.isfinite(found.habit[7]).all()


def test_equal_annotations_agree(ibug68: Scheme) -> None:
    faces = make_faces(ibug68, 5)
    found = compare_people(faces, faces, ibug68)
    assert found.mean == 0
    assert not found.sure.any()
    empty = compare_people(np.empty((0, 68, 2)), np.empty((0, 68, 2)), ibug68)
    assert empty.faces == 0
    assert np.isnan(empty.mean)


def test_arrays_that_do_not_fit_are_refused(ibug68: Scheme) -> None:
    with pytest.raises(InputError, match="68 points"):
        compare_people(np.zeros((2, 68, 2)), np.zeros((3, 68, 2)), ibug68)

from __future__ import annotations

import numpy as np
import pytest

from labelkit.errors import InputError
from labelkit.geometry import PLANE_IOD, Similarity
from labelkit.quality.shapes import Judge, fit_shapes
from labelkit.scheme import Point, Scheme

from .conftest import make_faces


def test_a_point_that_was_moved_is_off_by_as_much_in_that_direction(ibug68: Scheme) -> None:
    faces = make_faces(ibug68, 60)
    moved = faces[:1].copy()
    scale = Similarity.fit(ibug68.plane, moved[0]).scale
    moved[0, 30] += 0.1 * scale * np.array([1.0, 0.0])
    space = fit_shapes(faces, ibug68)
    before, after = space.judged(faces[:1]), space.judged(moved)
    turn = Similarity.fit(ibug68.plane, faces[0]).angle
    expected = 0.1 * np.array([np.cos(turn), -np.sin(turn)])
    np.testing.assert_allclose(after.error[0, 30] - before.error[0, 30], expected, atol=0.01)
    assert after.deviation[0].argmax() == 30
    assert after.scale[0] == pytest.approx(scale, rel=0.05)


def test_size_turn_and_place_do_not_count(ibug68: Scheme) -> None:
    faces = make_faces(ibug68, 30)
    turn = Similarity(2.0, 1.0, -50.0, 7.0)
    space = fit_shapes(faces, ibug68)
    first, second = space.judged(faces), space.judged(turn(faces))
    np.testing.assert_allclose(first.deviation, second.deviation, rtol=1e-6)
    np.testing.assert_allclose(second.scale / first.scale, turn.scale, rtol=1e-9)


def test_deviations_are_in_units_of_what_is_usual(ibug68: Scheme) -> None:
    judged = Judge(make_faces(ibug68, 600), ibug68).judged(make_faces(ibug68, 600))
    # The distance of a plane normal distribution has the median sqrt(2 ln 2).
    assert np.median(judged.deviation) == pytest.approx(1.18, rel=0.5)
    assert np.median(judged.strangeness) == pytest.approx(1.0, rel=0.3)


def test_missing_points_are_not_judged_and_the_others_as_before(ibug68: Scheme) -> None:
    faces = make_faces(ibug68, 80)
    part = faces.copy()
    part[::2, :17] = np.nan
    whole = fit_shapes(faces, ibug68).judged(faces).deviation
    some = fit_shapes(part, ibug68).judged(part).deviation
    assert np.isnan(some[::2, :17]).all()
    assert np.isfinite(some[::2, 17:]).all()
    assert np.corrcoef(whole[::2, 40], some[::2, 40])[0, 1] > 0.7


def test_a_face_with_too_few_points_is_left_out(ibug68: Scheme) -> None:
    faces = make_faces(ibug68, 10)
    faces[3, 3:] = np.nan
    judged = Judge(faces, ibug68).judged(faces)
    assert np.isnan(judged.strangeness[3])
    assert np.isnan(judged.deviation[3]).all()
    assert np.isfinite(np.delete(judged.strangeness, 3)).all()


def test_without_faces_smooth_bends_are_usual_and_a_single_point_off_is_not(ibug68: Scheme) -> None:
    space = fit_shapes(np.empty((0, 68, 2)), ibug68)
    assert space.faces == 0
    bent = 100 * (ibug68.plane + np.stack([0.1 * ibug68.plane[:, 1] ** 2, np.zeros(68)], 1))
    broken = 100 * ibug68.plane
    broken[50, 1] += 10
    judged = space.judged(np.stack([bent, broken]))
    assert judged.deviation[0].max() < 1.5
    assert judged.deviation[1].argmax() == 50
    assert judged.deviation[1].max() > 4
    assert 100 * np.linalg.norm(judged.error[1, 50]) / PLANE_IOD == pytest.approx(100 / 7.6, rel=0.2)


def test_wrong_faces_among_those_fitted_do_not_become_usual(ibug68: Scheme) -> None:
    faces = make_faces(ibug68, 200)
    faces[:20] = faces[:20, ibug68.mirror_index]
    judged = Judge(faces, ibug68).judged(faces)
    assert judged.strangeness[:20].min() > 2 * judged.strangeness[20:].max()


def test_any_scheme_will_do_and_other_shapes_are_refused() -> None:
    square = Scheme(
        "square", tuple(Point(f"p{i}", x, y) for i, (x, y) in enumerate([(0, 0), (1, 0), (1, 1), (0, 1)]))
    )
    faces = make_faces(square, 12)
    assert np.isfinite(Judge(faces, square).judged(faces).deviation).all()
    with pytest.raises(InputError, match=r"'square' has 4 points, not shapes of \(12, 3, 2\)"):
        fit_shapes(faces[:, :3], square)

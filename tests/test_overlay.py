from __future__ import annotations

import numpy as np
import pytest

from labelkit.errors import InputError
from labelkit.geometry import Crop, Similarity
from labelkit.overlay import draw_over, rgb
from labelkit.prediction import Prediction
from labelkit.scheme import Point, Scheme

ONE = Scheme("one", (Point("tip", 0.0, 0.0),))
CROP = Crop(Similarity(10.0, 0.0, 40.0, 20.0))


def photo(height: int = 40, width: int = 80) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def prediction(variance: float) -> Prediction:
    return Prediction([[40.0, 20.0]], "m", CROP, "one", cov=[np.eye(2) * variance])


def marked(picture: np.ndarray) -> np.ndarray:
    """The places (M, 2) of pixels that are no longer grey."""
    return np.argwhere(np.abs(picture.astype(int) - 128).max(axis=2) > 12)[:, ::-1]


def test_the_whole_photo_is_scaled_by_its_longer_side_and_its_pixel_centres_with_it() -> None:
    picture, to_picture = draw_over(photo(), [([[10.0, 30.0]], ONE)], 160, "photo")
    assert picture.shape == (80, 160, 3)
    assert to_picture([10.0, 30.0]) == pytest.approx([20.5, 60.5])
    assert marked(picture).mean(axis=0) == pytest.approx([20.5, 60.5], abs=0.5)


def test_a_face_is_cut_out_around_all_shapes() -> None:
    shapes = [([[10.0, 10.0]], ONE), ([[60.0, 20.0]], ONE)]
    picture, to_picture = draw_over(photo(), shapes, 100)
    assert picture.shape == (100, 100, 3)
    assert np.all((to_picture([[10.0, 10.0], [60.0, 20.0]]) > 10) & (to_picture([60.0, 20.0]) < 90))


def test_the_ellipse_of_a_prediction_holds_the_share_that_is_asked_for() -> None:
    """r² = -2 ln(1 - p): 2.4477 standard deviations hold 95 % in the plane, 1.1774 hold one half."""
    for level, radius in ((0.95, 2.4477), (0.5, 1.1774)):
        picture, _ = draw_over(photo(400, 400), [(prediction(0.0), ONE)], 400, "photo")
        dot = len(marked(picture))
        spread = Prediction([[200.0, 200.0]], "m", CROP, "one", cov=[np.diag([900.0, 400.0])])
        picture, _ = draw_over(photo(400, 400), [(spread, ONE)], 400, "photo", level)
        seen = marked(picture)
        assert len(seen) > 10 * dot
        across = seen.max(axis=0) - seen.min(axis=0)
        assert across == pytest.approx([2 * radius * 30, 2 * radius * 20], abs=4)


def test_no_ellipse_without_a_level_or_a_spread() -> None:
    bare = draw_over(photo(), [([[40.0, 20.0]], ONE)], 80, "photo")[0]
    assert np.array_equal(draw_over(photo(), [(prediction(100.0), ONE)], 80, "photo", None)[0], bare)
    assert np.array_equal(draw_over(photo(), [(prediction(float("nan")), ONE)], 80, "photo")[0], bare)
    assert not np.array_equal(draw_over(photo(), [(prediction(100.0), ONE)], 80, "photo")[0], bare)


def test_the_photo_itself_is_not_drawn_on() -> None:
    image = photo()
    draw_over(image, [(prediction(20.0), ONE)], 80, "photo")
    assert (image == 128).all()


def test_what_is_no_photo_no_colour_and_no_fitting_shape_is_refused() -> None:
    with pytest.raises(InputError, match="uint8"):
        draw_over(photo().astype(float), [])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no colour"):
        rgb("reddish")
    with pytest.raises(InputError, match="has 1 points"):
        draw_over(photo(), [([[1.0, 2.0], [3.0, 4.0]], ONE)])

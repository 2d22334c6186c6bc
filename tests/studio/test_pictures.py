from __future__ import annotations

import numpy as np
import pytest

from labelkit.geometry import Crop, Similarity
from labelkit.sampling import sample_crop
from labelkit.scheme import load_scheme
from labelkit.studio.pictures import (
    BACKDROP,
    PART,
    REACH,
    TILE,
    cut,
    jpeg,
    mean_picture,
    on_plane,
    tile,
    tile_crop,
)

SCHEME = load_scheme("ibug68")


def smooth(height: int, width: int) -> np.ndarray:
    """A photo whose red says x and whose green says y."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 / width, y * 255 / height, 0 * x + 60], axis=2).astype(np.uint8)


@pytest.mark.parametrize("shape", [(300, 400), (1800, 2600)])
def test_a_part_shows_the_crop_what_the_photo_shows_it(shape: tuple[int, int]) -> None:
    photo = smooth(*shape)
    crop = Crop(Similarity(shape[0] / 4, shape[0] / 20, shape[1] * 0.55, shape[0] * 0.5))
    part, moved = cut(photo, crop)
    assert max(part.shape) <= PART
    whole, inside = sample_crop(photo, crop, 64)
    again, inside_part = sample_crop(part, moved, 64)
    assert np.abs(whole.astype(int) - again).mean() < 1.5
    assert (inside == inside_part).mean() > 0.99


def test_a_crop_that_reaches_beyond_the_photo_sees_the_same_padding_in_its_part() -> None:
    photo = smooth(200, 240)
    crop = Crop(Similarity(90.0, 0.0, 20.0, 30.0))
    part, moved = cut(photo, crop)
    _, inside = sample_crop(photo, crop, 64)
    _, inside_part = sample_crop(part, moved, 64)
    assert not inside.all()
    assert (inside == inside_part).all()


def test_a_tile_is_upright_around_the_middle_of_the_face() -> None:
    crop = Crop(Similarity(0.0, 50.0, 120.0, 100.0))
    shown = tile_crop(crop)
    assert shown.to_image.angle == 0
    assert shown.to_image([0.0, 0.0]) == pytest.approx([120.0, 100.0])
    assert tile(smooth(200, 240), crop).shape == (TILE, TILE, 3)


def test_a_face_warped_to_the_plane_has_its_points_at_their_plane_places() -> None:
    photo = smooth(400, 420)
    bent = SCHEME.plane + 0.05 * np.sin(3 * SCHEME.plane[:, ::-1])
    points = Similarity(130.0, 30.0, 210.0, 180.0)(bent)
    warped, inside = on_plane(photo, points, SCHEME)
    assert warped.shape == (BACKDROP, BACKDROP, 3)
    at = np.rint((SCHEME.plane / REACH + 1) / 2 * BACKDROP - 0.5).astype(int)
    shown = warped[at[:, 1], at[:, 0], :2].astype(float)
    wanted = points * 255 / (420, 400)
    assert np.abs(shown - wanted).max() < 4
    assert inside[at[:, 1], at[:, 0]].all()


def test_the_mean_counts_faces_only_where_their_photos_show_something() -> None:
    dark, light = (np.full((2, 2, 3), grey, np.uint8) for grey in (50, 150))
    everywhere, left = np.ones((2, 2)), np.array([[1.0, 0.0], [1.0, 0.0]])
    mean = mean_picture([(dark, everywhere), (light, left)])
    assert mean[:, 0].tolist() == [[100] * 3] * 2
    assert mean[:, 1].tolist() == [[50] * 3] * 2


def test_pictures_are_jpeg_files() -> None:
    assert jpeg(smooth(20, 30)).startswith(b"\xff\xd8")

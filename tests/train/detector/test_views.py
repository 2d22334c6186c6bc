from dataclasses import replace

import numpy as np
import pytest

from labelkit.geometry import Crop, Similarity
from labelkit.sampling import sample_crop
from labelkit.train.detector import textures, views
from labelkit.train.detector.scenes import Scene, SceneFace
from labelkit.train.detector.views import KINDS, ViewConfig, draw_canvas, draw_view, mirrored


def only(kind, **changes):
    """Views of one kind."""
    return ViewConfig(kinds=tuple(float(name == kind) for name in KINDS), **changes)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("unit", [60.0, 95.0])
@pytest.mark.parametrize(("x", "y"), [(100, 80), (110, 95)])
@pytest.mark.parametrize("side", [64, 128])
def test_boxes_lie_where_the_pixels_of_the_face_lie(scene, unit, x, y, side):
    crop = Crop(Similarity(unit, 0.0, x, y))
    pixels, valid = sample_crop(scene.image, crop, side)
    boxes, points, _ = views._faces_in(scene, crop, valid, ViewConfig())
    rows, columns = np.nonzero(pixels.mean(axis=2) > 130)
    bright = columns.min(), rows.min(), columns.max(), rows.max()
    np.testing.assert_allclose(boxes[0].clip(0, side - 1), bright, atol=1.1)
    np.testing.assert_allclose(points[0], crop.pixel_map(side).inverse()(scene.faces[0].five))


def test_turning_a_photo_turns_the_outline_not_the_box(scene, monkeypatch):
    monkeypatch.setattr(views, "_drawn_angle", lambda kind, config, rng: np.pi / 4)
    view = draw_view(scene, 128, only("upright"), rng(3))
    outline = scene.faces[0].outline
    turn = np.array([[1, 1], [-1, 1]]) / np.sqrt(2)
    expected = np.ptp(outline @ turn, axis=0)
    width, height = view.boxes[0, 2:] - view.boxes[0, :2]
    assert sorted([width / height, height / width]) == pytest.approx(
        sorted([expected[0] / expected[1], expected[1] / expected[0]]), rel=1e-3
    )


def test_mirroring_twice_changes_nothing_and_once_renames_the_eyes(scene):
    view = draw_view(scene, 96, only("upright"), rng(1))
    once = mirrored(view)
    np.testing.assert_allclose(once.points[0, 0], (95 - view.points[0, 1, 0], view.points[0, 1, 1]))
    np.testing.assert_array_equal(once.pixels[:, ::-1], view.pixels)
    twice = mirrored(once)
    np.testing.assert_allclose(twice.boxes, view.boxes)
    np.testing.assert_allclose(twice.points, view.points)


def test_upside_down_nobody_is_wanted_and_the_background_is_sure(scene):
    for seed in range(5):
        view = draw_view(scene, 96, only("upside down"), rng(seed))
        assert view.strict.all()
        assert not view.wanted.any()


def test_an_erased_face_is_no_face_and_surely_none(scene):
    view = draw_view(scene, 96, only("erased"), rng(2))
    assert len(view.boxes) == 0
    assert view.strict.any()
    assert not view.strict.all()


def test_textures_hold_nobody():
    view = draw_view(None, 64, only("texture"), rng(0))
    assert view.pixels.shape == (64, 64, 3)
    assert view.strict.all()
    assert len(view.wanted) == 0


def test_faces_that_are_cut_off_or_tiny_are_ignored(scene, mean_face):
    config = only("upright", smallest=10.0)
    shares = []
    for seed in range(40):
        view = draw_view(scene, 96, config, rng(seed))
        for box, wanted in zip(view.boxes, view.wanted, strict=True):
            inside = box.clip(0, 95)
            share = np.prod(inside[2:] - inside[:2]) / np.prod(box[2:] - box[:2])
            shares.append((share, bool(wanted)))
    assert all(wanted for share, wanted in shares if share == 1)
    assert not any(wanted for share, wanted in shares if share < 0.4)
    tiny = replace(mean_face, outline=mean_face.outline * 0.05, five=mean_face.five * 0.05)
    both = Scene(scene.image, (mean_face, tiny))
    crop = Crop(Similarity(100.0, 0.0, 100.0, 80.0))
    boxes, _, wanted = views._faces_in(both, crop, np.ones((96, 96), bool), config)
    assert len(boxes) == 2
    assert wanted.tolist() == [True, False]


def test_a_mosaic_holds_the_faces_of_all_its_views(scenes):
    config = only("upright", size=128, mosaics=(0.0, 1.0, 0.0))
    canvas = draw_canvas([scenes], [1.0], config, rng(0))
    assert canvas.pixels.shape == (128, 128, 3)
    assert len(canvas.boxes) == 4
    quarters = (canvas.boxes.reshape(4, 2, 2).mean(axis=1) // 64).tolist()
    assert quarters == [[0, 0], [1, 0], [0, 1], [1, 1]]
    assert not canvas.strict.any()


def test_the_same_seed_draws_the_same(scenes):
    one, other = (draw_canvas([scenes], [1.0], ViewConfig(size=64), rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one.pixels, other.pixels)
    np.testing.assert_array_equal(one.boxes, other.boxes)


@pytest.mark.parametrize("maker", dict.fromkeys(textures._MAKERS), ids=lambda maker: maker.__name__)
@pytest.mark.parametrize("side", [16, 64])
def test_every_texture_is_a_picture(maker, side):
    for seed in range(10):
        pixels = maker(side, rng(seed))
        assert pixels.shape == (side, side, 3)
        assert pixels.dtype == np.uint8


def test_degrading_keeps_shape_and_type_and_changes_something():
    pixels = rng().integers(0, 256, (64, 64, 3), np.uint8)
    before = pixels.copy()
    changed = [textures.degraded(pixels, rng(seed)) for seed in range(30)]
    assert all(one.shape == pixels.shape and one.dtype == np.uint8 for one in changed)
    assert sum((one != pixels).any() for one in changed) > 20
    np.testing.assert_array_equal(pixels, before)
    assert textures.jpeg(pixels, rng()).shape == pixels.shape


def test_covering_and_erasing_change_the_face_and_nothing_else():
    pixels = rng().integers(0, 256, (64, 64, 3), np.uint8)
    boxes = np.array([[20.0, 20, 40, 40]])
    for change in (textures.occluded, textures.erased):
        for seed in range(8):
            changed = change(pixels, boxes, rng(seed))
            assert (changed != pixels)[20:40, 20:40].any()
            np.testing.assert_array_equal(changed[:10], pixels[:10])


def test_a_face_of_a_scene_has_a_side(mean_face: SceneFace):
    assert mean_face.side == pytest.approx(np.sqrt(np.prod(np.ptp(mean_face.outline, axis=0))))

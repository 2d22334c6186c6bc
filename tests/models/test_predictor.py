from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from labelkit.boxrules import landmark_box
from labelkit.errors import BoxError, InputError, UnavailableError
from labelkit.geometry import Box, Crop, flip_points
from labelkit.models.predictor import LandmarkModel, choose_device, default_passes, first_crop
from labelkit.prediction import Prediction
from labelkit.sampling import sample_crop
from labelkit.scheme import Point, Scheme, load_scheme

IBUG = load_scheme("ibug68")
BOX = (60.0, 40.0, 140.0, 130.0)


def photo(height: int = 180, width: int = 240, seed: int = 0) -> np.ndarray:
    """Waves of several lengths, smooth enough that a thirtieth of a pixel does not matter."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [
        np.sin(x / a + p) * np.cos(y / b - p)
        for a, b, p in zip(rng.uniform(12, 40, 3), rng.uniform(12, 40, 3), rng.uniform(0, 6, 3), strict=True)
    ]
    return (127 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)


def test_predictions_say_what_they_are(model: LandmarkModel) -> None:
    (found,) = model.predict([photo()], [BOX], "ibug68")
    assert isinstance(found, Prediction)
    assert found.xy.shape == (68, 2)
    assert np.isnan(found.cov).all()
    assert np.isnan(found.confidence).all()
    assert (found.model, found.scheme) == ("made@0123456789ab", "ibug68")


def test_points_come_back_through_the_crop(model: LandmarkModel) -> None:
    """What the network says of the sampled crop, in crop units, is where the photo has it."""
    (found,) = model.predict([photo()], [BOX], IBUG)
    crop = Crop.from_box(Box(*BOX), IBUG.plane_box)
    pixels, valid = sample_crop(photo(), crop, model.size)
    points, _ = model.place_pixels(pixels[None], valid[None], IBUG.plane)
    assert found.crop == crop
    assert np.allclose(found.xy, crop.points_to_image(points[0]))
    assert np.abs(points[0] - IBUG.plane).max() > 0.01


def test_a_photo_twice_as_large_has_its_points_twice_as_far(model: LandmarkModel) -> None:
    image = photo()
    large = np.repeat(np.repeat(image, 2, axis=0), 2, axis=1)
    (small,) = model.predict([image], [BOX], IBUG)
    twice = tuple(2 * v + 0.5 for v in BOX)
    (big,) = model.predict([large], [(twice[0], twice[1], twice[2], twice[3])], IBUG)
    assert np.abs(big.xy - (2 * small.xy + 0.5)).max() < 1.0


def test_a_tuple_is_the_tight_box_of_the_schemes_own_points() -> None:
    inner = Scheme("inner", IBUG.points[17:])  # without the jaw
    for scheme in (IBUG, inner):
        assert first_crop(BOX, scheme) == Crop.from_box(Box(*BOX), scheme.plane_box)
    assert first_crop(BOX, IBUG) != first_crop(BOX, inner)


def test_a_box_belongs_to_its_own_scheme_whatever_is_asked_for() -> None:
    box = Box(*BOX, kind="landmarks", source="ibug68")
    assert first_crop(box, Scheme("inner", IBUG.points[17:])) == first_crop(BOX, IBUG)


def test_a_detectors_box_goes_through_its_rule() -> None:
    box = Box(*BOX, kind="detector", source="haar-frontal", score=0.9)
    assert first_crop(box, load_scheme("wflw98")) == Crop.from_box(landmark_box(box), IBUG.plane_box)


def test_a_small_scheme_needs_a_face_box(model: LandmarkModel) -> None:
    mouth = Scheme("mouth", (Point("l", -0.2, 0.4), Point("r", 0.2, 0.4), Point("b", 0.0, 0.5)))
    with pytest.raises(BoxError, match="'mouth' cover too little"):
        model.predict([photo()], [BOX], mouth)
    for box in (Box(*BOX, kind="user"), Box(*BOX, source="ibug68")):
        assert model.predict([photo()], [box], mouth)[0].xy.shape == (3, 2)


def test_a_detectors_box_is_cropped_twice(model: LandmarkModel) -> None:
    """The second crop lies by least squares on the anchors that the first one gave."""
    box = Box(*BOX, kind="user")
    assert (default_passes(box), default_passes(BOX), default_passes(Box(*BOX))) == (2, 1, 1)
    (once,) = model.predict([photo()], [box], IBUG, passes=1)
    (twice,) = model.predict([photo()], [box], IBUG)
    assert once.crop == first_crop(box, IBUG)
    _, anchors = model.place([photo()], [once.crop], IBUG.plane)
    second = Crop.from_landmarks(model.anchors, once.crop.points_to_image(anchors[0]))
    assert twice.crop == second
    assert twice.crop != once.crop
    points, _ = model.place([photo()], [second], IBUG.plane)
    assert np.allclose(twice.xy, second.points_to_image(points[0]))
    (asked,) = model.predict([photo()], [BOX], IBUG, passes=2)
    assert np.allclose(asked.xy, twice.xy)


def test_a_batch_is_its_faces_one_by_one(model: LandmarkModel) -> None:
    images = [photo(seed=i) for i in range(5)]
    boxes = [
        Box(50.0 + 5 * i, 40.0, 130.0 + 5 * i, 130.0, kind="user" if i % 2 else "landmarks") for i in range(5)
    ]
    together = model.predict(images, boxes, IBUG, batch=16)
    for options in ({"batch": 1}, {"batch": 2}):
        for a, b in zip(together, model.predict(images, boxes, IBUG, **options), strict=True):
            assert np.abs(a.xy - b.xy).max() < 1e-2
    # In crop units, of which these crops hold about sixty pixels.
    crops = [first_crop(box, IBUG) for box in boxes]
    points, _ = model.place(images, crops, IBUG.plane)
    for i in range(5):
        assert np.abs(model.place([images[i]], [crops[i]], IBUG.plane)[0] - points[i]).max() < 1e-4


def test_no_faces_give_no_predictions(model: LandmarkModel) -> None:
    assert model.predict([], [], IBUG) == []
    with pytest.raises(InputError, match="1 images for 2 boxes"):
        model.predict([photo()], [BOX, BOX], IBUG)


def test_mirrored_pixels_give_mirrored_points_when_flips_are_averaged(model: LandmarkModel) -> None:
    """Exactly: whatever the scheme, without a mirror table."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (2, model.size, model.size, 3), dtype=np.uint8)
    valid = np.ones((2, model.size, model.size), np.bool_)
    valid[0, :, :20] = False
    plane = rng.uniform(-0.6, 0.6, (9, 2))
    points, anchors = model.place_pixels(pixels, valid, plane, flip=True)
    mirrored = model.place_pixels(
        np.ascontiguousarray(pixels[:, :, ::-1]),
        np.ascontiguousarray(valid[:, :, ::-1]),
        plane * (-1, 1),
        flip=True,
    )
    assert np.abs(mirrored[0] * (-1, 1) - points).max() < 1e-5
    order = model._anchor_mirror()
    assert np.abs(mirrored[1][:, order] * (-1, 1) - anchors).max() < 1e-5
    alone, _ = model.place_pixels(pixels, valid, plane)
    assert np.abs(alone - points).max() > 1e-3


@pytest.mark.parametrize("kind", ["landmarks", "user"])
def test_the_mirrored_photo_gives_mirrored_points(model: LandmarkModel, kind: str) -> None:
    """Through sampling and both passes. The box puts every sample of the first between two pixels,
    because OpenCV rounds places to 1/32 px, and not to the same side in the mirror."""
    image = photo()
    x0, y0, x1, y1 = IBUG.plane_box
    box = Box(120 + 32 * x0, 90 + 32 * y0, 120 + 32 * x1, 90 + 32 * y1, kind="landmarks", source="ibug68")
    box = replace(box, kind="user", source=None) if kind == "user" else box
    (found,) = model.predict([image], [box], IBUG, flip=True)
    mirrored = np.ascontiguousarray(image[:, ::-1])
    (other,) = model.predict([mirrored], [box.flipped(240)], IBUG, flip=True)
    back = flip_points(other.xy, 240)[IBUG.mirror_index]
    # The second crop lies anywhere, so its samples are rounded.
    assert np.abs(back - found.xy).max() < (1e-3 if kind == "landmarks" else 0.05)


def test_a_datasets_offsets_are_added_on_request(model: LandmarkModel) -> None:
    assert np.array_equal(model.prompts(IBUG), IBUG.plane)
    assert np.allclose(model.prompts(IBUG, "mine"), IBUG.plane + 0.05)
    plain, moved = (model.predict([photo()], [BOX], IBUG, dataset=d)[0] for d in (None, "mine"))
    assert np.abs(plain.xy - moved.xy).max() > 0.5
    with pytest.raises(InputError, match="no offsets of 'yours' for 'ibug68'; it has mine"):
        model.prompts(IBUG, "yours")
    with pytest.raises(InputError, match="no offsets of 'mine' for 'wflw98'"):
        model.prompts(load_scheme("wflw98"), "mine")


def test_half_precision_stays_close(model: LandmarkModel) -> None:
    half = LandmarkModel(model.network, model.card, {}, torch.device("cpu"), "bf16")
    assert half.dtype is torch.bfloat16
    exact, rounded = (m.predict([photo()], [BOX], IBUG)[0].xy for m in (model, half))
    assert 0 < np.abs(exact - rounded).max() < 3


def test_precisions_and_devices_that_are_not_there_are_named(
    model: LandmarkModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="no precision is called 'fp8'"):
        LandmarkModel(model.network, model.card, {}, torch.device("cpu"), "fp8")  # type: ignore[arg-type]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")
    for device in ("cuda", "cuda:1", "mps"):
        with pytest.raises(UnavailableError, match=device):
            choose_device(device)
    with pytest.raises(InputError, match="no device is called 'tpu'"):
        choose_device("tpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == torch.device("cuda")


def test_the_rate_of_the_network_is_measured(model: LandmarkModel) -> None:
    assert model.network_rate(5, batch=2, seconds=0.01) > 1

"""Photos through a model: order, problems, passes, and how many are held."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from PIL import Image

from labelkit.errors import InputError
from labelkit.geometry import Box
from labelkit.images import ImageFile, RGBImage
from labelkit.models import stream
from labelkit.models.build import build_tufa
from labelkit.models.predictor import LandmarkModel
from labelkit.models.stream import Photo, predict_photos
from labelkit.scheme import load_scheme
from labelkit.train.recipes import load_recipe

SCHEME = load_scheme("ibug68")


@pytest.fixture(scope="module")
def model() -> LandmarkModel:
    """A network with random weights whose steps are not zero."""
    torch.manual_seed(0)
    config = load_recipe("tiny").network
    network = build_tufa(config)
    for head in (network.head, network.pose):
        torch.nn.init.normal_(head[-1].weight, std=0.02)
    card = {"name": "random", "hash": "0" * 64, "architecture": config.to_dict()}
    return LandmarkModel(network, card, {}, torch.device("cpu"), "fp32")


def photos(folder: Path, count: int) -> list[Photo]:
    rng = np.random.default_rng(0)
    made = []
    for i in range(count):
        path = folder / f"{i:03d}.png"
        Image.fromarray(rng.integers(0, 256, (80, 100, 3), dtype=np.uint8)).save(path)
        boxes = tuple(Box(20 + k, 20, 70 + k, 66 + i % 7, source="ibug68") for k in range(1 + i % 3))
        made.append(Photo(ImageFile(path), boxes))
    return made


@pytest.mark.parametrize("passes", [1, 2])
def test_a_stream_gives_what_predict_gives_in_order(
    tmp_path: Path, model: LandmarkModel, passes: int
) -> None:
    wanted = photos(tmp_path, 11)
    results = list(predict_photos(model, wanted, SCHEME, passes=passes, batch=4))
    assert [r.image for r in results] == [p.image for p in wanted]
    for photo, result in zip(wanted, results, strict=True):
        assert photo.boxes is not None
        image = photo.image.load()
        alone = model.predict([image] * len(photo.boxes), photo.boxes, SCHEME, passes=passes)
        assert len(alone) == len(result.predictions) == len(photo.boxes)
        for a, b in zip(alone, result.predictions, strict=True):
            # The sampler rounds to 1/32 px, which a second crop makes visible.
            assert_allclose(a.xy, b.xy, atol=1e-3 if passes == 1 else 0.05)


def test_points_can_be_asked_for_as_a_data_set_of_the_training_means_them(
    tmp_path: Path, model: LandmarkModel
) -> None:
    shifts = {"other": np.full((len(SCHEME), 2), 0.05)}
    knowing = LandmarkModel(model.network, model.card, shifts, torch.device("cpu"), "fp32")
    (photo,) = photos(tmp_path, 1)
    assert photo.boxes is not None
    (alone,) = knowing.predict([photo.image.load()], photo.boxes, SCHEME, dataset="other")
    (plain,) = next(iter(predict_photos(knowing, [photo], SCHEME))).predictions
    (result,) = next(iter(predict_photos(knowing, [photo], SCHEME, dataset="other"))).predictions
    assert_allclose(result.xy, alone.xy, atol=1e-3)
    assert np.abs(result.xy - plain.xy).mean() > 0.5
    with pytest.raises(InputError, match="no offsets of 'nobody'"):
        list(predict_photos(knowing, [photo], SCHEME, dataset="nobody"))


def test_a_broken_photo_is_named_and_the_rest_goes_on(tmp_path: Path, model: LandmarkModel) -> None:
    wanted = photos(tmp_path, 3)
    wanted[1].image.path.write_bytes(b"nothing of the kind")
    results = list(predict_photos(model, wanted, SCHEME))
    assert [bool(r.problem) for r in results] == [False, True, False]
    assert str(wanted[1].image.path) in str(results[1].problem)
    assert not results[1].predictions
    assert results[2].predictions


def test_a_box_that_says_too_little_is_named(tmp_path: Path, model: LandmarkModel) -> None:
    from labelkit.scheme import Point, Scheme

    small = Scheme("corners", (Point("a", -0.1, 0.0), Point("b", 0.1, 0.1)))
    photo = photos(tmp_path, 1)[0]
    alone = Photo(photo.image, (Box(20, 20, 60, 60, source="corners"),))
    result = next(predict_photos(model, [alone], small))
    assert result.problem is not None
    assert str(photo.image.path) in result.problem
    assert "face box" in result.problem


def test_faces_are_found_where_no_boxes_are_given_and_cut_twice(tmp_path: Path, model: LandmarkModel) -> None:
    photo = photos(tmp_path, 1)[0]
    seen: list[tuple[int, ...]] = []

    def find(image: RGBImage) -> list[Box]:
        seen.append(image.shape)
        return [Box(20, 20, 70, 70, "detector", "mine", 0.9)]

    result = next(predict_photos(model, [Photo(photo.image)], SCHEME, find=find))
    assert seen == [(80, 100, 3)]
    assert result.boxes[0].kind == "detector"
    # The second crop came from the points, so it is not the upright one of the box.
    assert result.predictions[0].crop.to_image.b != 0


def test_nobody_found_is_no_face_and_no_problem(tmp_path: Path, model: LandmarkModel) -> None:
    result = next(predict_photos(model, [Photo(photos(tmp_path, 1)[0].image)], SCHEME, find=lambda image: []))
    assert result.boxes == ()
    assert result.predictions == []
    assert result.problem is None


def test_few_photos_are_held_and_leaving_early_ends_the_threads(tmp_path: Path, model: LandmarkModel) -> None:
    one = photos(tmp_path, 1)[0]
    started = 0

    def endless() -> object:
        nonlocal started
        while True:
            started += 1
            yield one

    results = predict_photos(model, endless(), SCHEME, batch=2)  # type: ignore[arg-type]
    for _ in range(5):
        next(results)
    assert started <= 6 + stream.AHEAD + 2
    results.close()  # type: ignore[attr-defined]
    names = [thread.name for thread in threading.enumerate() if thread.is_alive()]
    assert not [name for name in names if name.startswith("labelkit-load")]


def test_on_a_cpu_nothing_is_loaded_while_the_network_works(
    tmp_path: Path, model: LandmarkModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading: set[int] = set()
    seen: list[int] = []
    place = LandmarkModel.place_pixels

    def find(image: RGBImage) -> list[Box]:
        loading.add(threading.get_ident())
        time.sleep(0.02)
        loading.discard(threading.get_ident())
        return [Box(20, 20, 70, 66, source="ibug68")]

    def watched(self: LandmarkModel, *arguments: object, **options: object) -> object:
        time.sleep(0.005)  # a loader beside the network would be in the midst of its 20 ms
        seen.append(len(loading))
        return place(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(LandmarkModel, "place_pixels", watched)
    unsearched = [Photo(photo.image) for photo in photos(tmp_path, 1)] * 40
    assert len(list(predict_photos(model, unsearched, SCHEME, find=find, batch=4))) == 40
    assert len(seen) >= 3
    assert not any(seen)

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from labelkit.errors import InputError
from labelkit.geometry import Crop, Similarity
from labelkit.models import live
from labelkit.models.build import build_tufa
from labelkit.models.live import LiveFaces, most_different
from labelkit.models.predictor import LandmarkModel
from labelkit.train.recipes import load_recipe

RNG = np.random.default_rng(0)
IMAGES = [RNG.integers(0, 256, (90, 80, 3), dtype=np.uint8) for _ in range(3)]
CROPS = [Crop(Similarity(30.0 + i, 1.0, 40.0, 45.0)) for i in range(3)]
PLANE = RNG.uniform(-0.8, 0.8, (7, 2))


@pytest.fixture
def faces(model: LandmarkModel) -> LiveFaces:
    return LiveFaces(model, IMAGES, CROPS)


def test_points_are_where_the_model_places_them(faces: LiveFaces, model: LandmarkModel) -> None:
    placed, _ = model.place(IMAGES, CROPS, PLANE)
    wanted = [crop.points_to_image(points) for crop, points in zip(CROPS, placed, strict=True)]
    assert faces.place(PLANE) == pytest.approx(np.stack(wanted), abs=1e-3)


def test_the_encoder_runs_once(model: LandmarkModel, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    encode = model.network.encode

    def counted(images: torch.Tensor, valid: torch.Tensor | None = None) -> object:
        calls.append(len(images))
        return encode(images, valid)

    monkeypatch.setattr(model.network, "encode", counted)
    faces = LiveFaces(model, IMAGES, CROPS)
    faces.place(PLANE)
    faces.place(PLANE + 0.1)
    assert calls == [3]


def test_only_a_moved_point_is_decoded_again(faces: LiveFaces) -> None:
    before = faces.place(PLANE)
    assert faces.decoded == len(PLANE)
    moved = PLANE.copy()
    moved[2] += 0.1
    after = faces.place(moved)
    assert faces.decoded == len(PLANE) + 1
    others = np.arange(len(PLANE)) != 2
    assert (after[:, others] == before[:, others]).all()
    assert np.abs(after[:, 2] - before[:, 2]).max() > 0.1


def test_a_point_that_comes_back_is_known(faces: LiveFaces) -> None:
    before = faces.place(PLANE)
    assert (faces.place(PLANE[::-1]) == before[:, ::-1]).all()
    assert faces.decoded == len(PLANE)


def test_no_points_are_an_empty_answer(faces: LiveFaces) -> None:
    assert faces.place(np.empty((0, 2))).shape == (3, 0, 2)


def test_what_was_not_asked_for_long_is_forgotten(faces: LiveFaces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "KEPT", 5)
    whole = faces.place(PLANE)
    faces.place(PLANE[-2:])
    assert faces.decoded == len(PLANE)
    assert faces.place(PLANE[:1]) == pytest.approx(whole[:, :1], abs=1e-3)
    assert faces.decoded == len(PLANE) + 1


def test_a_model_whose_points_see_one_another_decodes_all_of_them() -> None:
    from dataclasses import replace

    torch.manual_seed(1)
    config = replace(load_recipe("tiny").network, attention="full")
    card = {"name": "full", "hash": "0" * 16, "architecture": config.to_dict()}
    model = LandmarkModel(build_tufa(config), card, {}, torch.device("cpu"), "fp32")
    faces = LiveFaces(model, IMAGES, CROPS)
    assert not faces.independent
    faces.place(PLANE)
    faces.place(PLANE)
    assert faces.decoded == 2 * len(PLANE)


def test_threads_may_ask_together(faces: LiveFaces) -> None:
    wanted = faces.place(PLANE)
    found: list[bool] = []

    def ask(shift: float) -> None:
        faces.place(PLANE + shift)
        found.append(bool(np.allclose(faces.place(PLANE), wanted)))

    threads = [threading.Thread(target=ask, args=(0.01 * i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 6


def test_faces_without_crops_are_refused(model: LandmarkModel) -> None:
    with pytest.raises(InputError, match="3 faces with 2 crops"):
        LiveFaces(model, IMAGES, CROPS[:2])


def test_the_most_different_shapes_lie_apart() -> None:
    shapes = np.concatenate([RNG.normal(0, 0.01, (20, 4, 2)) + at for at in (0.0, 1.0, 5.0)])
    assert [i // 20 for i in most_different(shapes, 3)] == [0, 1, 2]


def test_few_shapes_are_all_taken() -> None:
    assert most_different(np.zeros((3, 2, 2)), 12) == [0, 1, 2]

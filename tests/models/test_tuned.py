"""Heads of single points: where they are used, how they fade, and how they come back from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from labelkit.checkpoint import load_checkpoint, save_checkpoint
from labelkit.errors import CheckpointError
from labelkit.geometry import Array
from labelkit.models.predictor import LandmarkModel
from labelkit.models.registry import load_model, save_model
from labelkit.models.tuned import EXACT, REACH, PointHeads, RefinedHeads

PLACES = np.array([[0.2, 0.1], [-0.2, 0.1]])


def constants(model: LandmarkModel, steps: Array, places: Array = PLACES) -> PointHeads:
    """Heads that move every point by a step, whatever is seen."""
    weights = torch.zeros(len(places), model.network.encoder.dim + 1, 2)
    weights[:, -1] = torch.tensor(steps, dtype=torch.float32)
    return PointHeads(places, weights)


@pytest.fixture
def crops(model: LandmarkModel) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (2, model.size, model.size, 3), dtype=np.uint8)
    return pixels, np.ones(pixels.shape[:3], np.bool_)


def test_a_head_is_that_of_the_nearest_place_and_fades_with_the_distance() -> None:
    heads = PointHeads(PLACES, torch.stack([torch.full((3, 2), 1.0), torch.full((3, 2), 2.0)]))
    half = (EXACT + REACH) / 2
    found = heads.at(np.array([[0.2, 0.1], [-0.2, 0.1 + half], [0.2 + REACH, 0.1], [0.0, 0.0]]))
    assert found is not None
    assert found[:, 0, 0].tolist() == pytest.approx([1.0, 1.0, 0.0, 0.0], abs=1e-6)
    assert heads.at(np.array([[0.0, 0.0]])) is None


def test_a_spread_is_scaled_at_its_place_and_fades_with_the_distance() -> None:
    heads = RefinedHeads(PLACES, torch.zeros(2, 4, 2), np.array([4.0, 0.25]))
    half = (EXACT + REACH) / 2
    near = np.array([[0.2, 0.1], [-0.2, 0.1], [0.2, 0.1 + half], [0.0, 0.0]])
    assert heads.spread_at(near).tolist() == pytest.approx([4.0, 0.25, 2.0, 1.0])


def test_only_the_points_at_its_places_are_moved(model: LandmarkModel, crops: tuple[Array, Array]) -> None:
    steps = np.array([[0.05, -0.02], [0.0, 0.03]])
    tuned = model.with_network(model.network, constants(model, steps))
    plane = np.array([[0.5, 0.5], *PLACES, [0.0, -0.3]])
    plain, moved = model.place_pixels(*crops, plane), tuned.place_pixels(*crops, plane)
    np.testing.assert_allclose(moved[0][:, 1:3] - plain[0][:, 1:3], np.stack([steps, steps]), atol=1e-6)
    np.testing.assert_array_equal(moved[0][:, [0, 3]], plain[0][:, [0, 3]])
    np.testing.assert_array_equal(moved[1], plain[1])
    assert model.heads is None


def test_a_mirrored_look_uses_the_head_of_the_mirrored_place(
    model: LandmarkModel, crops: tuple[Array, Array]
) -> None:
    steps = np.array([[0.04, 0.02], [-0.04, 0.02]])  # mirror images of one another
    tuned = model.with_network(model.network, constants(model, steps))
    plain, moved = (m.place_pixels(*crops, PLACES, flip=True)[0] for m in (model, tuned))
    np.testing.assert_allclose(moved - plain, np.stack([steps, steps]), atol=1e-6)


def test_heads_come_back_from_a_file(model: LandmarkModel, tmp_path: Path) -> None:
    steps = np.array([[0.05, -0.02], [0.0, 0.03]])
    path = tmp_path / "made.safetensors"
    save_model(path, model.network.state_dict(), {}, model.card, constants(model, steps))
    heads = load_model(path, "cpu", "fp32").heads
    assert heads is not None
    found = heads.at(PLACES)
    assert found is not None
    np.testing.assert_allclose(found[:, -1].numpy(), steps, atol=1e-3)


def test_heads_of_another_network_are_refused(model: LandmarkModel, tmp_path: Path) -> None:
    path = tmp_path / "made.safetensors"
    save_model(path, model.network.state_dict(), {}, model.card, constants(model, np.zeros((2, 2))))
    tensors, card = load_checkpoint(path)
    save_checkpoint(path, {**tensors, "heads.weights": torch.zeros(2, 5, 2)}, card)
    with pytest.raises(CheckpointError, match=r"made\.safetensors: the heads of its points do not fit"):
        load_model(path, "cpu")

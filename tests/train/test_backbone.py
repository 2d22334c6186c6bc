from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from labelkit.errors import CheckpointError, UnavailableError
from labelkit.models.build import build_tufa
from labelkit.nn.encoders import ConvEncoder
from labelkit.nn.normalize import STD
from labelkit.scheme import Scheme
from labelkit.train import backbone as module
from labelkit.train.backbone import Backbone, freeze, load_backbone, put_backbone
from labelkit.train.engine import Trainer
from labelkit.train.pack import FacePack
from labelkit.train.recipes import Recipe

NAME = "tf_efficientnet_lite0"
FIRST = "conv_stem.weight"


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    torch.manual_seed(5)
    return {name: value.clone() for name, value in timm.create_model(NAME).state_dict().items()}


@pytest.fixture
def recipe(tiny: Recipe) -> Recipe:
    return replace(
        tiny, network=replace(tiny.network, backbone=NAME), frozen=("conv_stem", "bn1", "blocks.0")
    )


def held(trainer: Trainer) -> dict[str, Tensor]:
    encoder = trainer.network.encoder
    assert isinstance(encoder, ConvEncoder)
    return {name: value.clone() for name, value in encoder.backbone.state_dict().items()}


def test_a_network_takes_the_weights_and_sees_pixels_as_they_were_scaled_for_them(
    recipe: Recipe, weights: dict[str, Tensor]
) -> None:
    """timm scales what this model sees by 0.5, we by ImageNet's spread."""
    network = build_tufa(recipe.network)
    put_backbone(network, Backbone(NAME, weights, "made"))
    assert isinstance(network.encoder, ConvEncoder)
    kept = network.encoder.backbone.state_dict()
    scale = torch.tensor(STD).view(1, 3, 1, 1) / 0.5
    assert torch.allclose(kept[FIRST], weights[FIRST] * scale)
    assert all(torch.equal(value, weights[name]) for name, value in kept.items() if name != FIRST)


def test_frozen_parts_stay_as_they_came_statistics_included_and_the_others_learn(
    recipe: Recipe, weights: dict[str, Tensor], make_pack: Callable[..., FacePack], ibug68: Scheme
) -> None:
    trainer = Trainer(
        recipe, [make_pack(ibug68, 6)], torch.device("cpu"), backbone=Backbone(NAME, weights, "")
    )
    before = held(trainer)
    for _ in range(2):
        trainer.step()
    changed = {name for name, value in held(trainer).items() if not torch.equal(value, before[name])}
    frozen = {name for name in before if name.startswith(("conv_stem.", "bn1.", "blocks.0."))}
    assert frozen
    assert not changed & frozen
    assert "blocks.1.0.conv_pw.weight" in changed
    assert "blocks.1.0.bn1.running_mean" in changed


def test_without_weights_that_came_with_it_nothing_is_frozen(
    recipe: Recipe, make_pack: Callable[..., FacePack], ibug68: Scheme
) -> None:
    packs = [make_pack(ibug68, 6)]
    assert Trainer(recipe, packs, torch.device("cpu")).frozen == []
    assert len(Trainer(recipe, packs, torch.device("cpu"), keep_backbone=True).frozen) == 3


def test_a_file_tells_where_its_weights_come_from(tmp_path: Path, weights: dict[str, Tensor]) -> None:
    file = tmp_path / "weights.safetensors"
    save_file(weights, file, metadata={"source": "somebody's, free"})
    read = load_backbone(NAME, file)
    assert read.source == "somebody's, free"
    assert str(read).startswith(f"{NAME}@")
    assert set(read.weights) == set(weights)
    save_file(weights, file)
    assert load_backbone(NAME, file).source == "weights.safetensors"


def test_weights_of_another_network_are_refused_by_the_first_that_does_not_fit(
    recipe: Recipe, weights: dict[str, Tensor]
) -> None:
    network = build_tufa(recipe.network)
    with pytest.raises(CheckpointError, match=rf"not the weights of {NAME}: {FIRST} lacks"):
        put_backbone(network, Backbone(NAME, {}, ""))
    with pytest.raises(CheckpointError, match=FIRST):
        put_backbone(network, Backbone(NAME, weights | {FIRST: torch.zeros(1)}, ""))
    vit = replace(recipe.network, encoder="vit", backbone="vit_tiny_patch16_224", cascade=False)
    with pytest.raises(CheckpointError, match="convolutional"):
        put_backbone(build_tufa(vit), Backbone(NAME, weights, ""))
    assert freeze(build_tufa(vit), ("conv_stem",)) == []


def test_a_hub_out_of_reach_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: Any, **__: Any) -> Any:
        raise OSError("no route")

    monkeypatch.setattr(module.timm, "create_model", unreachable)
    with pytest.raises(UnavailableError, match=rf"{NAME} cannot be had \(no route\)"):
        load_backbone(NAME, "timm")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"gone\.safetensors"):
        load_backbone(NAME, tmp_path / "gone.safetensors")

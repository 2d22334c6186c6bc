from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from labelkit.errors import CheckpointError
from labelkit.models.build import ANCHORS, TUFAConfig, base, build_tufa, paper_vit_small
from labelkit.models.tufa import TUFA
from labelkit.scheme import load_scheme
from labelkit.train.recipes import load_recipe


@pytest.fixture
def without_values(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Networks on the meta device: shapes and counts, no numbers. It knows no autocast."""
    monkeypatch.setattr(torch, "autocast", lambda *args, **options: nullcontext())
    with torch.device("meta"):
        yield


def multiply_adds(network: TUFA, size: int, points: int = 98) -> float:
    """Of one face, attention products included (the plain kernel shows them)."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        network(torch.empty(1, 3, size, size), torch.empty(1, points, 2))
    return counter.get_total_flops() / 2


def parameters(network: TUFA) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.usefixtures("without_values")
@pytest.mark.parametrize(("patch", "millions", "giga"), [(16, 36.0, 8.04), (8, 36.03, 35.2)])
def test_networks_of_the_paper_have_its_sizes(patch: int, millions: float, giga: float) -> None:
    config = paper_vit_small(16 if patch == 16 else 8)
    network = build_tufa(config)
    assert parameters(network) / 1e6 == pytest.approx(millions, rel=0.01)
    assert multiply_adds(network, config.size) / 1e9 == pytest.approx(giga, rel=0.01)
    assert (config.size, config.layers, config.hidden, config.attention) == (256, 6, 1536, "full")


@pytest.mark.usefixtures("without_values")
def test_base_is_small() -> None:
    config = base(load_scheme("ibug68").plane.tolist())
    network = build_tufa(config)
    assert parameters(network) <= 6.5e6
    assert multiply_adds(network, config.size) <= 2.5e9
    assert config.attention == "anchored"


def test_anchors_of_base_are_closed_under_mirroring_and_not_those_left_out() -> None:
    scheme = load_scheme("ibug68")
    assert {int(scheme.mirror_index[i]) for i in ANCHORS} == set(ANCHORS)
    left_out = {1, 5, 11, 15, 18, 25, 28, 33, 37, 41, 44, 46, 49, 53, 57, 62}
    assert not left_out & set(ANCHORS)


def test_a_configuration_survives_its_card() -> None:
    config = load_recipe("tiny").network
    assert TUFAConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    "change",
    [
        {"colour": "red"},
        {"anchors": [[0.1]]},
        {"anchors": 3},
        {"encoder": "mlp"},
        {"attention": "sparse"},
        {"backbone": "resnet_of_nowhere"},
        {"backbone": "hf-hub:somebody/something"},
        {"backbone": "local-dir:/tmp"},
    ],
)
def test_an_unknown_architecture_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(CheckpointError):
        TUFAConfig.from_dict(load_recipe("tiny").network.to_dict() | change)


def test_a_missing_entry_is_refused() -> None:
    data = load_recipe("tiny").network.to_dict()
    del data["layers"]
    with pytest.raises(CheckpointError, match="layers"):
        TUFAConfig.from_dict(data)


def test_anchored_attention_needs_anchors() -> None:
    with pytest.raises(ValueError, match="needs anchors"):
        build_tufa(replace(load_recipe("tiny").network, anchors=()))

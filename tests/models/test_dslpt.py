from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from labelkit.errors import CheckpointError
from labelkit.models.build import DSLPTConfig, build_dslpt, paper_dslpt, refinement
from labelkit.models.dslpt import DSLPT
from labelkit.scheme import load_scheme

PLANE = load_scheme("ibug68").plane


def small(**changes: object) -> DSLPTConfig:
    """The bundled head's form at the size of a test."""
    config = refinement(PLANE.tolist(), size=64)
    shape = dict(backbone="resnet10t", channels=8, dim=16, layers=2, heads=2, hidden=32, strides=(4, 8))
    return replace(config, **{**shape, **changes})  # type: ignore[arg-type]  # by names, for brevity


def built(**changes: object) -> DSLPT:
    torch.manual_seed(0)
    return build_dslpt(small(**changes)).eval()


def faces(count: int = 2) -> Tensor:
    return torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def parameters(config: DSLPTConfig) -> float:
    return sum(p.numel() for p in build_dslpt(config).parameters()) / 1e6


@pytest.mark.parametrize(("lite", "millions"), [(True, 13.25), (False, 19.35)])
def test_the_networks_of_the_thesis_have_as_many_parameters_as_it_says(lite: bool, millions: float) -> None:
    assert parameters(paper_dslpt(98, lite)) == pytest.approx(millions, rel=0.01)


def test_the_bundled_head_fits_into_nine_megabytes() -> None:
    network = build_dslpt(refinement(PLANE.tolist()))
    assert sum(value.numel() * 2 for value in network.state_dict().values()) < 9e6


def test_slpt_starts_on_the_mean_face_and_halves_its_patches() -> None:
    network = build_dslpt(
        replace(small(), points=5, anchors=(), spread="none", dynamic=False, stages=3)
    ).eval()
    with torch.no_grad():
        found = network(faces(), torch.zeros(2, 5, 2))
    assert found.xy.shape == (3, 2, 2, 5, 2)
    assert found.spread is None
    with pytest.raises(ValueError, match="4 points for a network of 5"):
        network(faces(), torch.zeros(2, 4, 2))


@pytest.mark.parametrize("backbone", ["resnet34", "resnet50"])
def test_resnets_give_four_levels(backbone: str) -> None:
    config = replace(small(), backbone=backbone, strides=(4, 8, 16, 32), points=3, anchors=())
    network = build_dslpt(config).eval()
    with torch.no_grad():
        assert network.look(faces(1)).shape == (1, 8, 16, 16)
    assert len(network.features.lateral) == 4  # type: ignore[arg-type]


def test_tokens_are_upsampled_into_the_stem() -> None:
    network = built(tokens=16, encoder_layers=1)
    image = faces(1)
    image.requires_grad_()
    network.look(image)[0, :, 0, 0].sum().backward()
    assert image.grad is not None
    assert image.grad[0, :, -8:, -8:].abs().sum() > 0  # a far corner is heard through the tokens


def test_a_point_stays_where_it_is_when_others_are_added() -> None:
    network, prompts = built(), torch.rand(2, 6, 2) - 0.5
    with torch.no_grad():
        many = network(faces(), prompts)
        one = network(faces(), prompts[:, 2:3])
    count = len(network.anchors)
    assert torch.allclose(many.xy[-1, -1, :, count + 2], one.xy[-1, -1, :, count], atol=1e-5)
    assert many.spread is not None
    assert one.spread is not None
    assert torch.allclose(many.spread[-1, -1, :, count + 2], one.spread[-1, -1, :, count], atol=1e-5)


def test_without_anchors_all_points_see_one_another() -> None:
    network, prompts = built(anchors=()), torch.rand(1, 4, 2) - 0.5
    with torch.no_grad():
        assert not torch.allclose(
            network(faces(1), prompts).xy[-1, -1, :, 0], network(faces(1), prompts[:, :1]).xy[-1, -1, :, 0]
        )


def test_points_follow_their_patches() -> None:
    """The answer is relative to the patch: the same pixels moved, the point moves along."""
    network = built(anchors=(), stages=1)
    picture = torch.zeros(1, 3, 96, 96)
    picture[:, :, 40:56, 40:56] = torch.rand(1, 3, 16, 16)
    one, other = (
        picture[:, :, 16:80, 16:80],
        picture[:, :, 8:72, 16:80],
    )  # 8 px up, a whole cell of both strides
    prompt, start = torch.zeros(1, 1, 2), torch.zeros(1, 1, 2)
    with torch.no_grad():
        before = network(one, prompt, start).xy[-1, -1]
        after = network(other, prompt, start + torch.tensor([0.0, 16 / 64])).xy[-1, -1]
    assert torch.allclose(after - before, torch.tensor([0.0, 16 / 64]), atol=2e-3)


def test_the_padding_is_told_from_the_photo() -> None:
    network = built()
    torch.nn.init.normal_(network.padding)
    valid = torch.ones(1, 1, 64, 64)
    valid[..., 32:] = 0
    with torch.no_grad():
        difference = (network.look(faces(1), valid) - network.look(faces(1))).abs().sum((0, 1, 2))
    assert (difference[:8] == 0).all()
    assert (difference[8:] > 0).all()


def test_attention_can_be_watched() -> None:
    network, seen = built(), {}
    features = network.look(faces(1))

    def watch(stage: int, layer: int, weights: Tensor) -> None:
        seen[stage, layer] = weights

    network.refine(features, torch.zeros(1, 3, 2), watch=watch)
    count = len(network.anchors) + 3
    assert set(seen) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert seen[0, 0].shape == (1, 2, count, count)
    assert torch.allclose(seen[1, 1].sum(-1), torch.ones(1, 2, count), atol=1e-5)
    anchors = len(network.anchors)
    among = seen[0, 1][..., anchors:, anchors:]
    assert torch.equal(among > 0, torch.eye(3, dtype=torch.bool).expand(1, 2, 3, 3))
    assert (seen[0, 1][..., :anchors, anchors:] == 0).all()


def test_a_config_goes_through_its_card() -> None:
    config = small()
    assert DSLPTConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"backbone": "hf-hub:some/where"}, "no backbone"),
        ({"features": "swirl"}, "'swirl' map"),
        ({"window": (0, 0)}, "cannot be built"),
        ({"colour": "red"}, "cannot be built"),
    ],
)
def test_a_config_of_a_foreign_file_is_checked(changes: dict[str, object], said: str) -> None:
    with pytest.raises(CheckpointError, match=said):
        DSLPTConfig.from_dict({**small().to_dict(), **changes})

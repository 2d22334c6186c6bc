from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from labelkit.models.build import TUFAConfig, build_tufa
from labelkit.models.tufa import TUFA
from labelkit.train.recipes import load_recipe

SIZE = 64


def config(**changes: object) -> TUFAConfig:
    return replace(load_recipe("tiny").network, **changes)  # type: ignore[arg-type]  # by name


def network(configuration: TUFAConfig) -> TUFA:
    """Random weights everywhere: fresh heads start at zero and would hide every mistake."""
    torch.manual_seed(0)
    built = build_tufa(configuration).eval()
    for head in (built.head, built.pose):
        if head is not None:
            nn.init.normal_(head[-1].weight, std=0.05)
    nn.init.normal_(built.padding)
    return built


@pytest.fixture(scope="module")
def anchored() -> TUFA:
    return network(config())


@pytest.fixture(scope="module")
def full() -> TUFA:
    return network(config(attention="full", anchors=(), cascade=False))


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


def prompts(faces: int, count: int, seed: int = 2) -> Tensor:
    return torch.rand(faces, count, 2, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def difference(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max())


@torch.no_grad()
def test_a_step_per_layer_and_with_cascade_the_start(anchored: TUFA, full: TUFA, images: Tensor) -> None:
    assert anchored(images, prompts(3, 5)).shape == (3, 3, 5, 2)
    assert full(images, prompts(3, 5)).shape == (2, 3, 5, 2)


@torch.no_grad()
def test_before_training_the_cascade_starts_where_the_plane_has_its_points(images: Tensor) -> None:
    torch.manual_seed(0)
    fresh = build_tufa(config(cascade=True)).eval()
    asked = prompts(3, 7)
    steps = fresh(images, asked)
    assert difference(steps[0], asked) < 1e-6
    # The head does not start at zero: the features below it would not hear of its errors.
    assert 1e-3 < difference(steps[1], asked) < 0.5


@torch.no_grad()
@pytest.mark.parametrize("cascade", [True, False])
@pytest.mark.parametrize("count", [3, 98, 500])
def test_anchored_points_do_not_move_with_their_company(count: int, cascade: bool, images: Tensor) -> None:
    net = network(config(cascade=cascade))
    memory = net.encode(images)
    asked = prompts(3, count)
    together = net.decode(memory, asked)
    assert difference(together[-1], asked) > 1e-2  # the network does something
    order = torch.randperm(count, generator=torch.Generator().manual_seed(3))
    assert difference(net.decode(memory, asked[:, order]), together[:, :, order]) < 1e-5
    some = slice(0, count // 2)
    assert difference(net.decode(memory, asked[:, some]), together[:, :, some]) < 1e-5
    more = torch.cat([prompts(3, 4, seed=9), asked], dim=1)
    assert difference(net.decode(memory, more)[:, :, 4:], together) < 1e-5
    assert difference(net.decode(memory, asked[:, 1:2]), together[:, :, 1:2]) < 1e-5


@torch.no_grad()
def test_anchored_decoding_is_full_attention_under_the_mask(anchored: TUFA, images: Tensor) -> None:
    """Anchors and points in one sequence, of which a point may see the anchors and itself."""
    asked = prompts(3, 6)
    memory = anchored.encode(images)
    joined = torch.cat([anchored.anchors.expand(3, -1, -1), asked], dim=1)
    a, n = len(anchored.anchors), joined.shape[1]
    seen = torch.eye(n, dtype=torch.bool)
    seen[:, :a] = True

    def relate(i: int, query: Tensor, own: tuple[Tensor, Tensor]) -> Tensor:
        attention = anchored.layers[i].points
        q = attention._split(attention.query(query))
        scores = (q @ own[0].transpose(-1, -2) / q.shape[-1] ** 0.5).masked_fill(~seen, -torch.inf)
        return attention._join(scores.softmax(-1) @ own[1])

    expected = anchored._run(memory, joined, relate)
    assert difference(anchored.decode(memory, asked), expected[:, :, a:]) < 1e-5
    assert memory.anchor_points is not None
    assert difference(memory.anchor_points, expected[:, :, :a]) < 1e-5


@torch.no_grad()
def test_asking_for_an_anchor_gives_the_anchor(anchored: TUFA, images: Tensor) -> None:
    """Up to its seeing itself twice, once among the anchors: with one anchor that is nothing."""
    net = network(config(anchors=((0.1, 0.2),)))
    memory = net.encode(images)
    assert memory.anchor_points is not None
    assert difference(net.decode(memory, net.anchors.expand(3, -1, -1)), memory.anchor_points) < 1e-5


@torch.no_grad()
def test_full_attention_couples_points_and_hides_what_is_not_there(full: TUFA, images: Tensor) -> None:
    asked = prompts(3, 8)
    memory = full.encode(images)
    alone = full.decode(memory, asked[:, :5])
    assert difference(full.decode(memory, asked)[:, :, :5], alone) > 1e-4
    there = torch.arange(8).expand(3, 8) < 5
    assert difference(full.decode(memory, asked, there)[:, :, :5], alone) < 1e-5


@torch.no_grad()
def test_full_attention_with_anchors_sees_them_and_drops_them(images: Tensor) -> None:
    net = network(config(attention="full"))
    asked = prompts(3, 4)
    memory = net.encode(images)
    assert memory.anchors is None
    found = net.decode(memory, asked)
    assert found.shape == (3, 3, 4, 2)
    there = torch.ones(3, 4, dtype=torch.bool)
    assert difference(net.decode(memory, asked, there), found) < 1e-5
    other = network(config(attention="full", anchors=()))
    assert difference(other(images, asked), found) > 1e-4


@torch.no_grad()
@pytest.mark.parametrize("attention", ["full", "anchored"])
def test_what_was_encoded_serves_many_schemes(attention: str, images: Tensor) -> None:
    net = network(config(attention=attention))
    memory = net.encode(images)
    for count in (3, 12):
        asked = prompts(3, count)
        assert torch.equal(net.decode(memory, asked), net(images, asked))


@torch.no_grad()
@pytest.mark.parametrize("kind", ["anchored", "full"])
def test_a_batch_is_its_faces_one_by_one(kind: str, request: pytest.FixtureRequest, images: Tensor) -> None:
    net: TUFA = request.getfixturevalue(kind)
    asked = prompts(3, 6)
    valid = torch.ones(3, 1, SIZE, SIZE)
    valid[1, :, :20] = 0
    together = net(images, asked, valid)
    for i in range(3):
        alone = net(images[i : i + 1], asked[i : i + 1], valid[i : i + 1])
        assert difference(alone, together[:, i : i + 1]) < 1e-4


@torch.no_grad()
def test_the_network_is_told_of_padding_where_it_lies(anchored: TUFA, images: Tensor) -> None:
    asked = prompts(3, 6)
    everywhere = torch.ones(3, 1, SIZE, SIZE)
    assert torch.equal(anchored(images, asked, everywhere), anchored(images, asked))
    valid = everywhere.clone()
    valid[0, :, :, :16] = 0  # two of eight columns of tokens
    assert difference(anchored(images, asked, valid)[:, 0], anchored(images, asked)[:, 0]) > 1e-4
    assert torch.equal(anchored(images, asked, valid)[:, 1:], anchored(images, asked)[:, 1:])
    before, after = anchored.encode(images).features, anchored.encode(images, valid).features
    assert before is not None
    assert after is not None
    change = (after - before)[0]
    assert torch.allclose(change[:, :, :2], anchored.padding[:, None, None].expand(-1, 8, 2), atol=1e-5)
    assert change[:, :, 2:].abs().max() == 0


def test_cascade_needs_no_anchors_and_learns_everywhere(images: Tensor) -> None:
    """Every parameter of base's network gets a gradient, padding and start included."""
    net = network(config()).train()
    valid = torch.ones(3, 1, SIZE, SIZE)
    valid[:, :, :8] = 0
    memory = net.encode(images, valid)
    assert memory.anchor_points is not None
    answers = net.decode(memory, prompts(3, 5))
    (answers.square().sum() + memory.anchor_points.square().sum()).backward()
    # A key's bias shifts all scores of a query alike, so it has no effect; fresh residual
    # branches of the backbone are switched off.
    without = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert [n for n in without if not n.endswith("key.bias") and ".backbone." not in n] == []


@torch.no_grad()
def test_a_plain_vision_transformer_is_the_chapters_network() -> None:
    small = TUFAConfig("vit", "vit_tiny_patch16_224", SIZE, 192, 1, 3, 64, "full")
    net = network(small)
    images = torch.randn(2, 3, SIZE, SIZE)
    found = net(images, prompts(2, 4))
    assert found.shape == (1, 2, 4, 2)
    assert difference(found[0], prompts(2, 4)) > 1e-3

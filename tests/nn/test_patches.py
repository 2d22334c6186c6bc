from __future__ import annotations

import torch

from labelkit.nn.patches import next_side, sample_patches


def ramp(size: int) -> torch.Tensor:
    """A map whose two channels are x and y in crop units at the centres of its cells."""
    steps = (torch.arange(size) + 0.5) * (2 / size) - 1
    return torch.stack(torch.meshgrid(steps, steps, indexing="xy"))[None]


def test_a_patch_is_the_map_at_the_centres_of_its_cells() -> None:
    corner, side = torch.tensor([[[-0.3, 0.1], [0.2, -0.6]]]), torch.tensor([[0.4, 0.2]])
    found = sample_patches(ramp(32), corner, side, 4).unflatten(2, (2, 4, 4))
    for n in range(2):
        steps = (torch.arange(4) + 0.5) / 4 * side[0, n]
        x, y = torch.meshgrid(corner[0, n, 0] + steps, corner[0, n, 1] + steps, indexing="xy")
        assert torch.allclose(found[0, n], torch.stack([x, y]), atol=1e-6)


def test_what_lies_outside_of_the_map_is_zero_and_the_patch_keeps_its_size() -> None:
    found = sample_patches(torch.ones(1, 1, 8, 8), torch.tensor([[[0.8, 0.0]]]), torch.tensor([[0.8]]), 4)
    columns = found.view(4, 4)[1]
    assert columns[0] > 0
    assert (columns[2:] == 0).all()


def test_points_faces_and_patches_of_all_widths_go_through_one_call() -> None:
    maps = torch.rand(3, 2, 16, 16)
    corner, side = torch.rand(3, 5, 2) - 0.5, torch.rand(3, 5) * 0.3 + 0.1
    whole = sample_patches(maps, corner, side, 3)
    single = sample_patches(maps[1:2], corner[1:2, 3:4], side[1:2, 3:4], 3)
    assert torch.allclose(whole[1, 3], single[0, 0])


def test_the_next_patch_follows_the_spread_within_limits_and_without_gradient() -> None:
    spread = torch.tensor([[[0.01, 0.02], [0.05, 0.01], [0.3, 0.1]]], requires_grad=True)
    side = torch.tensor([[1.0, 2.0, 1.0]], requires_grad=True)
    found = next_side(side, spread)
    assert torch.allclose(found, torch.tensor([[0.5, 2 * 12 * 0.05, 0.7]]))
    assert not found.requires_grad
    assert torch.equal(next_side(side, None), torch.tensor([[0.5, 1.0, 0.5]]))

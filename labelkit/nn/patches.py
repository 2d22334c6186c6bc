"""Small squares cut out of a feature map, one around every point (SLPT, section 4.2; DSLPT, 5.3)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

#: The next patch is this times as wide as the spread says at least, in standard deviations: three
#: to either side of the middle (Z = 1), with as much room again (Z = 2).
ROOM = 6 * 2

#: How much narrower the next patch may be, at most and at least (DSLPT, section 5.3).
SHRINK = (0.5, 0.7)


def sample_patches(features: Tensor, corner: Tensor, side: Tensor, samples: int) -> Tensor:
    """Patches (B, N, C * samples * samples) of a map (B, C, H, W), bilinear.

    ``corner`` (B, N, 2) is the top left one of every patch and ``side`` (B, N) its width, both in crop
    units, in which the map is [-1, 1]². What lies outside of it is zero; a patch at the border keeps
    its size. One gather serves all points of all faces.
    """
    steps = (torch.arange(samples, device=corner.device) + 0.5) / samples
    cells = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1).flatten(0, 1)
    grid = corner[:, :, None] + side[:, :, None, None] * cells
    found = F.grid_sample(features, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    patches: Tensor = found.transpose(1, 2).flatten(2)
    return patches


def next_side(side: Tensor, spread: Tensor | None) -> Tensor:
    """The width (B, N) of the patches after those of ``side`` (B, N), without gradient.

    ``spread`` (B, N, 2) is each point's standard deviation in units of its patch: the next one is
    max(6 Z W Σx, 6 Z H Σy), limited to `SHRINK`. None is the fixed rule of SLPT: half.
    """
    if spread is None:
        return side.detach() * SHRINK[0]
    wanted = ROOM * spread.detach().amax(-1)
    return side.detach() * wanted.clamp(*SHRINK)

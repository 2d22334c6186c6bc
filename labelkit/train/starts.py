"""Where a refinement starts in training: at the truth, moved as `base` errs on faces it never saw.

Its answers on its own training faces are too good: a head that saw only those would learn small steps
and too little doubt. The errors on `ibug68/dev` (``benchmarks/start_errors.py``) are made of a part that
moves the whole face and one that is smooth over the plane, with a rough remainder, and the same faces
are hard everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

#: Waves of which a smooth random field is made.
WAVES = 24

#: The middle of the face on the plane, from which errors grow outwards.
MIDDLE = (0.0, 0.15)


@dataclass(frozen=True)
class StartErrors:
    """In plane units (0.76 is the IOD) and standard deviations along each axis.

    ``shift``, ``scale`` and ``turn`` (rad) move the face as a whole. The rest of a point's error is
    ``near`` in the middle of the face and ``growth`` more per unit away from it; ``smooth`` of its
    variance is shared by points within about ``reach``. All are larger on some faces than on others, by
    a factor whose logarithm deviates by ``uneven``.
    """

    shift: float = 0.0095
    scale: float = 0.020
    turn: float = 0.025
    near: float = 0.012
    growth: float = 0.030
    smooth: float = 0.62
    reach: float = 0.145
    uneven: float = 0.35


def draw_errors(places: Tensor, errors: StartErrors, generator: Generator) -> Tensor:
    """Errors (B, N, 2) of points at ``places`` (B, N, 2) of the plane, one face a row.

    Random numbers come from ``generator``, on the CPU, so that every device draws the same.
    """
    count = len(places)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(places.device)

    offset = places - places.new_tensor(MIDDLE)
    scale, turn = errors.scale * normal(count, 1), errors.turn * normal(count, 1)
    x, y = offset.unbind(-1)
    whole = torch.stack([scale * x - turn * y, turn * x + scale * y], dim=-1)
    whole = whole + errors.shift * normal(count, 1, 2)
    # A sum of plane waves with normal frequencies is a field of Gaussian covariance (Rahimi and
    # Recht 2007), which can be asked for anywhere.
    phase = places @ (normal(count, 2, 2 * WAVES) / errors.reach)
    phase = phase + 2 * math.pi * torch.rand(count, 1, 2 * WAVES, generator=generator).to(places.device)
    field = (phase.cos() * normal(count, 1, 2 * WAVES)).unflatten(-1, (2, WAVES)).sum(-1)
    field = field * math.sqrt(2 / WAVES)
    rough = normal(*places.shape)
    rest = math.sqrt(errors.smooth) * field + math.sqrt(1 - errors.smooth) * rough
    rest = rest * (errors.near + errors.growth * offset.norm(dim=-1, keepdim=True))
    moved: Tensor = (whole + rest) * (errors.uneven * normal(count, 1, 1)).exp()
    return moved

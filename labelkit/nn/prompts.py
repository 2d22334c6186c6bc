"""Sine and cosine encodings of places on the plane."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class StructurePrompt(nn.Module):
    """E(x, y): a place on the plane as ``dim`` sines and cosines (TUFA, Eqs. 6.1-6.3).

    The paper's angles are x / τ^(2c / (C/2)) for c < C/4 with τ = 10000, which is
    ``StructurePrompt(C, highest=1, ratio=10_000)``. On the plane the largest of them is
    about 1 rad, so neighbouring points look alike; ``highest`` (rad per plane unit) and
    ``ratio`` (highest over lowest) set the range. A shift of the point rotates each
    sine-cosine pair (Eq. 6.4).
    """

    frequencies: Tensor

    def __init__(self, dim: int, highest: float = 1.0, ratio: float = 10_000.0) -> None:
        super().__init__()
        if dim % 4:
            raise ValueError(f"a prompt of {dim} channels cannot be split into four")
        exponents = torch.arange(dim // 4, dtype=torch.float64) / (dim // 4)
        self.register_buffer("frequencies", (highest * ratio**-exponents).float(), persistent=False)

    def forward(self, points: Tensor) -> Tensor:
        """Plane points (..., 2) to prompts (..., dim), always in fp32: a rounded angle
        would move the point."""
        angles = points.float()[..., None] * self.frequencies
        x, y = angles.unbind(-2)
        return torch.cat([x.sin(), x.cos(), y.sin(), y.cos()], dim=-1)

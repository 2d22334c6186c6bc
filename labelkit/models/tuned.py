"""What a model that was fine-tuned to a scheme knows of single points.

Every point of the scheme has a linear head of its own beside the network's, which all points share:
from what the shared head reads before the last step (C numbers) to a step of the point alone. So a
few faces can teach the network what people mean by a point without touching what it knows of all
others. A refinement head has such heads too, which also scale what it says of its spread. Heads are
found by places on the plane, not by names: a point that was moved to another place means something
else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labelkit.geometry import Array

#: How far from a head's place, in plane units, nothing is left of it; it fades evenly up to there.
REACH = 0.02

#: Up to here a place is the head's own: files keep places in 16 bits.
EXACT = 0.001


@dataclass(frozen=True, eq=False)
class PointHeads:
    """``places`` (K, 2) on the plane; ``weights`` (K, C + 1, 2) float32 with the constant last, whose
    answers are steps in crop units."""

    places: Array
    weights: Tensor

    def at(self, plane: Array) -> Tensor | None:
        """The heads for plane points (N, 2), (N, C + 1, 2): each that of the nearest place, less of it
        the farther away; None where no place is near any of them."""
        nearest, share = self.near(plane)
        if not share.any():
            return None
        chosen = self.weights[torch.from_numpy(nearest).to(self.weights.device)]
        return chosen * torch.tensor(share, dtype=chosen.dtype, device=chosen.device)[:, None, None]

    def near(self, plane: Array) -> tuple[NDArray[np.intp], Array]:
        """For plane points (N, 2) the nearest place, and how much of its head is left there, 0 to 1."""
        away = np.linalg.norm(plane[:, None] - self.places[None], axis=2)
        if not away.size:
            return np.zeros(len(plane), np.intp), np.zeros(len(plane))
        nearest = away.argmin(axis=1)
        far = away[np.arange(len(plane)), nearest]
        return nearest, np.clip((REACH - far) / (REACH - EXACT), 0.0, 1.0)

    def to(self, device: torch.device) -> Self:
        return replace(self, weights=self.weights.to(device))


@dataclass(frozen=True, eq=False)
class RefinedHeads(PointHeads):
    """Heads that read a refinement head's last token and then its step; their answers are in units of its
    window and come on top of its own. Its standard deviations are multiplied by ``spread`` (K,)."""

    spread: Array

    def spread_at(self, plane: Array) -> Array:
        """By what to multiply the standard deviations of plane points (N, 2), (N,): by 1 away from all
        places."""
        nearest, share = self.near(plane)
        if not len(self.spread):
            return np.ones(len(plane))
        return np.asarray(self.spread[nearest] ** share)


def answered(read: Tensor, own: Tensor) -> Tensor:
    """What linear heads ``own`` (..., N, C + 1, 2) make of what was read, (..., N, C): (..., N, 2)."""
    return (read[..., None, :] @ own[..., :-1, :] + own[..., -1:, :])[..., 0, :]

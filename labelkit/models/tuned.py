"""What a model that was fine-tuned to a scheme knows of single points.

Every point of the scheme has a linear head of its own beside the network's, which all points share:
from what the shared head reads before the last step (C numbers) to a step of the point alone. So a
few faces can teach the network what people mean by a point without touching what it knows of all
others. Heads are found by places on the plane, not by names: a point that was moved to another
place means something else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
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
        away = np.linalg.norm(plane[:, None] - self.places[None], axis=2)
        if not away.size or away.min() >= REACH:
            return None
        nearest = away.argmin(axis=1)
        far = away[np.arange(len(plane)), nearest]
        share = np.clip((REACH - far) / (REACH - EXACT), 0.0, 1.0)
        chosen = self.weights[torch.from_numpy(nearest).to(self.weights.device)]
        return chosen * torch.tensor(share, dtype=chosen.dtype, device=chosen.device)[:, None, None]

    def to(self, device: torch.device) -> PointHeads:
        return PointHeads(self.places, self.weights.to(device))

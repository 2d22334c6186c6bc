"""Semantic alignment offsets A: what each dataset means by a point, on the plane."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from labelkit.errors import InputError
from labelkit.scheme import Scheme


class Offsets(nn.Module):
    """A learnable shift (N, 2) of every dataset's plane positions (TUFA, section 6.3).

    The reference dataset has none: it fixes the plane. The offsets of a mirror pair are
    tied, so that mirrored faces ask for mirrored points.
    """

    def __init__(self, schemes: Mapping[str, Scheme], reference: str) -> None:
        super().__init__()
        self.schemes = dict(schemes)
        self.shifts = nn.ParameterDict()
        for name, scheme in schemes.items():
            # Torch keeps some names for itself (`training`), and a dot parts names.
            if not name or "." in name or hasattr(self.shifts, name):
                raise InputError(f"a dataset cannot be called {name!r}; rename it")
            if name != reference:
                self.shifts[name] = nn.Parameter(torch.zeros(len(scheme), 2))

    def prompts(self, name: str) -> Tensor:
        """Plane positions of a dataset's points, offsets included, (N, 2)."""
        plane = torch.tensor(self.schemes[name].plane, dtype=torch.float32)
        if name not in self.shifts:
            return plane
        shift = self.tied(name)
        return plane.to(shift.device) + shift

    def tied(self, name: str) -> Tensor:
        """The offsets (N, 2) of a dataset other than the reference."""
        shift: Tensor = self.shifts[name]
        scheme = self.schemes[name]
        if not scheme.mirror:
            return shift
        order = torch.from_numpy(scheme.mirror_index.astype(np.int64))
        mirrored = shift[order] * torch.tensor([-1.0, 1.0], device=shift.device)
        return (shift + mirrored) / 2


def reference_dataset(schemes: Mapping[str, Scheme]) -> str:
    """The dataset that fixes the plane: the one named as its scheme is, else the first."""
    named = [name for name, scheme in schemes.items() if name == scheme.name]
    return (named or list(schemes))[0]

"""What `test_team.py` has two processes do: a run of a linear layer, and one of the recipe ``tiny``."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn

from labelkit.scheme import load_scheme
from labelkit.train.engine import Trainer
from labelkit.train.loop import Loop
from labelkit.train.pack import FacePack
from labelkit.train.recipes import Recipe, load_recipe
from labelkit.train.team import ALONE, Team, joined

CPU = torch.device("cpu")


def recipe() -> Recipe:
    small = load_recipe("tiny")
    network = replace(small.network, size=32, dim=16, layers=1, hidden=32)
    return replace(small, network=network, passes=32, batch=4, warmup=8, own=8, between=4)


def faces(count: int = 6) -> FacePack:
    """Grey faces of different brightness at different places."""
    scheme = load_scheme("ibug68")
    points = torch.tensor(scheme.plane, dtype=torch.float32) / 1.6
    shades = torch.linspace(20, 220, count).to(torch.uint8)
    images = shades[:, None, None, None].expand(-1, 3, 96, 96).contiguous()
    shifts = torch.linspace(-0.1, 0.1, count)[:, None, None]
    bounds = torch.tensor([[-1.0, -1.0, 1.0, 1.0]]).repeat(count, 1)
    return FacePack("ibug68", scheme, images, bounds, points + shifts)


class Brightness(Loop):
    """Learns where a face is from how bright it is: nothing random, nothing over the batch."""

    def __init__(self, pack: FacePack, team: Team = ALONE) -> None:
        torch.manual_seed(0)
        self.layer = nn.Linear(1, 2)
        self.seen: list[int] = []
        super().__init__(recipe(), [pack], CPU, None, nn.ModuleDict({"layer": self.layer}), [], team)

    def _loss(self, generator: Generator) -> Tensor:
        chosen = self._indices(self.packs[0], self.split[0])
        self.seen += chosen.tolist()
        pack = self.packs[0]
        bright = pack.images[chosen].float().mean(dim=(1, 2, 3))[:, None] / 255
        return (self.layer(bright) - pack.points[chosen].mean(dim=1)).square().sum(dim=1).mean()

    def _same_run(self) -> dict[str, Any]:
        return {}


def main(out: Path) -> None:
    with joined("cpu") as (team, device):
        simple = Brightness(faces(), team)
        simple.run(lambda progress: None)
        found = {f"simple.{k}": v.numpy() for k, v in simple.modules.state_dict().items()}
        trainer = Trainer(recipe(), [faces()], device, minutes=10.0, team=team)
        losses: list[float] = []
        trainer.run(lambda progress: losses.append(progress.loss), every=1)
        weights = {name: value.detach() for name, value in trainer.modules.named_parameters()}
        found |= {f"tiny.{k}": v.numpy() for k, v in weights.items()}
        told = {"seen": simple.seen, "passes": trainer.passes, "seconds": trainer.seconds, "losses": losses}
        np.savez(out / f"{team.rank}.npz", **found, **{k: np.array(v) for k, v in told.items()})


if __name__ == "__main__":
    main(Path(sys.argv[1]))

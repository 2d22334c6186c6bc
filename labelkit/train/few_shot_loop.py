"""Fine-tuning end to end: short, at a low rate, from a network that knows faces already.

As in `labelkit.train.engine` nothing random is carried from step to step, so that the same seed on
the same device gives the same weights.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from labelkit.models.predictor import LandmarkModel
from labelkit.models.tufa import TUFA
from labelkit.train.augment import AugmentConfig, Batch, augment
from labelkit.train.backbone import freeze
from labelkit.train.few_shot_faces import TuneFaces
from labelkit.train.losses import point_loss
from labelkit.train.state import update_average


def _gentle() -> AugmentConfig:
    """Views as prelabelling sees them: its crops are cut from what a first pass found."""
    return AugmentConfig(shift=0.06, rotation=15.0, scale=0.08, shear=0.08, occluded=0.2)


@dataclass(frozen=True)
class TuneConfig:
    """``steps`` of ``batch`` views each, at the rate ``lr``, which rises over the share ``warmup`` of
    the steps and falls to ``final`` times itself.

    Per view ``own`` labelled points are asked for, and ``tied`` of those at which the network shall
    go on to answer as before, which count ``tie`` times as much. The weights that are kept are an
    average with the decay ``ema`` per step, looked at every ``every`` steps; after ``patience`` looks
    without a gain the run ends.
    """

    steps: int = 160
    batch: int = 16
    lr: float = 3e-5
    weight_decay: float = 0.01
    warmup: float = 0.1
    final: float = 0.05
    clip: float = 1.0
    ema: float = 0.97
    own: int = 200
    tied: int = 48
    tie: float = 0.2
    every: int = 20
    patience: int = 3
    pack_size: int = 288
    augment: AugmentConfig = field(default_factory=_gentle)
    seed: int = 0


class Tuner:
    """Fine-tunes a copy of the model's network to the faces ``chosen``."""

    def __init__(
        self, model: LandmarkModel, faces: TuneFaces, chosen: Sequence[int], config: TuneConfig
    ) -> None:
        self.config, self.faces, self.device = config, faces, model.device
        self.model, self.size = model, model.size
        self.chosen = torch.tensor(list(chosen))
        self.pack = faces.pack.to(self.device)
        self.network: TUFA = copy.deepcopy(model.network)
        freeze(self.network, _frozen(model.card))
        trained = [p for p in self.network.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=config.lr, weight_decay=config.weight_decay)
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.count = len(faces.scheme)
        plane = torch.tensor(faces.pack.scheme.plane, dtype=torch.float32, device=self.device)
        self.prompts, self.ties = plane[: self.count], plane[self.count :]
        self.step_number = 0

    def step(self) -> float:
        """One optimizer step; returns its loss."""
        config = self.config
        generator = Generator().manual_seed(config.seed * 1_000_003 + self.step_number)
        for group in self.optimizer.param_groups:
            group["lr"] = config.lr * self._pace()
        placing = torch.from_numpy(self.faces.placing)
        batch = augment(self.pack, self._indices(), self.size, config.augment, generator, placing)
        loss = self._loss(batch, generator)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), config.clip)
        self.optimizer.step()
        self.step_number += 1
        update_average(self.average, self.network, self.step_number, config.ema)
        return float(loss.detach())

    def tuned(self) -> LandmarkModel:
        """The model with the averaged weights."""
        network = copy.deepcopy(self.network).eval()
        network.load_state_dict(self.average)
        return self.model.with_network(network, None)

    def _loss(self, batch: Batch, generator: Generator) -> Tensor:
        config = self.config
        labels, ties = batch.points[:, : self.count], batch.points[:, self.count :]
        # The same points for all faces of a batch: it costs no more to ask for all of a small scheme.
        some = torch.randperm(self.count, generator=generator)[: config.own].to(self.device)
        pick = torch.randperm(ties.shape[1], generator=generator)[: config.tied].to(self.device)
        asked = torch.cat([self.prompts[some], self.ties[pick]]).expand(len(labels), -1, -1)
        targets = torch.cat([labels[:, some], ties[:, pick]], dim=1)
        images = batch.images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16), self._attention():
            memory = self.network.encode(images, batch.valid)
            answers = self.network.decode(memory, asked)
        own = slice(None, len(some)), slice(len(some), None)
        loss = self._judged(answers[:, :, own[0]], targets[:, own[0]])
        loss = loss + config.tie * self._judged(answers[:, :, own[1]], targets[:, own[1]])
        if memory.anchor_points is not None:
            nearest = torch.cdist(self.network.anchors, self.ties).argmin(dim=1)
            loss = loss + config.tie * self._judged(memory.anchor_points, ties[:, nearest])
        return loss.mean()

    def _judged(self, answers: Tensor, targets: Tensor) -> Tensor:
        """The loss per face; what has no label or lies outside of the crop does not count."""
        there = targets.isfinite().all(-1) & (targets.nan_to_num(2.0).abs() <= 1).all(-1)
        return point_loss(answers, targets.nan_to_num(), there, True)

    def _attention(self) -> AbstractContextManager[None]:
        # As in the engine: on a CPU plain products have the quicker backward pass.
        return sdpa_kernel(SDPBackend.MATH) if self.device.type == "cpu" else nullcontext()

    def _indices(self) -> Tensor:
        """The faces of this step: rounds without repetition, each in an order of its own."""
        first, size = self.step_number * self.config.batch, len(self.chosen)
        rows = []
        for place in range(first, first + self.config.batch):
            seed = (self.config.seed * 7919 + place // size) % 2**31
            rows.append(torch.randperm(size, generator=Generator().manual_seed(seed))[place % size])
        return self.chosen[torch.stack(rows)]

    def _pace(self) -> float:
        config, done = self.config, self.step_number / self.config.steps
        rise = min(1.0, (self.step_number + 1) / max(1.0, config.warmup * config.steps))
        return rise * (config.final + (1 - config.final) * 0.5 * (1 + math.cos(math.pi * done)))


def _frozen(card: dict[str, Any]) -> Sequence[str]:
    """The parts of the backbone that stay as they are: those that stayed so in the model's training."""
    recipe = card.get("recipe")
    return list(recipe.get("frozen", ())) if isinstance(recipe, dict) else []

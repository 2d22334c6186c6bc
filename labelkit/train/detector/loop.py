"""The detector's training: a loop that can be stopped and gone on with.

As in the landmark network's engine, every step draws from a generator seeded by its number, so
that an interrupted run goes on as if it had not been.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from labelkit.detect.network import FaceNet, FaceNetConfig, cells, normalize
from labelkit.train.detector.scenes import SceneSet
from labelkit.train.detector.targets import Targets, detection_loss, targets
from labelkit.train.detector.views import ViewConfig, draw_canvas
from labelkit.train.state import read_state, update_average, write_state


@dataclass(frozen=True)
class DetectorRecipe:
    """Network, views and schedule. ``passes`` counts canvases; ``whole`` is the share of views from
    sets of whole photos, the rest comes from cut-out faces. ``lr`` rises over ``warmup`` passes
    and falls as a cosine. From ``doubt`` passes on, faces that nobody labelled are not
    held against the network. ``ema`` is the decay per step of the averaged weights, which are kept."""

    network: FaceNetConfig = field(default_factory=FaceNetConfig)
    views: ViewConfig = field(default_factory=ViewConfig)
    passes: int = 160_000
    batch: int = 16
    lr: float = 2e-3
    weight_decay: float = 0.02
    warmup: int = 3_000
    final: float = 0.01
    doubt: int = 16_000
    clip: float = 5.0
    ema: float = 0.998
    whole: float = 0.6
    seed: int = 0


@dataclass(frozen=True)
class DetectorProgress:
    """Where a run stands; ``done`` is the share of its budget, ``recall`` that of the development
    photos, in percent, with ``false`` other boxes a photo."""

    step: int
    passes: int
    seconds: float
    done: float
    loss: float
    recall: float | None = None
    false: float | None = None


class DetectorTrainer:
    """One run of a recipe over sets of photos; ``minutes`` ends it by the clock if that comes first."""

    def __init__(
        self,
        recipe: DetectorRecipe,
        sets: Sequence[SceneSet],
        device: torch.device,
        minutes: float | None = None,
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.sets, self.device, self.minutes = recipe, sets, device, minutes
        self.shares = _shares(sets, recipe.whole)
        self.network = FaceNet(recipe.network).to(device).to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(_parameter_groups(self.network, recipe.weight_decay), lr=recipe.lr)
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.step_number, self.seconds = 0, 0.0

    @property
    def passes(self) -> int:
        return self.step_number * self.recipe.batch

    @property
    def done(self) -> float:
        by_clock = self.seconds / (60 * self.minutes) if self.minutes else 0.0
        return min(1.0, max(self.passes / self.recipe.passes, by_clock))

    def learning_rate(self) -> float:
        low = self.recipe.final
        rise = min(1.0, (self.passes + 1) / self.recipe.warmup)
        return self.recipe.lr * rise * (low + (1 - low) * 0.5 * (1 + math.cos(math.pi * self.done)))

    def run(
        self,
        report: Callable[[DetectorProgress], None],
        judge: Callable[[FaceNet], tuple[float, float]] | None = None,
        save: Callable[[], None] | None = None,
        every: int = 50,
        save_seconds: float = 240.0,
    ) -> None:
        """Train until the budget is spent. ``judge`` gives recall and false boxes a photo of the
        averaged network whenever ``save`` has kept the state, and at the end."""
        saved, total, count = self.seconds, 0.0, 0
        while self.done < 1:
            total, count = total + self.step(), count + 1
            due = self.done >= 1 or self.seconds - saved > save_seconds
            if due and save is not None:
                save()
                saved = self.seconds
            if due or self.step_number % every == 0:
                found = judge(self.averaged().fold()) if due and judge is not None else (None, None)
                place = (self.step_number, self.passes, self.seconds, self.done)
                report(DetectorProgress(*place, total / count, *found))
                total, count = 0.0, 0

    def step(self) -> float:
        """One step of the optimizer; returns its loss."""
        started = time.monotonic()
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        self.network.train()
        images, wanted = self._batch()
        with torch.autocast(self.device.type, torch.bfloat16):
            answers = self.network(images)
        loss = detection_loss(answers, wanted, doubtful=self.passes >= self.recipe.doubt)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        self.optimizer.step()
        self.step_number += 1
        update_average(self.average, self.network, self.step_number, self.recipe.ema)
        self.seconds += time.monotonic() - started
        return float(loss.detach())

    def averaged(self) -> FaceNet:
        """A network of its own with the averaged weights."""
        network = FaceNet(self.recipe.network).to(self.device)
        network.load_state_dict(self.average)
        return network.eval()

    def save_state(self, path: Path) -> None:
        """Everything that is needed to go on."""
        card = {"kind": "detector training state", "step": self.step_number, "seconds": self.seconds}
        write_state(path, self.network, self.average, self.optimizer, {**card, **self._same_run()})

    def load_state(self, path: Path) -> None:
        """Go on where `save_state` stopped; raises `CheckpointError` for the state of another run."""
        self.average, card = read_state(
            path, self.network, self.optimizer, self._same_run(), self.device, usual={}
        )
        self.step_number, self.seconds = int(card["step"]), float(card["seconds"])

    def _same_run(self) -> dict[str, Any]:
        """What must not change when a run is resumed; the budget may."""
        network = json.loads(json.dumps(asdict(self.recipe.network)))  # lists, as they come back
        data = {entry.name: entry.face_count for entry in self.sets}
        return {"network": network, "batch": self.recipe.batch, "seed": self.recipe.seed, "data": data}

    def _batch(self) -> tuple[Tensor, Targets]:
        recipe = self.recipe
        rng = np.random.default_rng((recipe.seed, self.step_number))
        views = [draw_canvas(self.sets, self.shares, recipe.views, rng) for _ in range(recipe.batch)]
        pixels = torch.from_numpy(np.stack([view.pixels for view in views])).to(self.device)
        images = normalize(pixels.permute(0, 3, 1, 2)).contiguous(memory_format=torch.channels_last)
        faces = [
            (
                torch.from_numpy(view.boxes).float(),
                torch.from_numpy(view.points).float(),
                torch.from_numpy(view.wanted),
                torch.from_numpy(view.strict),
            )
            for view in views
        ]
        size = recipe.views.size
        wanted = targets(faces, *cells(size, size, torch.device("cpu")))
        return images, wanted.to(self.device)


def _shares(sets: Sequence[SceneSet], whole: float) -> list[float]:
    """How often each set is drawn from: within the two groups by its number of photos."""
    photos = np.array([len(entry.scenes) for entry in sets], np.float64)
    uncut = np.array([entry.whole for entry in sets])
    if uncut.all() or not uncut.any():
        return list(photos / photos.sum())
    shares = np.where(
        uncut, whole * photos / photos[uncut].sum(), (1 - whole) * photos / photos[~uncut].sum()
    )
    return list(shares)


def _parameter_groups(module: nn.Module, decay: float) -> list[dict[str, object]]:
    """Weights decay; biases and norms do not."""
    parameters = list(module.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]

"""The training loop: the same for a laptop and a GPU, and resumable to the bit.

Nothing random is carried from step to step: every step draws from a generator seeded by
its number, and every epoch's order from one seeded by the epoch's. A run that was
interrupted therefore goes on as if it had not been.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from labelkit.errors import CheckpointError
from labelkit.models.build import build_tufa
from labelkit.models.tufa import TUFA
from labelkit.train.augment import Batch, augment, plain_view
from labelkit.train.backbone import Backbone, freeze, put_backbone
from labelkit.train.losses import point_loss, query_loss
from labelkit.train.offsets import Offsets, reference_dataset
from labelkit.train.pack import FacePack
from labelkit.train.queries import Queries, QuerySampler, draw_dense
from labelkit.train.recipes import Recipe
from labelkit.train.state import read_state, update_average, write_state


@dataclass(frozen=True)
class Progress:
    """Where a run stands; ``done`` is the share of its budget, ``dev_nme`` in percent."""

    step: int
    passes: int
    seconds: float
    done: float
    loss: float
    lr: float
    dev_nme: float | None = None


class Trainer:
    """One run of a recipe over packed datasets.

    ``left_out`` lists point indices that training never asks for (taken out after the
    flip has renamed left and right). ``minutes`` ends the run by the clock if that comes
    before the recipe's passes; the learning rate follows whichever is further. The network
    begins with the weights of ``backbone``, whose first blocks then stay as they are where the
    recipe says so; ``keep_backbone`` says that they shall, though the weights come later.
    """

    def __init__(
        self,
        recipe: Recipe,
        packs: Sequence[FacePack],
        device: torch.device,
        left_out: tuple[int, ...] = (),
        minutes: float | None = None,
        backbone: Backbone | None = None,
        keep_backbone: bool = False,
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.device, self.minutes = recipe, device, minutes
        self.packs = [pack.to(device) for pack in packs]
        self.schemes = {pack.name: pack.scheme for pack in packs}
        self.reference = reference_dataset(self.schemes)
        self.network: TUFA = build_tufa(recipe.network, pretrained=False).to(device)
        self.network = self.network.to(memory_format=torch.channels_last)
        if backbone is not None:
            put_backbone(self.network, backbone)
        self.frozen = freeze(self.network, recipe.frozen) if backbone is not None or keep_backbone else []
        self.offsets = Offsets(self.schemes, self.reference).to(device)
        self.left_out = left_out
        self.samplers = {name: QuerySampler(scheme, left_out) for name, scheme in self.schemes.items()}
        self.modules = nn.ModuleDict({"network": self.network, "offsets": self.offsets})
        self.optimizer = torch.optim.AdamW(
            _parameter_groups(self.modules, recipe.weight_decay), lr=recipe.lr, fused=True
        )
        self.average = {name: value.detach().clone() for name, value in self.modules.state_dict().items()}
        self.split = _split_batch(recipe, [pack.name for pack in packs])
        self.step_number, self.seconds = 0, 0.0

    @property
    def passes(self) -> int:
        """Images seen so far."""
        return self.step_number * sum(self.split)

    @property
    def done(self) -> float:
        """The share of the budget that is spent, 0 to 1."""
        by_clock = self.seconds / (60 * self.minutes) if self.minutes else 0.0
        return min(1.0, max(self.passes / self.recipe.passes, by_clock))

    def learning_rate(self) -> float:
        """Linear warm-up, then a cosine over the budget."""
        low = self.recipe.final
        rise = min(1.0, (self.passes + 1) / max(self.recipe.warmup, 1))
        fall = low + (1 - low) * 0.5 * (1 + math.cos(math.pi * self.done))
        return self.recipe.lr * rise * fall

    def start_from(self, network: Mapping[str, Tensor], offsets: Mapping[str, Tensor]) -> None:
        """Begin with the weights of a model that was trained before, and with the offsets of
        those datasets that are trained again; raises `CheckpointError` where they do not fit."""
        try:
            self.network.load_state_dict(dict(network))
        except RuntimeError as error:
            raise CheckpointError("the model to start from is not the recipe's network") from error
        with torch.no_grad():
            for name, shift in self.offsets.shifts.items():
                if name in offsets and offsets[name].shape == shift.shape:
                    shift.copy_(offsets[name])
        self.average = {name: value.detach().clone() for name, value in self.modules.state_dict().items()}

    def run(
        self,
        report: Callable[[Progress], None],
        dev: FacePack | None = None,
        every: int = 50,
        save: Callable[[], None] | None = None,
        save_seconds: float = 180.0,
    ) -> None:
        """Train until the budget is spent; ``report`` hears every ``every`` steps, ``save``
        every ``save_seconds``. An interrupt passes through with the state intact."""
        saved, total, count = self.seconds, 0.0, 0
        while self.done < 1:
            total, count = total + self.step(), count + 1
            # By the number of the step, so that a resumed run reports where an unbroken one would.
            if self.step_number % every == 0 or self.done >= 1:
                judged = self.done >= 1 or self.step_number % (10 * every) == 0
                nme = self.dev_nme(dev) if dev is not None and judged else None
                report(self._progress(total / count, nme))
                total, count = 0.0, 0
            if save is not None and self.seconds - saved > save_seconds:
                save()
                saved = self.seconds

    def step(self) -> float:
        """One optimizer step; returns its loss."""
        started = time.monotonic()
        generator = Generator().manual_seed(self.recipe.seed * 1_000_003 + self.step_number)
        lr = self.learning_rate()
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self._to_training()
        loss = self._loss(generator)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.modules.parameters(), self.recipe.clip)
        self.optimizer.step()
        self.step_number += 1
        update_average(self.average, self.modules, self.step_number, self.recipe.ema)
        self.seconds += time.monotonic() - started
        return float(loss.detach())

    def _to_training(self) -> None:
        self.modules.train()
        for module in self.frozen:
            module.eval()

    @torch.no_grad()
    def dev_nme(self, pack: FacePack) -> float:
        """NME in percent of IOD of the averaged weights, boxes from annotations."""
        pack = pack.to(self.device)
        with self._averaged():
            self.modules.eval()
            errors = [self._errors(pack, chunk) for chunk in torch.arange(len(pack)).split(64)]
        return 100 * float(torch.cat(errors).mean())

    def save_state(self, path: Path) -> None:
        """Everything that is needed to go on: weights, averages, moments, step and clock."""
        card = {"kind": "training state", "step": self.step_number, "seconds": self.seconds}
        write_state(path, self.modules, self.average, self.optimizer, {**card, **self._same_run()})

    def load_state(self, path: Path) -> None:
        """Go on where `save_state` stopped; raises `CheckpointError`, saying what differs, for
        the state of another run."""
        self.average, card = read_state(
            path,
            self.modules,
            self.optimizer,
            self._same_run(),
            self.device,
            usual={"dense points": 0, "frozen blocks": len(self.frozen)},
        )
        self.step_number, self.seconds = int(card["step"]), float(card["seconds"])

    def _same_run(self) -> dict[str, Any]:
        """What must not change between a run and its resumption. The budget may: a run that
        is given more time goes on, its learning rate following the new budget."""
        return {
            "recipe": self.recipe.name,
            "crop size": self.recipe.network.size,
            "left-out points": list(self.left_out),
            "batch": self.recipe.batch,
            "seed": self.recipe.seed,
            "dense points": self.recipe.dense,
            # A run that began with trained weights is resumed with the same --start or --backbone.
            "frozen blocks": len(self.frozen),
            "data": {pack.name: len(pack) for pack in self.packs},
        }

    def averaged(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The averaged weights: the network's tensors, and the offsets (N, 2) by dataset."""
        with self._averaged():
            network = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
            offsets = {name: self.offsets.tied(name).detach().clone() for name in self.offsets.shifts}
        return network, offsets

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """The averaged weights in place of the trained ones, which an interrupt brings back too."""
        current = {name: value.clone() for name, value in self.modules.state_dict().items()}
        try:
            self.modules.load_state_dict(self.average)
            yield
        finally:
            self.modules.load_state_dict(current)

    def _loss(self, generator: Generator) -> Tensor:
        recipe = self.recipe
        batches, queries = [], []
        for pack, count in zip(self.packs, self.split, strict=True):
            indices = self._indices(pack, count)
            seen = self.samplers[pack.name].allowed
            batch = augment(pack, indices, recipe.network.size, recipe.augment, generator, seen, self.done)
            prompts = self.offsets.prompts(pack.name).to(self.device)
            sampler = self.samplers[pack.name]
            drawn = sampler.draw(prompts, batch.points, recipe.own, recipe.between, generator)
            if recipe.dense and batch.dense is not None:
                more = draw_dense(batch.dense, recipe.dense, recipe.dense_weight, generator)
                drawn = _append_queries(drawn, more)
            queries.append(drawn)
            batches.append(batch)
        drawn = _join_queries(queries)
        images = torch.cat([batch.images for batch in batches]).contiguous(memory_format=torch.channels_last)
        valid = torch.cat([batch.valid for batch in batches])
        with torch.autocast(self.device.type, torch.bfloat16), self._attention():
            memory = self.network.encode(images, valid)
            answers = self.network.decode(memory, drawn.prompts, drawn.there)
        loss = query_loss(answers, drawn, recipe.every_layer)
        if memory.anchor_points is not None:
            loss = loss + self._anchor_loss(memory.anchor_points, batches)
        weights = torch.cat(
            [
                torch.full((count,), recipe.weights.get(pack.name, 1.0))
                for pack, count in zip(self.packs, self.split, strict=True)
            ]
        ).to(self.device)
        return (loss * weights).sum() / weights.sum()

    def _attention(self) -> AbstractContextManager[None]:
        """On a CPU the fused attention's backward pass is slower than plain products (a
        step of `base` takes 10 % longer with it)."""
        return sdpa_kernel(SDPBackend.MATH) if self.device.type == "cpu" else nullcontext()

    def _anchor_loss(self, answers: Tensor, batches: Sequence[Batch]) -> Tensor:
        """The anchors are prompts of the reference dataset; only its faces judge them."""
        losses = []
        for pack, batch, part in zip(self.packs, batches, answers.split(self.split, dim=1), strict=True):
            if pack.name != self.reference:
                losses.append(part.new_zeros(part.shape[1]))
                continue
            targets = batch.points[:, _nearest(self.network.anchors, pack.scheme.plane)]
            there = targets.isfinite().all(-1)
            losses.append(point_loss(part, targets.nan_to_num(), there, self.recipe.every_layer))
        return torch.cat(losses)

    def _indices(self, pack: FacePack, count: int) -> Tensor:
        """The faces of this step: epochs without repetition, each in an order of its own."""
        first = self.step_number * count
        orders = {}
        for epoch in range(first // len(pack), (first + count - 1) // len(pack) + 1):
            seed = hash((self.recipe.seed, len(pack), epoch)) % 2**31
            orders[epoch] = torch.randperm(len(pack), generator=Generator().manual_seed(seed))
        places = range(first, first + count)
        return torch.stack([orders[p // len(pack)][p % len(pack)] for p in places])

    def _errors(self, pack: FacePack, indices: Tensor) -> Tensor:
        batch = plain_view(pack, indices, self.recipe.network.size)
        prompts = torch.tensor(pack.scheme.plane, dtype=torch.float32, device=self.device)
        with torch.autocast(self.device.type, torch.bfloat16):
            answers = self.network(batch.images, prompts.expand(len(indices), -1, -1), batch.valid)
        distance: Tensor = (answers[-1].float() - batch.points).norm(dim=-1)
        errors = distance.nanmean(1)
        distances = [pack.scheme.normalizer(xy) for xy in batch.points.double().cpu().numpy()]
        return errors.cpu() / torch.tensor(distances)

    def _progress(self, loss: float, nme: float | None) -> Progress:
        return Progress(
            self.step_number, self.passes, self.seconds, self.done, loss, self.learning_rate(), nme
        )


def _parameter_groups(module: nn.Module, decay: float) -> list[dict[str, object]]:
    """Weights decay; biases, norms and offsets do not."""
    parameters = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    matrices = [p for name, p in parameters if p.ndim > 1 and not name.startswith("offsets")]
    rest = [p for name, p in parameters if p.ndim <= 1 or name.startswith("offsets")]
    return [{"params": matrices, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def _split_batch(recipe: Recipe, names: Sequence[str]) -> list[int]:
    """How many faces of each dataset a batch holds, at least one of each."""
    shares = [recipe.shares.get(name, 1.0) for name in names]
    return [max(1, round(recipe.batch * share / sum(shares))) for share in shares]


def _nearest(anchors: Tensor, plane: object) -> Tensor:
    """The index of the scheme's point at every anchor, (A,)."""
    points = torch.tensor(plane, dtype=torch.float32, device=anchors.device)
    return torch.cdist(anchors, points).argmin(dim=1)


def _append_queries(first: Queries, more: Queries) -> Queries:
    """More queries for the same faces."""
    return Queries(
        *(torch.cat([getattr(first, f.name), getattr(more, f.name)], dim=1) for f in fields(first))
    )


def _join_queries(parts: Sequence[Queries]) -> Queries:
    """Datasets may have different numbers of points: shorter rows are filled up."""
    width = max(part.prompts.shape[1] for part in parts)

    def fill(tensor: Tensor) -> Tensor:
        missing = width - tensor.shape[1]
        return torch.cat([tensor, tensor.new_zeros(len(tensor), missing, *tensor.shape[2:])], dim=1)

    return Queries(*(torch.cat([fill(getattr(p, f.name)) for p in parts]) for f in fields(Queries)))

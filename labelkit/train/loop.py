"""The training loop: the same for every network, for a laptop and a GPU, and resumable to the bit.

Nothing random is carried from step to step: every step draws from a generator seeded by
its number, and every epoch's order from one seeded by the epoch's. A run that was
interrupted therefore goes on as if it had not been.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Generator, Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from labelkit.train.pack import FacePack
from labelkit.train.state import read_state, update_average, write_state
from labelkit.train.team import ALONE, Team


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


class Schedule(Protocol):
    """What every recipe says of its run."""

    @property
    def name(self) -> str: ...
    @property
    def passes(self) -> int: ...
    @property
    def batch(self) -> int: ...
    @property
    def lr(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def warmup(self) -> int: ...
    @property
    def final(self) -> float: ...
    @property
    def clip(self) -> float: ...
    @property
    def ema(self) -> float: ...
    @property
    def seed(self) -> int: ...
    @property
    def shares(self) -> dict[str, float]: ...


class Loop:
    """One run of a recipe over packed datasets, whatever is trained.

    ``modules`` are trained, but for those in ``frozen``; what a step costs (`_loss`), what is measured
    on dev (`dev_nme`) and what must be the same when a run is resumed (`_same_run`) are for the network
    to say. ``minutes`` ends the run by the clock if that comes before the recipe's passes; the learning
    rate follows whichever is further. ``team`` are the processes that share every step.
    """

    def __init__(
        self,
        recipe: Schedule,
        packs: Sequence[FacePack],
        device: torch.device,
        minutes: float | None,
        modules: nn.Module,
        frozen: Sequence[nn.Module],
        team: Team = ALONE,
    ) -> None:
        self.team = team
        self.schedule, self.device, self.minutes = recipe, device, minutes
        self.packs = [pack.to(device) for pack in packs]
        self.modules, self.frozen = modules, list(frozen)
        self.optimizer = torch.optim.AdamW(
            _parameter_groups(modules, recipe.weight_decay), lr=recipe.lr, fused=True
        )
        self.average = {name: value.detach().clone() for name, value in modules.state_dict().items()}
        self.split = [team.part(count) for count in _split_batch(recipe, [pack.name for pack in packs])]
        self._together = team.together(_Step(modules, self._loss))
        self.step_number, self.seconds = 0, 0.0

    def _loss(self, generator: Generator) -> Tensor:
        """The loss of one step, all of whose random numbers come from ``generator``."""
        raise NotImplementedError

    def dev_nme(self, pack: FacePack) -> float:
        """NME in percent of IOD of the averaged weights."""
        raise NotImplementedError

    def _same_run(self) -> dict[str, Any]:
        """What must not change between a run and its resumption. The budget may: a run that
        is given more time goes on, its learning rate following the new budget."""
        raise NotImplementedError

    def _usual(self) -> dict[str, Any]:
        """What older states, which do not say it, are taken to say of `_same_run`."""
        return {}

    @property
    def passes(self) -> int:
        """Images seen so far."""
        return self.step_number * sum(self.split) * self.team.size

    @property
    def done(self) -> float:
        """The share of the budget that is spent, 0 to 1."""
        by_clock = self.seconds / (60 * self.minutes) if self.minutes else 0.0
        return min(1.0, max(self.passes / self.schedule.passes, by_clock))

    def learning_rate(self) -> float:
        """Linear warm-up, then a cosine over the budget."""
        low = self.schedule.final
        rise = min(1.0, (self.passes + 1) / max(self.schedule.warmup, 1))
        fall = low + (1 - low) * 0.5 * (1 + math.cos(math.pi * self.done))
        return self.schedule.lr * rise * fall

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
        seed = self.team.seed(self.schedule.seed * 1_000_003 + self.step_number)
        generator = Generator().manual_seed(seed)
        lr = self.learning_rate()
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self._to_training()
        loss: Tensor = self._together(generator)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.modules.parameters(), self.schedule.clip)
        self.optimizer.step()
        self.step_number += 1
        update_average(self.average, self.modules, self.step_number, self.schedule.ema)
        self.seconds += time.monotonic() - started
        if self.minutes:  # the clock says when to end: all processes go by one
            self.seconds = self.team.same(self.seconds, self.device)
        return float(loss.detach())

    def save_state(self, path: Path) -> None:
        """Everything that is needed to go on: weights, averages, moments, step and clock."""
        card = {"kind": "training state", "step": self.step_number, "seconds": self.seconds}
        write_state(path, self.modules, self.average, self.optimizer, {**card, **self._same_run()})

    def load_state(self, path: Path) -> None:
        """Go on where `save_state` stopped; raises `CheckpointError`, saying what differs, for
        the state of another run."""
        self.average, card = read_state(
            path, self.modules, self.optimizer, self._same_run(), self.device, usual=self._usual()
        )
        self.step_number, self.seconds = int(card["step"]), float(card["seconds"])

    def _to_training(self) -> None:
        self.modules.train()
        for module in self.frozen:
            module.eval()

    def _begin_average(self) -> None:
        """Forget the averages: the weights were set to others."""
        self.average = {name: value.detach().clone() for name, value in self.modules.state_dict().items()}

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """The averaged weights in place of the trained ones, which an interrupt brings back too."""
        current = {name: value.clone() for name, value in self.modules.state_dict().items()}
        try:
            self.modules.load_state_dict(self.average)
            yield
        finally:
            self.modules.load_state_dict(current)

    def _attention(self) -> AbstractContextManager[None]:
        """On a CPU the fused attention's backward pass is slower than plain products (a
        step of `base` takes 10 % longer with it)."""
        return sdpa_kernel(SDPBackend.MATH) if self.device.type == "cpu" else nullcontext()

    def _indices(self, pack: FacePack, count: int) -> Tensor:
        """This process's ``count`` faces of this step: epochs without repetition, each in an order of
        its own."""
        first = (self.step_number * self.team.size + self.team.rank) * count
        orders = {}
        for epoch in range(first // len(pack), (first + count - 1) // len(pack) + 1):
            seed = hash((self.schedule.seed, len(pack), epoch)) % 2**31
            orders[epoch] = torch.randperm(len(pack), generator=Generator().manual_seed(seed))
        places = range(first, first + count)
        return torch.stack([orders[p // len(pack)][p % len(pack)] for p in places])

    def _progress(self, loss: float, nme: float | None) -> Progress:
        return Progress(
            self.step_number, self.passes, self.seconds, self.done, loss, self.learning_rate(), nme
        )


class _Step(nn.Module):
    """The loss of a step as the forward pass of what is trained, for those who average its gradients."""

    def __init__(self, modules: nn.Module, loss: Callable[[Generator], Tensor]) -> None:
        super().__init__()
        self.modules_trained, self._loss = modules, loss

    def forward(self, generator: Generator) -> Tensor:
        return self._loss(generator)


def _parameter_groups(module: nn.Module, decay: float) -> list[dict[str, object]]:
    """Weights decay; biases, norms and offsets do not."""
    parameters = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    matrices = [p for name, p in parameters if p.ndim > 1 and not name.startswith("offsets")]
    rest = [p for name, p in parameters if p.ndim <= 1 or name.startswith("offsets")]
    return [{"params": matrices, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def _split_batch(recipe: Schedule, names: Sequence[str]) -> list[int]:
    """How many faces of each dataset a batch holds, at least one of each."""
    shares = [recipe.shares.get(name, 1.0) for name in names]
    return [max(1, round(recipe.batch * share / sum(shares))) for share in shares]

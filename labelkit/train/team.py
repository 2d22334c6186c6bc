"""One training in several processes, as torch's launcher starts them: a GPU for each.

    torchrun --nproc-per-node 4 examples/train_on_several_gpus.py ...

A step's batch is cut into equal parts, one for each process; the gradients are averaged
(DistributedDataParallel), so all processes hold the same weights after every step. The step sees the
faces that one process would see. Two things differ from one process: what is drawn at random for a face
(its augmentation, its points) is drawn by each process for its own part, and on CPUs, where torch has no
batch norm over processes, that norm is over each process's part.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from timm.layers.norm_act import convert_sync_batchnorm
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from labelkit.errors import InputError, UnavailableError
from labelkit.models.predictor import choose_device

#: Keeps the random numbers of two processes of one step apart, and those of the first as they are alone.
_APART = 7_368_787


@dataclass(frozen=True)
class Team:
    """This process's place among ``size`` that train together; ``rank`` 0 is the one that measures,
    reports and writes."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def part(self, count: int) -> int:
        """How many of the ``count`` faces of a step each process takes, at least one."""
        return max(1, -(-count // self.size))

    def seed(self, seed: int) -> int:
        """This process's own seed for a step whose seed alone would be ``seed``."""
        return seed + self.rank * _APART

    def together(self, module: nn.Module) -> nn.Module:
        """``module``, whose gradients are averaged over all processes after every backward pass."""
        if self.size == 1:
            return module
        # What a step asks for at random may leave parameters out, in one process and not in another.
        return DistributedDataParallel(module, find_unused_parameters=True)

    def one_norm(self, network: nn.Module, device: torch.device) -> nn.Module:
        """``network`` with its batch norms over all processes, where torch can do that (CUDA)."""
        if self.size == 1 or device.type != "cuda":
            return network
        # torch's own conversion would lose the activations inside of timm's batch norms.
        found: nn.Module = convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]  # it has no types
        return found

    def same(self, value: float, device: torch.device) -> float:
        """What the first process says of ``value``."""
        if self.size == 1:
            return value
        told = torch.tensor([value], dtype=torch.float64, device=device)
        dist.broadcast(told, 0)
        return float(told)


#: A training in one process.
ALONE = Team()


@contextmanager
def joined(device: str = "auto") -> Iterator[tuple[Team, torch.device]]:
    """The processes that ``torchrun`` started, and the device of this one: with CUDA the GPU of its own,
    else the CPU. Without the launcher it is `ALONE`.

    Raises `UnavailableError` where there are fewer GPUs than processes on this machine, and
    `InputError` where ``device`` names one GPU for all.
    """
    size, local = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    chosen = choose_device(device)
    if size == 1:
        yield ALONE, chosen
        return
    if chosen.type == "cuda":
        chosen = _own_gpu(chosen, local)
    elif chosen.type != "cpu":
        raise UnavailableError(f"several processes train on cuda or cpu, not on {chosen.type}")
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo", **_bound_to(chosen))
    try:
        yield Team(dist.get_rank(), dist.get_world_size()), chosen
    finally:
        dist.destroy_process_group()


def _own_gpu(chosen: torch.device, local: int) -> torch.device:
    if ":" in str(chosen):
        raise InputError(f"{chosen} is one GPU: name cuda, and every process takes its own")
    if local >= torch.cuda.device_count():
        raise UnavailableError(
            f"process {local + 1} on this machine finds no GPU for itself: there are "
            f"{torch.cuda.device_count()}; start as many processes (--nproc-per-node)"
        )
    own = torch.device("cuda", local)
    torch.cuda.set_device(own)
    return own


def _bound_to(device: torch.device) -> dict[str, Any]:
    """Told its device, NCCL need not guess it."""
    return {"device_id": device} if device.type == "cuda" else {}

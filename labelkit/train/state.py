"""What a run leaves behind to be resumed from, and the averaged weights, for every training loop."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from labelkit.checkpoint import load_checkpoint, save_checkpoint
from labelkit.errors import CheckpointError


def write_state(
    path: Path,
    module: nn.Module,
    average: Mapping[str, Tensor],
    optimizer: Optimizer,
    card: Mapping[str, Any],
) -> None:
    """Write weights, averages and the optimizer's moments with their card."""
    tensors = {f"model.{name}": value for name, value in module.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{key}": torch.as_tensor(v) for key, v in state.items()}
    save_checkpoint(path, tensors, card)


def read_state(
    path: Path,
    module: nn.Module,
    optimizer: Optimizer,
    same: Mapping[str, Any],
    device: torch.device,
    usual: Mapping[str, Any],
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Put what `write_state` wrote back into network and optimizer; returns averages and card.

    ``same`` is what the card must say, ``usual`` what a card says that was written before there was
    such an entry. Raises `CheckpointError`, saying what differs, for the state of another run.
    """
    tensors, card = load_checkpoint(path)
    card = {**usual, **card}
    differing = [name for name, value in same.items() if card.get(name) != value]
    if differing:
        raise CheckpointError(f"{path}: is the state of another run ({' and '.join(differing)} differ)")
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "optimizer": {}}
    for name, value in tensors.items():
        part, rest = name.split(".", 1)
        parts[part][rest] = value.to(device)
    try:
        module.load_state_dict(parts["model"])
    except RuntimeError as error:
        raise CheckpointError(f"{path}: does not fit this recipe's network") from error
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in parts["optimizer"].items():
        index, key = name.split(".", 1)
        moments.setdefault(int(index), {})[key] = value
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for number, parameter in enumerate(parameters):
        # The fused step walks through memory: moments lie there as their weights do
        # (channels last), which no file keeps.
        for key, value in moments.get(number, {}).items():
            if value.shape == parameter.shape:
                moments[number][key] = torch.empty_like(parameter).copy_(value)
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})
    return parts["average"], card


@torch.no_grad()
def update_average(average: dict[str, Tensor], module: nn.Module, step: int, decay: float) -> None:
    """Move the averages towards the weights after ``step`` steps. Early weights are forgotten
    quickly: the average is over the last tenth at most."""
    decay = min(decay, step / (step + 9))
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            average[name].lerp_(value, 1 - decay)
        else:
            average[name].copy_(value)

"""Networks out of files that anybody may have written: what does not fit is refused before it is built.

A card can describe a network of any size in a few bytes. So its numbers are looked at first, then a
network without memory (torch's meta device) tells which tensors it takes; only where the file holds
just these is the network built. What it takes of memory is then a few times the file at most.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from labelkit.errors import CheckpointError

_Network = TypeVar("_Network", bound=nn.Module)


def check_whole(values: Mapping[str, Any], limits: Mapping[str, tuple[int, int]]) -> None:
    """Raise `CheckpointError` unless every entry of ``limits`` is a whole number from the first to the
    second."""
    for name, (least, most) in limits.items():
        value = values[name]
        if type(value) is not int or not least <= value <= most:  # a bool is an int, too
            raise CheckpointError(f"{name} is {shown(value)}, not a whole number from {least} to {most}")


def check_positive(values: Mapping[str, Any], *names: str) -> None:
    """Raise `CheckpointError` unless each of the values is a finite number above 0."""
    for name in names:
        value = values[name]
        known = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not known or not 0 < value <= 1e9 or not math.isfinite(value):
            raise CheckpointError(f"{name} is {shown(value)}, not a number above 0")


def shown(value: object) -> str:
    """A value as a message can hold it: a card may hold any, of any length."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


def filled(build: Callable[[], _Network], tensors: Mapping[str, Tensor]) -> _Network:
    """The network that ``build`` makes, with these weights in fp32.

    Raises `CheckpointError` when it cannot be made or takes other tensors, in name or shape, before
    memory is taken for it.
    """
    try:
        with torch.device("meta"):
            wanted = {name: value.shape for name, value in build().state_dict().items()}
    except Exception as error:  # numbers that make no network make timm raise nearly anything
        told = " ".join(str(error).split()) or type(error).__name__
        raise CheckpointError(f"its architecture cannot be built ({told})") from error
    given = {name: value.shape for name, value in tensors.items()}
    if given != wanted:
        raise CheckpointError(f"the tensors are not those of its architecture ({_first(given, wanted)})")
    network = build()
    network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in tensors.items()})
    return network


def _first(given: Mapping[str, torch.Size], wanted: Mapping[str, torch.Size]) -> str:
    """The first tensor in which two networks differ."""
    name = next(name for name in [*wanted, *given] if given.get(name) != wanted.get(name))
    if name not in given:
        return f"{name} is missing"
    if name not in wanted:
        return f"{shown(name)} is no part of it"
    return f"{name} is {tuple(given[name])}, not {tuple(wanted[name])}"

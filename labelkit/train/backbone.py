"""Backbones that come with weights: from timm's hub, or from a file of timm's own names.

A few thousand faces teach a network what a face is, but hardly what an edge, a texture or a
part is. A backbone that has seen ImageNet knows those, and its first blocks can stay as they
are: their maps are the largest, so that a step without their gradients is much quicker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import timm
import torch
from torch import Tensor, nn

from labelkit.checkpoint import content_hash, load_tensors, read_metadata
from labelkit.errors import CheckpointError, UnavailableError
from labelkit.models.tufa import TUFA
from labelkit.nn.encoders import ConvEncoder
from labelkit.nn.normalize import STD

#: What `load_backbone` takes for "timm's own weights, from its hub or cache".
HUB = "timm"


@dataclass(frozen=True, eq=False)
class Backbone:
    """``weights`` of timm's model ``name`` by their names; ``source`` tells where they come from
    and on which terms."""

    name: str
    weights: Mapping[str, Tensor]
    source: str

    def __str__(self) -> str:
        return f"{self.name}@{content_hash(self.weights)[:12]}: {self.source}"


def load_backbone(name: str, source: str | Path) -> Backbone:
    """The weights of timm's model ``name`` from a safetensors file (its metadata may say
    ``source``), or from timm's hub where ``source`` is `HUB`.

    Raises `CheckpointError` for a file that cannot be read, `UnavailableError` where the hub
    cannot be reached.
    """
    if str(source) != HUB:
        path = Path(source)
        return Backbone(name, load_tensors(path), read_metadata(path).get("source", path.name))
    try:
        model: Any = timm.create_model(name, pretrained=True)
    except Exception as error:
        # The hub's client raises whatever its transport raises.
        raise UnavailableError(f"timm's weights of {name} cannot be had ({error}); name a file") from error
    return Backbone(name, model.state_dict(), f"timm's {model.pretrained_cfg.get('tag') or 'own'} weights")


def put_backbone(network: TUFA, backbone: Backbone) -> None:
    """Give the network these weights for its backbone.

    timm's models want pixels scaled each in its own way, ours are always scaled alike
    (`nn.normalize`): the first convolution takes the difference in scale, and the batch norm
    behind it learns that in mean. Raises `CheckpointError` where tensors lack or do not fit.
    """
    encoder, weights = network.encoder, backbone.weights
    if not isinstance(encoder, ConvEncoder):
        raise CheckpointError("only a convolutional encoder takes the weights of a backbone")
    wanted = encoder.backbone.state_dict()
    lacking = [
        key for key, value in wanted.items() if key not in weights or weights[key].shape != value.shape
    ]
    if lacking:
        raise CheckpointError(f"not the weights of {backbone.name}: {lacking[0]} lacks or does not fit")
    kept = {key: weights[key].to(value) for key, value in wanted.items()}
    first = next(key for key, value in kept.items() if value.ndim == 4)
    kept[first] = kept[first] * _rescaling(backbone.name).to(kept[first])
    encoder.backbone.load_state_dict(kept)


def freeze(network: TUFA, parts: Sequence[str]) -> list[nn.Module]:
    """Take these parts of the backbone (dotted names) out of training; returns them. They are
    to be kept in evaluation mode, so that their statistics stay as they are, too."""
    encoder = network.encoder
    if not isinstance(encoder, ConvEncoder):
        return []
    known = dict(cast(nn.Module, encoder.backbone).named_modules())
    frozen = [known[part] for part in parts]
    for module in frozen:
        module.requires_grad_(False)
    return frozen


def _rescaling(name: str) -> Tensor:
    """Our spread of the colours over that of timm's model, (1, 3, 1, 1)."""
    config = timm.get_pretrained_cfg(name)
    theirs = config.std if config is not None else STD
    return (torch.tensor(STD) / torch.tensor(theirs)).view(1, 3, 1, 1)

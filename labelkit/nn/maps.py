"""Backbones that end in one feature map of stride 4, from which patches are cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labelkit.nn.attention import EncoderLayer
from labelkit.nn.encoders import cell_centres, drop_unused, timm_model, widen_slow_products
from labelkit.nn.prompts import StructurePrompt


class HRNetMap(nn.Module):
    """HRNet of timm: its four branches, upsampled and joined, to ``dim`` channels by one 1 x 1
    convolution (SLPT, section 4.2).

    ``modules`` keeps that many multi-resolution modules of stages 3 and 4; HRNet-W18C-lite has one
    of each, W18C all (None).
    """

    def __init__(self, name: str, dim: int, modules: int | None = None, pretrained: bool = False) -> None:
        super().__init__()
        self.dim = dim
        net = timm_model(
            name, features_only=True, pretrained=pretrained, feature_location="", out_indices=(1, 2, 3, 4)
        )
        if modules is not None:
            net.stage3, net.stage4 = net.stage3[:modules], net.stage4[:modules]
        self.backbone = net
        widths = [int(width) for width in net.stage4_cfg["num_channels"]]
        self.project = nn.Conv2d(sum(widths), dim, 1)

    def forward(self, images: Tensor) -> Tensor:
        branches = self.backbone(images)
        size = branches[0].shape[2:]
        joined = [branches[0], *(_upsampled(branch, size) for branch in branches[1:])]
        out: Tensor = self.project(torch.cat(joined, dim=1))
        return out


class PyramidMap(nn.Module):
    """Levels of a timm backbone, each to ``dim`` channels by a 1 x 1 convolution, added up at the
    finest, which has stride 4.

    ``strides`` names the levels: (4, 8, 16, 32) of a ResNet. With ``tokens``, the width of
    transformer layers, the coarsest level passes through ``layers`` of them first: the stem of TUFA's
    """

    def __init__(
        self,
        name: str,
        dim: int,
        strides: Sequence[int],
        tokens: int = 0,
        layers: int = 0,
        heads: int = 6,
        highest: float = 1.0,
        ratio: float = 10_000.0,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.dim = dim
        known = timm_model(name, features_only=True, pretrained=False).feature_info.reduction()
        wanted = [known.index(stride) for stride in strides]
        self.backbone = timm_model(name, features_only=True, pretrained=pretrained, out_indices=wanted)
        drop_unused(self.backbone)
        widen_slow_products(self.backbone)
        widths: list[int] = self.backbone.feature_info.channels()
        self.context = TokenContext(widths[-1], tokens, layers, heads, highest, ratio) if layers else None
        if layers:
            widths[-1] = tokens
        self.lateral = nn.ModuleList(nn.Conv2d(width, dim, 1) for width in widths)

    def forward(self, images: Tensor) -> Tensor:
        levels = list(self.backbone(images))
        if self.context is not None:
            levels[-1] = self.context(levels[-1])
        finest, *coarser = (lateral(level) for lateral, level in zip(self.lateral, levels, strict=True))
        for level in coarser:
            finest = finest + _upsampled(level, finest.shape[2:])
        return F.gelu(finest)


class TokenContext(nn.Module):
    """A level's cells as tokens that attend to one another, and back to a level of ``dim``."""

    def __init__(self, width: int, dim: int, layers: int, heads: int, highest: float, ratio: float) -> None:
        super().__init__()
        self.project = nn.Conv2d(width, dim, 1)
        self.position = StructurePrompt(dim, highest, ratio)
        stack = nn.ModuleList(EncoderLayer(dim, heads, 4 * dim) for _ in range(layers))
        self.layers = cast(Sequence[EncoderLayer], stack)
        self.norm = nn.LayerNorm(dim)

    def forward(self, level: Tensor) -> Tensor:
        level = self.project(level)
        position = self.position(cell_centres(level))[None]
        tokens = level.flatten(2).transpose(1, 2) + position
        for layer in self.layers:
            tokens = layer(tokens, position)
        mixed: Tensor = self.norm(tokens).transpose(1, 2).unflatten(2, level.shape[2:])
        return mixed


def _upsampled(level: Tensor, size: Any) -> Tensor:
    return F.interpolate(level, size=size, mode="bilinear", align_corners=False)

"""Image encoders: photo crops to tokens with positions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from labelkit.nn.attention import EncoderLayer
from labelkit.nn.prompts import StructurePrompt


class Tokens(NamedTuple):
    """Features (B, M, C) and their position embeddings P (1, M, C); ``grid`` is (rows,
    columns), row by row. ``overview`` (B, C, h, w) is the convolutions' own view of the
    whole crop, where the encoder has one."""

    features: Tensor
    position: Tensor
    grid: tuple[int, int]
    overview: Tensor | None = None


class ViTEncoder(nn.Module):
    """A plain vision transformer of timm; its class token is dropped (TUFA, section 6.3).

    ``size`` is the input side in pixels, to which timm interpolates pretrained position
    embeddings. ``pretrained`` asks timm for weights (DINO in the paper:
    ``vit_small_patch16_224.dino``), which needs the network or its cache.
    """

    def __init__(self, name: str, size: int, pretrained: bool = False) -> None:
        super().__init__()
        self.vit = timm_model(name, pretrained=pretrained, img_size=size, num_classes=0)
        self.dim: int = self.vit.num_features
        self.prefix: int = self.vit.num_prefix_tokens

    def forward(self, images: Tensor) -> Tokens:
        features = self.vit.forward_features(images)[:, self.prefix :]
        # timm's ViTs with a class token embed its position first, unless told otherwise.
        spare = self.vit.pos_embed.shape[1] - features.shape[1]
        side = self.vit.patch_embed.grid_size
        return Tokens(features, self.vit.pos_embed[:, spare:], (side[0], side[1]))


class ConvEncoder(nn.Module):
    """A convolutional backbone of timm up to stride 16, transformer layers on its tokens,
    and, with ``fine``, those tokens upsampled onto the map of stride 8.

    Convolutions learn from few photos what a plain transformer needs many for. Positions
    are structure prompts of the token centres: image and plane share one ruler, so that
    a query starts out looking where its prompt lies.
    """

    def __init__(
        self,
        name: str,
        dim: int,
        layers: int,
        heads: int,
        highest: float,
        ratio: float,
        fine: bool = True,
        pretrained: bool = False,
    ) -> None:
        super().__init__()
        self.dim = dim
        probe = timm_model(name, features_only=True, pretrained=False)
        wanted = [probe.feature_info.reduction().index(stride) for stride in (8, 16)]
        self.backbone = timm_model(name, features_only=True, pretrained=pretrained, out_indices=wanted)
        drop_unused(self.backbone)
        widen_slow_products(self.backbone)
        fine_channels, channels = self.backbone.feature_info.channels()
        self.project = nn.Conv2d(channels, dim, 1)
        self.lateral = nn.Conv2d(fine_channels, dim, 1) if fine else None
        self.position = StructurePrompt(dim, highest, ratio)
        self.layers = nn.ModuleList(EncoderLayer(dim, heads, 4 * dim) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def forward(self, images: Tensor) -> Tokens:
        fine, coarse = self.backbone(images)
        coarse = self.project(coarse)
        position = self._positions(coarse)
        # As in a ViT the tokens themselves hold their place: attention hands values on,
        # and a value that does not know where it lies cannot tell a point where to go.
        tokens = coarse.flatten(2).transpose(1, 2) + position
        for layer in self.layers:
            tokens = layer(tokens, position)
        if self.lateral is None:
            return Tokens(self.norm(tokens), position, (coarse.shape[2], coarse.shape[3]), coarse)
        upsampled = tokens.transpose(1, 2).unflatten(2, coarse.shape[2:])
        fine = self.lateral(fine)
        fine = fine + F.interpolate(upsampled, size=fine.shape[2:], mode="bilinear", align_corners=False)
        position = self._positions(fine)
        tokens = self.norm(fine.flatten(2).transpose(1, 2) + position)
        return Tokens(tokens, position, (fine.shape[2], fine.shape[3]), coarse)

    def _positions(self, features: Tensor) -> Tensor:
        """Prompts of the centres of the feature map's cells, in crop units, (1, M, C)."""
        prompts: Tensor = self.position(cell_centres(features))
        return prompts[None]


def cell_centres(features: Tensor) -> Tensor:
    """The centres (M, 2) of the cells of a map (B, C, h, w), row by row, in crop units."""
    height, width = features.shape[2:]
    x = (torch.arange(width, device=features.device) + 0.5) * (2 / width) - 1
    y = (torch.arange(height, device=features.device) + 0.5) * (2 / height) - 1
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).flatten(0, 1)


def drop_unused(backbone: Any) -> None:
    """timm's EfficientNets keep, and run, the stages behind the last level that is asked for."""
    if hasattr(backbone, "_stage_out_idx"):
        backbone.blocks = backbone.blocks[: max(backbone._stage_out_idx)]


def widen_slow_products(backbone: nn.Module) -> None:
    """On a CPU the backward pass of depthwise convolutions with strides or 5 x 5 kernels is two
    to six times slower in bf16 than in fp32: they alone are trained in fp32."""
    for module in backbone.modules():
        if (
            isinstance(module, nn.Conv2d)
            and module.groups > 1
            and (module.stride[0] > 1 or module.kernel_size[0] > 3)
        ):
            # In place, since a wrapper would give timm's weights other names.
            module.forward = partial(_full_precision, module.forward)  # type: ignore[method-assign]  # no hook


def _full_precision(plain: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    if x.device.type != "cpu" or not (x.requires_grad and torch.is_grad_enabled()):
        return plain(x)
    with torch.autocast("cpu", enabled=False):
        return plain(x.float())


def timm_model(name: str, **options: Any) -> Any:
    """A model of timm's, whose parts have no declared types."""
    return timm.create_model(name, **options)

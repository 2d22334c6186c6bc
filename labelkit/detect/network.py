"""A small anchor-free face detector: where a face's centre is, its box, its five points.

Fully convolutional, one stage (Tian et al. 2019, FCOS; for faces Wu et al. 2023, YuNet): a residual
trunk, a top-down pyramid of three maps (Lin et al. 2017, FPN), and one head that all maps share.
Every cell of a map says whether a face's centre is there, and where the face would lie.

A cell of stride s in column j has its centre at pixel (j + 0.5) s - 0.5 (`geometry`, the
pixel-centre rule). What lies outside of an image is 0 after `normalize`: mid-grey, as in `sampling`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from labelkit.errors import CheckpointError
from labelkit.nn.loading import check_whole

#: Px of the image per cell of the three maps.
STRIDES = (8, 16, 32)

#: Eye centres, nose tip, mouth corners; the person's right comes first.
POINTS = 5

#: Numbers per cell: a logit, the box (centre's offset, log of width and height), five points.
_OUTPUTS = 1 + 4 + 2 * POINTS

#: The score of a cell before training: faces are rare (Lin et al. 2017, focal loss).
_PRIOR_LOGIT = -4.6


@dataclass(frozen=True)
class FaceNetConfig:
    """Channels at strides 2 to 32, residual blocks at strides 4 to 32, channels of the pyramid."""

    widths: tuple[int, ...] = (16, 32, 48, 64, 96)
    blocks: tuple[int, ...] = (0, 1, 2, 2)
    pyramid: int = 48

    @classmethod
    def from_dict(cls, values: Any) -> FaceNetConfig:
        """What a card's JSON says; raises `CheckpointError` for what is none of these, or beyond any
        detector."""
        try:
            given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
            config = cls(**given)
            widths, blocks = list(config.widths), list(config.blocks)
        except (AttributeError, TypeError) as error:
            raise CheckpointError(
                f"the architecture cannot be built by this version ({type(error).__name__})"
            ) from error
        if len(widths) != len(STRIDES) + 2 or len(blocks) != len(widths) - 1:
            raise CheckpointError("the architecture has another number of stages than a detector")
        named = {f"widths {i}": v for i, v in enumerate([*widths, config.pyramid])}
        named |= {f"blocks {i}": v for i, v in enumerate(blocks)}
        check_whole(named, {name: (1, 4096) if name[0] == "w" else (0, 48) for name in named})
        return config


class Answers(NamedTuple):
    """What all K cells of B images say: ``logits`` (B, K), ``boxes`` (B, K, 4) as x0 y0 x1 y1 and
    ``points`` (B, K, 5, 2), in pixels."""

    logits: Tensor
    boxes: Tensor
    points: Tensor


class FaceNet(nn.Module):
    """Images (B, 3, H, W) from `normalize`, H and W multiples of 32, to `Answers`."""

    def __init__(self, config: FaceNetConfig) -> None:
        super().__init__()
        widths = config.widths
        self.stem = ConvUnit(3, widths[0], stride=2)
        self.stages = nn.ModuleList(
            nn.Sequential(ConvUnit(before, width, stride=2), *(Residual(width) for _ in range(count)))
            for before, width, count in zip(widths, widths[1:], config.blocks, strict=False)
        )
        self.lateral = nn.ModuleList(nn.Conv2d(width, config.pyramid, 1) for width in widths[2:])
        self.smooth = nn.ModuleList(ConvUnit(config.pyramid, config.pyramid) for _ in STRIDES)
        self.head = ConvUnit(config.pyramid, config.pyramid)
        self.out = nn.Conv2d(config.pyramid, _OUTPUTS, 1)
        with torch.no_grad():
            self.out.weight.mul_(0.1)
            self.out.bias.zero_()  # type: ignore[union-attr]  # made with a bias
            self.out.bias[0] = _PRIOR_LOGIT  # type: ignore[index]  # as above

    def forward(self, images: Tensor) -> Answers:
        raw = torch.cat([self.out(self.head(m)).flatten(2) for m in self._maps(images)], dim=2)
        return decode(raw.float().transpose(1, 2), *cells(*images.shape[2:], images.device))

    def fold(self) -> FaceNet:
        """Every batch norm is folded into its convolution, for use after training."""
        self.eval()
        for module in self.modules():
            if isinstance(module, ConvUnit):
                module.fold()
        return self

    def _maps(self, images: Tensor) -> list[Tensor]:
        """The pyramid, finest first: every level adds what the next coarser one knows."""
        x = self.stem(images)
        trunk = []
        for stage in self.stages:
            x = stage(x)
            trunk.append(x)
        maps: list[Tensor] = []
        for lateral, smooth, level in zip(self.lateral[::-1], self.smooth[::-1], trunk[:0:-1], strict=True):
            own = lateral(level)
            if maps:
                own = own + F.interpolate(maps[-1], scale_factor=2.0, mode="nearest")
            maps.append(smooth(own))
        return maps[::-1]


class ConvUnit(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, before: int, after: int, stride: int = 1, active: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(after)
        self.active = active

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x))
        return F.relu(x, inplace=True) if self.active else x

    def fold(self) -> None:
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv = fuse_conv_bn_eval(self.conv, self.norm)
            self.norm = nn.Identity()


class Residual(nn.Module):
    """Two convolutions beside a shortcut (He et al. 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = ConvUnit(width, width)
        self.second = ConvUnit(width, width, active=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


def normalize(pixels: Tensor) -> Tensor:
    """Pixels 0 to 255 to about -2 to 2, mid-grey to 0."""
    return (pixels.float() - 127) / 64


@lru_cache(maxsize=8)
def cells(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Centres (K, 2) in px and strides (K,) of all cells of an image, finest map first."""
    centres, strides = [], []
    # Kept for the next image, which may be one to learn from.
    with torch.inference_mode(False):
        for stride in STRIDES:
            rows, columns = height // stride, width // stride
            y = (torch.arange(rows, device=device) + 0.5) * stride - 0.5
            x = (torch.arange(columns, device=device) + 0.5) * stride - 0.5
            centres.append(torch.stack([x.repeat(rows), y.repeat_interleave(columns)], dim=1))
            strides.append(torch.full((rows * columns,), float(stride), device=device))
        return torch.cat(centres), torch.cat(strides)


def decode(raw: Tensor, centres: Tensor, strides: Tensor) -> Answers:
    """What the head says (B, K, 15), in units of strides from the cells' centres, in pixels."""
    step = strides[:, None]
    middle = centres + raw[..., 1:3] * step
    half = raw[..., 3:5].clamp(-4, 4).exp() * step
    points = raw[..., 5:].unflatten(-1, (POINTS, 2)) * step[:, None] + centres[:, None]
    return Answers(raw[..., 0], torch.cat([middle - half, middle + half], dim=-1), points)


def overlap(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union of boxes (..., 4) in pairs."""
    shared = _areas(
        torch.cat(
            [
                torch.maximum(first[..., :2], second[..., :2]),
                torch.minimum(first[..., 2:], second[..., 2:]),
            ],
            dim=-1,
        )
    )
    return shared / (_areas(first) + _areas(second) - shared).clamp(min=1e-6)


def _areas(boxes: Tensor) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)


def parameter_count(config: FaceNetConfig | None = None) -> int:
    """Trainable numbers, batch norms folded."""
    network = FaceNet(config or FaceNetConfig()).fold()
    return sum(parameter.numel() for parameter in network.parameters())

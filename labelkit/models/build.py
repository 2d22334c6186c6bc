"""The one place where networks are put together from their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import timm
import torch

from labelkit.errors import CheckpointError
from labelkit.models.tufa import TUFA, Who
from labelkit.nn.encoders import ConvEncoder, ViTEncoder
from labelkit.nn.prompts import StructurePrompt

#: Points of ibug68 that join every query of `base`. Closed under mirroring, spread over
#: the face, and none of the sixteen that the leave-out experiments keep from training.
ANCHORS = (0, 4, 8, 12, 16, 17, 19, 21, 22, 24, 26, 27, 30, 31, 35, 36, 38, 39, 42, 43, 45, 48, 51, 54, 66)


@dataclass(frozen=True)
class TUFAConfig:
    """Everything that decides the shape of a TUFA network; it stands in its card.

    ``backbone`` is a timm name; ``encoder`` says how it is used. ``size`` is the crop's
    side in pixels. ``highest`` and ``ratio`` set the prompt frequencies
    (`StructurePrompt`). ``anchors`` are plane positions. ``fine`` and ``cascade`` need a
    ``conv`` encoder.
    """

    encoder: Literal["vit", "conv"]
    backbone: str
    size: int
    dim: int
    layers: int
    heads: int
    hidden: int
    attention: Who
    anchors: tuple[tuple[float, float], ...] = ()
    encoder_layers: int = 0
    fine: bool = True
    cascade: bool = False
    highest: float = 1.0
    ratio: float = 10_000.0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> TUFAConfig:
        """Raises `CheckpointError` for entries that this version does not know."""
        try:
            anchors = tuple((float(x), float(y)) for x, y in data.get("anchors", ()))
            config = cls(**{**data, "anchors": anchors})
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"the architecture is not one this version can build ({error})") from error
        if config.encoder not in ("vit", "conv") or config.attention not in ("full", "anchored"):
            raise CheckpointError(
                f"there is no {config.encoder!r} encoder with {config.attention!r} attention"
            )
        # Besides its own names timm takes addresses, from which it would download.
        if not timm.is_model(config.backbone):
            raise CheckpointError(f"timm has no backbone called {config.backbone!r}")
        return config


def paper_vit_small(patch: Literal[8, 16]) -> TUFAConfig:
    """The thesis' two networks: ViT-S/16 or S/8 on 256 px, six decoder layers."""
    return TUFAConfig("vit", f"vit_small_patch{patch}_224.dino", 256, 384, 6, 6, 1536, "full")


def base(plane: Sequence[Sequence[float]], size: int = 128) -> TUFAConfig:
    """The bundled network; ``plane`` (68, 2) is that of ibug68, which gives the anchors."""
    return TUFAConfig(
        encoder="conv",
        backbone="tf_efficientnet_lite0",
        size=size,
        dim=192,
        layers=4,
        heads=6,
        hidden=720,
        attention="anchored",
        anchors=tuple((float(plane[i][0]), float(plane[i][1])) for i in ANCHORS),
        encoder_layers=2,
        fine=True,
        cascade=True,
        highest=6.2832,
        ratio=100.0,
    )


def build_tufa(config: TUFAConfig, pretrained: bool = False) -> TUFA:
    """A network with fresh weights; ``pretrained`` takes timm's for the backbone."""
    anchors = torch.tensor(config.anchors, dtype=torch.float32).reshape(-1, 2)
    return TUFA(
        encoder=_build_encoder(config, pretrained),
        prompt=StructurePrompt(config.dim, config.highest, config.ratio),
        layers=config.layers,
        heads=config.heads,
        hidden=config.hidden,
        anchors=anchors,
        attention=config.attention,
        cascade=config.cascade,
    )


def _build_encoder(config: TUFAConfig, pretrained: bool) -> ViTEncoder | ConvEncoder:
    if config.encoder == "vit":
        return ViTEncoder(config.backbone, config.size, pretrained)
    return ConvEncoder(
        config.backbone,
        config.dim,
        config.encoder_layers,
        config.heads,
        config.highest,
        config.ratio,
        config.fine,
        pretrained,
    )

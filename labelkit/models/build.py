"""The one place where networks are put together from their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from math import isfinite
from typing import Any, Literal

import timm
import torch

from labelkit.errors import CheckpointError
from labelkit.models.dslpt import DSLPT, Learned, Prompted, Spread
from labelkit.models.tufa import TUFA, Who
from labelkit.nn.encoders import ConvEncoder, ViTEncoder
from labelkit.nn.loading import check_positive, check_whole, shown
from labelkit.nn.maps import HRNetMap, PyramidMap
from labelkit.nn.prompts import StructurePrompt

#: What numbers of a card may be: far more than any network here, and little enough that to look at what
#: they describe takes no time. Whether the tensors fit decides afterwards (`nn.loading.filled`).
_SIDE, _WIDTH, _DEPTH, _ANCHORS = (16, 1024), (4, 4096), (1, 48), 1000

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
        """Raises `CheckpointError` for entries that this version does not know, and for numbers beyond
        those of any network here."""
        try:
            config = cls(**{**data, "anchors": _places(data.get("anchors", ()))})
        except (TypeError, ValueError, OverflowError) as error:
            raise CheckpointError(f"the architecture cannot be built by this version ({error})") from error
        _check_numbers(config.to_dict(), size=_SIDE, dim=_WIDTH, layers=_DEPTH, encoder_layers=(0, 48))
        if config.encoder not in ("vit", "conv") or config.attention not in ("full", "anchored"):
            raise CheckpointError(
                f"there is no {shown(config.encoder)} encoder with {shown(config.attention)} attention"
            )
        _check_backbone(config.backbone)
        return config


def _places(values: Any) -> tuple[tuple[float, float], ...]:
    """Anchors as a card has them; raises TypeError or ValueError."""
    places = tuple((float(x), float(y)) for x, y in values)
    if len(places) > _ANCHORS or not all(map(isfinite, chain.from_iterable(places))):
        raise ValueError(f"anchors are at most {_ANCHORS} places of finite numbers")
    return places


def _check_backbone(name: object) -> None:
    # Besides its own names timm takes addresses, from which it would download.
    if not isinstance(name, str) or not timm.is_model(name):
        raise CheckpointError(f"timm has no backbone called {shown(name)}")


def _check_numbers(values: Mapping[str, Any], **limits: tuple[int, int]) -> None:
    """What all networks have, and ``limits`` beside it; raises `CheckpointError`."""
    check_whole(values, {**limits, "heads": (1, 256), "hidden": (1, 16384)})
    check_positive(values, "highest", "ratio")


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


@dataclass(frozen=True)
class DSLPTConfig:
    """Everything that decides the shape of a DSLPT network; it stands in its card.

    ``features`` says how the timm ``backbone`` is used: ``hrnet`` (``modules`` of stages 3 and 4, 0 for
    all) or ``pyramid`` (levels of ``strides``, with ``encoder_layers`` of width ``tokens`` on the
    coarsest), ``channels`` wide. ``points`` landmarks have learned queries and structure encodings; 0:
    they are prompted. ``window`` is the part of the plane that the crop shows, x, y and half a side:
    the whole [-1, 1]² is (0, 0, 1). ``start`` says where points begin. The rest is as in `DSLPT`.
    """

    features: Literal["hrnet", "pyramid"]
    backbone: str
    size: int
    channels: int
    dim: int
    layers: int
    heads: int
    hidden: int
    stages: int
    first_patch: float
    spread: Spread
    points: int = 0
    start: Literal["mean", "base"] = "mean"
    dynamic: bool = True
    samples: int = 7
    own_patch: bool = False
    window: tuple[float, float, float] = (0.0, 0.0, 1.0)
    anchors: tuple[tuple[float, float], ...] = ()
    modules: int = 0
    strides: tuple[int, ...] = (4, 8, 16, 32)
    tokens: int = 0
    encoder_layers: int = 0
    highest: float = 1.0
    ratio: float = 10_000.0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> DSLPTConfig:
        """As `TUFAConfig.from_dict`."""
        try:
            x, y, half = (float(value) for value in data.get("window", (0, 0, 1)))
            strides = tuple(int(stride) for stride in data.get("strides", (4, 8, 16, 32)))
            anchors = _places(data.get("anchors", ()))
            config = cls(**{**data, "anchors": anchors, "window": (x, y, half), "strides": strides})
        except (TypeError, ValueError, OverflowError) as error:
            raise CheckpointError(f"the architecture cannot be built by this version ({error})") from error
        _check_numbers(
            config.to_dict(),
            size=_SIDE,
            dim=_WIDTH,
            layers=_DEPTH,
            channels=_WIDTH,
            stages=(1, 16),
            samples=(1, 32),
            points=(0, 10_000),
            modules=(0, 48),
            tokens=(0, 4096),
            encoder_layers=(0, 48),
        )
        check_positive({"window": half, "first_patch": config.first_patch}, "window", "first_patch")
        if not (isfinite(x) and isfinite(y) and 1 <= len(strides) <= 8):
            raise CheckpointError("the architecture has a window or strides that cannot be")
        if config.features not in ("hrnet", "pyramid") or config.spread not in (
            "none",
            "gaussian",
            "laplace",
        ):
            raise CheckpointError(
                f"there is no {shown(config.features)} map with {shown(config.spread)} spread"
            )
        _check_backbone(config.backbone)
        return config


def paper_dslpt(points: int = 98, lite: bool = False, spread: Spread = "gaussian") -> DSLPTConfig:
    """The thesis' networks: HRNet-W18C, or its lite form with one module a stage, on 256 px; six layers,
    three stages. Without spread it is SLPT."""
    return DSLPTConfig(
        features="hrnet",
        backbone="hrnet_w18",
        size=256,
        channels=256,
        dim=256,
        layers=6,
        heads=8,
        hidden=1024,
        stages=3,
        first_patch=0.5,
        spread=spread,
        points=points,
        dynamic=spread != "none",
        modules=1 if lite else 0,
    )


def refinement(plane: Sequence[Sequence[float]], size: int = 160) -> DSLPTConfig:
    """The bundled refinement head; ``plane`` (68, 2) is that of ibug68, which gives the anchors.

    Its crop shows a window of the plane a little larger than the 68 points, at 1.6 times the
    resolution of base's.
    """
    return DSLPTConfig(
        features="pyramid",
        backbone="tf_efficientnet_lite0",
        size=size,
        channels=64,
        dim=192,
        layers=3,
        heads=6,
        hidden=720,
        stages=2,
        first_patch=0.4,
        spread="laplace",
        start="base",
        own_patch=True,
        window=(0.0, 0.22, 0.8),
        anchors=tuple((float(plane[i][0]), float(plane[i][1])) for i in ANCHORS),
        strides=(4, 8, 16),
        highest=6.2832,
        ratio=100.0,
    )


def build_dslpt(config: DSLPTConfig, pretrained: bool = False) -> DSLPT:
    """A network with fresh weights; ``pretrained`` takes timm's for the backbone."""
    return DSLPT(
        features=_build_map(config, pretrained),
        landmarks=Learned(config.points, config.dim)
        if config.points
        else Prompted(StructurePrompt(config.dim, config.highest, config.ratio), config.dim),
        dim=config.dim,
        layers=config.layers,
        heads=config.heads,
        hidden=config.hidden,
        stages=config.stages,
        samples=config.samples,
        first_patch=config.first_patch,
        spread=config.spread,
        dynamic=config.dynamic,
        anchors=torch.tensor(config.anchors, dtype=torch.float32).reshape(-1, 2),
        own_patch=config.own_patch,
    )


def _build_map(config: DSLPTConfig, pretrained: bool) -> HRNetMap | PyramidMap:
    if config.features == "hrnet":
        return HRNetMap(config.backbone, config.channels, config.modules or None, pretrained)
    return PyramidMap(
        config.backbone,
        config.channels,
        config.strides,
        config.tokens,
        config.encoder_layers,
        config.heads,
        config.highest,
        config.ratio,
        pretrained,
    )

"""What a training run does, as frozen values: everything here stands in the card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from labelkit.errors import InputError
from labelkit.models.build import TUFAConfig, base, paper_vit_small
from labelkit.scheme import load_scheme
from labelkit.train.augment import AugmentConfig


@dataclass(frozen=True)
class Recipe:
    """Network, data mix, loss and schedule.

    ``passes`` counts images seen; ``shares`` says how a batch is split over datasets by
    name and ``weights`` how much their errors count (both 1 where not named). ``own``
    annotated points and ``between`` curve points are asked for per face, and ``dense`` points
    of a head that was fitted to it, which count ``dense_weight`` times as much. ``lr`` rises
    linearly over ``warmup`` passes and then falls as a cosine to ``lr * final``. ``ema``
    is the decay per step of the averaged weights, which are what is kept. ``frozen`` parts of
    the backbone keep the weights that it came with, where it came with any.
    """

    name: str
    network: TUFAConfig
    passes: int
    batch: int
    lr: float
    weight_decay: float = 0.05
    warmup: int = 6_400
    final: float = 0.01
    clip: float = 1.0
    ema: float = 0.998
    own: int = 24
    between: int = 12
    dense: int = 0
    dense_weight: float = 0.3
    pack_size: int = 288
    every_layer: bool = True
    frozen: tuple[str, ...] = ()
    shares: dict[str, float] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    augment: AugmentConfig = AugmentConfig()
    seed: int = 0


def _base() -> Recipe:
    return Recipe(
        name="base",
        network=base(load_scheme("ibug68").plane.tolist()),
        passes=200_000,
        batch=32,
        lr=6e-4,
        frozen=("conv_stem", "bn1", "blocks.0", "blocks.1"),
        shares={"ibug68": 5, "video68": 1},
        weights={"ibug68": 1.0, "video68": 0.25},
        # A detector's box may be off by a tenth of its side, which is 0.12.
        augment=AugmentConfig(shift=0.12, rotation=40.0),
    )


def _polish() -> Recipe:
    """Goes on from a trained `base` (``--start``) at a lower rate, with more of the video frames:
    their labels are worse, but the faces are smaller and blurred, as many users' are."""
    return replace(
        _base(),
        name="polish",
        passes=72_000,
        lr=3e-4,
        warmup=1_600,
        dense=24,
        shares={"ibug68": 2, "video68": 1},
        weights={"ibug68": 1.0, "video68": 0.5},
    )


def _tiny() -> Recipe:
    """Seconds on a CPU: for tests and for trying whether a dataset can be read."""
    recipe = _base()
    network = replace(recipe.network, size=64, dim=32, layers=2, heads=2, hidden=64, encoder_layers=1)
    return replace(
        recipe,
        name="tiny",
        frozen=(),
        network=replace(network, backbone="resnet10t"),
        passes=256,
        batch=8,
        warmup=32,
        pack_size=96,
    )


def _paper() -> Recipe:
    """The thesis' ViT-S/16: 24 anchors a face, L1 on the last layer."""
    return Recipe(
        name="paper-s16",
        network=paper_vit_small(16),
        passes=400_000,
        batch=16,
        lr=5e-5,
        between=0,
        pack_size=512,
        every_layer=False,
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    "base": _base,
    "polish": _polish,
    "tiny": _tiny,
    "paper-s16": _paper,
}


def load_recipe(name: str) -> Recipe:
    """A recipe by its name; raises `InputError` with the known names."""
    if name not in RECIPES:
        raise InputError(f"no recipe is called {name!r}; there are {', '.join(RECIPES)}")
    return RECIPES[name]()

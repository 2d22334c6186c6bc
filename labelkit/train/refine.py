"""The training of a refinement head, in the loop that all trainings share.

The model that it will follow is not trained; it lends its anchors, offsets and backbone's weights, and
places the points of the faces on which the head is watched (`labelkit.train.refine_dev`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Generator, Tensor

from labelkit.errors import InputError
from labelkit.geometry import PLANE_IOD
from labelkit.models.build import DSLPTConfig, build_dslpt, refinement
from labelkit.models.dslpt import DSLPT, Refined, Spread
from labelkit.models.predictor import LandmarkModel
from labelkit.nn.maps import PyramidMap
from labelkit.scheme import load_scheme
from labelkit.train.augment import AugmentConfig, augment
from labelkit.train.loop import Loop
from labelkit.train.pack import FacePack
from labelkit.train.queries import (
    Queries,
    QuerySampler,
    append_queries,
    draw_dense,
    join_queries,
    nearest_points,
)
from labelkit.train.refine_dev import DevFaces, dev_faces
from labelkit.train.starts import StartErrors, draw_errors


@dataclass(frozen=True)
class RefineRecipe:
    """Network, starts, loss and schedule; what is not told here is as in `Recipe`.

    ``prompt_noise`` is the standard deviation, in plane units, by which places are asked for beside
    where they are, so that they are not simply learnt by heart. ``beta`` weighs the likelihood of a
    point by its Σ to that power (Seitzer et al. 2022): at 0 the hard points are given up for the sake
    of the easy ones, at 1 the mean learns as by plain regression. ``margin`` is half the side of the
    packed squares in plane units.
    """

    name: str
    network: DSLPTConfig
    passes: int
    batch: int
    lr: float
    weight_decay: float = 0.05
    warmup: int = 1_600
    final: float = 0.01
    clip: float = 1.0
    ema: float = 0.998
    own: int = 18
    between: int = 8
    dense: int = 12
    dense_weight: float = 0.3
    prompt_noise: float = 0.008
    beta: float = 0.5
    pack_size: int = 364
    margin: float = 1.3
    frozen: tuple[str, ...] = ("conv_stem", "bn1", "blocks.0", "blocks.1", "blocks.2")
    shares: dict[str, float] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    augment: AugmentConfig = AugmentConfig(
        shift=0.03, rotation=12.0, scale=0.08, shear=0.1, sheared=0.33, upright=0.0, blurred=0.3
    )
    starts: StartErrors = field(default_factory=StartErrors)
    seed: int = 0


def refine_recipe() -> RefineRecipe:
    """The bundled head's."""
    return RefineRecipe(
        name="refine",
        network=refinement(load_scheme("ibug68").plane.tolist()),
        passes=100_000,
        batch=8,
        lr=7e-4,
        shares={"ibug68": 7, "video68": 1},
        weights={"ibug68": 1.0, "video68": 0.25},
    )


def tiny_refine_recipe() -> RefineRecipe:
    """Seconds on a CPU: for tests and for trying whether data can be read."""
    recipe = refine_recipe()
    network = replace(
        recipe.network,
        backbone="resnet10t",
        size=64,
        channels=16,
        dim=32,
        layers=1,
        heads=2,
        hidden=64,
        strides=(4, 8),
    )
    return replace(
        recipe,
        name="tiny-refine",
        network=network,
        passes=256,
        batch=8,
        warmup=32,
        dense=0,
        pack_size=96,
        frozen=(),
    )


class RefineTrainer(Loop):
    """One run of a recipe over packed datasets for the model ``base``; ``left_out`` as in `Trainer`."""

    def __init__(
        self,
        recipe: RefineRecipe,
        packs: Sequence[FacePack],
        base: LandmarkModel,
        device: torch.device,
        left_out: tuple[int, ...] = (),
        minutes: float | None = None,
    ) -> None:
        torch.manual_seed(recipe.seed)
        other = [pack.name for pack in packs if pack.scheme.name != "ibug68"]
        if other:
            raise InputError(
                f"a refinement head learns from faces in ibug68; {other[0]!r} is in another scheme"
            )
        anchors = torch.tensor(recipe.network.anchors)
        _check_anchors(base, anchors)
        fixed = nearest_points(anchors, packs[0].scheme.plane) if len(anchors) else anchors
        unseen = sorted(set(fixed.tolist()) & set(left_out))
        if unseen:
            raise InputError(f"point {unseen[0]} is an anchor of the network and cannot be left out")
        self.recipe, self.base, self.left_out = recipe, base, left_out
        self.network: DSLPT = build_dslpt(recipe.network).to(device).to(memory_format=torch.channels_last)
        frozen = self._begin_backbone()
        super().__init__(recipe, packs, device, minutes, self.network, frozen)
        self.samplers = {pack.name: QuerySampler(pack.scheme, left_out) for pack in packs}
        self._dev: tuple[FacePack, DevFaces] | None = None

    def dev_nme(self, pack: FacePack) -> float:
        """NME in percent of IOD of what the averaged weights make of base's answers."""
        found, faces = self.dev_points(pack)
        return 100 * float(faces.errors(found.xy[-1, -1]).mean())

    @torch.no_grad()
    def dev_points(self, pack: FacePack) -> tuple[Refined, DevFaces]:
        """All that the averaged weights say of the faces, anchors left out, and the faces."""
        if self._dev is None or self._dev[0] is not pack:
            self._dev = pack, dev_faces(pack.to(self.device), self.base, self.recipe.network)
        faces = self._dev[1]
        with self._averaged():
            self.modules.eval()
            return faces.refined(self.network), faces

    def averaged(self) -> dict[str, Tensor]:
        """The averaged weights."""
        with self._averaged():
            return {name: value.detach().clone() for name, value in self.network.state_dict().items()}

    def _same_run(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe.name,
            "crop size": self.recipe.network.size,
            "base": self.base.id,
            "left-out points": list(self.left_out),
            "batch": self.recipe.batch,
            "seed": self.recipe.seed,
            "dense points": self.recipe.dense,
            "data": {pack.name: len(pack) for pack in self.packs},
        }

    def _begin_backbone(self) -> list[torch.nn.Module]:
        """Begin with base's backbone where it is the same; what was frozen there stays frozen."""
        features, encoder = self.network.features, self.base.network.encoder
        theirs = getattr(encoder, "backbone", None)
        if self.recipe.network.backbone != self.base.card["architecture"].get("backbone"):
            return []
        if not isinstance(features, PyramidMap) or theirs is None:
            return []
        wanted = features.backbone.state_dict()
        features.backbone.load_state_dict({k: v for k, v in theirs.state_dict().items() if k in wanted})
        known = dict(features.backbone.named_modules())
        frozen = [known[name] for name in self.recipe.frozen]
        for module in frozen:
            module.requires_grad_(False)
        return frozen

    def _loss(self, generator: Generator) -> Tensor:
        recipe = self.recipe
        images, valid, queries, weights = [], [], [], []
        for pack, count in zip(self.packs, self.split, strict=True):
            seen = self.samplers[pack.name].allowed
            batch = augment(
                pack,
                self._indices(pack, count),
                recipe.network.size,
                recipe.augment,
                generator,
                seen,
                self.done,
                recipe.network.window,
            )
            drawn = self._anchors(pack, batch.points)
            drawn = append_queries(drawn, self._drawn(pack, batch.points, generator))
            if recipe.dense and batch.dense is not None:
                more = draw_dense(batch.dense, recipe.dense, recipe.dense_weight, generator)
                drawn = append_queries(drawn, more)
            queries.append(drawn)
            images.append(batch.images)
            valid.append(batch.valid)
            weights += [recipe.weights.get(pack.name, 1.0)] * count
        drawn = join_queries(queries)
        half = recipe.network.window[2]
        start = drawn.targets + draw_errors(drawn.prompts, recipe.starts, generator) / half
        answers = self._answers(torch.cat(images), torch.cat(valid), drawn, start)
        loss = refine_loss(answers, drawn, recipe.network.spread, recipe.beta, half)
        share = torch.tensor(weights, device=self.device)
        return (loss * share).sum() / share.sum()

    def _answers(self, images: Tensor, valid: Tensor, drawn: Queries, start: Tensor) -> Refined:
        count = len(self.network.anchors)
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16), self._attention():
            answers: Refined = self.network(
                images, drawn.prompts[:, count:], start[:, count:], start[:, :count], valid
            )
        return answers

    def _drawn(self, pack: FacePack, points: Tensor, generator: Generator) -> Queries:
        """Points of the scheme and of its curves, asked for a little beside where they are."""
        prompts = torch.tensor(self.base.prompts(pack.scheme, self._meant(pack)), dtype=torch.float32)
        drawn = self.samplers[pack.name].draw(
            prompts.to(self.device), points, self.recipe.own, self.recipe.between, generator
        )
        noise = torch.randn(drawn.prompts.shape, generator=generator).to(self.device)
        return replace(drawn, prompts=drawn.prompts + self.recipe.prompt_noise * noise)

    def _anchors(self, pack: FacePack, points: Tensor) -> Queries:
        """The network's anchors as queries: they are points of the scheme."""
        targets = points[:, nearest_points(self.network.anchors, pack.scheme.plane)]
        there = targets.isfinite().all(-1)
        prompts = self.network.anchors.expand(len(points), -1, -1)
        targets = torch.where(there[..., None], targets, prompts)
        return Queries(prompts, targets, there, there.float())

    def _meant(self, pack: FacePack) -> str | None:
        return pack.name if pack.name in self.base.offsets else None


def _check_anchors(base: LandmarkModel, anchors: Tensor) -> None:
    """A head's crop is cut around the anchors that its model finds; they must be the head's own."""
    theirs = torch.from_numpy(base.anchors).to(anchors)
    if theirs.shape != anchors.shape or not torch.allclose(theirs, anchors, atol=1e-3):
        raise InputError(
            f"{base.name}: does not find the {len(anchors)} anchors around which a refinement head looks "
            f"(it has {len(theirs)}); it takes a model of the recipe base, polish or tiny"
        )


def refine_loss(answers: Refined, drawn: Queries, spread: Spread, beta: float, half: float) -> Tensor:
    """The weighted mean cost per face, (B,), over all stages and layers (Eq. 5.9).

    With a spread it is the negative logarithm of the likelihood, Gaussian or Laplace (whose scale is
    Σ / √2), in units of the IOD; without, the distance over the IOD, as in SLPT. ``half`` is half the
    side of the crop in plane units.
    """
    iod = PLANE_IOD / half
    error = (answers.xy - drawn.targets) / iod
    if answers.spread is None:
        cost = error.norm(dim=-1)
    else:
        deviation = answers.spread / iod
        if spread == "laplace":
            scale = deviation / 2**0.5
            cost = error.abs() / scale + (2 * scale).log()
        else:
            cost = 0.5 * (error / deviation) ** 2 + deviation.log()
        # Relative to 3 % of the IOD, a usual spread, so that beta hardly changes the step.
        cost = (cost * (deviation.detach() / 0.03) ** beta).mean(-1)
    weights = drawn.weights
    loss: Tensor = (cost.mean((0, 1)) * weights).sum(1) / weights.sum(1).clamp(min=1e-6)
    return loss

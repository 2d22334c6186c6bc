"""The training of TUFA, in the loop that all trainings share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn

from labelkit.errors import CheckpointError
from labelkit.models.build import build_tufa
from labelkit.models.tufa import TUFA
from labelkit.train.augment import Batch, augment, plain_view
from labelkit.train.backbone import Backbone, freeze, put_backbone
from labelkit.train.loop import Loop, Progress
from labelkit.train.losses import point_loss, query_loss
from labelkit.train.offsets import Offsets, reference_dataset
from labelkit.train.pack import FacePack
from labelkit.train.queries import QuerySampler, append_queries, draw_dense, join_queries, nearest_points
from labelkit.train.recipes import Recipe
from labelkit.train.team import ALONE, Team

__all__ = ["Progress", "Trainer"]


class Trainer(Loop):
    """One run of a recipe over packed datasets.

    ``left_out`` lists point indices that training never asks for (taken out after the
    flip has renamed left and right). The network begins with the weights of ``backbone``, whose
    first blocks then stay as they are where the recipe says so; ``keep_backbone`` says that they
    shall, though the weights come later. ``team`` are the processes that share every step.
    """

    def __init__(
        self,
        recipe: Recipe,
        packs: Sequence[FacePack],
        device: torch.device,
        left_out: tuple[int, ...] = (),
        minutes: float | None = None,
        backbone: Backbone | None = None,
        keep_backbone: bool = False,
        team: Team = ALONE,
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.schemes = {pack.name: pack.scheme for pack in packs}
        self.reference = reference_dataset(self.schemes)
        self.network: TUFA = build_tufa(recipe.network, pretrained=False).to(device)
        self.network = self.network.to(memory_format=torch.channels_last)
        team.one_norm(self.network, device)
        if backbone is not None:
            put_backbone(self.network, backbone)
        frozen = freeze(self.network, recipe.frozen) if backbone is not None or keep_backbone else []
        self.offsets = Offsets(self.schemes, self.reference).to(device)
        self.left_out = left_out
        self.samplers = {name: QuerySampler(scheme, left_out) for name, scheme in self.schemes.items()}
        modules = nn.ModuleDict({"network": self.network, "offsets": self.offsets})
        super().__init__(recipe, packs, device, minutes, modules, frozen, team)

    def start_from(self, network: Mapping[str, Tensor], offsets: Mapping[str, Tensor]) -> None:
        """Begin with the weights of a model that was trained before, and with the offsets of
        those datasets that are trained again; raises `CheckpointError` where they do not fit."""
        try:
            self.network.load_state_dict(dict(network))
        except RuntimeError as error:
            raise CheckpointError("the model to start from is not the recipe's network") from error
        with torch.no_grad():
            for name, shift in self.offsets.shifts.items():
                if name in offsets and offsets[name].shape == shift.shape:
                    shift.copy_(offsets[name])
        self._begin_average()

    def dev_nme(self, pack: FacePack) -> float:
        """NME in percent of IOD of the averaged weights, boxes from annotations."""
        return 100 * float(self.dev_errors(pack).mean())

    @torch.no_grad()
    def dev_errors(self, pack: FacePack) -> Tensor:
        """The mean error of every face as a share of its IOD, (M,), as in `dev_nme`."""
        pack = pack.to(self.device)
        with self._averaged():
            self.modules.eval()
            return torch.cat([self._errors(pack, chunk) for chunk in torch.arange(len(pack)).split(64)])

    def _same_run(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe.name,
            "crop size": self.recipe.network.size,
            "left-out points": list(self.left_out),
            "batch": self.recipe.batch,
            "seed": self.recipe.seed,
            "dense points": self.recipe.dense,
            # A run that began with trained weights is resumed with the same --start or --backbone.
            "frozen blocks": len(self.frozen),
            "data": {pack.name: len(pack) for pack in self.packs},
        }

    def _usual(self) -> dict[str, Any]:
        return {"dense points": 0, "frozen blocks": len(self.frozen)}

    def averaged(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The averaged weights: the network's tensors, and the offsets (N, 2) by dataset."""
        with self._averaged():
            network = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
            offsets = {name: self.offsets.tied(name).detach().clone() for name in self.offsets.shifts}
        return network, offsets

    def _loss(self, generator: Generator) -> Tensor:
        recipe = self.recipe
        batches, queries = [], []
        for pack, count in zip(self.packs, self.split, strict=True):
            indices = self._indices(pack, count)
            seen = self.samplers[pack.name].allowed
            batch = augment(pack, indices, recipe.network.size, recipe.augment, generator, seen, self.done)
            prompts = self.offsets.prompts(pack.name).to(self.device)
            sampler = self.samplers[pack.name]
            drawn = sampler.draw(prompts, batch.points, recipe.own, recipe.between, generator)
            if recipe.dense and batch.dense is not None:
                more = draw_dense(batch.dense, recipe.dense, recipe.dense_weight, generator)
                drawn = append_queries(drawn, more)
            queries.append(drawn)
            batches.append(batch)
        drawn = join_queries(queries)
        images = torch.cat([batch.images for batch in batches]).contiguous(memory_format=torch.channels_last)
        valid = torch.cat([batch.valid for batch in batches])
        with torch.autocast(self.device.type, torch.bfloat16), self._attention():
            memory = self.network.encode(images, valid)
            answers = self.network.decode(memory, drawn.prompts, drawn.there)
        loss = query_loss(answers, drawn, recipe.every_layer)
        if memory.anchor_points is not None:
            loss = loss + self._anchor_loss(memory.anchor_points, batches)
        weights = torch.cat(
            [
                torch.full((count,), recipe.weights.get(pack.name, 1.0))
                for pack, count in zip(self.packs, self.split, strict=True)
            ]
        ).to(self.device)
        return (loss * weights).sum() / weights.sum()

    def _anchor_loss(self, answers: Tensor, batches: Sequence[Batch]) -> Tensor:
        """The anchors are prompts of the reference dataset; only its faces judge them."""
        losses = []
        for pack, batch, part in zip(self.packs, batches, answers.split(self.split, dim=1), strict=True):
            if pack.name != self.reference:
                losses.append(part.new_zeros(part.shape[1]))
                continue
            targets = batch.points[:, nearest_points(self.network.anchors, pack.scheme.plane)]
            there = targets.isfinite().all(-1)
            losses.append(point_loss(part, targets.nan_to_num(), there, self.recipe.every_layer))
        return torch.cat(losses)

    def _errors(self, pack: FacePack, indices: Tensor) -> Tensor:
        batch = plain_view(pack, indices, self.recipe.network.size)
        prompts = torch.tensor(pack.scheme.plane, dtype=torch.float32, device=self.device)
        with torch.autocast(self.device.type, torch.bfloat16):
            answers = self.network(batch.images, prompts.expand(len(indices), -1, -1), batch.valid)
        distance: Tensor = (answers[-1].float() - batch.points).norm(dim=-1)
        errors = distance.nanmean(1)
        distances = [pack.scheme.normalizer(xy) for xy in batch.points.double().cpu().numpy()]
        return errors.cpu() / torch.tensor(distances)

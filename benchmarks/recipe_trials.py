"""What the parts of the recipe `base` are worth: short runs that differ in one thing each.

    python benchmarks/recipe_trials.py ../shared/data --backbone runs/backbone.safetensors
        [--trials dense batch-32 ...] [--seed 1] [--passes 14400] [--table benchmarks/recipe_trials.json]

Every run trains on `ibug68/train` and `video68/train` and is measured on `ibug68/dev` (boxes from
annotations, averaged weights), as a whole and by how far faces are turned. Short runs favour what
learns quickly: a difference of one percent of the error is noise, as a second seed shows. Runs whose
result stands in the table already are not repeated. Prints the table as JSON: one row per run, errors
in percent.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from labelkit.atomic import replacing
from labelkit.train.backbone import load_backbone
from labelkit.train.engine import Progress, Trainer
from labelkit.train.fit import add_dense, load_packs
from labelkit.train.head.fit import fit_heads
from labelkit.train.head.model import load_head
from labelkit.train.head.turn import with_turned
from labelkit.train.pack import FacePack
from labelkit.train.recipes import Recipe, load_recipe

Change = Callable[[Recipe], Recipe]


def network(**changes: Any) -> Change:
    return lambda recipe: replace(recipe, network=replace(recipe.network, **changes))


def augment(**changes: Any) -> Change:
    return lambda recipe: replace(recipe, augment=replace(recipe.augment, **changes))


def training(**changes: Any) -> Change:
    return lambda recipe: replace(recipe, **changes)


def both(first: Change, second: Change) -> Change:
    return lambda recipe: second(first(recipe))


#: Bands of how far a face is turned to the side, in degrees.
YAW_BANDS = ((0, 15), (15, 30), (30, 90))

#: Shifts and turns as in the TUFA chapter; `base` has more, for boxes that are further off.
VIEWS = augment(shift=0.08, rotation=30.0)

#: Name of the trial: what is changed in the recipe.
TRIALS: dict[str, Change] = {
    "base": training(),
    "backbone untrained": training(),
    "paper's views": VIEWS,
    "paper's views, dense 24": both(VIEWS, training(dense=24)),
    "paper's views, batch 64": both(VIEWS, training(batch=64)),
    "paper's views, batch 64, backbone all trained": both(VIEWS, training(batch=64, frozen=())),
    "batch 16": training(batch=16),
    "backbone all trained": training(frozen=()),
    "lr 3e-4": training(lr=3e-4),
    "lr 1.2e-3": training(lr=1.2e-3),
    "dense 24": training(dense=24),
    "dense 24 at 0.1": training(dense=24, dense_weight=0.1),
    "own 48, between 24": training(own=48, between=24),
    "last layer only": training(every_layer=False),
    "focus 0.04": augment(focus=0.04),
    "rotation 15": augment(rotation=15.0),
    "upright 0.8": augment(upright=0.8),
    "no occlusion": augment(occluded=0.0),
    "no average of weights": training(ema=0.0),
    "video68 1 of 32": training(shares={"ibug68": 31, "video68": 1}),
    "size 96": network(size=96),
    "size 160": network(size=160),
    "prompts up to 3": network(highest=3.1416),
    "prompts up to 12": network(highest=12.566),
    "3 decoder layers": network(layers=3),
    "no encoder layers": network(encoder_layers=0),
    "full attention": network(attention="full"),
    # Beside the photos, most of them again with the face turned further to the side.
    "turned faces": training(),
}


class Data:
    """The packs, read once for all trials."""

    def __init__(self, folder: Path) -> None:
        recipe = load_recipe("base")
        self.packs, _ = load_packs([folder / "ibug68" / "train", folder / "video68" / "train"], recipe)
        (self.dev,), _ = load_packs([folder / "ibug68" / "dev"], recipe)
        self._head = folder / "ict" / "ict_face_model_light.npz"
        self.yaw = np.abs(fit_heads(load_head(self._head), self.dev.points.double().numpy()).yaw)
        self._dense: list[FacePack] = []

    def dense(self) -> list[FacePack]:
        self._dense = self._dense or add_dense(self.packs, load_head(self._head))
        return self._dense

    def turned(self) -> list[FacePack]:
        photos, *others = self.packs
        return [with_turned(photos, load_head(self._head)), *others]


def run(name: str, data: Data, backbone: Path, passes: int, seed: int) -> dict[str, Any]:
    """One trial, as a row of the table."""
    recipe = TRIALS[name](replace(load_recipe("base"), passes=passes, seed=seed))
    weights = None if name == "backbone untrained" else load_backbone(recipe.network.backbone, backbone)
    packs = data.dense() if recipe.dense else data.turned() if name == "turned faces" else data.packs
    trainer = Trainer(recipe, packs, torch.device("cpu"), backbone=weights)
    rows: list[Progress] = []
    trainer.run(rows.append)
    errors = 100 * trainer.dev_errors(data.dev).numpy()
    return {
        "trial": name,
        "seed": seed,
        "passes": trainer.passes,
        "nme_io": round(float(errors.mean()), 3),
        "nme_io_by_yaw": {
            f"{low}-{high}": round(float(errors[(low <= data.yaw) & (data.yaw < high)].mean()), 3)
            for low, high in YAW_BANDS
        },
        "loss": round(rows[-1].loss, 4),
        "faces_per_s": round(trainer.passes / trainer.seconds, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--backbone", type=Path, required=True)
    parser.add_argument("--trials", nargs="+", choices=TRIALS, default=list(TRIALS), metavar="NAME")
    parser.add_argument("--passes", type=int, default=14_400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    table = json.loads(options.table.read_text()) if options.table.exists() else []
    data = Data(options.data)
    for name in options.trials:
        known = {(row["trial"], row["seed"]) for row in table if abs(row["passes"] - options.passes) < 200}
        if (name, options.seed) in known:
            continue
        table.append(run(name, data, options.backbone, options.passes, options.seed))
        print(json.dumps(table[-1]), file=sys.stderr, flush=True)
        with replacing(options.table) as draft:
            draft.write_text(json.dumps(table, indent=1) + "\n")
    print(json.dumps(table))


if __name__ == "__main__":
    main()

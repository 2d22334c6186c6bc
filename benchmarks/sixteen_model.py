"""A model and its refinement head that know neither the sixteen points nor the pool of 300 faces.

    python benchmarks/sixteen_model.py ../shared/data --runs runs/sixteen --backbone FILE
        [--passes 60000] [--lr 1.2e-3] [--batch 16] [--head-passes 30000]

Both learn from the 52 other points of `ibug68/train` less 300 photos spread evenly over it, from
`video68/train` and from dense points of a 3D head that was fitted to the 52 alone. They are what
`benchmarks/few_shot.py --sixteen`, `active.py`, `drags.py` and `uncertainty.py --points` are for.

Writes `sixteen.safetensors` and, beside it, `sixteen.refine.safetensors`, which is calibrated on the 52
points of `ibug68/dev`. What is finished is not trained again, and what was interrupted goes on. Prints
JSON: both cards.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from few_shot import POOL
from leave_out import SIXTEEN

from labelkit.checkpoint import read_card
from labelkit.formats import read
from labelkit.models.fit import evenly
from labelkit.models.registry import load_model
from labelkit.scheme import load_scheme
from labelkit.train.fit import FitPaths, Packed, add_dense, fit, load_packs
from labelkit.train.head.model import load_head
from labelkit.train.loop import Progress
from labelkit.train.pack import MARGIN, FacePack, pack_faces
from labelkit.train.recipes import load_recipe
from labelkit.train.refine import refine_recipe
from labelkit.train.refine_fit import fit_refiner


def packs_without(data: Path, recipe: Packed, margin: float = MARGIN) -> list[FacePack]:
    """The training faces less the pool, with dense points."""
    photos = read(data / "ibug68" / "train", format="300w")
    pool = {sample.image.path for sample in evenly(photos, POOL)}
    rest = [sample for sample in photos if sample.image.path not in pool]
    pack, _ = pack_faces("ibug68", rest, load_scheme("ibug68"), recipe.pack_size, SIXTEEN, margin)
    frames, _ = load_packs([data / "video68" / "train"], recipe, SIXTEEN, margin)
    return add_dense([pack, *frames], load_head(data / "ict" / "ict_face_model_light.npz"), SIXTEEN)


def told(progress: Progress) -> None:
    print(progress, file=sys.stderr, flush=True)


def train_model(options: argparse.Namespace, out: Path) -> None:
    recipe = replace(load_recipe("base"), passes=options.passes, lr=options.lr, batch=options.batch, dense=24)
    fit(
        recipe,
        packs_without(options.data, recipe),
        out,
        left_out=SIXTEEN,
        resume=FitPaths(out).state.exists(),
        backbone=options.backbone,
        report=told,
    )


def train_head(options: argparse.Namespace, model: Path, out: Path) -> None:
    recipe = replace(refine_recipe(), passes=options.head_passes)
    dev = without_sixteen(load_packs([options.data / "ibug68" / "dev"], recipe, (), recipe.margin)[0][0])
    fit_refiner(
        recipe,
        packs_without(options.data, recipe, recipe.margin),
        load_model(model),
        out,
        dev=dev,
        left_out=SIXTEEN,
        resume=FitPaths(out).state.exists(),
        report=told,
    )


def without_sixteen(pack: FacePack) -> FacePack:
    """The faces with the sixteen points unknown, so that nothing is fitted to them."""
    points = pack.points.clone()
    points[:, list(SIXTEEN)] = float("nan")
    return replace(pack, points=points)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("runs/sixteen"))
    parser.add_argument("--backbone", type=Path, required=True)
    parser.add_argument("--passes", type=int, default=60_000)
    parser.add_argument("--lr", type=float, default=1.2e-3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--head-passes", type=int, default=30_000)
    options = parser.parse_args()
    model, head = (options.runs / f"sixteen{kind}.safetensors" for kind in ("", ".refine"))
    for file, passes, train in (
        (model, options.passes, lambda: train_model(options, model)),
        (head, options.head_passes, lambda: train_head(options, model, head)),
    ):
        if not file.exists() or read_card(file)["training"]["passes"] < passes:
            train()
    print(json.dumps({file.stem: read_card(file) for file in (model, head)}, indent=1))


if __name__ == "__main__":
    main()

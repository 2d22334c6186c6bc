"""Sixteen points that training never saw, against a model that was trained on all.

    python benchmarks/leave_out.py ../shared/data --runs runs/leave_out [--passes 32000 | --minutes M]
        [--head ../shared/data/ict/ict_face_model_light.npz --dense 24] [--backbone FILE] [--val]

Trains a recipe twice, equally long, once on all 68 points and once without the sixteen (taken out
after the flip), and compares their errors on the sixteen over `ibug68/dev`, with ``--val`` over
`ibug68/val` too. With ``--head`` both also learn dense points of a 3D head. The one that must not know the
sixteen has a head that is fitted to the other 52 alone, and no dense point within 0.05 plane units
of any of them.

The models lie in ``--runs`` as `all.safetensors` and `left_out.safetensors`. What is finished there
is not trained again, and what was interrupted goes on. With ``--minutes`` both stop by the clock,
on a machine that has nothing else to do. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from labelkit.checkpoint import read_card
from labelkit.errors import InputError
from labelkit.formats import read
from labelkit.metrics import bootstrap_interval
from labelkit.models.registry import load_model
from labelkit.scheme import load_scheme
from labelkit.train.evaluate import evaluate
from labelkit.train.fit import FitPaths, add_dense, fit, load_packs
from labelkit.train.head.model import load_head
from labelkit.train.recipes import Recipe, load_recipe

#: Closed under mirroring; spread over jaw, brows, nose, eyes and mouth.
SIXTEEN = (1, 5, 11, 15, 18, 25, 28, 33, 37, 41, 44, 46, 49, 53, 57, 62)

RUNS = {"all": (), "left_out": SIXTEEN}


@dataclass(frozen=True)
class Plan:
    """What both runs share. ``head`` and ``backbone`` are files or None."""

    data: tuple[Path, ...]
    recipe: Recipe
    minutes: float | None
    head: Path | None
    backbone: Path | None
    device: str

    def finished(self, file: Path, left_out: tuple[int, ...]) -> bool:
        """Whether a model's file holds the end of this run; raises `InputError` for that of another."""
        if not file.exists():
            return False
        card = read_card(file)
        training = card["training"]
        wanted = {key: v for key, v in asdict(self.recipe).items() if key not in ("network", "passes")}
        made = {key: card["recipe"].get(key) for key in wanted}
        if json.loads(json.dumps(wanted)) != made or tuple(training["left_out"]) != left_out:
            raise InputError(f"{file}: was trained in another way; name another folder with --runs")
        by_clock = self.minutes is not None and training["seconds"] >= 60 * self.minutes
        return by_clock or training["passes"] >= self.recipe.passes


def train(plan: Plan, out: Path, left_out: tuple[int, ...]) -> None:
    packs, _ = load_packs(plan.data, plan.recipe, left_out)
    if plan.head is not None:
        packs = add_dense(packs, load_head(plan.head), left_out)

    def report(progress: object) -> None:
        print(out.stem, progress, file=sys.stderr, flush=True)

    fit(
        plan.recipe,
        packs,
        out,
        left_out=left_out,
        minutes=plan.minutes,
        device=plan.device,
        resume=FitPaths(out).state.exists(),
        backbone=plan.backbone,
        report=report,
    )


def compare(files: dict[str, Path], folder: Path, device: str) -> dict[str, Any]:
    """The errors of both models on the sixteen points of a folder's faces."""
    scheme = load_scheme("ibug68")
    data = read(folder, format="300w", scheme=scheme)
    errors = {
        name: evaluate(load_model(file, device), data, scheme).point_errors[:, list(SIXTEEN)].mean(axis=1)
        for name, file in files.items()
    }
    return {
        "faces": len(data),
        "nme_io": {name: 100 * float(values.mean()) for name, values in errors.items()},
        "interval": {name: [100 * v for v in bootstrap_interval(values)] for name, values in errors.items()},
        "ratio": float(errors["left_out"].mean() / errors["all"].mean()),
        "ratio_interval": ratio_interval(errors["left_out"], errors["all"]),
    }


def ratio_interval(left_out: np.ndarray, everything: np.ndarray, rounds: int = 2000) -> list[float]:
    """A 95 % bootstrap interval of the ratio of the means, the same faces drawn for both."""
    drawn = np.random.default_rng(0).integers(0, len(left_out), (rounds, len(left_out)))
    ratios = left_out[drawn].mean(axis=1) / everything[drawn].mean(axis=1)
    return [float(limit) for limit in np.quantile(ratios, (0.025, 0.975))]


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--recipe", default="base")
    parser.add_argument("--runs", type=Path, default=Path("runs/leave_out"))
    parser.add_argument("--passes", type=int, default=32_000)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--head", type=Path)
    parser.add_argument("--dense", type=int, default=24, help="dense points a face, with --head")
    parser.add_argument("--backbone", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--val", action="store_true", help="also on the set that is looked at once")
    return parser.parse_args()


def main() -> None:
    options = read_options()
    recipe = replace(
        load_recipe(options.recipe),
        passes=options.passes,
        dense=options.dense if options.head is not None else 0,
    )
    if options.batch is not None:
        recipe = replace(recipe, batch=options.batch)
    data = tuple(options.data / name / "train" for name in ("ibug68", "video68"))
    plan = Plan(data, recipe, options.minutes, options.head, options.backbone, options.device)
    files = {name: options.runs / f"{name}.safetensors" for name in RUNS}
    for name, left_out in RUNS.items():
        if not plan.finished(files[name], left_out):
            train(plan, files[name], left_out)
    splits = ("dev", "val") if options.val else ("dev",)
    result = {
        "points": SIXTEEN,
        "training": {name: read_card(file)["training"] for name, file in files.items()},
        **{split: compare(files, options.data / "ibug68" / split, options.device) for split in splits},
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

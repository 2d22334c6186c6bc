"""Train a model from annotated folders on several GPUs, by torch's launcher.

    torchrun --nproc-per-node 4 examples/train_on_several_gpus.py base --data faces/ -o mine.safetensors
    torchrun --nproc-per-node 2 examples/train_on_several_gpus.py tiny --data faces/ -o try.safetensors
    python examples/train_on_several_gpus.py base --data faces/ -o mine.safetensors     # one process

A step's batch is cut into one part for each process, so the run is the one that `labelkit fit` would do
alone (same schedule, same faces in every step), and ``--batch`` is what all take together: four GPUs want
four times the recipe's. ``labelkit.train.team`` says what differs. Ctrl-C keeps what is done, and
``--resume`` goes on from there, on any number of processes.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import labelkit as lk
from labelkit.train.fit import fit, load_packs
from labelkit.train.loop import Progress
from labelkit.train.recipes import load_recipe
from labelkit.train.team import joined


def train(given: argparse.Namespace) -> None:
    """What `labelkit fit` does, by all processes together."""
    recipe = load_recipe(given.recipe)
    recipe = replace(recipe, passes=given.passes or recipe.passes, batch=given.batch or recipe.batch)
    with joined(given.device) as (team, device):
        packs, problems = load_packs(given.data, recipe)
        dev = load_packs([given.dev], recipe)[0][0] if given.dev and team.leads else None
        if team.leads:
            for problem in problems:
                print(problem, file=sys.stderr)
            faces = ", ".join(f"{pack.name}: {len(pack)} faces" for pack in packs)
            print(f"{faces}; {team.size} x {device.type}", flush=True)
        start = lk.load_model(given.start, str(device)) if given.start else None
        fit(
            recipe,
            packs,
            given.out,
            dev=dev,
            device=str(device),
            minutes=given.minutes,
            resume=given.resume,
            start=start,
            report=_tell,
            team=team,
        )
        if team.leads:
            print(f"{given.out}: done")


def _tell(progress: Progress) -> None:
    measured = "" if progress.dev_nme is None else f", dev {progress.dev_nme:.2f} %"
    print(f"{progress.done:4.0%} {progress.passes} faces, loss {progress.loss:.4f}{measured}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", help="base, polish, paper-s16 or tiny")
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="annotated folders")
    parser.add_argument("--dev", type=Path, help="an annotated folder that is only measured on")
    parser.add_argument("-o", "--out", type=Path, required=True, help="NAME.safetensors")
    parser.add_argument("--start", help="a model whose weights the run begins with")
    parser.add_argument("--passes", type=int, help="faces to see, instead of the recipe's")
    parser.add_argument("--batch", type=int, help="faces a step of all processes together")
    parser.add_argument("--minutes", type=float, help="end by the clock")
    parser.add_argument("--device", default="auto", help="auto, cuda or cpu")
    parser.add_argument("--resume", action="store_true", help="go on where the run to OUT stopped")
    given = parser.parse_args()
    if given.out.suffix != ".safetensors":
        parser.error(f"{given.out}: a model file ends in .safetensors")
    try:
        train(given)
    except lk.LabelkitError as error:
        sys.exit(f"{parser.prog}: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; what is done is kept, and --resume goes on from there")


if __name__ == "__main__":
    main()

"""Sixteen points that training never saw, against a model that was trained on all.

    python benchmarks/leave_out.py ../shared/data [--passes 32000] [--runs runs]

Trains the recipe `base` twice, on equally many faces, once on all 68 points and once without
the sixteen (taken out after the flip), unless both models lie in ``--runs`` already (files
`all.safetensors` and `left_out.safetensors`, which `labelkit fit` writes as well), and
compares their errors on the sixteen over `ibug68/dev` and `ibug68/val`. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from labelkit.checkpoint import read_card
from labelkit.formats import read
from labelkit.metrics import bootstrap_interval
from labelkit.models.registry import load_model
from labelkit.scheme import load_scheme
from labelkit.train.evaluate import evaluate
from labelkit.train.fit import fit, load_packs
from labelkit.train.recipes import load_recipe

#: Closed under mirroring; spread over jaw, brows, nose, eyes and mouth.
SIXTEEN = (1, 5, 11, 15, 18, 25, 28, 33, 37, 41, 44, 46, 49, 53, 57, 62)


def train(data: Path, out: Path, left_out: tuple[int, ...], passes: int) -> None:
    recipe = replace(load_recipe("base"), passes=passes)
    packs, _ = load_packs([data / "ibug68" / "train", data / "video68" / "train"], recipe, left_out)

    def report(progress: object) -> None:
        print(progress, file=sys.stderr, flush=True)

    fit(recipe, packs, out, left_out=left_out, report=report)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--passes", type=int, default=32_000)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    options = parser.parse_args()
    files = {"all": options.runs / "all.safetensors", "left_out": options.runs / "left_out.safetensors"}
    for name, file in files.items():
        if not file.exists():
            train(options.data, file, SIXTEEN if name == "left_out" else (), options.passes)
    scheme = load_scheme("ibug68")
    result: dict[str, object] = {
        "points": SIXTEEN,
        "training": {name: read_card(file)["training"] for name, file in files.items()},
    }
    for split in ("dev", "val"):
        data = read(options.data / "ibug68" / split, format="300w", scheme=scheme)
        errors = {
            name: evaluate(load_model(file), data, scheme).point_errors[:, list(SIXTEEN)].mean(axis=1)
            for name, file in files.items()
        }
        ratio = float(errors["left_out"].mean() / errors["all"].mean())
        result[split] = {
            "faces": len(data),
            "nme_io": {name: 100 * float(values.mean()) for name, values in errors.items()},
            "interval": {
                name: [100 * v for v in bootstrap_interval(values)] for name, values in errors.items()
            },
            "ratio": ratio,
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()

"""The faces on which a model is worst, to look at.

    python benchmarks/worst.py ../shared/data/ibug68/dev -o worst.png [--model base] [--count 24]

Draws a contact sheet, the worst face first: the labels green, the model's points orange, each
face's NME in percent and its worst group of points in the title. Prints the same as JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from labelkit.dataset import Dataset
from labelkit.figures import Tile, contact_sheet
from labelkit.formats import read
from labelkit.models.predictor import LandmarkModel
from labelkit.models.registry import load_model
from labelkit.scheme import load_scheme
from labelkit.train.evaluate import Match, evaluate

TRUE, FOUND = "#009E73", "#E69F00"


def worst_faces(model: LandmarkModel, data: Dataset, count: int) -> list[tuple[Match, dict[str, Any]]]:
    """The faces with the largest NME and what is told of each, the worst first."""
    result = evaluate(model, data, load_scheme("ibug68"))
    names = np.array(result.groups)
    found = []
    for i in np.argsort(-result.nme_io)[:count]:
        by = {
            str(name): 100 * float(result.point_errors[i][names == name].mean()) for name in np.unique(names)
        }
        match = result.matches[i]
        entry = {
            "image": "/".join(match.image.path.parts[-2:]),
            "nme_io": 100 * float(result.nme_io[i]),
            "worst_group": max(by, key=lambda name: by[name]),
            "by_group": by,
        }
        found.append((match, entry))
    return found


def tile(match: Match, entry: dict[str, Any]) -> Tile:
    scheme = load_scheme("ibug68")
    assert match.prediction is not None
    shapes = [(match.true, scheme, TRUE), (match.prediction.xy, scheme, FOUND)]
    worst = entry["worst_group"]
    title = f"{entry['nme_io']:.1f} %, {worst} {entry['by_group'][worst]:.1f} %  {match.image.path.name}"
    return match.image.load(), shapes, title


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", "-o", type=Path, required=True)
    parser.add_argument("--model", default="base")
    parser.add_argument("--count", type=int, default=24)
    options = parser.parse_args()
    model = load_model(options.model)
    data = read(options.data, format="300w", scheme="ibug68")
    found = worst_faces(model, data, options.count)
    contact_sheet((tile(match, entry) for match, entry in found), options.out, columns=6, size=300)
    print(json.dumps({"model": model.id, "worst": [entry for _, entry in found]}, indent=1))


if __name__ == "__main__":
    main()

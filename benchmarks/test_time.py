"""What flip averaging and a second pass gain, and what they cost.

    python benchmarks/test_time.py ../shared/data/ibug68/dev [--model base]

Prints JSON: for every option the NME from annotated boxes, its 95 % interval, ``gain``, the mean
change of a face's NME against one plain pass in percent of that (positive is better) with its
interval, how often the network ``runs`` on a face, and the faces a second of the whole and of the
network alone, which mean something on a machine that has nothing else to do.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from labelkit.dataset import Dataset
from labelkit.formats import read
from labelkit.metrics import bootstrap_interval
from labelkit.models.predictor import LandmarkModel
from labelkit.models.registry import load_model
from labelkit.scheme import load_scheme
from labelkit.train.evaluate import Evaluation, evaluate

#: Passes and whether flips are averaged, by name. The first is what the others are compared with.
OPTIONS: dict[str, tuple[int, bool]] = {
    "one pass": (1, False),
    "flip": (1, True),
    "two passes": (2, False),
    "two passes, flip": (2, True),
}


def told(result: Evaluation, plain: Evaluation) -> dict[str, Any]:
    figures = result.to_dict()
    kept = ("nme_io", "nme_io_interval", "fr10", "faces_per_s", "network_faces_per_s")
    saved, mean = plain.nme_io - result.nme_io, plain.nme_io.mean()
    return {
        **{key: figures[key] for key in kept},
        "gain": 100 * float(saved.mean() / mean),
        "gain_interval": [100 * float(limit / mean) for limit in bootstrap_interval(saved)],
    }


def measure(model: LandmarkModel, data: Dataset) -> dict[str, Any]:
    scheme = load_scheme("ibug68")
    results = {
        name: evaluate(model, data, scheme, passes=passes, flip=flip)
        for name, (passes, flip) in OPTIONS.items()
    }
    plain = results["one pass"]
    told_of = {
        name: {"runs": passes * (2 if flip else 1), **told(results[name], plain)}
        for name, (passes, flip) in OPTIONS.items()
    }
    return {"faces": len(plain.nme_io), "options": told_of}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="base")
    options = parser.parse_args()
    model = load_model(options.model)
    data = read(options.data, format="300w", scheme="ibug68")
    print(json.dumps({"model": model.id, **measure(model, data)}, indent=1))


if __name__ == "__main__":
    main()

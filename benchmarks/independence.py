"""Does a point move when other points are added, removed or dragged?

    python benchmarks/independence.py ../shared/data/ibug68/dev [--model base] [--faces 16]

Prints JSON. For schemes of 3 to 500 points, drawn anew for every face from all places that the
built-in schemes have on the plane: the mean and the largest distance, in percent of the
distance of the outer eye corners, by which the points that stay differ from before when one point
is ``added``, one ``removed``, or one ``dragged`` by 0.1 plane units. The model computes with the
precision that it has by default here (``dtype``).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from labelled import LabelledFace, labelled_faces

from labelkit.geometry import Array, Box
from labelkit.models.predictor import LandmarkModel
from labelkit.models.registry import load_model
from labelkit.models.shapes import as_scheme
from labelkit.scheme import builtin_schemes, load_scheme

SIZES = (3, 10, 30, 68, 100, 200, 500)

#: How far a point is dragged, in plane units.
DRAGGED = 0.1


def pool() -> Array:
    """Every place (K, 2) of the built-in schemes once."""
    every = np.concatenate([load_scheme(name).plane for name in builtin_schemes()])
    return np.unique(every.round(3), axis=0)


def shifts(model: LandmarkModel, face: LabelledFace, plane: Array) -> dict[str, Array]:
    """How far the first n - 1 of ``plane`` (n + 1, 2) move, by what is done to the others; in
    percent of the IOD."""
    n = len(plane) - 1
    drag = plane[:n].copy()
    drag[-1] += (DRAGGED, 0.0)
    changed = {"added": plane, "removed": plane[: n - 1], "dragged": drag}
    box, unit = Box.around(face.xy, "ibug68"), load_scheme("ibug68").normalizer(face.xy)

    def placed(points: Array) -> Array:
        return model.predict([face.image], [box], as_scheme("drawn", points))[0].xy[: n - 1]

    before = placed(plane[:n])
    return {
        what: 100 * np.linalg.norm(placed(points) - before, axis=1) / unit for what, points in changed.items()
    }


def measure(model: LandmarkModel, faces: list[LabelledFace]) -> dict[str, Any]:
    places, rng = pool(), np.random.default_rng(0)
    sizes: dict[str, Any] = {}
    for size in SIZES:
        found = [shifts(model, face, rng.permutation(places)[: size + 1]) for face in faces]
        by = {what: np.concatenate([entry[what] for entry in found]) for what in found[0]}
        sizes[str(size)] = {
            what: {"mean_io": float(values.mean()), "largest_io": float(values.max())}
            for what, values in by.items()
        }
    worst = max(entry["mean_io"] for by in sizes.values() for entry in by.values())
    return {"faces": len(faces), "dtype": str(model.dtype), "worst_mean_io": worst, "points": sizes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="base")
    parser.add_argument("--faces", type=int, default=16)
    options = parser.parse_args()
    model = load_model(options.model)
    faces = labelled_faces(options.data, options.faces)
    print(json.dumps({"model": model.id, **measure(model, faces)}, indent=1))


if __name__ == "__main__":
    main()

"""How a model errs on faces it has not seen: the numbers behind `labelkit.train.starts.StartErrors`.

    python benchmarks/start_errors.py ../shared/data/ibug68/dev [--model base]

Prints JSON in plane units (0.76 is the distance of the outer eye corners), after every face is brought
onto the plane by the similarity to its true points: what moves the face as a whole (``shift`` right and
down, ``scale``, ``turn``, with their means), how the rest deviates by group of points, how alike it is
for points at some distance from one another (``correlation``), and how uneven faces are (``uneven``: the
deviation of the logarithm of a face's own).
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from labelkit.formats import read
from labelkit.geometry import Array, Box, Similarity
from labelkit.models.predictor import LandmarkModel
from labelkit.models.registry import load_model
from labelkit.scheme import load_scheme

EDGES = (0.0, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 1.0)


def plane_errors(model: LandmarkModel, folder: Path) -> tuple[Array, Array]:
    """Errors and true points (M, 68, 2) on the plane."""
    scheme = load_scheme("ibug68")
    faces = [s for s in read(folder, scheme=scheme.name) if s.landmarks is not None]
    true = [face.landmarks.xy for face in faces if face.landmarks is not None]
    images = [face.image.load() for face in faces]
    found = model.predict(images, [Box.around(xy, scheme.name) for xy in true], scheme, refine=False)
    maps = [Similarity.fit(xy, scheme.plane) for xy in true]
    placed = np.array([move(xy) for move, xy in zip(maps, true, strict=True)])
    return np.array([move(p.xy) for move, p in zip(maps, found, strict=True)]) - placed, placed


def parts(errors: Array, places: Array) -> tuple[Array, Array]:
    """What moves each face as a whole, (M, 4): shift, scale, turn; and what is left, (M, N, 2)."""
    whole, rest = [], []
    for error, place in zip(errors, places, strict=True):
        x, y = (place - place.mean(axis=0)).T
        one, nothing = np.ones_like(x), np.zeros_like(x)
        system = np.concatenate(
            [np.stack([one, nothing, x, -y], axis=1), np.stack([nothing, one, y, x], axis=1)]
        )
        numbers = np.linalg.lstsq(system, error.T.ravel(), rcond=None)[0]
        whole.append(numbers)
        rest.append(error - (system @ numbers).reshape(2, -1).T)
    return np.array(whole), np.array(rest)


def measure(model: LandmarkModel, folder: Path) -> dict[str, Any]:
    scheme = load_scheme("ibug68")
    errors, places = plane_errors(model, folder)
    whole, rest = parts(errors, places)
    names = ("shift_x", "shift_y", "scale", "turn")
    deviation = np.sqrt((rest**2).mean(axis=(0, 2)))
    alike = np.einsum("mia,mja->ij", rest, rest) / (2 * len(rest)) / deviation[:, None] / deviation
    distance = np.linalg.norm(scheme.plane[:, None] - scheme.plane[None], axis=2)
    bands = {f"{a}-{b}": (distance > a) & (distance <= b) for a, b in pairwise(EDGES)}
    groups = dict.fromkeys(point.group for point in scheme.points)
    return {
        "faces": len(errors),
        "whole": {
            n: {"mean": m, "deviation": d} for n, m, d in zip(names, whole.mean(0), whole.std(0), strict=True)
        },
        "rest": {g: float(deviation[[p.group == g for p in scheme.points]].mean()) for g in groups},
        "correlation": {name: float(alike[band].mean()) for name, band in bands.items()},
        "uneven": float(np.log(np.sqrt((rest**2).mean(axis=(1, 2)))).std()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="base")
    options = parser.parse_args()
    model = load_model(options.model)
    print(json.dumps({"model": model.id, **measure(model, options.data)}, indent=1))


if __name__ == "__main__":
    main()

"""Fitting a scheme whose points nobody knows: how well does the inverse map find them?

    python benchmarks/fit_scheme.py ../shared/data [--faces 40] [--model base] [--figure web.png]

Prints JSON with three answers:

- ``ibug68``: faces of `ibug68/dev` whose points are taken for unknown; distance of the fitted
  places from the scheme's own, in plane units and in percent of the plane's inter-ocular distance.
- ``webmorph``: the facial subset of `webmorph189`, fitted to every other face: with no
  correspondences and with those of a few points. Then the other faces are predicted by the fitted
  scheme, zero-shot, and compared with their labels.
- ``cells``: how far the model is from straight lines within the grid's cells, in percent of the
  inter-ocular distance: at the cells' centres on faces of `ibug68/dev`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from labelkit.dataset import Dataset, Sample
from labelkit.detect import detect_faces
from labelkit.figures import draw_scheme
from labelkit.formats import read
from labelkit.geometry import PLANE_IOD, Box
from labelkit.landmarks import Landmarks
from labelkit.models.fit import evenly, fit_by_anchors, fit_by_model, read_anchors, trained_on
from labelkit.models.fitted import SchemeFit
from labelkit.models.inverse import Grid
from labelkit.models.predictor import LandmarkModel
from labelkit.models.registry import load_model
from labelkit.models.shapes import as_scheme
from labelkit.scheme import load_scheme
from labelkit.train.evaluate import evaluate

#: Not on the face, or following the hair: the ears, hairline, outline of the hair and neck.
NOT_FACIAL = {*range(115, 125), *range(134, 158), 183, 184}

#: Points of webmorph189 that are also points of ibug68: eye corners, mouth corners, middle of the
#: upper and of the lower lip, wings of the nose, chin, outer ends of the brows.
KNOWN = "18=36,22=39,23=42,27=45,87=48,93=54,90=51,106=57,64=31,69=35,129=8,71=17,82=26"


def facial(data: Dataset) -> tuple[Dataset, list[str]]:
    """The facial subset, and its points' names: their numbers in the whole set."""
    kept = [i for i in range(189) if i not in NOT_FACIAL]
    samples = []
    for sample in data:
        assert sample.landmarks is not None
        xy = sample.landmarks.xy[kept]
        samples.append(Sample(sample.image, None, Landmarks("webmorph153", xy)))
    return Dataset(tuple(samples)), [f"p{i}" for i in kept]


def half(data: Dataset, first: int) -> Dataset:
    return Dataset(data.samples[first::2])


def recovery(model: LandmarkModel, data: Dataset) -> dict[str, Any]:
    truth = load_scheme("ibug68")
    fit = fit_by_model(data, model, detect_faces, name="unknown", trained=trained_on(model.card))
    away = np.linalg.norm(fit.scheme.plane - truth.plane, axis=1)
    mean, worst = float(away.mean()), float(away.max())
    return {
        "faces": fit.faces,
        "mean_plane": mean,
        "worst_plane": worst,
        "mean_io": 100 * mean / PLANE_IOD,
        "worst_io": 100 * worst / PLANE_IOD,
        "worst_point": truth.names[int(away.argmax())],
        "spread_plane": float(fit.spread.mean()),
        "extrapolated": int(fit.extrapolated.sum()),
        "mirror_table_right": fit.mirror.pairs == tuple(sorted(tuple(sorted(p)) for p in truth.mirror)),
        "inter_ocular_right": fit.scheme.normalizers.get("inter_ocular") == truth.normalizers["inter_ocular"],
        "problems": list(fit.problems),
    }


def zero_shot(model: LandmarkModel, fit: SchemeFit, test: Dataset) -> dict[str, Any]:
    named = Dataset(
        tuple(
            Sample(s.image, None, Landmarks(fit.scheme, s.landmarks.xy))
            for s in test
            if s.landmarks is not None
        )
    )
    found = evaluate(model, named, fit.scheme, boxes="detector", find=detect_faces).to_dict()
    return {
        "fitted_to": fit.faces,
        "spread_plane": float(fit.spread.mean()),
        "extrapolated": [fit.scheme.names[i] for i in np.flatnonzero(fit.extrapolated)],
        "involution": fit.mirror.index is not None,
        "mirror_problem": fit.mirror.problem,
        "asymmetry_plane": fit.mirror.asymmetry,
        "normalizers": dict(fit.scheme.normalizers),
        "tested_on": found["faces"],
        "found": found["found"],
        "nme_io": found["nme_io"],
        "nme_io_interval": found["nme_io_interval"],
        "fr10": found["fr10"],
    }


def webmorph(model: LandmarkModel, data: Dataset, figure: Path | None) -> dict[str, Any]:
    faces, names = facial(data)
    train, test = half(faces, 0), half(faces, 1)
    trained = trained_on(model.card)
    known = ",".join(f"p{own}=ibug68:{other}" for own, other in (p.split("=") for p in KNOWN.split(",")))
    by_model, by_points, all_points = (
        fit_by_model(train, model, detect_faces, name="web", names=names, trained=trained),
        fit_by_model(train, model, None, name="web", names=names, trained=trained),
        fit_by_model(half(data, 0), model, detect_faces, name="web", trained=trained),
    )
    by_anchors = fit_by_anchors(train, read_anchors(known, names), name="web", names=names)
    if figure is not None:
        draw_scheme(all_points.scheme, figure)
    result = {
        "inverse_map": zero_shot(model, by_model, test),
        "inverse_map_boxes_from_points": zero_shot(model, by_points, test),
        "anchors": zero_shot(model, by_anchors, test),
        "all_189_points": zero_shot(model, all_points, half(data, 1)),
    }
    if by_model.mirror.index is not None:
        even = fit_by_model(
            train, model, detect_faces, name="web", names=names, trained=trained, symmetric=True
        )
        result["inverse_map_symmetric"] = zero_shot(model, even, test)
    return result


def cells(model: LandmarkModel, data: Dataset) -> float:
    """The mean distance, at the cells' centres, of the model from the mean of their corners."""
    grid = Grid.regular().scheme.plane
    columns = len(np.unique(grid[:, 0]))
    corners = np.arange(len(grid)).reshape(-1, columns)
    corners = np.stack([corners[:-1, :-1], corners[:-1, 1:], corners[1:, :-1], corners[1:, 1:]]).reshape(
        4, -1
    )
    both = as_scheme("both", np.concatenate([grid, grid[corners].mean(axis=0)]))
    away = []
    for sample in data:
        assert sample.landmarks is not None
        true = sample.landmarks.xy
        found = model.predict([sample.image.load()], [Box.around(true, "ibug68")], both)[0].xy
        straight = found[corners].mean(axis=0)
        distance = np.linalg.norm(found[len(grid) :] - straight, axis=1)
        away.append(100 * distance.mean() / load_scheme("ibug68").normalizer(true))
    return float(np.mean(away))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--faces", type=int, default=40)
    parser.add_argument("--model", default="base")
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    model = load_model(options.model)
    dev = evenly(read(options.data / "ibug68" / "dev", format="300w"), options.faces)
    web = evenly(read(options.data / "webmorph189", format="300w"), options.faces)
    result = {
        "model": model.id,
        "ibug68": recovery(model, dev),
        "webmorph": webmorph(model, web, options.figure),
        "cells": cells(model, evenly(dev, 10)),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

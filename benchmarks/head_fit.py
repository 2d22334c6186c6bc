"""How well the 3D head fits labelled faces, and how far dense points can be trusted.

    python benchmarks/head_fit.py HEAD.npz ../shared/data/ibug68/dev ../shared/data/video68/dev
        [--sheet OUT.png] [--leave-out 1,5,...]

Prints JSON; all distances in percent of the distance of the outer eye corners, jaw points (0-16)
apart from the inner ones (17-67).

``fitted``: labelled points against where the head has them, all points known. ``failures`` are
faces that give no dense points.

``held_out``: the head is fitted three times without a random third of the points; the error on
these, once where the head has them and once corrected as dense points are (``dense``).

``--sheet`` draws 20 faces of the first folder with their dense points, coloured by region: the ten
that are turned the most and ten spread over the rest.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from labelkit.dataset import Dataset
from labelkit.figures import contact_sheet
from labelkit.formats import read
from labelkit.geometry import Array
from labelkit.scheme import Point, Scheme, load_scheme
from labelkit.train.fit import points_by_number
from labelkit.train.head.contour import JAW
from labelkit.train.head.dense import POOR, Anchors, choose_anchors, corrections, dense_faces
from labelkit.train.head.fit import HeadFit, fit_heads
from labelkit.train.head.model import HeadModel, load_head

THIRDS = 3


def labels(data: Dataset) -> Array:
    return np.array([sample.landmarks.xy for sample in data if sample.landmarks is not None])


def summary(errors: Array) -> dict[str, Any]:
    """Errors (B, 68), NaN where not asked for: medians and means over faces."""
    parts = {"inner": errors[:, JAW:], "jaw": errors[:, :JAW]}
    found = {}
    for name, part in parts.items():
        faces = np.array([np.nanmean(row) for row in part if np.isfinite(row).any()])
        found[name] = {"median": round(float(np.median(faces)), 2), "mean": round(float(faces.mean()), 2)}
    return found


def distances(found: Array, faces: Array) -> Array:
    unit = np.linalg.norm(faces[:, 36] - faces[:, 45], axis=1)[:, None]
    return 100 * np.linalg.norm(found - faces, axis=2) / unit


def held_out(head: HeadModel, scheme: Scheme, faces: Array, seed: int) -> dict[str, Any]:
    order = np.random.default_rng(seed).permutation(len(scheme))
    errors = {name: np.full(faces.shape[:2], np.nan) for name in ("head", "dense")}
    for hidden in np.array_split(order, THIRDS):
        seen = np.setdiff1d(np.arange(len(scheme)), hidden)
        fit = fit_heads(head, faces, seen)
        anchors = Anchors(head, scheme, head.landmarks[hidden], scheme.plane[hidden], seen)
        corrected = fit.placed.copy()
        corrected[:, hidden] += corrections(anchors, faces, fit)
        errors["head"][:, hidden] = distances(fit.placed, faces)[:, hidden]
        errors["dense"][:, hidden] = distances(corrected, faces)[:, hidden]
    return {name: summary(error) for name, error in errors.items()}


def measure(head: HeadModel, scheme: Scheme, faces: Array) -> dict[str, Any]:
    started = time.monotonic()
    fit = fit_heads(head, faces)
    seconds = time.monotonic() - started
    return {
        "faces": len(faces),
        "fitted": summary(distances(fit.placed, faces)),
        "failures": int((fit.error >= POOR).sum()),
        "seconds_per_face": round(seconds / len(faces), 5),
        "held_out": held_out(head, scheme, faces, seed=0),
    }


def region_scheme(plane: Array) -> Scheme:
    """Dense points as a scheme whose groups are those of the nearest points of `dense`."""
    known = load_scheme("dense")
    nearest = np.linalg.norm(plane[:, None] - known.plane[None], axis=2).argmin(axis=1)
    groups = [known.points[i].group.split("_")[0] for i in nearest]
    points = [
        Point(f"p{i}", float(x), float(y), group)
        for i, ((x, y), group) in enumerate(zip(plane, groups, strict=True))
    ]
    return Scheme("head", tuple(points))


def pick(fit: HeadFit, count: int = 10) -> list[int]:
    order = np.argsort(-abs(fit.yaw))
    rest = order[count:]
    return [*order[:count].tolist(), *rest[:: max(1, len(rest) // count)][:count].tolist()]


def draw(head: HeadModel, scheme: Scheme, data: Dataset, left_out: tuple[int, ...], path: Path) -> None:
    samples = [sample for sample in data if sample.landmarks is not None]
    faces = labels(data)
    anchors = choose_anchors(head, scheme, left_out)
    fit = fit_heads(head, faces, anchors.seen)
    dense = dense_faces(anchors, faces, fit)
    shown = np.where(dense.self_occluded[..., None], np.nan, dense.points)
    regions = region_scheme(anchors.plane)
    tiles = [
        (
            samples[i].image.load(),
            [(shown[i], regions)],
            f"yaw {fit.yaw[i]:.0f}, error {100 * fit.error[i]:.1f} %",
        )
        for i in pick(fit)
    ]
    contact_sheet(tiles, path, columns=5, size=420)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("head", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--leave-out", default="")
    options = parser.parse_args()
    scheme, head = load_scheme("ibug68"), load_head(options.head)
    data = {"/".join(folder.parts[-2:]): read(folder) for folder in options.folders}
    if options.sheet is not None:
        first = next(iter(data.values()))
        draw(head, scheme, first, points_by_number(options.leave_out), options.sheet)
    print(json.dumps({name: measure(head, scheme, labels(part)) for name, part in data.items()}, indent=1))


if __name__ == "__main__":
    main()

"""How well shape outliers are found: faults put into labelled faces, recall and false alarms.

    python benchmarks/outliers.py --data ../shared/data/ibug68/train [--faces 20 100 1621] [--share 0.2]

A share of the faces (``--share``) gets one fault each: left and right swapped in the whole face, one
pair of parts swapped, one point moved by 8 or 15 % of the eye distance in a random direction, or the
points of one curve shuffled. Prints JSON: for each number of faces, by fault, the share of faces
that are found (``recall``), and of which the fault is told right (``told``: the kind, and for a
moved point that it is the first one named); ``false_alarms`` is the share of untouched faces that
are called odd. Some of these have wrong labels indeed: ``worst_untouched`` names the oddest.
Numbers of faces below all are drawn several times (``--repeat``).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from labelkit.formats import read
from labelkit.geometry import Array
from labelkit.quality import Oddities, find_oddities
from labelkit.scheme import Scheme

FAULTS = ("swapped", "part_swapped", "moved_8", "moved_15", "shuffled")


def spoil(xy: Array, fault: str, scheme: Scheme, rng: np.random.Generator) -> tuple[Array, str, int]:
    """A face (N, 2) with a fault; the kind by which it should be told, and the point moved or -1."""
    spoilt = xy.copy()
    if fault == "swapped":
        return spoilt[scheme.mirror_index], "swapped", -1
    if fault == "part_swapped":
        groups = sorted({point.group for point in scheme.points if point.group.endswith("_left")})
        group = groups[rng.integers(len(groups))]
        points = [i for i, point in enumerate(scheme.points) if point.group == group]
        points += scheme.mirror_index[points].tolist()
        spoilt[points] = xy[scheme.mirror_index[points]]
        return spoilt, "swapped", -1
    if fault == "shuffled":
        curve = scheme.curves[rng.integers(len(scheme.curves))]
        points = np.array(curve.points)
        order = points
        while (order == points).all():
            order = rng.permutation(points)
        spoilt[points] = xy[order]
        return spoilt, "order", -1
    size, angle = float(fault.partition("_")[2]) / 100, rng.uniform(0, 2 * np.pi)
    point = int(rng.integers(len(scheme)))
    spoilt[point] += size * scheme.normalizer(xy) * np.array([np.cos(angle), np.sin(angle)])
    return spoilt, "points", point


def trial(
    shapes: Array, scheme: Scheme, share: float, rng: np.random.Generator
) -> tuple[list[tuple[str, bool, bool]], Oddities, float]:
    """For each face its fault ("" for none), whether it was found and whether it was told right."""
    faults = np.where(rng.random(len(shapes)) < share, rng.choice(FAULTS, len(shapes)), "")
    spoilt = [
        spoil(xy, fault, scheme, rng) if fault else (xy, "", -1)
        for xy, fault in zip(shapes, faults, strict=True)
    ]
    start = time.perf_counter()
    oddities = find_oddities(np.stack([xy for xy, _, _ in spoilt]), scheme)
    seconds = time.perf_counter() - start
    told = {one.row: one for one in oddities.found}
    rows = []
    for row, (fault, (_, kind, point)) in enumerate(zip(faults.tolist(), spoilt, strict=True)):
        one = told.get(row)
        right = one is not None and one.kind == kind and (point < 0 or one.points[0] == point)
        rows.append((fault, one is not None, right))
    return rows, oddities, seconds


def measure(shapes: Array, names: list[str], scheme: Scheme, count: int, options: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    rows: list[tuple[str, bool, bool]] = []
    seconds, worst = [], list[str]()
    for _ in range(options.repeat if count < len(shapes) else 1):
        chosen = rng.permutation(len(shapes))[:count]
        found, oddities, took = trial(shapes[chosen], scheme, options.share, rng)
        rows += found
        seconds.append(took)
        untouched = [one for one in oddities.found if not found[one.row][0]]
        worst = [f"{names[chosen[one.row]]}: {one.in_words(scheme)}" for one in untouched[:5]]
    result: dict[str, Any] = {"seconds": round(float(np.median(seconds)), 2)}
    for fault in FAULTS:
        part = [row for row in rows if row[0] == fault]
        if part:
            result[fault] = {
                "faces": len(part),
                "recall": round(100 * float(np.mean([row[1] for row in part])), 1),
                "told": round(100 * float(np.mean([row[2] for row in part])), 1),
            }
    clean = [row[1] for row in rows if not row[0]]
    result["false_alarms"] = round(100 * float(np.mean(clean)), 1)
    return {**result, "worst_untouched": worst}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder of 300-W files of ibug68")
    parser.add_argument("--faces", type=int, nargs="+", default=[20, 100, 100_000])
    parser.add_argument("--share", type=float, default=0.2)
    parser.add_argument("--repeat", type=int, default=20)
    options = parser.parse_args()
    data = read(options.data, format="300w", scheme="ibug68")
    samples = [sample for sample in data if sample.landmarks is not None]
    shapes = np.stack([sample.landmarks.xy for sample in samples if sample.landmarks is not None])
    names = [sample.image.path.name for sample in samples]
    counts = sorted({min(count, len(shapes)) for count in options.faces})
    result = {str(count): measure(shapes, names, data.scheme, count, options) for count in counts}
    print(json.dumps({"data": options.data.name, "share": 100 * options.share, "faces": result}, indent=1))


if __name__ == "__main__":
    main()

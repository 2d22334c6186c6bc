"""Fits the constants of the Haar detector on photos with labelled faces; prints JSON.

    python benchmarks/fit_box_rules.py ../shared/data/scenes [--photos 350]

``rules`` are those of `labelkit.boxrules` (medians of the centre's offset and of the ratio of the
sides, from the detector's box to the tight box of the labelled points; the mirrored profile
cascade's boxes are mirrored and counted with the others), ``residual`` the median and the 90th
percentile of 1 - IoU after them; ``half`` the number of windows at which half of the boxes are
labelled faces (`labelkit.detect`), by maximum likelihood. They are fitted on the photos of
``train``; ``dev`` says what `HaarCascades` with the constants it has finds there (IoU of at least
0.4 after the rule). Unlabelled people in the photos count as false boxes.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from labelkit.boxrules import BoxRule, landmark_box
from labelkit.detect import HaarCascades
from labelkit.geometry import Box
from labelkit.images import ImageFile

SAME = 0.4

Faces = dict[Path, list[Box]]


def labelled(scenes: Path, split: str, photos: int | None = None) -> Faces:
    faces: Faces = defaultdict(list)
    with (scenes / "faces.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["image"].startswith(f"{split}/"):
                x0, y0, x1, y1 = (float(row[side]) for side in ("x0", "y0", "x1", "y1"))
                faces[scenes / row["image"]].append(Box(x0, y0, x1, y1, source="ibug68"))
    chosen = sorted(faces)
    random.Random(0).shuffle(chosen)
    return {path: faces[path] for path in chosen[:photos]}


def pairs(
    candidates: Sequence[Box], faces: Sequence[Box], width: int
) -> Iterator[tuple[str, Box, Box | None]]:
    """Every candidate with the face it lies on, if any, both mirrored where the cascade was."""
    for box in candidates:
        source = str(box.source).removesuffix("-mirrored")
        face = next((face for face in faces if near(box, face)), None)
        if box.source != source:
            yield source, box.flipped(width), face and face.flipped(width)
        else:
            yield source, box, face


def near(box: Box, face: Box) -> bool:
    """Loosely, because no rule is known yet."""
    side = max(face.width, face.height)
    dx, dy = np.subtract(face.center, box.center)
    return abs(dx) < 0.35 * side and abs(dy) < 0.4 * side and 0.6 < box.width / side < 2.2


def rule(matches: Sequence[tuple[Box, Box]]) -> BoxRule:
    rows = [
        (
            (face.center[0] - box.center[0]) / box.width,
            (face.center[1] - box.center[1]) / box.height,
            face.width / box.width,
            face.height / box.height,
        )
        for box, face in matches
    ]
    dx, dy, width, height = (round(float(value), 3) for value in np.median(rows, axis=0))
    return BoxRule(dx, dy, width, height)


def half(scored: Sequence[tuple[float, bool]]) -> float:
    """k for which n / (n + k) is the likeliest share of faces among boxes of n windows."""
    count, true = (np.array(column, np.float64) for column in zip(*scored, strict=True))
    tried = np.geomspace(0.1, 100, 400)
    share = count[:, None] / (count[:, None] + tried)
    likelihood = np.log(np.where(true[:, None] > 0, share, 1 - share)).sum(axis=0)
    return round(float(tried[np.argmax(likelihood)]), 2)


def fitted(detector: HaarCascades, faces: Faces) -> dict[str, object]:
    matches: dict[str, list[tuple[Box, Box]]] = defaultdict(list)
    counts: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for path, own in faces.items():
        image = ImageFile(path).load()
        for source, box, face in pairs(detector.candidates(image), own, image.shape[1]):
            counts[source].append((detector.windows(box), face is not None))
            if face:
                matches[source].append((box, face))
    result: dict[str, object] = {}
    for source, found in sorted(matches.items()):
        new = rule(found)
        residual = [1 - new(box).iou(face) for box, face in found]
        result[source] = {
            "n": len(found),
            "rule": vars(new),
            "residual": {"median": np.median(residual).round(3), "p90": np.quantile(residual, 0.9).round(3)},
            "half": half(counts[source]),
        }
    return result


def measured(detector: HaarCascades, faces: Faces) -> dict[str, object]:
    found = first = false = 0
    spent = 0.0
    for path, own in faces.items():
        image = ImageFile(path).load()
        start = time.thread_time()
        boxes = [landmark_box(box) for box in detector.detect(image)]
        spent += time.thread_time() - start
        hits = [any(box.iou(face) >= SAME for face in own) for box in boxes]
        found += sum(any(box.iou(face) >= SAME for box in boxes) for face in own)
        first += bool(hits and hits[0])
        false += len(hits) - sum(hits)
    return {
        "photos": len(faces),
        "recall": round(found / sum(map(len, faces.values())), 3),
        "best_box_is_labelled": round(first / len(faces), 3),
        "false_per_photo": round(false / len(faces), 2),
        "cpu_ms_per_photo": round(spent / len(faces) * 1000, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit the box rules of the Haar detector.")
    parser.add_argument("scenes", type=Path)
    parser.add_argument("--photos", type=int, default=350, help="photos of train to fit on")
    options = parser.parse_args()
    detector = HaarCascades()
    report = {
        "rules": fitted(detector, labelled(options.scenes, "train", options.photos)),
        "dev": measured(detector, labelled(options.scenes, "dev")),
    }
    print(json.dumps(report, indent=1, default=float))


if __name__ == "__main__":
    main()

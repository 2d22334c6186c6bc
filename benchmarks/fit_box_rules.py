"""Fits the rule from a detector's boxes to the tight boxes of the landmarks; prints JSON.

    python benchmarks/fit_box_rules.py ../shared/data/scenes --detector yunet --yunet FILE.onnx [--photos 350]

``rules`` are what `labelkit.boxrules` holds, by the source of the boxes: medians of the centre's
offset and of the ratio of the sides, from the detector's box to the tight box of the labelled
points, on photos of ``train``. ``residual`` is the median and the 90th percentile of 1 - IoU after the
rule that is in use and after the fitted one. Our own detector, `facefinder`, is trained to give
the tight box: its rule should come out as none, and its residual is its error. ``haar`` takes an
OpenCV below 5.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from haar import HaarCascades

from labelkit.boxrules import BoxRule, landmark_box
from labelkit.detect import Detector, FaceFinder, YuNet
from labelkit.geometry import Box
from labelkit.train.detector.scenes import Scene, read_scenes

Matches = Sequence[tuple[Box, Box]]


def near(box: Box, face: Box) -> bool:
    """Loosely, because no rule is known yet."""
    side = max(face.width, face.height)
    dx, dy = np.subtract(face.center, box.center)
    return abs(dx) < 0.35 * side and abs(dy) < 0.4 * side and 0.6 < box.width / side < 2.2


def matches(detector: Detector, scenes: Sequence[Scene]) -> dict[str, list[tuple[Box, Box]]]:
    """Every box that lies on a labelled face, with the face's, by the source of the box."""
    found: dict[str, list[tuple[Box, Box]]] = defaultdict(list)
    for scene in scenes:
        faces = [Box.around(face.outline) for face in scene.faces]
        for box in detector.detect(scene.image):
            face = next((face for face in faces if near(box, face)), None)
            if face is not None:
                found[str(box.source)].append((box, face))
    return found


def rule(pairs: Matches) -> BoxRule:
    rows = [
        (
            (face.center[0] - box.center[0]) / box.width,
            (face.center[1] - box.center[1]) / box.height,
            face.width / box.width,
            face.height / box.height,
        )
        for box, face in pairs
    ]
    dx, dy, width, height = (round(float(value), 3) for value in np.median(rows, axis=0))
    return BoxRule(dx, dy, width, height)


def residual(off: Sequence[float]) -> dict[str, float]:
    return {"median": round(float(np.median(off)), 3), "p90": round(float(np.quantile(off, 0.9)), 3)}


def report(pairs: Matches) -> dict[str, object]:
    new = rule(pairs)
    return {
        "n": len(pairs),
        "rule": vars(new),
        "residual_in_use": residual([1 - landmark_box(box).iou(face) for box, face in pairs]),
        "residual": residual([1 - new(box).iou(face) for box, face in pairs]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit the box rules of a detector.")
    parser.add_argument("scenes", type=Path)
    parser.add_argument("--detector", choices=["facefinder", "yunet", "haar"], default="facefinder")
    parser.add_argument("--yunet", type=Path, help="YuNet's ONNX file")
    parser.add_argument("--photos", type=int, default=350, help="photos of train to fit on")
    options = parser.parse_args()
    made = {"facefinder": FaceFinder, "yunet": lambda: YuNet(options.yunet), "haar": HaarCascades}
    train = list(read_scenes(options.scenes / "train")[0].scenes)
    random.Random(0).shuffle(train)
    found = matches(made[options.detector](), train[: options.photos])
    print(json.dumps({source: report(pairs) for source, pairs in sorted(found.items())}, indent=1))


if __name__ == "__main__":
    main()

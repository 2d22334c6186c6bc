"""What fine-tuning learns from faces as people correct them: a few points moved, the others accepted.

    python benchmarks/corrections.py ../shared/data/ibug68/dev [--model base] [--faces 5 10] [--point 8]
        [--by 10] [--test 100]

Every face is predicted by the model with its refinement head, from a box as a detector has it. A simulated
labeller moves one point of the scheme (8: the chin) by ``--by`` percent of the distance of the outer eye
corners, away from the eyes, and accepts all others as they are. The first N faces of a shuffled list are
learnt from (`fine_tune`), others are tested: the mean distance from the labels so made, in percent of IOD,
of that point and of all others, before and after. Prints JSON; intervals are from a bootstrap over the test
faces. Exit code 1 where the point's error is not at least halved or the others are off by over 0.1 %.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from labelkit.dataset import Sample
from labelkit.formats import read
from labelkit.geometry import Array, Box
from labelkit.images import RGBImage
from labelkit.landmarks import Landmarks
from labelkit.metrics import bootstrap_interval
from labelkit.models.predictor import LandmarkModel
from labelkit.models.registry import load_model
from labelkit.scheme import Scheme, load_scheme
from labelkit.train.few_shot import fine_tune

#: Outer eye corners of `ibug68`.
RIGHT, LEFT = 36, 45


def detected(landmarks: Landmarks) -> Box:
    """The tight box of the points, as if a detector had found it."""
    low, high = np.nanmin(landmarks.xy, axis=0), np.nanmax(landmarks.xy, axis=0)
    return Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]), "detector")


def predicted(model: LandmarkModel, images: list[RGBImage], boxes: list[Box], scheme: Scheme) -> Array:
    """(M, N, 2) in px."""
    return np.stack([one.xy for one in model.predict(images, boxes, scheme)])


def corrected(xy: Array, point: int, by: float) -> Array:
    """Faces (M, N, 2) with one point moved by so many percent of IOD, away from the eyes."""
    across = xy[:, LEFT] - xy[:, RIGHT]
    moved = xy.copy()
    moved[:, point] += by / 100 * np.stack([-across[:, 1], across[:, 0]], axis=1)
    return moved


def measured(errors: Array) -> dict[str, Any]:
    low, high = bootstrap_interval(errors)
    return {"mean": float(errors.mean()), "interval": [low, high]}


def off(found: Array, labels: Array, point: int) -> tuple[Array, Array]:
    """By face, in percent of IOD: how far the point is off, and the mean of the others, (M,) each."""
    unit = np.linalg.norm(labels[:, LEFT] - labels[:, RIGHT], axis=1)
    errors = 100 * np.linalg.norm(found - labels, axis=2) / unit[:, None]
    return errors[:, point], np.delete(errors, point, axis=1).mean(axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("faces_folder", type=Path)
    parser.add_argument("--model", default="base")
    parser.add_argument("--faces", type=int, nargs="+", default=[5, 10])
    parser.add_argument("--point", type=int, default=8)
    parser.add_argument("--by", type=float, default=10.0)
    parser.add_argument("--test", type=int, default=100)
    options = parser.parse_args()
    scheme, model = load_scheme("ibug68"), load_model(options.model)
    data = read(options.faces_folder, "300w", scheme=scheme)
    samples = [data[i] for i in np.random.default_rng(0).permutation(len(data))]
    samples = samples[: max(options.faces) + options.test]
    images = [sample.image.load() for sample in samples]
    boxes = [detected(sample.landmarks) for sample in samples if sample.landmarks is not None]
    said = predicted(model, images, boxes, scheme)
    labels = corrected(said, options.point, options.by)
    tested = slice(max(options.faces), None)
    curve, held = [], True
    for count in options.faces:
        known = [
            Sample(samples[i].image, boxes[i], Landmarks(scheme, labels[i]), {"person": str(i)})
            for i in range(count)
        ]
        tuned = fine_tune(model, known, scheme)
        assert tuned is not None  # nobody stops it
        found = predicted(tuned.model, images[tested], boxes[tested], scheme)
        before, after = (off(xy, labels[tested], options.point) for xy in (said[tested], found))
        held &= bool(after[0].mean() <= before[0].mean() / 2 and after[1].mean() <= 0.1)
        curve.append(
            {
                "faces": count,
                "point": {"before": measured(before[0]), "after": measured(after[0])},
                "others": {"before": measured(before[1]), "after": measured(after[1])},
                "told": {"before": tuned.before, "after": tuned.after, "seconds": tuned.seconds},
            }
        )
    told = {"model": model.id, "point": options.point, "by": options.by, "test": len(images[tested])}
    print(json.dumps({**told, "curve": curve}, indent=1))
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()

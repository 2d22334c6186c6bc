"""A scheme that is known from one annotated face alone: 189 points on 39 other faces.

    python benchmarks/one_face.py ../shared/data/webmorph189 [--model base] [--choices 5] [--flip]

For each of some faces, spread evenly, a scheme is fitted to that face and no other, through the
inverse map of the model (`labelkit scheme fit --symmetric`), and asked for, zero-shot, on all the
others. The baseline moves the points of that one face by the similarity fitted between the ibug68
points that the same model predicts on both. All start from a detector's boxes, in two passes.

Prints JSON. Errors are in percent of the distance of the labelled outer eye corners (points 18 and
27), means over points, then faces, then choices: of the ``facial`` subset, of the ``rest`` (ears,
hairline, outline of the hair, neck) and of parts of the face. ``ratio`` is ``fitted`` over
``baseline``. ``one_sided`` is the same with the places on the plane left as that face has them, not
made symmetric. ``itself`` is the error on the very face to which the scheme was fitted.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labelkit.dataset import Dataset, Sample
from labelkit.detect import detect_faces
from labelkit.errors import InputError, SchemeError
from labelkit.formats import read
from labelkit.geometry import Array, Box, Similarity
from labelkit.images import RGBImage
from labelkit.models.fit import fit_by_model, trained_on
from labelkit.models.predictor import LandmarkModel
from labelkit.models.registry import load_model

#: The outer eye corners.
CORNERS = (18, 27)

#: Points by part. The rest are ears, hairline, outline of the hair and neck.
PARTS = {
    "eyes": [*range(50)],
    "nose": [*range(50, 71)],
    "brows": [*range(71, 87)],
    "mouth": [*range(87, 109)],
    "jaw and edge": [*range(109, 115), *range(125, 134), *range(185, 189)],
    "cheeks, philtrum, chin": [*range(158, 183)],
}
FACIAL = sorted(i for part in PARTS.values() for i in part)
REST = sorted(set(range(189)) - set(FACIAL))


@dataclass(frozen=True)
class Portraits:
    """The data set in memory: photos, detected boxes, labels (M, 189, 2), the IOD (M,) and the
    predicted points of ibug68 (M, 68, 2)."""

    data: Dataset
    images: list[RGBImage]
    boxes: list[Box]
    true: Array
    unit: Array
    predicted: Array


def portraits(model: LandmarkModel, folder: Path, flip: bool) -> Portraits:
    data = read(folder, format="300w")
    images = [sample.image.load() for sample in data]
    boxes = [best_box(image, sample) for image, sample in zip(images, data, strict=True)]
    true = np.stack([sample.landmarks.xy for sample in data if sample.landmarks is not None])
    found = model.predict(images, boxes, "ibug68", flip=flip)
    unit = np.linalg.norm(true[:, CORNERS[0]] - true[:, CORNERS[1]], axis=1)
    return Portraits(data, images, boxes, true, unit, np.stack([p.xy for p in found]))


def best_box(image: RGBImage, sample: Sample) -> Box:
    boxes = detect_faces(image)
    if not boxes:
        raise InputError(f"{sample.image.path}: no face is found")
    return boxes[0]


def errors(people: Portraits, placed: Array) -> Array:
    """Of points (M, 189, 2), in percent of the IOD, (M, 189)."""
    return np.asarray(100 * np.linalg.norm(placed - people.true, axis=2) / people.unit[:, None])


def by_similarity(people: Portraits, one: int) -> Array:
    """The points of face ``one`` moved to every face, (M, 189, 2)."""
    source, true = people.predicted[one], people.true[one]
    return np.stack([Similarity.fit(source, target)(true) for target in people.predicted])


def by_scheme(people: Portraits, model: LandmarkModel, one: int, symmetric: bool, flip: bool) -> Array:
    """The points of a scheme fitted to face ``one`` on every face, (M, 189, 2).

    Raises `SchemeError` where it should be symmetric and nobody can say what mirrors what.
    """
    sample = people.data[one]
    alone = Dataset((Sample(sample.image, people.boxes[one], sample.landmarks),))
    # A face has its points in the order of the file: the fit knows them by their number only.
    fit = fit_by_model(
        alone, model, None, name="one-face", symmetric=symmetric, trained=trained_on(model.card)
    )
    return np.stack([p.xy for p in model.predict(people.images, people.boxes, fit.scheme, flip=flip)])


def summary(found: list[tuple[int, Array]]) -> dict[str, float]:
    """Means over the faces that the scheme was not fitted to, by part."""
    others = np.stack([np.delete(rows, one, axis=0).mean(axis=0) for one, rows in found]).mean(axis=0)
    parts = {"facial": FACIAL, "rest": REST, **PARTS}
    return {name: float(others[points].mean()) for name, points in parts.items()}


def measure(model: LandmarkModel, folder: Path, choices: int = 5, flip: bool = False) -> dict[str, Any]:
    people = portraits(model, folder, flip)
    count = len(people.images)
    chosen = [i * count // choices for i in range(choices)]
    baseline = [(one, errors(people, by_similarity(people, one))) for one in chosen]
    one_sided = [(one, errors(people, by_scheme(people, model, one, False, flip))) for one in chosen]
    fitted, asymmetric = [], []
    for one, loose in one_sided:
        try:
            fitted.append((one, errors(people, by_scheme(people, model, one, True, flip))))
        except SchemeError:
            fitted.append((one, loose))
            asymmetric.append(one)
    base, best = summary(baseline), summary(fitted)
    return {
        "faces": count,
        "fitted_to": [people.data[one].image.path.stem for one in chosen],
        "not_mirrored": [people.data[one].image.path.stem for one in asymmetric],
        "flip": flip,
        "baseline": base,
        "fitted": best,
        "one_sided": summary(one_sided),
        "ratio": {name: best[name] / base[name] for name in base},
        "ratio_by_choice": [
            summary([fit])["facial"] / summary([plain])["facial"]
            for fit, plain in zip(fitted, baseline, strict=True)
        ],
        "itself": float(np.mean([rows[one][FACIAL].mean() for one, rows in fitted])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="base")
    parser.add_argument("--choices", type=int, default=5, help="how many faces take their turn")
    parser.add_argument("--flip", action="store_true", help="average predictions with the mirrored photo")
    options = parser.parse_args()
    model = load_model(options.model)
    print(
        json.dumps(
            {"model": model.id, **measure(model, options.data, options.choices, options.flip)}, indent=1
        )
    )


if __name__ == "__main__":
    main()

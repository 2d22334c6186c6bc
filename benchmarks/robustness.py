"""How much worse points become when the box is off or the photo is turned.

    python benchmarks/robustness.py ../shared/data/ibug68/dev [--model base] [--faces N] [--flip]

Prints JSON. Every labelled face is predicted from the tight box of its 68 points, then again with

- the box moved by 10 % of its sides, in 8 directions,
- the box made smaller and larger by 10 % about its centre,
- the photo turned by 15 degrees about the box's centre, either way, with the box tight around the
  turned points. What was outside of the photo repeats its border.

``given`` takes the box for what it is said to be, that of the points, which is believed: one pass.
``drawn`` takes it for one that a person drew or a detector found (kind ``user``), as
boxes that are off usually are: two passes. ``grows_by`` is the growth in percent of the mean
NME over the faces against the same kind of box unmoved; ``worst`` is the largest of every kind of
change, over its directions.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from labelled import LabelledFace, labelled_faces

from labelkit.geometry import Box, Similarity
from labelkit.images import RGBImage
from labelkit.models.predictor import LandmarkModel
from labelkit.models.registry import load_model
from labelkit.scheme import load_scheme

#: How far a box is moved and grown, as a share of its sides, and how far a photo is turned.
MOVED, SCALED, TURNED = 0.1, 0.1, 15.0

DIRECTIONS = {f"{45 * i}": np.deg2rad(45 * i) for i in range(8)}

#: A photo, the box to start from and the true points in that photo.
View = tuple[RGBImage, Box, np.ndarray]
Change = Callable[[LabelledFace], View]


def tight(face: LabelledFace) -> Box:
    return Box.around(face.xy, "ibug68")


def moved(angle: float) -> Change:
    def change(face: LabelledFace) -> View:
        box = tight(face)
        dx, dy = MOVED * box.width * np.cos(angle), MOVED * box.height * np.sin(angle)
        x0, y0, x1, y1 = box.xyxy
        return face.image, replace(box, x0=x0 + dx, y0=y0 + dy, x1=x1 + dx, y1=y1 + dy), face.xy

    return change


def scaled(factor: float) -> Change:
    def change(face: LabelledFace) -> View:
        box = tight(face)
        (cx, cy), w, h = box.center, factor * box.width / 2, factor * box.height / 2
        return face.image, replace(box, x0=cx - w, y0=cy - h, x1=cx + w, y1=cy + h), face.xy

    return change


def turned(degrees: float) -> Change:
    def change(face: LabelledFace) -> View:
        centre, angle = np.array(tight(face).center), np.deg2rad(degrees)
        turn = Similarity(float(np.cos(angle)), float(np.sin(angle)), 0.0, 0.0)
        tx, ty = centre - turn(centre)
        turn = replace(turn, tx=float(tx), ty=float(ty))
        height, width = face.image.shape[:2]
        image = cv2.warpAffine(face.image, turn.matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        xy = turn(face.xy)
        return np.asarray(image, np.uint8), Box.around(xy, "ibug68"), xy

    return change


CHANGES: dict[str, dict[str, Change]] = {
    "moved": {name: moved(angle) for name, angle in DIRECTIONS.items()},
    "scaled": {f"{factor:g}": scaled(factor) for factor in (1 - SCALED, 1 + SCALED)},
    "turned": {f"{degrees:+g}": turned(degrees) for degrees in (-TURNED, TURNED)},
}


def error(
    model: LandmarkModel, faces: list[LabelledFace], change: Change, kind: str, flip: bool = False
) -> float:
    """The mean NME in percent after a change."""
    scheme = load_scheme("ibug68")
    views = [change(face) for face in faces]
    boxes = [box if kind == "given" else replace(box, kind="user", source=None) for _, box, _ in views]
    found = model.predict([image for image, _, _ in views], boxes, scheme, flip=flip)
    errors = [
        np.linalg.norm(prediction.xy - xy, axis=1).mean() / scheme.normalizer(xy)
        for prediction, (_, _, xy) in zip(found, views, strict=True)
    ]
    return 100 * float(np.mean(errors))


def measure(model: LandmarkModel, faces: list[LabelledFace], flip: bool = False) -> dict[str, Any]:
    result: dict[str, Any] = {"faces": len(faces), "flip": flip}
    for kind in ("given", "drawn"):
        plain = error(model, faces, scaled(1.0), kind, flip)
        growth = {
            what: {
                name: 100 * (error(model, faces, change, kind, flip) / plain - 1)
                for name, change in turns.items()
            }
            for what, turns in CHANGES.items()
        }
        worst = {what: max(by.values()) for what, by in growth.items()}
        result[kind] = {"nme_io": plain, "worst": worst, "grows_by": growth}
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="base")
    parser.add_argument("--faces", type=int, help="how many faces at most, spread evenly")
    parser.add_argument("--flip", action="store_true")
    options = parser.parse_args()
    model = load_model(options.model)
    faces = labelled_faces(options.data, options.faces)
    print(json.dumps({"model": model.id, **measure(model, faces, options.flip)}, indent=1))


if __name__ == "__main__":
    main()

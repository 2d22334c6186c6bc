"""Measure a model on everything there is and write the figures into its card.

    python benchmarks/card.py base --data ../shared/data [-o FILE] [--final] [--faces N]
    labelkit models show FILE

Without ``-o`` the figures are printed as JSON and nothing is written; ``-o`` also writes the model
with its card (the file of MODEL itself may be named). Measured are

- ``sets``: `labelkit evaluate` on `ibug68/dev` and `video68/dev`, with boxes from annotations and
  from the detector. ``--final`` adds `ibug68/val`, `video68/val` and `photos`, which are looked at
  once, when nothing is chosen any more. ``kinds`` splits every set, with boxes from annotations:
  by how far faces are turned, to which side does not matter (the 3D head fitted to the labels says
  it, in degrees), and by thirds of the set in size (larger side of the tight box, px) and in
  sharpness (variance of the Laplacian of the crop at 96 px over the variance of the crop).
- ``robustness``, ``test_time``, ``independence``: see the scripts of these names; on `ibug68/dev`.
- ``one_face``: see `one_face.py`; on `webmorph189`.

The labels of `video68` are a few percent off themselves: its figures compare models and are no
measure of one.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import independence
import numpy as np
import one_face
import robustness
import test_time
from labelled import face_size, labelled_faces, part, sharpness, thirds, yaw_bands

from labelkit import __version__
from labelkit.dataset import Dataset
from labelkit.detect import default_detector, detect_faces
from labelkit.formats import read
from labelkit.models.fit import evenly
from labelkit.models.predictor import LandmarkModel
from labelkit.models.registry import add_to_card, find_model, load_model
from labelkit.scheme import load_scheme
from labelkit.train.evaluate import Evaluation, evaluate
from labelkit.train.head.model import HeadModel, load_head

DEV = ("ibug68/dev", "video68/dev")
FINAL = ("ibug68/val", "video68/val", "photos")

NOTES = {
    "video68/dev": "labels are 3 to 5 % off themselves",
    "video68/val": "labels are 3 to 5 % off themselves",
}

USES = {
    "for": [
        "first labels of faces in photos, which people then check and correct",
        "research on face landmarks, and schemes that nobody has trained on",
    ],
    "not_for": [
        "commercial products or services: the annotations it learnt from are for research only",
        (
            "recognising, following or watching people, or guessing who they are, what they feel, "
            "their health, origin, age or character"
        ),
        (
            "measurements that decide about a person, such as medical or forensic ones: points are "
            "several percent of the eye distance off"
        ),
        "ground truth: points that no person has confirmed are predictions, not labels",
        (
            "profiles, faces under about 40 px, faces mostly covered, drawings and animals, unless "
            "every point is checked"
        ),
    ],
    "unknown": [
        (
            "whether it errs alike on all people: the photos come from the web and from videos of public "
            "figures, and nothing is recorded about age, sex or skin by which to measure it"
        ),
    ],
}


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def figures(result: Evaluation) -> dict[str, Any]:
    """What is kept of an evaluation: all but the speed (see ``test_time``), and the calibration
    only of a model that says how sure it is."""
    found = result.to_dict()
    if not all(map(math.isfinite, found["calibration"].values())):
        del found["calibration"]
    return {key: value for key, value in found.items() if not key.endswith("faces_per_s")}


def kinds(result: Evaluation, head: HeadModel) -> dict[str, Any]:
    """The errors of a set by kinds of faces."""
    nme = np.concatenate([result.nme_io, np.full(result.missed, np.nan)])
    faces = np.stack([match.true for match in result.matches])
    sharp = np.array([sharpness(match.image.load(), match.true) for match in result.matches])
    splits = {
        "turned": yaw_bands(head, faces),
        "size": thirds(np.array([face_size(xy) for xy in faces]), ("small", "medium", "large")),
        "sharpness": thirds(sharp, ("blurred", "medium", "sharp")),
    }
    return {
        what: {name: part(nme[chosen]) for name, chosen in bands.items()} for what, bands in splits.items()
    }


def measure_set(model: LandmarkModel, data: Dataset, head: HeadModel) -> dict[str, Any]:
    scheme = load_scheme("ibug68")
    given = evaluate(model, data, scheme)
    found = evaluate(model, data, scheme, boxes="detector", find=detect_faces)
    return {"annotations": figures(given), "detector": figures(found), "kinds": kinds(given, head)}


def read_set(data: Path, name: str, faces: int | None) -> Dataset:
    every = read(data / name, format="300w", scheme="ibug68")
    return every if faces is None else evenly(every, faces)


def measure(model: LandmarkModel, data: Path, sets: tuple[str, ...], faces: int | None) -> dict[str, Any]:
    head = load_head(data / "ict" / "ict_face_model_light.npz")
    result: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "labelkit": __version__,
        "model": model.id,
        "precision": str(model.dtype).removeprefix("torch."),
        "detector": default_detector().name,
        "sets": {},
    }
    for name in sets:
        note(f"{name} ...")
        result["sets"][name] = measure_set(model, read_set(data, name, faces), head)
        result["sets"][name]["note"] = NOTES.get(name, "")
    note("robustness ...")
    dev = labelled_faces(data / DEV[0], faces)
    result["robustness"] = robustness.measure(model, dev)
    note("independence ...")
    result["independence"] = independence.measure(model, dev[:: max(1, len(dev) // 16)])
    note("test-time options ...")
    result["test_time"] = test_time.measure(model, read_set(data, DEV[0], faces))
    note("one face ...")
    result["one_face"] = one_face.measure(model, data / "webmorph189")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", "-o", type=Path)
    parser.add_argument("--final", action="store_true", help="also the sets that are looked at once")
    parser.add_argument("--faces", type=int, help="at most that many of every set, for a rehearsal")
    options = parser.parse_args()
    path = find_model(options.model)
    model = load_model(path)
    sets = DEV + (FINAL if options.final else ())
    measured = measure(model, options.data, sets, options.faces)
    if options.out is not None:
        add_to_card(path, options.out, {"uses": USES, "measured": measured})
        note(f"written: {options.out}")
    print(json.dumps(measured, indent=1))


if __name__ == "__main__":
    main()

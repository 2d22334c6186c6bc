"""Landmarks carried from one scheme to another: how far off they are, and what was estimated.

    python benchmarks/convert.py ../shared/data [--split val] [--faces 40] [--model base]

Prints JSON; all figures in percent of the face's IOD (the scale of the similarity from the plane
times 0.76). ``faces`` takes that many, evenly spread; by default all.

``hidden``: labelled points of `ibug68` are hidden, carried over from the others by
`labelkit.scheme.convert`, and compared with their labels: mean error and mean estimate for
several choices of what is known, among them the points that `wflw98` shares; then for tenths of
all these points, ordered by their estimate.

``schemes``: the model predicts `wflw98` and `ibug68`; the former, converted, is compared with the
latter by point, shared points apart from the others. Both rest on the same model's field, so
this measures the conversion, not the model.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from labelkit.dataset import Dataset
from labelkit.formats import read
from labelkit.geometry import PLANE_IOD, Array, Box
from labelkit.models.registry import load_model
from labelkit.scheme import Scheme, load_scheme
from labelkit.scheme.convert import convert, converter

#: Points of ibug68 taken as known; the others are hidden.
KNOWN = {
    "eyes_nose_mouth": [36, 39, 42, 45, 30, 48, 54],
    "eighteen": [8, 17, 19, 21, 22, 24, 26, 30, 31, 35, 36, 39, 42, 45, 48, 51, 54, 57],
    "every_second": list(range(0, 68, 2)),
    "no_jaw": list(range(17, 68)),
    "jaw_and_eye_corners": [*range(17), 36, 45],
}


def sizes(scheme: Scheme, faces: Array) -> Array:
    """The IOD-equivalent of every face (B, N, 2), in its own unit, (B, 1)."""
    return np.array([[scheme.align(face).scale * PLANE_IOD] for face in faces])


def hidden_points(faces: Array, ibug: Scheme, wflw: Scheme) -> dict[str, Any]:
    shared = converter(wflw, ibug).origin >= 0
    choices = {"shared_with_wflw98": np.flatnonzero(shared).tolist(), **KNOWN}
    iod = sizes(ibug, faces)
    sets: dict[str, Any] = {}
    everything = []
    for name, known in choices.items():
        hidden = np.setdiff1d(np.arange(len(ibug)), known)
        given = faces.copy()
        given[:, hidden] = np.nan
        found = convert(given, ibug, ibug)
        error = 100 * np.linalg.norm(found.points - faces, axis=2)[:, hidden] / iod
        estimate = 100 * found.error[:, hidden]
        sets[name] = {"hidden": len(hidden), "error": error.mean(), "estimate": estimate.mean()}
        everything.append(np.stack([estimate.ravel(), error.ravel()]))
    estimate, error = np.concatenate(everything, axis=1)
    tenths = np.array_split(np.argsort(estimate), 10)
    return {
        "sets": sets,
        "tenths": [{"estimate": estimate[rows].mean(), "error": error[rows].mean()} for rows in tenths],
        "below_twice_the_estimate": 100 * (error < 2 * estimate).mean(),
    }


def between_schemes(data: Dataset, model_name: str, ibug: Scheme, wflw: Scheme) -> dict[str, Any]:
    model = load_model(model_name)
    direct, other = [], []
    for sample in data:
        assert sample.landmarks is not None
        box = Box.around(sample.landmarks.xy, ibug.name)
        image = sample.image.load()
        direct.append(model.predict([image], [box], ibug)[0].xy)
        other.append(model.predict([image], [box], wflw)[0].xy)
    expected = np.stack(direct)
    found = convert(np.stack(other), wflw, ibug)
    error = 100 * np.linalg.norm(found.points - expected, axis=2) / sizes(ibug, expected)
    estimate = 100 * found.error
    parts = {}
    for name, these in (("shared", found.shared), ("others", ~found.shared)):
        parts[name] = {
            "points": int(these.sum()),
            "mean": error[:, these].mean(),
            "worst_point_mean": error[:, these].mean(axis=0).max(),
            "p95": np.quantile(error[:, these], 0.95),
            "estimate": estimate[:, these].mean(),
        }
    rows = zip(ibug.names, found.shared.tolist(), error.mean(axis=0), estimate.mean(axis=0), strict=True)
    points = [{"name": n, "shared": s, "error": e, "estimate": guess} for n, s, e, guess in rows]
    return {"model": model.id, **parts, "points": points}


def rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [rounded(entry) for entry in value]
    return round(float(value), 3) if isinstance(value, (float, np.floating)) else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", choices=("dev", "val"), default="val")
    parser.add_argument("--faces", type=int)
    parser.add_argument("--model", default="base")
    options = parser.parse_args()
    ibug, wflw = load_scheme("ibug68"), load_scheme("wflw98")
    data = read(options.data / "ibug68" / options.split, format="300w", scheme=ibug)
    faces = np.array([sample.landmarks.xy for sample in data if sample.landmarks is not None])
    count = min(options.faces or len(data), len(data))
    chosen = Dataset(
        tuple(data[int(i)] for i in np.linspace(0, len(data) - 1, count).round()), ibug, data.root
    )
    result = {
        "split": options.split,
        "hidden": {"faces": len(faces), **hidden_points(faces, ibug, wflw)},
        "schemes": {"faces": len(chosen), **between_schemes(chosen, options.model, ibug, wflw)},
    }
    print(json.dumps(rounded(result), indent=1))


if __name__ == "__main__":
    main()

"""What a few confirmed faces teach a model about a scheme that it has never seen.

    python benchmarks/few_shot.py ../shared/data/webmorph189 [--model base] [--faces 1 5 10 20]
        [--flip] [--figure few_shot.png] [--card base]
    python benchmarks/few_shot.py ../shared/data --sixteen LEFT_OUT.safetensors [--faces 1 10 20 50]
        [--figure sixteen.png] [--card base]

First form: the 189 points of `webmorph189`, on 20 test faces drawn by `numpy.random.default_rng(0)`;
the first N of the other 20 are learnt from, and the scheme is fitted to the same N faces (`labelkit
scheme fit --symmetric`). Faces start from a detector's box. Errors are in percent of the distance of
the labelled outer eye corners (points 18 and 27): of the ``facial`` subset and of the ``rest`` (ears,
hairline, outline of the hair, neck). ``zero_shot`` is the model as it is without its refinement head,
``zero_shot_head`` with it, ``tuned`` and ``tuned_head`` the same after `fine_tune`, ``oracle`` the mean
shape of the N faces under the similarity that fits it best to the *true* facial points. ``ratio`` is that
of the tuned model to the oracle, with its head where it has one, ``gain`` that to the model in use before;
``alone`` holds both without the head. ``inside`` is the percentage of the points inside the ellipses that
are to hold 39, 68, 86 and 95 of them. ``told`` is what the fine-tuning itself says of its errors, over
all points, by leaving out people of the N.

Second form: sixteen points of `ibug68` as a scheme of their own, for a model that was trained on the
other 52 (`benchmarks/sixteen_model.py`) and not on the 300 photos, spread evenly over `ibug68/train`, from
which faces are taken here; tested on `ibug68/dev`, boxes around the labelled points, two passes.

Prints JSON; intervals are from a bootstrap over the test faces. A fine-tuning's time is that of
`fine_tune` alone, on as many threads as torch has (``threads``). ``--card`` also writes the curve beside
a model, where `labelkit models show` finds it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from leave_out import SIXTEEN
from one_face import CORNERS, FACIAL, REST, best_box

from labelkit.dataset import Dataset, Sample
from labelkit.errors import SchemeError
from labelkit.formats import read
from labelkit.geometry import Array, Box, Similarity, procrustes_mean
from labelkit.images import RGBImage
from labelkit.landmarks import Landmarks
from labelkit.metrics import bootstrap_interval, calibration
from labelkit.models.fit import evenly, fit_by_model, trained_on
from labelkit.models.measures import add_measures, measures
from labelkit.models.predictor import LandmarkModel
from labelkit.models.registry import find_model, load_model
from labelkit.prediction import Prediction
from labelkit.scheme import Scheme, load_scheme, pairs_from_index
from labelkit.train.few_shot import Tuned, fine_tune

#: Faces of `ibug68/train` that the model of the second form must not have seen.
POOL = 300

#: What the curves are called.
LABELS = {
    "oracle": "mean shape, oracle similarity",
    "zero_shot": "zero-shot, without head",
    "zero_shot_head": "zero-shot",
    "tuned": "fine-tuned, without head",
    "tuned_head": "fine-tuned",
}


@dataclass(frozen=True)
class Faces:
    """Photos in memory with their boxes, labels (M, N, 2), the distance (M,), and the samples."""

    samples: list[Sample]
    images: list[RGBImage]
    boxes: list[Box]
    true: Array
    unit: Array

    def part(self, rows: Sequence[int]) -> Faces:
        chosen = list(rows)
        return Faces(
            [self.samples[i] for i in chosen],
            [self.images[i] for i in chosen],
            [self.boxes[i] for i in chosen],
            self.true[chosen],
            self.unit[chosen],
        )

    def errors(self, placed: Array) -> Array:
        """In percent of the distance, (M, N)."""
        return np.asarray(100 * np.linalg.norm(placed - self.true, axis=2) / self.unit[:, None])


def portraits(folder: Path) -> Faces:
    data = list(read(folder, format="300w"))
    images = [sample.image.load() for sample in data]
    boxes = [best_box(image, sample) for image, sample in zip(images, data, strict=True)]
    true = np.stack([sample.landmarks.xy for sample in data if sample.landmarks is not None])
    unit = np.linalg.norm(true[:, CORNERS[0]] - true[:, CORNERS[1]], axis=1)
    samples = [Sample(s.image, box, s.landmarks) for s, box in zip(data, boxes, strict=True)]
    return Faces(samples, images, boxes, true, unit)


def sixteen(data: Dataset) -> Faces:
    """Faces with the sixteen points only; their boxes are those of all 68."""
    whole = np.stack([sample.landmarks.xy for sample in data if sample.landmarks is not None])
    boxes = [Box.around(xy, "ibug68") for xy in whole]
    true = whole[:, list(SIXTEEN)]
    samples = [
        Sample(sample.image, box, Landmarks("sixteen", xy))
        for sample, box, xy in zip(data, boxes, true, strict=True)
    ]
    unit = np.linalg.norm(whole[:, 36] - whole[:, 45], axis=1)
    return Faces(samples, [s.image.load() for s in data], boxes, true, unit)


def sixteen_scheme() -> Scheme:
    whole = load_scheme("ibug68")
    place = {index: i for i, index in enumerate(SIXTEEN)}
    mirror = [place[int(whole.mirror_index[index])] for index in SIXTEEN]
    return Scheme("sixteen", tuple(whole.points[i] for i in SIXTEEN), pairs_from_index(mirror))


def fitted_scheme(model: LandmarkModel, train: Faces) -> Scheme:
    """The scheme as its users would fit it, symmetric where these faces show what mirrors what."""
    data, trained = Dataset(tuple(train.samples)), trained_on(model.card)
    try:
        return fit_by_model(data, model, None, name="web", symmetric=True, trained=trained).scheme
    except SchemeError:
        return fit_by_model(data, model, None, name="web", trained=trained).scheme


def oracle(train: Faces, test: Faces) -> Array:
    """The mean shape laid over the true facial points, (M, N, 2)."""
    mean = procrustes_mean(train.true) if len(train.true) > 1 else train.true[0]
    return np.stack([Similarity.fit(mean[FACIAL], xy[FACIAL])(mean) for xy in test.true])


def asked(model: LandmarkModel, faces: Faces, scheme: Scheme, flip: bool) -> dict[str, list[Prediction]]:
    """What the model says without its head ("") and, where it has one, with it ("_head")."""

    def found(refine: bool) -> list[Prediction]:
        return model.predict(faces.images, faces.boxes, scheme, passes=2, flip=flip, refine=refine)

    return {"": found(False)} | ({"_head": found(True)} if model.refiner is not None else {})


def errors_of(name: str, said: dict[str, list[Prediction]], faces: Faces) -> dict[str, Array]:
    """Errors (M, N) by the name of the curve."""
    return {name + kind: faces.errors(np.stack([p.xy for p in found])) for kind, found in said.items()}


def inside(said: dict[str, list[Prediction]], faces: Faces, points: Sequence[int]) -> dict[str, float]:
    """The percentage of the ``points`` inside their ellipses; empty without a head."""
    if "_head" not in said:
        return {}
    xy, cov = (np.stack([getattr(p, key) for p in said["_head"]]) for key in ("xy", "cov"))
    shares = calibration(xy[:, points], cov[:, points], faces.true[:, points])
    return {name: 100 * share for name, share in shares.items()}


def compared(rows: dict[str, Array]) -> dict[str, Any]:
    """The means of errors (M,) by the curve's name, and the ratios that matter."""
    entry: dict[str, Any] = {name: figures(found) for name, found in rows.items()}
    kinds = {"": "_head" if "tuned_head" in rows else ""}
    if "tuned_head" in rows:
        kinds["alone"] = ""
    for key, kind in kinds.items():
        told = {"gain": ratio(rows[f"tuned{kind}"], rows[f"zero_shot{kind}"])}
        if "oracle" in rows:
            told["ratio"] = ratio(rows[f"tuned{kind}"], rows["oracle"])
        entry |= {key: told} if key else told
    return entry


def tune(model: LandmarkModel, train: Faces, scheme: Scheme) -> tuple[LandmarkModel, dict[str, Any]]:
    samples = [
        Sample(s.image, s.box, Landmarks(scheme, xy)) for s, xy in zip(train.samples, train.true, strict=True)
    ]
    tuned = fine_tune(model, samples, scheme)
    assert isinstance(tuned, Tuned)
    names = ("stage", "before", "after", "alone", "checked", "steps", "seconds")
    told = {key: getattr(tuned, key) for key in names}
    if tuned.head is not None:
        told["head"] = {key: getattr(tuned.head, key) for key in ("stage", "share", "spread")}
    return tuned.model, told


def figures(rows: Array) -> dict[str, Any]:
    """The mean over faces of errors (M,), with its interval."""
    return {"mean": float(rows.mean()), "interval": list(bootstrap_interval(rows))}


def ratio(rows: Array, others: Array, rounds: int = 2000) -> dict[str, Any]:
    """The ratio of the means of two errors of the same faces (M,), with its interval."""
    pick = np.random.default_rng(0).integers(0, len(rows), (rounds, len(rows)))
    drawn = rows[pick].mean(axis=1) / others[pick].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"mean": float(rows.mean() / others.mean()), "interval": [float(low), float(high)]}


def webmorph(model: LandmarkModel, folder: Path, counts: Sequence[int], flip: bool) -> dict[str, Any]:
    everybody = portraits(folder)
    order = np.random.default_rng(0).permutation(len(everybody.samples)).tolist()
    half = len(order) // 2
    test, rest = everybody.part(order[:half]), order[half:]
    curve = []
    for count in counts:
        train = everybody.part(rest[:count])
        scheme = fitted_scheme(model, train)
        better, told = tune(model, train, scheme)
        said = asked(better, test, scheme, flip)
        errors = {
            **errors_of("zero_shot", asked(model, test, scheme, flip), test),
            **errors_of("tuned", said, test),
            "oracle": test.errors(oracle(train, test)),
        }
        entry: dict[str, Any] = {"faces": count, "told": told}
        for part, points in (("facial", FACIAL), ("rest", REST)):
            entry[part] = compared({name: found[:, points].mean(axis=1) for name, found in errors.items()})
            entry[part]["inside"] = inside(said, test, points)
        curve.append(entry)
    test_names = [sample.image.path.stem for sample in test.samples]
    return {"set": "webmorph189", "flip": flip, "test": test_names, "curve": curve}


def left_out(model: LandmarkModel, data: Path, counts: Sequence[int], flip: bool) -> dict[str, Any]:
    pool = evenly(read(data / "ibug68" / "train", format="300w"), POOL)
    test = sixteen(read(data / "ibug68" / "dev", format="300w"))
    scheme = sixteen_scheme()
    begun = errors_of("zero_shot", asked(model, test, scheme, flip), test)
    curve = []
    for count in counts:
        better, told = tune(model, sixteen(evenly(pool, count)), scheme)
        said = asked(better, test, scheme, flip)
        errors = {**begun, **errors_of("tuned", said, test)}
        entry = compared({name: found.mean(axis=1) for name, found in errors.items()})
        curve.append(
            {"faces": count, "told": told, **entry, "inside": inside(said, test, range(len(scheme)))}
        )
    names = [str(sample.image.path.relative_to(data)) for sample in pool]
    return {"set": "sixteen", "flip": flip, "curve": curve, "pool": names}


def draw(result: dict[str, Any], path: Path) -> None:
    """Errors over the number of faces."""
    from matplotlib.figure import Figure

    parts = ("facial", "rest") if result["set"] == "webmorph189" else ("",)
    figure = Figure((5.5 * len(parts), 4), layout="constrained")
    for part, axes in zip(parts, figure.subplots(1, len(parts), squeeze=False)[0], strict=True):
        for name in LABELS:
            entries = [(row["faces"], (row[part] if part else row).get(name)) for row in result["curve"]]
            known = [(faces, entry) for faces, entry in entries if entry is not None]
            if not known:
                continue
            count = [faces for faces, _ in known]
            mean = np.array([entry["mean"] for _, entry in known])
            low, high = np.array([entry["interval"] for _, entry in known]).T
            axes.errorbar(count, mean, [mean - low, high - mean], marker="o", capsize=3, label=LABELS[name])
        axes.set(xlabel="confirmed faces", ylabel="error, % of IOD", title=part, ylim=(0, None))
        axes.grid(color="0.9")
        axes.legend()
    figure.savefig(path, dpi=120)


def keep(result: dict[str, Any], model: LandmarkModel, path: Path) -> None:
    """Write the curve beside the model in the file ``path``."""
    kept = {key: result[key] for key in ("flip", "curve")}
    told = {"model": model.id, "date": datetime.now(UTC).date().isoformat(), **kept}
    add_measures(path, {"few_shot": {**measures(path).get("few_shot", {}), result["set"]: told}})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="base")
    parser.add_argument("--sixteen", type=Path, help="a model that was trained without the sixteen points")
    parser.add_argument("--faces", type=int, nargs="+")
    parser.add_argument("--flip", action="store_true", help="average predictions with the mirrored photo")
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--card", help="the model beside which the curve is written for its card")
    options = parser.parse_args()
    model = load_model(options.sixteen or options.model)
    if options.sixteen is not None:
        result = left_out(model, options.data, options.faces or (1, 10, 20, 50), options.flip)
    else:
        result = webmorph(model, options.data, options.faces or (1, 5, 10, 20), options.flip)
    if options.figure is not None:
        draw(result, options.figure)
    if options.card is not None:
        keep(result, model, find_model(options.card))
    print(json.dumps({"model": model.id, "threads": torch.get_num_threads(), **result}, indent=1))


if __name__ == "__main__":
    main()

"""What a refinement head gains, and whether its spread can be believed.

    python benchmarks/uncertainty.py ../shared/data/ibug68/dev --scheme ibug68 [--model base]
        [--points 33,57 | --points sixteen] [--out uncertainty.png] [--card HEAD]

Prints JSON, errors relative to the distance of the outer eye corners, boxes from annotations, intervals
(95 %) by bootstrap over faces:

- ``nme``: in percent, of the model alone, of a second pass of it, and refined, with ``gain``: how much
  less than the model alone in percent of that (positive is better).
- ``calibration``: the percentage of the points inside the 39, 68, 86 and 95 % ellipses.
- ``rank``: Spearman's correlation of predicted spread and error within each landmark, averaged
  (``within``), and over all points (``all``) beside that of a spread which is the same for a landmark on
  every face, its mean error (``constant``), which knows the answer and still says nothing about a face.
- ``sparsification``: the NME of the half of the points that is held to be most certain, over that of all.
- ``confidence``: for tenths of the points by confidence, what it says on average and the share of the
  points whose error is below 5 %.

The picture shows calibration, confidence and the error that is left when only the most certain points
are kept. ``--points`` looks at some points of the scheme alone. With ``sixteen`` these are the points of
`ibug68` that `benchmarks/sixteen_model.py` leaves out of the training of a model and of its head: both are
then asked for places on the plane that they were never asked for, and the spread is that of a
scheme which somebody has just drawn.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from leave_out import SIXTEEN
from scipy.stats import spearmanr

from labelkit.calibration import RIGHT
from labelkit.checkpoint import read_card
from labelkit.dataset import Dataset
from labelkit.formats import read
from labelkit.geometry import Array, Box, ellipse_radius
from labelkit.metrics import ELLIPSES, bootstrap_interval, mahalanobis
from labelkit.models.predictor import LandmarkModel
from labelkit.models.registry import add_to_card, load_model
from labelkit.scheme import Scheme, load_scheme

ROUNDS = 500


class Measured:
    """Faces as predicted in three ways: errors (M, N), spreads (M, N) and distances in units of the
    spread (M, N), confidences (M, N)."""

    def __init__(self, model: LandmarkModel, data: Dataset, scheme: Scheme, chosen: list[int]) -> None:
        faces = [sample for sample in data if sample.landmarks is not None]
        true = np.array([face.landmarks.xy for face in faces if face.landmarks is not None])
        images = [face.image.load() for face in faces]
        boxes = [Box.around(xy, scheme.name) for xy in true]
        unit = np.array([scheme.normalizer(xy) for xy in true])[:, None]

        def errors(**options: Any) -> tuple[Array, Array, Array, Array]:
            found = model.predict(images, boxes, scheme, **options)
            xy, cov = np.array([p.xy for p in found])[:, chosen], np.array([p.cov for p in found])[:, chosen]
            off = np.linalg.norm(xy - true[:, chosen], axis=2) / unit
            spread = np.sqrt(np.trace(cov, axis1=2, axis2=3)) / unit
            sure = np.array([p.confidence for p in found])[:, chosen]
            return off, spread, mahalanobis(xy, cov, true[:, chosen]), sure

        self.alone = errors(refine=False, passes=1)[0]
        self.twice = errors(refine=False, passes=2)[0]
        self.errors, self.spread, self.distance, self.sure = errors(passes=1)


def over_faces(count: int, figure: Any) -> list[float]:
    """The 95 % interval of a figure of some faces, drawn with replacement."""
    rng = np.random.default_rng(0)
    values = [figure(rng.integers(0, count, count)) for _ in range(ROUNDS)]
    return [float(v) for v in np.nanquantile(values, [0.025, 0.975])]


def told(figure: Any, count: int) -> dict[str, Any]:
    return {"value": float(figure(np.arange(count))), "interval": over_faces(count, figure)}


def nme(errors: Array, alone: Array) -> dict[str, Any]:
    per_face, before = np.nanmean(errors, axis=1), np.nanmean(alone, axis=1)
    saved = before - per_face
    return {
        "nme_io": 100 * float(per_face.mean()),
        "interval": [100 * v for v in bootstrap_interval(per_face)],
        "gain": 100 * float(saved.mean() / before.mean()),
        "gain_interval": [100 * v / before.mean() for v in bootstrap_interval(saved)],
    }


def within(spread: Array, errors: Array) -> float:
    """Spearman's correlation in every column, averaged."""
    ranks = [spearmanr(s, e, nan_policy="omit")[0] for s, e in zip(spread.T, errors.T, strict=True)]
    return float(np.nanmean(ranks))


def most_certain(spread: Array, errors: Array, share: float) -> float:
    """The mean error of that share of the points over that of all."""
    kept = np.argsort(spread, axis=None)[: max(1, round(share * spread.size))]
    return float(np.nanmean(errors.ravel()[kept]) / np.nanmean(errors))


def figures(found: Measured) -> dict[str, Any]:
    errors, spread, count = found.errors, found.spread, len(found.errors)
    constant = np.broadcast_to(np.nanmean(errors, axis=0), errors.shape)

    def inside(level: float) -> dict[str, Any]:
        radius = ellipse_radius(level)
        return told(lambda rows: 100 * np.mean(found.distance[rows] <= radius), count)

    return {
        "faces": count,
        "points": errors.shape[1],
        "nme": {
            "alone": nme(found.alone, found.alone),
            "second pass": nme(found.twice, found.alone),
            "refined": nme(errors, found.alone),
        },
        "calibration": {f"p{round(100 * level)}": inside(level) for level in ELLIPSES},
        "rank": {
            "within": told(lambda rows: within(spread[rows], errors[rows]), count),
            "all": told(lambda rows: spearmanr(spread[rows].ravel(), errors[rows].ravel())[0], count),
            "constant": told(lambda rows: spearmanr(constant[rows].ravel(), errors[rows].ravel())[0], count),
        },
        "sparsification": told(lambda rows: most_certain(spread[rows], errors[rows], 0.5), count),
        "confidence": tenths(found),
    }


def tenths(found: Measured) -> list[dict[str, float]]:
    order = np.argsort(found.sure, axis=None)
    right = (found.errors < RIGHT).ravel()
    return [
        {"said": float(found.sure.ravel()[some].mean()), "right": float(right[some].mean())}
        for some in np.array_split(order, 10)
    ]


def draw(found: Measured, told_of: dict[str, Any], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure((12, 3.8), layout="constrained")
    shares, sure, kept = figure.subplots(1, 3)
    levels = np.linspace(0.02, 0.98, 49)
    inside = [np.mean(found.distance <= ellipse_radius(level)) for level in levels]
    shares.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    shares.plot(levels, inside, color="#0072B2")
    shares.set(xlabel="share that the ellipse is to hold", ylabel="share inside", title="ellipses")
    sure.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    entries = told_of["confidence"]
    sure.plot(
        [e["said"] for e in entries], [e["right"] for e in entries], "o-", color="#D55E00", markersize=4
    )
    sure.set(xlabel="confidence", ylabel="share below 5 % of the eye distance", title="confidence")
    steps = np.linspace(0.05, 1, 20)
    ways = {"by spread": found.spread, "if the errors were known": found.errors}
    for (name, by), colour in zip(ways.items(), ("#0072B2", "0.6"), strict=True):
        kept.plot(steps, [most_certain(by, found.errors, s) for s in steps], color=colour, label=name)
    kept.set(xlabel="share of points kept", ylabel="their error / error of all", title="most certain points")
    kept.legend(frameon=False)
    figure.savefig(path, dpi=130)


def points_of(text: str) -> list[int]:
    return list(SIXTEEN) if text == "sixteen" else [int(number) for number in text.split(",")]


def note(head: Path, name: str, told_of: dict[str, Any]) -> None:
    """Write the figures for the set ``name`` into the card of a head; its weights and hash stay."""
    known = read_card(head).get("uncertainty", {})
    kept = {key: value for key, value in told_of.items() if key not in ("only", "confidence")}
    add_to_card(head, head, {"uncertainty": {**known, name: kept}})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--scheme", default="ibug68")
    parser.add_argument("--model", default="base")
    parser.add_argument("--points", type=points_of, default=[], help="their numbers, or sixteen")
    parser.add_argument("--out", type=Path, default=Path("uncertainty.png"))
    parser.add_argument("--card", type=Path, metavar="HEAD", help="a head's file that is to tell it")
    options = parser.parse_args()
    scheme, model = load_scheme(options.scheme), load_model(options.model)
    if model.refiner is None:
        parser.error(f"{options.model} has no refinement head")
    chosen = options.points or list(range(len(scheme)))
    found = Measured(model, read(options.data, scheme=scheme.name), scheme, chosen)
    told_of = {"model": model.id, "only": options.points, **figures(found)}
    draw(found, told_of, options.out)
    if options.card is not None:
        note(options.card, "/".join(options.data.resolve().parts[-2:]), told_of)
    print(json.dumps(told_of, indent=1))


if __name__ == "__main__":
    main()

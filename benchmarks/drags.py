"""How many drags it takes to correct a face, by what it starts from.

    python benchmarks/drags.py ../shared/data [--model base] [--faces 10 20] [--figure drags.png]
    python benchmarks/drags.py ../shared/data --sixteen LEFT_OUT.safetensors [--faces 10 20]

A face is corrected when every point lies within 5 % of the distance of the outer eye corners from its
label. A simulated labeller goes for the worst point that does not (``--next near``: for the one that
is nearest to the last), drags it once, to its label with a trembling hand (``--noise`` % of the
distance), and looks again. A plain drag moves the one point; an elastic one takes others along
that nobody has placed, by the editor's own rule: its JavaScript runs in headless Chromium, with the
reach that the editor has at first (``--reach``) and the spread of the prediction where there is one.
Points that an elastic drag spoils have to be dragged too.

A face starts from scratch (the mean face laid into its box, as in the app where no model has been), from
the model alone, from its refinement head where it has one, and after fine-tuning with some faces
(``--faces``; 0 for none). Boxes around the 68 labelled points, two passes, `ibug68/dev`.

First form: the 68 points, and few faces of `ibug68/train`, which `base` has seen before. Second form:
sixteen points, for a model that was trained on the other 52 and not on the 300 faces of which the few
are some (`benchmarks/sixteen_model.py`).

Prints JSON, for each start with plain and elastic drags: ``mean`` drags per face with its interval
(bootstrap over the faces), ``median``, the share of faces with ``none`` needed, and ``error`` in % of
the distance before the first drag.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from few_shot import POOL, Faces, sixteen, sixteen_scheme, tune
from playwright.sync_api import Page, sync_playwright

from labelkit.dataset import Dataset, Sample
from labelkit.formats import read
from labelkit.geometry import Array, Box
from labelkit.landmarks import Landmarks
from labelkit.metrics import bootstrap_interval
from labelkit.models.fit import evenly
from labelkit.models.predictor import LandmarkModel, first_crop
from labelkit.models.registry import load_model
from labelkit.scheme import Scheme, load_scheme
from labelkit.uncertainty import WRONG

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))
from harness import Harness, serving

# Corrects the faces one after another; gives the number of drags of each.
LABELLER = """async ({ plane, curves, faces, limit, next, elastic, reach }) => {
  const { followers, spreads } = await import("/bundle/elastic.js");
  const { distance } = await import("/bundle/geometry.js");
  const { DEFAULTS } = await import("/bundle/settings.js");
  const far = reach ?? DEFAULTS.reach;
  return faces.map(({ start, truth, hand, unit, cov }) => {
    const xy = start.map((place) => [...place]);
    const placed = new Set();
    const off = (i) => distance(xy[i], truth[i]) / unit;
    for (let last = null; ; ) {
      const wrong = xy.map((_, i) => i).filter((i) => !placed.has(i) && off(i) > limit);
      if (!wrong.length) return placed.size;
      const cost = (i) => (next === "near" && last !== null ? distance(xy[i], xy[last]) : -off(i));
      const i = wrong.reduce((best, one) => (cost(one) < cost(best) ? one : best));
      const [dx, dy] = [hand[i][0] - xy[i][0], hand[i][1] - xy[i][1]];
      const fixed = (j) => placed.has(j);
      const pulled = { plane, dragged: [i], fixed, spread: spreads(cov), reach: far, curves };
      const taken = elastic ? followers(pulled) : [];
      for (const { index, weight } of [...taken, { index: i, weight: 1 }]) {
        xy[index] = [xy[index][0] + weight * dx, xy[index][1] + weight * dy];
      }
      placed.add(i);
      last = i;
    }
  });
}"""

#: What a start is called in the picture.
LABELS = {
    "scratch": "from scratch",
    "alone": "zero-shot",
    "head": "with refinement head",
    "tuned": "fine-tuned to {} faces",
}


@dataclass(frozen=True)
class Start:
    """Where the points of M faces are before the first drag, (M, N, 2), and their covariances
    (M, N, 2, 2), NaN where there are none."""

    xy: Array
    cov: Array


def starts(
    model: LandmarkModel, scheme: Scheme, test: Faces, few: dict[int, Faces]
) -> Iterator[tuple[str, Start]]:
    """The starts by their names."""
    laid = [first_crop(box, scheme).points_to_image(scheme.plane) for box in test.boxes]
    yield "scratch", Start(np.stack(laid), np.full((*np.shape(laid), 2), np.nan))
    yield "alone", predicted(model, test, scheme, refine=False)
    if model.refiner is not None:
        yield "head", predicted(model, test, scheme)
    for count, faces in few.items():
        better, told = tune(model, faces, scheme)
        print(f"fine-tuned to {count} faces: {told}", file=sys.stderr, flush=True)
        yield f"tuned {count}", predicted(better, test, scheme)


def predicted(model: LandmarkModel, faces: Faces, scheme: Scheme, refine: bool = True) -> Start:
    found = model.predict(faces.images, faces.boxes, scheme, passes=2, refine=refine)
    return Start(np.stack([one.xy for one in found]), np.stack([one.cov for one in found]))


def drags(page: Page, scheme: Scheme, test: Faces, start: Start, **options: Any) -> Array:
    """The number of drags for each face, (M,); ``options`` are those of the labeller."""
    noise = options.pop("noise") / 100 * test.unit[:, None, None]
    hand = test.true + noise * np.random.default_rng(0).normal(size=test.true.shape)
    spread = start.cov.reshape(*start.cov.shape[:2], 4)[..., [0, 1, 3]]
    known = np.isfinite(spread).all()
    faces = [
        {
            "start": start.xy[i].tolist(),
            "truth": test.true[i].tolist(),
            "hand": hand[i].tolist(),
            "unit": float(test.unit[i]),
            "cov": spread[i].tolist() if known else None,
        }
        for i in range(len(test.true))
    ]
    curves = [{"points": list(curve.points), "closed": curve.closed} for curve in scheme.curves]
    given = {"plane": scheme.plane.tolist(), "curves": curves, "faces": faces, "limit": WRONG, **options}
    return np.array(page.evaluate(LABELLER, given), np.float64)


def figures(counts: Array) -> dict[str, Any]:
    return {
        "mean": float(counts.mean()),
        "interval": list(bootstrap_interval(counts)),
        "median": float(np.median(counts)),
        "none": float((counts == 0).mean()),
    }


def whole(data: Dataset) -> Faces:
    """Faces with all their points."""
    true = np.stack([sample.landmarks.xy for sample in data if sample.landmarks is not None])
    boxes = [Box.around(xy, "ibug68") for xy in true]
    samples = [
        Sample(sample.image, box, Landmarks("ibug68", xy))
        for sample, box, xy in zip(data, boxes, true, strict=True)
    ]
    unit = np.linalg.norm(true[:, 36] - true[:, 45], axis=1)
    return Faces(samples, [sample.image.load() for sample in data], boxes, true, unit)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    take, scheme = (whole, load_scheme("ibug68")) if options.sixteen is None else (sixteen, sixteen_scheme())
    train, dev = (read(options.data / "ibug68" / part, format="300w") for part in ("train", "dev"))
    test = take(dev if options.test is None else evenly(dev, options.test))
    few = {count: take(evenly(evenly(train, POOL), count)) for count in options.faces if count}
    model = load_model(options.sixteen or options.model)
    how = {"noise": options.noise, "next": options.next, "reach": options.reach}
    rows: dict[str, Any] = {}
    with serving(Harness()) as harness, sync_playwright() as playwright:
        sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=sandbox)
        page = browser.new_page()
        page.goto(harness.url + "blank")
        for name, start in starts(model, scheme, test, few):
            counted = {
                kind: figures(drags(page, scheme, test, start, elastic=kind == "elastic", **how))
                for kind in ("plain", "elastic")
            }
            rows[name] = {"error": float(test.errors(start.xy).mean()), **counted}
            told = ", ".join(f"{row['mean']:.2f} {kind}" for kind, row in counted.items())
            print(f"{name}: {told}", file=sys.stderr, flush=True)
        browser.close()
    return {"model": model.id, "points": len(scheme), "test": len(test.samples), **how, "starts": rows}


def draw(result: dict[str, Any], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure((7, 3.2), layout="constrained")
    axes = figure.subplots()
    rows = result["starts"]
    for shift, (kind, colour) in zip(
        (-0.19, 0.19), (("plain", "#0072B2"), ("elastic", "#D55E00")), strict=True
    ):
        mean = np.array([row[kind]["mean"] for row in rows.values()])
        low, high = np.array([row[kind]["interval"] for row in rows.values()]).T
        places = np.arange(len(rows)) + shift
        axes.barh(places, mean, 0.36, xerr=[mean - low, high - mean], color=colour, capsize=2, label=kind)
        for place, value, end in zip(places, mean, high, strict=True):
            axes.text(end, place, f"  {value:.1f}", va="center", fontsize=8)
    names = [name.partition(" ") for name in rows]
    axes.set_yticks(range(len(rows)), [LABELS[kind].format(count) for kind, _, count in names])
    axes.invert_yaxis()
    axes.set(xlabel=f"drags per face of {result['points']} points", xlim=(0, 1.12 * axes.get_xlim()[1]))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="base")
    parser.add_argument("--sixteen", type=Path, help="a model that was trained without the sixteen points")
    parser.add_argument("--faces", type=int, nargs="+", default=[10, 20])
    parser.add_argument("--noise", type=float, default=0.5, help="of the labeller's hand, in %% of IOD")
    parser.add_argument("--next", choices=["worst", "near"], default="worst")
    parser.add_argument("--reach", type=float, help="of elastic drags, in plane units")
    parser.add_argument("--test", type=int, help="only so many test faces, to rehearse")
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    result = measure(options)
    if options.figure is not None:
        draw(result, options.figure)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

"""Whether the queue's order teaches a model more than a random one does, at equal budget.

    python benchmarks/active.py ../shared/data --model LEFT_OUT.safetensors [--budget 40] [--batch 10]
        [--seeds 3] [--orders uncertain random] [--spread model|flip] [--steps N] [--figure active.png]

The scheme are sixteen points of `ibug68`; the model was trained on the other 52 (`benchmarks/
leave_out.py`) and not on the 300 photos, spread evenly over `ibug68/train`, that are the pool here.
A simulated labeller confirms ``--batch`` faces at a time, with the labels of the data set and a
trembling hand (``--noise`` % of the eye distance); then the model is fine-tuned to everything that is
confirmed, beginning with the first model again, the rest of the pool is predicted anew and put in
order, until the budget is used up. Tested on `ibug68/dev`; boxes around the 68 labelled points, two
passes. Seeds change the random order, the hand and the fine-tuning.

``--spread flip`` is for models that do not say how sure they are: the spread is then how far the
answers for a photo and its mirror image are apart. ``--load`` and ``--few-shot`` name functions
(``module:function``) that load the model and fine-tune it, as `load_model` and `fine_tune` do.

Prints JSON: for each order and budget the mean error over faces and seeds in % of the eye distance
with its interval, and ``gain``: each order's error over that of the random one at the same budget,
with the interval of a bootstrap over test faces and seeds; ``better`` where that leaves out 1.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from few_shot import POOL, Faces, sixteen, sixteen_scheme

from labelkit import queue
from labelkit.dataset import Sample
from labelkit.formats import read
from labelkit.geometry import Array
from labelkit.landmarks import Landmarks
from labelkit.metrics import bootstrap_interval
from labelkit.models.fit import evenly
from labelkit.models.predictor import LandmarkModel
from labelkit.prediction import Prediction
from labelkit.sampling import look, sample_crop
from labelkit.scheme import Scheme
from labelkit.train.few_shot_loop import TuneConfig

#: The side of the crop that faces are compared by.
SIDE = 64


@dataclass(frozen=True)
class Setting:
    """What all runs share."""

    model: LandmarkModel
    scheme: Scheme
    pool: Faces
    test: Faces
    fine_tune: Callable[..., Any]
    options: argparse.Namespace


def predicted(model: LandmarkModel, faces: Faces, scheme: Scheme, spread: str) -> list[Prediction]:
    """The model's answers; with ``flip`` their spread is the distance to those for mirror images."""
    made = model.predict(faces.images, faces.boxes, scheme, passes=2)
    if spread == "model":
        return made
    both = model.predict(faces.images, faces.boxes, scheme, passes=2, flip=True)
    # The mean of both answers is half of their distance away; a tenth of a pixel is never sure.
    return [
        Prediction(one.xy, one.model, one.crop, one.scheme, _spread(2 * (mean.xy - one.xy)))
        for one, mean in zip(made, both, strict=True)
    ]


def _spread(apart: Array) -> Array:
    variance = 0.5 * (apart**2).sum(axis=1) + 0.01
    return np.asarray(variance[:, None, None] * np.eye(2))


def ordered(
    order: str, made: Sequence[Prediction], faces: Faces, places: Sequence[int], scheme: Scheme, seed: int
) -> list[int]:
    """The places in the pool in the order in which to work."""
    if order == "random":
        return [int(one) for one in queue.shuffled(places, seed)]
    scores = [queue.score(one, None) for one in made]
    if all(score is None for score in scores):
        sys.exit("the model does not say how sure it is: --spread flip")
    if order == "worst":
        return [places[i] for i in np.argsort([-(score or 0.0) for score in scores], kind="stable")]
    looks = [
        queue.Look(score, sample.image.path.name, None, queue.signature(one, scheme, seen(one, image)))
        for score, sample, one, image in zip(scores, faces.samples, made, faces.images, strict=True)
    ]
    return [places[i] for i in queue.spread_out(looks)]


def seen(made: Prediction, image: Any) -> bytes:
    return look(sample_crop(image, made.crop, SIDE)[0])


def labelled(setting: Setting, places: Sequence[int], seed: int) -> list[Sample]:
    """What the simulated labeller says about faces of the pool; the same whenever they are asked."""
    samples = []
    for place in places:
        hand = np.random.default_rng((seed, place)).normal(0, 1, setting.pool.true[place].shape)
        xy = setting.pool.true[place] + hand * setting.options.noise / 100 * setting.pool.unit[place]
        sample = setting.pool.samples[place]
        samples.append(Sample(sample.image, sample.box, Landmarks(setting.scheme, xy)))
    return samples


def run(setting: Setting, order: str, seed: int) -> dict[int, Array]:
    """The errors of the test faces (M,), by the number of faces that were confirmed."""
    options, model = setting.options, setting.model
    chosen: list[int] = []
    errors = {}
    while len(chosen) < options.budget:
        left = [place for place in range(len(setting.pool.samples)) if place not in chosen]
        rest = setting.pool.part(left)
        made = [] if order == "random" else predicted(model, rest, setting.scheme, options.spread)
        chosen += ordered(order, made, rest, left, setting.scheme, seed)[
            : min(options.batch, options.budget - len(chosen))
        ]
        config = (
            TuneConfig(seed=seed) if options.steps is None else TuneConfig(seed=seed, steps=options.steps)
        )
        tuned = setting.fine_tune(setting.model, labelled(setting, chosen, seed), setting.scheme, config)
        model = tuned.model
        errors[len(chosen)] = tested(model, setting)
        told = f"{order}, seed {seed}, {len(chosen)} faces: {errors[len(chosen)].mean():.3f} %"
        print(told, f"({tuned.stage})", file=sys.stderr, flush=True)
    return errors


def tested(model: LandmarkModel, setting: Setting) -> Array:
    found = model.predict(setting.test.images, setting.test.boxes, setting.scheme, passes=2)
    return np.asarray(setting.test.errors(np.stack([one.xy for one in found])).mean(axis=1))


def compared(rows: Array, others: Array, rounds: int = 4000) -> dict[str, Any]:
    """The ratio of the means of two errors (seeds, faces), with its interval over both."""
    rng = np.random.default_rng(0)
    seeds, faces = rows.shape
    drawn = np.empty(rounds)
    for number in range(rounds):
        people = rng.integers(0, faces, faces)
        mine, theirs = rng.integers(0, seeds, (2, seeds))
        drawn[number] = rows[mine][:, people].mean() / others[theirs][:, people].mean()
    low, high = np.quantile(drawn, [0.025, 0.975])
    gain = {"mean": float(rows.mean() / others.mean()), "interval": [float(low), float(high)]}
    return {**gain, "better": bool(high < 1)}


def measure(setting: Setting) -> dict[str, Any]:
    options, start = setting.options, time.monotonic()
    begin = tested(setting.model, setting)
    found: dict[str, dict[int, Array]] = {}
    for order in options.orders:
        runs = [run(setting, order, seed) for seed in range(options.seeds)]
        found[order] = {budget: np.stack([one[budget] for one in runs]) for budget in runs[0]}
    curves: dict[str, list[dict[str, Any]]] = {}
    for order, rows in found.items():
        curves[order] = []
        for budget, errors in rows.items():
            entry = {"faces": budget, "mean": float(errors.mean()), "seeds": errors.mean(axis=1).tolist()}
            entry["interval"] = list(bootstrap_interval(errors.mean(axis=0)))
            if order != "random" and "random" in found:
                entry["gain"] = compared(errors, found["random"][budget])
            curves[order].append(entry)
    return {
        "zero_shot": {"mean": float(begin.mean()), "interval": list(bootstrap_interval(begin))},
        "orders": curves,
        "seconds": round(time.monotonic() - start),
    }


def draw(result: dict[str, Any], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure((6, 4), layout="constrained")
    axes = figure.subplots()
    for order, rows in result["orders"].items():
        mean = np.array([row["mean"] for row in rows])
        low, high = np.array([row["interval"] for row in rows]).T
        faces = [row["faces"] for row in rows]
        axes.errorbar(faces, mean, [mean - low, high - mean], marker="o", capsize=3, label=order)
    axes.axhline(result["zero_shot"]["mean"], color="0.6", linestyle="--", label="before")
    axes.set(xlabel="confirmed faces", ylabel="error, % of IOD")
    axes.grid(color="0.9")
    axes.legend()
    figure.savefig(path, dpi=120)


def function(name: str) -> Callable[..., Any]:
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)  # type: ignore[no-any-return]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", required=True, help="trained without the sixteen points and the pool")
    parser.add_argument("--load", default="labelkit.models.registry:load_model")
    parser.add_argument("--few-shot", default="labelkit.train.few_shot:fine_tune")
    parser.add_argument("--orders", nargs="+", default=["uncertain", "random"])
    parser.add_argument("--spread", choices=["model", "flip"], default="model")
    parser.add_argument("--budget", type=int, default=40)
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--noise", type=float, default=0.5, help="of the labeller's hand, in %% of IOD")
    parser.add_argument("--steps", type=int, help="of the whole network, in every fine-tuning; 0: none")
    parser.add_argument("--pool", type=int, default=POOL)
    parser.add_argument("--test", type=int, help="only so many test faces, to rehearse")
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    train, dev = (read(options.data / "ibug68" / part, format="300w") for part in ("train", "dev"))
    pool = sixteen(evenly(evenly(train, POOL), options.pool))
    test = sixteen(dev if options.test is None else evenly(dev, options.test))
    model = function(options.load)(options.model)
    setting = Setting(model, sixteen_scheme(), pool, test, function(options.few_shot), options)
    result = measure(setting)
    if options.figure is not None:
        draw(result, options.figure)
    facts = {
        "model": model.id,
        "spread": options.spread,
        "pool": len(pool.samples),
        "test": len(test.samples),
    }
    facts |= {"batch": options.batch, "noise": options.noise, "steps": options.steps}
    print(json.dumps({**facts, **result}, indent=1))


if __name__ == "__main__":
    main()

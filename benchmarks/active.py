"""Whether an order of the queue teaches a model more than a random one does, at equal budget.

    python benchmarks/active.py ../shared/data --model LEFT_OUT.safetensors [--budget 40] [--batch 10]
        [--seeds 3] [--orders teaching uncertain random] [--spread model|flip] [--steps N]
        [--figure active.png]

The scheme are sixteen points of `ibug68`; the model was trained on the other 52 (`benchmarks/
sixteen_model.py`) and not on the 300 photos, spread evenly over `ibug68/train`, that are the pool here.
A simulated labeller confirms ``--batch`` faces at a time, with the labels of the data set and a
trembling hand (``--noise`` % of the eye distance); then the model is fine-tuned to everything that is
confirmed, beginning with the first model again, the rest of the pool is predicted anew and put in
order, until the budget is used up. Tested on `ibug68/dev`; boxes around the 68 labelled points, two
passes. Seeds change the random order, the hand and the fine-tuning. With ``--steps 0`` only the heads of
single points are fitted, which takes seconds where the whole network takes minutes.

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
from labelkit.geometry import Array, Crop
from labelkit.landmarks import Landmarks
from labelkit.metrics import bootstrap_interval
from labelkit.models.fit import evenly
from labelkit.models.predictor import LandmarkModel, Placed, first_crop
from labelkit.models.tufa import TUFA, Memory
from labelkit.prediction import Prediction
from labelkit.sampling import look, sample_crop
from labelkit.scheme import Scheme
from labelkit.train.few_shot_loop import TuneConfig

#: The side of the crop that faces are compared by.
SIDE = 64

#: Faces that are in the network at the same time.
_BATCH = 16

#: A place on the plane, or in the crop, and its mirror image.
MIRROR = np.array([-1.0, 1.0])


class Watched:
    """Faces that are looked at again and again. What the network sees in the crops of the second pass is
    kept until it is another network: fine-tuning heads of points leaves it as it is.

    ``both`` also looks at the mirrored crops.
    """

    def __init__(self, faces: Faces, scheme: Scheme, both: bool = False) -> None:
        self.faces, self._scheme, self._both = faces, scheme, both
        self._network: TUFA | None = None
        self._crops: list[Crop] = []
        self._seen: list[tuple[Memory, Memory | None]] = []

    def predict(self, model: LandmarkModel) -> list[Prediction]:
        """What `LandmarkModel.predict` says in two passes; with ``both`` the spread is the distance to
        the answers for the mirrored crop."""
        if model.network is not self._network:
            self._look(model)
        made: list[Prediction] = []
        for plain, mirrored in self._seen:
            rows = slice(len(made), len(made) + _BATCH)
            images, crops = self.faces.images[rows], self._crops[rows]
            points = model.recall(plain, self._scheme.plane)
            steps = plain.anchor_points
            anchors = points[:, :0] if steps is None else steps[-1].double().cpu().numpy()
            found = [Placed(*one) for one in zip(points, anchors, strict=True)]
            told = model.told(images, crops, found, self._scheme.plane, self._scheme)
            if mirrored is not None:
                other = model.recall(mirrored, self._scheme.plane * MIRROR) * MIRROR
                told = [_with_spread(one, *pair) for one, *pair in zip(told, points, other, strict=True)]
            made += told
        return made

    def _look(self, model: LandmarkModel) -> None:
        images, plane = self.faces.images, self._scheme.plane
        self._network, self._crops, self._seen = model.network, [], []
        for start in range(0, len(images), _BATCH):
            rows = slice(start, start + _BATCH)
            boxed = [first_crop(box, self._scheme) for box in self.faces.boxes[rows]]
            points, anchors = model.place(images[rows], boxed, plane)
            crops = [model.next_crop(*one, plane) for one in zip(boxed, points, anchors, strict=True)]
            cut = [sample_crop(*one, model.size) for one in zip(images[rows], crops, strict=True)]
            pixels, valid = np.stack([one[0] for one in cut]), np.stack([one[1] for one in cut])
            flipped = [np.ascontiguousarray(one[:, :, ::-1]) for one in (pixels, valid)]
            mirrored = model.remember(*flipped) if self._both else None
            self._crops += crops
            self._seen.append((model.remember(pixels, valid), mirrored))


def _with_spread(made: Prediction, plain: Array, mirrored: Array) -> Prediction:
    apart = (plain - mirrored) * made.crop.pixels_per_unit
    variance = 0.5 * (apart**2).sum(axis=1) + 0.01  # a tenth of a pixel is never sure
    return Prediction(made.xy, made.model, made.crop, made.scheme, variance[:, None, None] * np.eye(2))


@dataclass(frozen=True)
class Setting:
    """What all runs share."""

    model: LandmarkModel
    scheme: Scheme
    pool: Watched
    test: Watched
    fine_tune: Callable[..., Any]
    options: argparse.Namespace


def ordered(
    order: str, made: Sequence[Prediction], faces: Faces, chosen: Sequence[int], scheme: Scheme, seed: int
) -> list[int]:
    """The places in the pool that are not ``chosen``, in the order in which to work; ``made`` is of the
    whole pool."""
    left = [place for place in range(len(faces.samples)) if place not in set(chosen)]
    if order == "random":
        return [int(one) for one in queue.shuffled(left, seed)]
    if order == "teaching":
        corrected, waiting = ([seen(made, faces, i, scheme) for i in some] for some in (chosen, left))
        return [left[i] for i in queue.speak_for_others(waiting, corrected)]
    scores = [queue.score(made[place], None) for place in left]
    if all(score is None for score in scores):
        sys.exit("the model does not say how sure it is: --spread flip")
    if order == "worst":
        return [left[i] for i in np.argsort([-(score or 0.0) for score in scores], kind="stable")]
    return [left[i] for i in queue.spread_out([seen(made, faces, place, scheme) for place in left])]


def seen(made: Sequence[Prediction], faces: Faces, place: int, scheme: Scheme) -> queue.Look:
    one, image = made[place], faces.images[place]
    picture = look(sample_crop(image, one.crop, SIDE)[0])
    name = faces.samples[place].image.path.name
    return queue.Look(queue.score(one, None), name, None, queue.signature(one, scheme, picture))


def labelled(setting: Setting, places: Sequence[int], seed: int) -> list[Sample]:
    """What the simulated labeller says about faces of the pool; the same whenever they are asked."""
    samples = []
    for place in places:
        faces = setting.pool.faces
        hand = np.random.default_rng((seed, place)).normal(0, 1, faces.true[place].shape)
        xy = faces.true[place] + hand * setting.options.noise / 100 * faces.unit[place]
        sample = faces.samples[place]
        samples.append(Sample(sample.image, sample.box, Landmarks(setting.scheme, xy)))
    return samples


def run(setting: Setting, order: str, seed: int) -> dict[int, Array]:
    """The errors of the test faces (M,), by the number of faces that were confirmed."""
    options, model = setting.options, setting.model
    faces = setting.pool.faces
    config = TuneConfig(seed=seed) if options.steps is None else TuneConfig(seed=seed, steps=options.steps)
    chosen: list[int] = []
    errors = {}
    while len(chosen) < options.budget:
        made = [] if order == "random" else doubted(setting, model)
        wanted = min(options.batch, options.budget - len(chosen))
        chosen += ordered(order, made, faces, chosen, setting.scheme, seed)[:wanted]
        tuned = setting.fine_tune(setting.model, labelled(setting, chosen, seed), setting.scheme, config)
        model = tuned.model
        errors[len(chosen)] = tested(model, setting)
        told = f"{order}, seed {seed}, {len(chosen)} faces: {errors[len(chosen)].mean():.3f} %"
        print(told, f"({tuned.stage})", file=sys.stderr, flush=True)
    return errors


def doubted(setting: Setting, model: LandmarkModel) -> list[Prediction]:
    """The pool as ``model`` sees it; as the first model does where this one does not say how sure it is."""
    made = setting.pool.predict(model)
    return made if queue.score(made[0], None) is not None else setting.pool.predict(setting.model)


def tested(model: LandmarkModel, setting: Setting) -> Array:
    found = np.stack([one.xy for one in setting.test.predict(model)])
    return np.asarray(setting.test.faces.errors(found).mean(axis=1))


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
    found: Callable[..., Any] = getattr(import_module(module), attribute)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", required=True, help="trained without the sixteen points and the pool")
    parser.add_argument("--load", default="labelkit.models.registry:load_model")
    parser.add_argument("--few-shot", default="labelkit.train.few_shot:fine_tune")
    parser.add_argument(
        "--orders",
        nargs="+",
        choices=["teaching", "uncertain", "worst", "random"],
        default=["teaching", "random"],
    )
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
    scheme = sixteen_scheme()
    watched = Watched(pool, scheme, both=options.spread == "flip"), Watched(test, scheme)
    setting = Setting(model, scheme, *watched, function(options.few_shot), options)
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

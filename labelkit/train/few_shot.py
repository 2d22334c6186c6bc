"""Few-shot fine-tuning: a model learns what a scheme's points mean from the first confirmed faces.

Three stages, each of which has to do better than the one before on people whom it did not see:

1. *Offsets*: a constant per point. The only stage for fewer than `FEWEST` people.
2. *Heads of single points* in closed form (`labelkit.train.few_shot_heads`): seconds, and the
   network stays as it is, so that other points, schemes and the anchors do not change at all.
3. From `END_TO_END` people on, the whole network (`labelkit.train.few_shot_loop`), tied to its own
   former answers elsewhere, with the heads fitted anew to what it then says.

Checked is by leaving people out in turn, in stage 3 by people who are kept aside.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelkit.dataset import Sample
from labelkit.errors import InputError
from labelkit.geometry import Array
from labelkit.models.predictor import LandmarkModel
from labelkit.scheme import Scheme
from labelkit.train.few_shot_faces import TuneFaces, prepare
from labelkit.train.few_shot_heads import FEWEST, FittedHeads, fit_heads
from labelkit.train.few_shot_loop import TuneConfig, Tuner

#: From so many people on the whole network is trained: with fewer it learns them by heart.
END_TO_END = 20

#: The share of the people who are then kept aside, and how many at most.
_ASIDE, _MOST_ASIDE = 0.2, 40


@dataclass(frozen=True)
class TuneProgress:
    """``done`` of ``total`` in the stage ``stage``, which is said in words. ``error`` is the mean error
    on people that were not learnt from, in percent of the distance, at ``step``, where it was looked
    at; ``loss`` the mean loss since the report before."""

    stage: str
    done: int
    total: int
    step: int = 0
    loss: float | None = None
    error: float | None = None


@dataclass(frozen=True, eq=False)
class Tuned:
    """What came of it: the model, which has an id only when it is saved.

    ``before`` and ``after`` are mean errors in percent of the inter-ocular distance on people who were
    not learnt from, None where there was but one; ``checked`` says on how many faces, and ``how`` in
    words. ``stage`` is the one that was kept, "none" where the labels say what the model says.
    """

    model: LandmarkModel
    stage: str
    faces: int
    people: int
    before: float | None
    after: float | None
    checked: int
    how: str
    steps: int
    seconds: float
    problems: tuple[str, ...]
    cancelled: bool


class _Stopped(Exception):  # noqa: N818 - no error
    pass


#: Hears of the progress, and says whether to stop.
Heard = Callable[[TuneProgress], bool]


def fine_tune(
    model: LandmarkModel,
    samples: Sequence[Sample],
    scheme: Scheme,
    config: TuneConfig | None = None,
    heard: Heard = lambda progress: False,
) -> Tuned | None:
    """Fine-tune ``model`` to faces whose landmarks, in ``scheme``, are NaN where nobody confirmed them.

    Photos of the same ``person`` (an attribute) are never on both sides of a check. ``heard`` may
    stop the work; the best so far is then returned, None before there was any. The same faces,
    ``config.seed`` and device give the same model. Raises `InputError` when no face can be used.
    """
    config, begun = config or TuneConfig(), time.monotonic()
    try:
        faces, problems = _looked_at(model, samples, scheme, config, heard)
    except _Stopped:
        return None
    fitted = fit_heads(model, faces)
    before: float | None = _percent(faces.errors(faces.answers))
    after: float | None = _percent(faces.errors(fitted.answers))
    people = len(set(faces.people))
    heard(TuneProgress("heads of the points", 1, 1, error=after))
    steps, cancelled, checked, how = 0, False, len(faces), "leaving people out in turn"
    if people == 1:
        before, after, checked, how = None, None, 0, "one person cannot be checked"
    best, stage = _with_heads(model, fitted), fitted.stage
    if people >= END_TO_END and config.steps:
        run = _EndToEnd(model, faces, config, heard)
        run.go()
        cancelled, checked, how = run.cancelled, len(run.aside), "people who were kept aside"
        before, after, steps = run.before, run.after, run.best_step
        if run.best_step:
            best, stage = run.best(), "network"
    seconds = time.monotonic() - begun
    return Tuned(
        best,
        stage,
        len(faces),
        people,
        before,
        after,
        checked,
        how,
        steps,
        seconds,
        tuple(problems),
        cancelled,
    )


def _looked_at(
    model: LandmarkModel, samples: Sequence[Sample], scheme: Scheme, config: TuneConfig, heard: Heard
) -> tuple[TuneFaces, list[str]]:
    def tell(done: int, total: int) -> None:
        if heard(TuneProgress("looking at the faces", done, total)):
            raise _Stopped

    if not samples:
        raise InputError("no face has a confirmed point: there is nothing to learn from yet")
    return prepare(model, samples, scheme, config.pack_size, tell)


class _EndToEnd:
    """The third stage, judged on people who are kept aside."""

    def __init__(self, model: LandmarkModel, faces: TuneFaces, config: TuneConfig, heard: Heard) -> None:
        self._model, self._faces, self._config, self._heard = model, faces, config, heard
        self.aside = _aside(faces.people, config.seed)
        self._learnt = np.setdiff1d(np.arange(len(faces)), self.aside)
        self._tuner = Tuner(model, faces, self._learnt.tolist(), config)
        self._best: LandmarkModel = model
        self.best_step, self.cancelled = 0, False
        self.before = _percent(faces.subset(self.aside).errors(faces.answers[self.aside]))
        self.after = self._judged(model, faces)

    def go(self) -> None:
        config, losses, waited = self._config, [], 0
        for step in range(1, config.steps + 1):
            losses.append(self._tuner.step())
            if step % config.every and step < config.steps:
                self.cancelled = self._tell(step, None, None)
            else:
                tuned = self._tuner.tuned()
                error = self._judged(tuned, self._faces.seen_by(tuned))
                waited = 0 if error < self.after else waited + 1
                if error < self.after:
                    self.after, self.best_step, self._best = error, step, tuned
                self.cancelled = self._tell(step, float(np.mean(losses)), error)
                losses = []
            if self.cancelled or waited > config.patience:
                return

    def best(self) -> LandmarkModel:
        """The network of the best step with heads fitted to all faces, those aside included."""
        return _with_heads(self._best, fit_heads(self._best, self._faces.seen_by(self._best)))

    def _judged(self, model: LandmarkModel, faces: TuneFaces) -> float:
        """The error on those aside of heads fitted to the others."""
        tuned = _with_heads(model, fit_heads(model, faces.subset(self._learnt)))
        aside = faces.subset(self.aside)
        return _percent(aside.errors(aside.seen_by(tuned).answers))

    def _tell(self, step: int, loss: float | None, error: float | None) -> bool:
        return self._heard(TuneProgress("training", step, self._config.steps, step, loss, error))


def _with_heads(model: LandmarkModel, fitted: FittedHeads) -> LandmarkModel:
    return model.with_network(model.network, fitted.heads)


def _aside(people: Sequence[str], seed: int) -> NDArray[np.intp]:
    """The faces of a fifth of the people, drawn by the seed."""
    names = sorted(set(people))
    count = min(max(round(_ASIDE * len(names)), 1), _MOST_ASIDE)
    order = np.random.default_rng(seed).permutation(len(names))[:count]
    chosen = {names[i] for i in order}
    return np.array([i for i, name in enumerate(people) if name in chosen], np.intp)


def _percent(errors: Array) -> float:
    """The mean over points, then faces."""
    return 100 * float(np.nanmean(np.nanmean(errors, axis=1)))


__all__ = ["END_TO_END", "FEWEST", "TuneProgress", "Tuned", "fine_tune"]

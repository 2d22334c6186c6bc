"""Few-shot fine-tuning: a model learns what a scheme's points mean from the first confirmed faces.

Four stages, each of which has to do better than the one before on people whom it did not see:

1. *Offsets*: a constant per point. The only stage for fewer than `FEWEST` people.
2. *Heads of single points* in closed form (`labelkit.train.few_shot_heads`): seconds, and the
   network stays as it is, so that other points, schemes and the anchors do not change at all.
3. From `END_TO_END` people on, the whole network (`labelkit.train.few_shot_loop`), tied to its own
   former answers elsewhere, with the heads fitted anew to what it then says.
4. *The refinement head*, where the model has one, begins at what came of this, or at what the model
   said before where that comes out better, with heads of single points of its own
   (`labelkit.train.few_shot_refine`).

Checked is by leaving people out in turn, in stage 3 by people who are kept aside.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from labelkit.dataset import Sample
from labelkit.errors import InputError
from labelkit.geometry import Array
from labelkit.models.predictor import LandmarkModel
from labelkit.models.refiner import Refiner
from labelkit.models.tuned import PointHeads
from labelkit.scheme import Scheme
from labelkit.train.few_shot_faces import TuneFaces, prepare
from labelkit.train.few_shot_heads import FEWEST, fit_heads
from labelkit.train.few_shot_loop import TuneConfig, Tuner
from labelkit.train.few_shot_refine import FittedRefiner, as_it_is, fit_refiner
from labelkit.train.few_shot_ridge import best_of

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
    not learnt from, of the model in use, hence with its refinement head, None where there was but one;
    ``checked`` says on how many faces, and ``how`` in words. ``stage`` is the one of the first three that
    was kept, "none" where the labels say what the model says. ``head`` is what came of the refinement head,
    None without one, and ``alone`` what ``after`` would be without it.
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
    head: FittedRefiner | None = None
    alone: float | None = None


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
    found = _tuned(model, faces, config, heard)
    head: FittedRefiner | None = None
    before, after = faces.answers, found.answers
    if model.refiner is not None:
        heard(TuneProgress("refinement head", 0, 1))
        before = as_it_is(model.refiner, faces, before)
        found, head = _refined(model, model.refiner, faces, found)
        after = head.answers
    return Tuned(
        found.model,
        found.stage,
        len(faces),
        len(set(faces.people)),
        _checked(faces, before, found.checked),
        _checked(faces, after, found.checked),
        len(found.checked),
        found.how,
        found.steps,
        time.monotonic() - begun,
        tuple(problems),
        found.cancelled,
        head,
        _checked(faces, found.answers, found.checked) if head else None,
    )


@dataclass(frozen=True, eq=False)
class _Found:
    """What came of the first three stages: ``answers`` (M, N, 2) in crop units are those of heads that
    did not learn from the person, ``checked`` the faces by which it was judged. The network did not learn
    from those ``aside`` either; None where it stayed as it was."""

    model: LandmarkModel
    stage: str
    answers: Array
    checked: NDArray[np.intp]
    how: str
    aside: NDArray[np.intp] | None = None
    steps: int = 0
    cancelled: bool = False


def _tuned(model: LandmarkModel, faces: TuneFaces, config: TuneConfig, heard: Heard) -> _Found:
    fitted = fit_heads(model, faces)
    everybody, people = np.arange(len(faces)), len(set(faces.people))
    tuned = _with_heads(model, fitted.heads)
    heard(TuneProgress("heads of the points", 1, 1, error=_percent(faces.errors(fitted.answers))))
    if people == 1:
        return _Found(tuned, fitted.stage, fitted.answers, everybody[:0], "one person cannot be checked")
    if people < END_TO_END or not config.steps:
        return _Found(tuned, fitted.stage, fitted.answers, everybody, "leaving people out in turn")
    run = _EndToEnd(model, faces, config, heard)
    run.go()
    # Of those who were learnt from, the network says what is too good to be true: what it said before
    # stands for what it will err by on others.
    answers = fitted.answers.copy()
    answers[run.aside] = run.answers
    how = "people who were kept aside"
    if not run.best_step:
        return _Found(tuned, fitted.stage, answers, run.aside, how, None, 0, run.cancelled)
    return _Found(run.best(), "network", answers, run.aside, how, run.aside, run.best_step, run.cancelled)


def _refined(
    model: LandmarkModel, refiner: Refiner, faces: TuneFaces, found: _Found
) -> tuple[_Found, FittedRefiner]:
    """The refinement head fitted to what was ``found``, or to the model as it was. Labels are often what
    the model said ``before`` with its head, but for a few points: the head then undoes the other stages."""
    tuned = fit_refiner(refiner, faces, found.answers, found.aside)
    found.model.refiner = tuned.refiner
    if found.stage == "none" or not len(found.checked):
        return found, tuned

    def errors(answers: Array) -> Array:
        return faces.errors(answers)[found.checked]

    plain = fit_refiner(refiner, faces, faces.answers, found.aside)
    if best_of({"plain": errors(plain.answers)}, errors(tuned.answers)) is None:
        return found, tuned
    as_before = _with_heads(model, None)
    as_before.refiner = plain.refiner
    return replace(found, model=as_before, stage="none", answers=faces.answers, aside=None, steps=0), plain


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
        self.after, self.answers = self._judged(model, faces)

    def go(self) -> None:
        config, losses, waited = self._config, [], 0
        for step in range(1, config.steps + 1):
            losses.append(self._tuner.step())
            if step % config.every and step < config.steps:
                self.cancelled = self._tell(step, None, None)
            else:
                tuned = self._tuner.tuned()
                error, answers = self._judged(tuned, self._faces.seen_by(tuned))
                waited = 0 if error < self.after else waited + 1
                if error < self.after:
                    self.after, self.answers, self.best_step, self._best = error, answers, step, tuned
                self.cancelled = self._tell(step, float(np.mean(losses)), error)
                losses = []
            if self.cancelled or waited > config.patience:
                return

    def best(self) -> LandmarkModel:
        """The network of the best step with heads fitted to all faces, those aside included."""
        return _with_heads(self._best, fit_heads(self._best, self._faces.seen_by(self._best)).heads)

    def _judged(self, model: LandmarkModel, faces: TuneFaces) -> tuple[float, Array]:
        """What heads fitted to the others say of those aside, and its error."""
        tuned = _with_heads(model, fit_heads(model, faces.subset(self._learnt)).heads)
        aside = faces.subset(self.aside)
        answers = aside.seen_by(tuned).answers
        return _percent(aside.errors(answers)), answers

    def _tell(self, step: int, loss: float | None, error: float | None) -> bool:
        return self._heard(TuneProgress("training", step, self._config.steps, step, loss, error))


def _with_heads(model: LandmarkModel, heads: PointHeads | None) -> LandmarkModel:
    return model.with_network(model.network, heads)


def _aside(people: Sequence[str], seed: int) -> NDArray[np.intp]:
    """The faces of a fifth of the people, drawn by the seed."""
    names = sorted(set(people))
    count = min(max(round(_ASIDE * len(names)), 1), _MOST_ASIDE)
    order = np.random.default_rng(seed).permutation(len(names))[:count]
    chosen = {names[i] for i in order}
    return np.array([i for i, name in enumerate(people) if name in chosen], np.intp)


def _checked(faces: TuneFaces, found: Array, rows: NDArray[np.intp]) -> float | None:
    """The error of points (M, N, 2) on the faces ``rows``; None where there are none."""
    return _percent(faces.errors(found)[rows]) if len(rows) else None


def _percent(errors: Array) -> float:
    """The mean over points, then faces."""
    return 100 * float(np.nanmean(np.nanmean(errors, axis=1)))


__all__ = ["END_TO_END", "FEWEST", "TuneProgress", "Tuned", "fine_tune"]

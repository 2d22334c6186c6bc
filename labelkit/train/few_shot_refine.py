"""A refinement head fitted to a few faces: how much of its step to take, heads of single points behind
it, and how far its spread is to be believed.

The network of the head stays as it is. It begins at what the tuned model says of people on whom its
heads were not fitted, as it will in use. What is chosen does better on people who were left out than the
tuned model alone, or else no step is taken and the head only says how sure it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labelkit.calibration import best_scale
from labelkit.geometry import Array
from labelkit.metrics import mahalanobis
from labelkit.models.refiner import Look, Refiner
from labelkit.models.tuned import RefinedHeads
from labelkit.scheme import Scheme
from labelkit.train.few_shot_faces import TuneFaces
from labelkit.train.few_shot_ridge import (
    CONSTANTS,
    FEWEST,
    MIRROR,
    Readings,
    best_of,
    choose,
    folds_of,
    head_weights,
    readings,
)
from labelkit.train.few_shot_windows import Windows

#: Shares of the step that the head takes without fine-tuning: the candidates. With fewer than `FEWEST`
#: people it is all of it or nothing.
SHARES = (0.25, 0.5, 0.75, 1.0)

#: Variances of the last token and of the step, beside 1 of the constant.
READ, STEP = 2.0, 0.1

#: How many faces of doubt are laid against the labels: the candidates. What the model's own heads have
#: left over is less certain than what they found.
DOUBTS = (1.0, 2.0, 4.0, 8.0, 16.0)

#: As of so many people it is believed that the spread is right as it is, and as of so many faces that it is
#: as wrong for every point as for all.
DOUBT_OF_SPREAD, DOUBT_OF_POINTS = 1.0, 4.0

#: The mean of Rayleigh's distribution: that of Mahalanobis distances under a spread that is right.
_RAYLEIGH = (np.pi / 2) ** 0.5

_BATCH = 16


@dataclass(frozen=True, eq=False)
class FittedRefiner:
    """``stage`` says what the head does: "heads" of single points and "offsets", constants alone, both
    beside the ``share`` of its own step; "step" without them, "spread" where nothing of it is taken.
    Its deviations are multiplied by ``spread``, in the middle of the points. ``answers`` (M, N, 2) are
    those of heads fitted without the person, in crop units."""

    refiner: Refiner
    stage: str
    share: float
    spread: float
    answers: Array


def fit_refiner(
    refiner: Refiner, faces: TuneFaces, answers: Array, aside: NDArray[np.intp] | None = None
) -> FittedRefiner:
    """Fit the head to faces that begin at ``answers`` (M, N, 2), in crop units; it is judged by leaving
    people out in turn, or by the faces ``aside`` alone."""
    windows = faces.windows
    assert windows is not None  # they are cut wherever the model has a head
    folds = folds_of(faces.people) if aside is None else [np.isin(np.arange(len(faces)), aside)]
    judged = np.any(folds, axis=0)

    def errors(found: Array) -> Array:
        return faces.errors(windows.out_of(found))

    start, labels = windows.into(answers), windows.into(faces.labels)
    looks = _looks(refiner, windows, faces.scheme.plane, start)
    taken = refiner.taken(faces.scheme.plane)[:, None]
    enough = len(set(faces.people)) >= FEWEST
    steps = {share: start + share * taken * looks[0].step for share in (SHARES if enough else SHARES[-1:])}
    tried = {some: errors(found)[judged] for some, found in steps.items()}
    share = best_of(tried, errors(start)[judged]) or 0.0
    found = steps.get(share, start)
    stage = "step" if share else "spread"
    views = _readings(faces, start, labels, looks, share * taken)
    weights = torch.zeros(len(views.places), views.features.shape[2], 2)
    if enough:
        best = choose(views, folds, [CONSTANTS, *DOUBTS], found, faces.scheme, errors)
        if best is not None:
            found, stage = best.answers, "heads" if best.doubt else "offsets"
            weights = head_weights(views, best.doubt, best.points)
    # The heads read the step before the constant; its share is told as what is missing of it.
    more = torch.tensor((share - 1) * refiner.taken(views.places), dtype=weights.dtype)
    weights[:, -3:-1] += more[:, None, None] * torch.eye(2)
    distance = mahalanobis(found, refiner.believed(looks[0].variance, faces.scheme.plane)[0], labels)
    people = len({faces.people[i] for i in np.flatnonzero(judged)})
    spread = spreads(distance[judged], people, faces.scheme)
    heads = RefinedHeads(views.places, weights, np.tile(spread, len(views.places) // len(spread)))
    told = float(np.median(spread))
    return FittedRefiner(refiner.with_heads(heads), stage, share, told, windows.out_of(found))


def as_it_is(refiner: Refiner, faces: TuneFaces, answers: Array) -> Array:
    """What the head makes of ``answers`` (M, N, 2) without being fitted, in crop units."""
    windows = faces.windows
    assert windows is not None
    start, plane = windows.into(answers), faces.scheme.plane
    found = [
        refiner.refine_pixels(windows.pixels[s], windows.valid[s], plane, start[s], windows.anchors[s])[0]
        for s in _batches(len(start))
    ]
    return windows.out_of(np.concatenate(found))


def _looks(refiner: Refiner, windows: Windows, plane: Array, start: Array) -> tuple[Look, Look]:
    """What the head says of the windows and of their mirror images, from the same starts (M, N, 2)."""
    both: tuple[list[Look], list[Look]] = [], []
    for some in _batches(len(start)):
        asked = windows.pixels[some], windows.valid[some], plane, start[some], windows.anchors[some]
        both[0].append(refiner.look(*asked))
        both[1].append(refiner.look(*refiner.mirrored(*asked)))
    return _joined(both[0]), _joined(both[1])


def _batches(count: int) -> Iterator[slice]:
    return (slice(first, first + _BATCH) for first in range(0, count, _BATCH))


def _joined(parts: Sequence[Look]) -> Look:
    steps, variances, read = zip(*parts, strict=True)
    return Look(np.concatenate(steps), np.concatenate(variances), torch.cat(read).double().cpu())


def _readings(
    faces: TuneFaces, start: Array, labels: Array, looks: tuple[Look, Look], taken: Array
) -> Readings:
    """What the head reads, and what is missing to the labels when ``taken`` (N, 1) of its step is taken."""
    missing = (
        labels - start - taken * looks[0].step,
        (labels - start) * MIRROR - taken * looks[1].step,
    )
    read: tuple[Tensor, Tensor] = looks[0].read, looks[1].read
    return readings(faces.scheme, read, missing, [(read[0].shape[2] - 2, READ), (2, STEP)])


def spreads(distance: Array, people: int, scheme: Scheme) -> Array:
    """By what the deviations of every point are multiplied, (N,), from Mahalanobis distances (M, N) of true
    points on faces of so many people, NaN where there is none.

    Of a few it is one number for all points, which can only grow: the scheme was often fitted to these very
    faces, on which the model then errs less than on others. Of more people it is less so, by about the
    weight of one of them.
    """
    known = distance[np.isfinite(distance)]
    count = distance.shape[1]
    if not len(known):
        return np.ones(count)
    believed, all_alike = people / (people + DOUBT_OF_SPREAD), best_scale(known)
    if people < FEWEST:
        return np.full(count, max(1.0, all_alike**believed))
    own = np.nan_to_num(distance / _RAYLEIGH)
    there = np.isfinite(distance).astype(float)
    if scheme.mirror:
        own, there = own + own[:, scheme.mirror_index], there + there[:, scheme.mirror_index]
    total, faces = own.sum(axis=0), there.sum(axis=0)
    by_point = (total + DOUBT_OF_POINTS * all_alike) / (faces + DOUBT_OF_POINTS)
    # Every face is judged by what the others say of its points.
    others = (total - own + DOUBT_OF_POINTS * all_alike) / (faces - there + DOUBT_OF_POINTS)
    relative = distance / others
    scale = best_scale(relative[np.isfinite(relative)]) * (1 + 1 / people)
    return np.asarray((by_point * scale) ** believed)

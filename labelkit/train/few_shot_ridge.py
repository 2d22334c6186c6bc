"""Ridge regressions for single points, fitted to a few faces in closed form.

For every point one: from what a network reads of it (centred, and scaled to a known length over all
points) and a constant to what is missing between its answer and the label. Every face counts twice, as
it is and mirrored. The constant alone is a semantic offset (TUFA, section 6.3) given in the answer
instead of in the question.

How much is believed is chosen by leaving people out in turn, which also says honestly what the heads
are worth on faces that they were not fitted to; and so it is whether every point gets its head, or only
those points that are clearly better with it. People often correct a few points of a prediction and
accept the others as they are: then these must stay where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labelkit.geometry import Array
from labelkit.scheme import Scheme

#: How many faces of doubt are laid against the labels: the candidates.
DOUBTS = (0.5, 1.0, 2.0, 4.0, 8.0)

#: What stands among the candidates for constants alone.
CONSTANTS = 0.0

#: The doubt of constants alone: as of so many faces.
DOUBT_OF_CONSTANTS = 10.0

#: From so many people on more than constants is fitted.
FEWEST = 4

#: What turns a point of the mirrored photo into one of the photo, and back.
MIRROR = np.array([-1.0, 1.0])

#: A point is clearly better with its head where errors are less by so many standard errors of the mean.
_CLEARLY = 2.0

#: Only some of the points have heads where that lowers errors by this share more.
_MORE = 0.03

#: What one chooses among.
Choice = TypeVar("Choice")

#: Errors are compared relative to the point's own and this share of the mean one.
_FLOOR = 0.25

#: People are left out in so many groups at most.
_FOLDS = 10

#: A residual this many times as long as the usual one of its point is shortened to that, which
#: keeps single slips of the hand from mattering much; never below so many plane units.
_OUTLIER, _LEAST = 4.0, 0.02


@dataclass(frozen=True, eq=False)
class Readings:
    """``features`` (K, S, C + 1) and ``missing`` (K, S, 2) of S views for K places on the plane
    (K, 2), zero where there is no label; ``face`` (S,) says whose view it is. The first M views are
    the faces as they are, the first N places those of the scheme. ``centre`` (K, C) and ``scale`` (C,)
    were taken from what was read."""

    places: Array
    features: Tensor
    missing: Tensor
    face: NDArray[np.intp]
    centre: Tensor
    scale: Tensor


@dataclass(frozen=True, eq=False)
class Chosen:
    """Heads that do best on people who were left out: their ``doubt``, the ``points`` (N,) that have one,
    and the ``answers`` (M, N, 2) of those that did not learn from the person."""

    doubt: float
    points: NDArray[np.bool_]
    answers: Array


def choose(
    views: Readings,
    folds: Sequence[NDArray[np.bool_]],
    doubts: Sequence[float],
    answers: Array,
    scheme: Scheme,
    errors: Callable[[Array], Array],
) -> Chosen | None:
    """What is best to add to ``answers`` (M, N, 2) by the ``errors`` (M, N) of what comes of it on the faces
    of the ``folds``; None where nothing is better than they are."""
    judged, plain = np.any(folds, axis=0), errors(answers)
    everywhere: dict[float, Chosen] = {}
    some: dict[float, Chosen] = {}
    for doubt, found in left_out(views, folds, doubts, answers).items():
        gains = plain - errors(found)
        everywhere[doubt] = Chosen(doubt, np.ones(len(scheme), np.bool_), found)
        partly = np.where(_better_by_others(gains, folds, scheme)[..., None], found, answers)
        some[doubt] = Chosen(doubt, _clearly_better(gains[judged], scheme), partly)

    def best(tried: Mapping[float, Chosen], reference: Array) -> Chosen | None:
        found = best_of({doubt: errors(one.answers)[judged] for doubt, one in tried.items()}, reference)
        return None if found is None else tried[found]

    whole = best(everywhere, plain[judged])
    reference = plain if whole is None else (1 - _MORE) * errors(whole.answers)
    return best(some, reference[judged]) or whole


def _better_by_others(gains: Array, folds: Sequence[NDArray[np.bool_]], scheme: Scheme) -> NDArray[np.bool_]:
    """For every face the points (M, N) that are clearly better on the others: were it its own gains that
    tell, what comes of it would be too good to be true. A single fold is halved."""
    judged = np.any(folds, axis=0)
    if len(folds) == 1:
        half = np.cumsum(judged) % 2 == 0
        folds = [judged & half, judged & ~half]
    better = np.zeros(gains.shape, np.bool_)
    for out in folds:
        better[out] = _clearly_better(gains[judged & ~out], scheme)
    return better


def _clearly_better(gains: Array, scheme: Scheme) -> NDArray[np.bool_]:
    """The points (N,) whose errors are less by ``gains`` (M, N), NaN without a label, on both sides of the
    face together."""
    if scheme.mirror:
        gains = np.concatenate([gains, gains[:, scheme.mirror_index]])
    count = np.isfinite(gains).sum(axis=0)
    mean = np.nansum(gains, axis=0) / np.maximum(count, 1)
    spread = np.nansum((gains - mean) ** 2, axis=0) / np.maximum(count - 1, 1)
    return np.asarray((count >= FEWEST) & (mean > _CLEARLY * np.sqrt(spread / np.maximum(count, 1))))


def readings(
    scheme: Scheme,
    read: tuple[Tensor, Tensor],
    missing: tuple[Array, Array],
    parts: Sequence[tuple[int, float]],
) -> Readings:
    """From what was ``read`` (M, N, C) of faces and of their mirror images, and what is ``missing``
    (M, N, 2) in each, NaN without a label. ``parts`` says how many numbers in turn were read of one kind,
    and the variance that they shall have beside 1 of the constant."""
    plane = scheme.plane
    (as_is, mirrored), (gaps, other) = read, missing
    if scheme.mirror:
        order = scheme.mirror_index
        both = torch.cat([as_is, mirrored[:, order]])
        gaps = np.concatenate([gaps, other[:, order]])
        places, face = plane, np.tile(np.arange(len(as_is)), 2)
    else:
        # Nobody knows which point is which on a mirrored face: it has places of its own.
        both, gaps = torch.cat([as_is, mirrored], dim=1), np.concatenate([gaps, other], axis=1)
        places, face = np.concatenate([plane, plane * MIRROR]), np.arange(len(as_is))
    centre = both.mean(dim=0)
    both = both - centre
    scale = _scale(both, parts)
    features = torch.cat([both / scale, torch.ones_like(both[..., :1])], dim=2)
    wanted = torch.from_numpy(_tamed(gaps))
    there = wanted.isfinite().all(dim=2, keepdim=True)
    return Readings(
        places,
        (features * there).transpose(0, 1).contiguous(),
        torch.where(there, wanted, 0.0).transpose(0, 1).contiguous(),
        face,
        centre,
        scale,
    )


def left_out(
    views: Readings, folds: Sequence[NDArray[np.bool_]], doubts: Sequence[float], answers: Array
) -> dict[float, Array]:
    """``answers`` (M, N, 2), with what heads that were fitted to the others add to them for every face of
    the ``folds``, by doubt."""
    count = answers.shape[1]
    found = {doubt: answers.copy() for doubt in doubts}
    for out in folds:
        rows = np.flatnonzero(out)
        seen = views.features[:count][:, torch.from_numpy(rows)]
        for doubt in doubts:
            weights = _solve(views, ~out[views.face], doubt)[:count]
            found[doubt][rows] += (seen @ weights).transpose(0, 1).numpy()
    return found


def best_of(tried: Mapping[Choice, Array], reference: Array) -> Choice | None:
    """The choice with the least errors (M, N), or None where all are as large as the ``reference``.

    A point's error counts relative to how far off it was: where hair begins people differ by more than
    anybody learns from a few, which is not to decide about eyes and mouth. But the mean error must be less,
    too.
    """
    plain = float(np.nanmean(reference))
    by_point = _by_point(reference)
    usual = by_point + _FLOOR * np.nanmean(by_point)

    def cost(errors: Array) -> float:
        return float(np.nanmean(_by_point(errors) / usual))

    better = {key: cost(errors) for key, errors in tried.items() if float(np.nanmean(errors)) < plain}
    if not better or min(better.values()) >= cost(reference):
        return None
    return min(better, key=lambda key: better[key])


def head_weights(views: Readings, doubt: float, points: NDArray[np.bool_] | None = None) -> Tensor:
    """The heads fitted to all views, for what is read as it comes from the network: (K, C + 1, 2); zero
    but for the ``points`` (N,) where these are given."""
    weights = _solve(views, np.ones(len(views.face), np.bool_), doubt)
    if points is not None:
        weights = weights * torch.from_numpy(np.tile(points, len(weights) // len(points)))[:, None, None]
    slope = weights[:, :-1] / views.scale[:, None]
    constant = weights[:, -1] - (views.centre[:, None] @ slope)[:, 0]
    return torch.cat([slope, constant[:, None]], dim=1).float()


def folds_of(people: Sequence[str]) -> list[NDArray[np.bool_]]:
    """Who is left out at a time, (M,) each: every person once, several at a time where there are many."""
    names = list(dict.fromkeys(people))
    part = {name: i % _FOLDS for i, name in enumerate(names)}
    own = np.array([part[name] for name in people])
    return [own == i for i in range(min(_FOLDS, len(names)))]


def _by_point(errors: Array) -> Array:
    """Means over the faces of errors (M, N), (N,); NaN for points without any."""
    known = np.isfinite(errors).any(axis=0)
    means = np.full(errors.shape[1], np.nan)
    means[known] = np.nanmean(errors[:, known], axis=0)
    return means


def _scale(read: Tensor, parts: Sequence[tuple[int, float]]) -> Tensor:
    """What each of the numbers (…, C) is divided by."""
    scales = []
    for values, (count, variance) in zip(
        read.split([count for count, _ in parts], dim=2), parts, strict=True
    ):
        length = values.square().sum(dim=2).mean().sqrt().clamp_min(1e-6)
        scales.append((length / variance**0.5).expand(count))
    return torch.cat(scales)


def _tamed(gaps: Array) -> Array:
    """Residuals (S, K, 2), those that are far longer than is usual for their point shortened."""
    length = np.linalg.norm(gaps, axis=2)
    known = np.isfinite(length).any(axis=0)
    usual = np.zeros(len(known))
    usual[known] = np.nanmedian(length[:, known], axis=0)
    most = np.maximum(_OUTLIER * usual, _LEAST)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(gaps * np.minimum(1.0, most / length)[..., None])


def _solve(views: Readings, rows: NDArray[np.bool_], doubt: float) -> Tensor:
    """The ridge regression over the views ``rows``, (K, C + 1, 2)."""
    chosen = torch.from_numpy(np.flatnonzero(rows))
    features, missing = views.features[:, chosen], views.missing[:, chosen]
    mirrored = len(views.face) / len(set(views.face.tolist()))
    if doubt == CONSTANTS:
        weights = torch.zeros(len(features), features.shape[2], 2, dtype=features.dtype)
        count = features[..., -1].sum(dim=1, keepdim=True)
        weights[:, -1] = missing.sum(dim=1) / (count + DOUBT_OF_CONSTANTS * mirrored)
        return weights
    across = features.transpose(1, 2)
    ridge = doubt * mirrored
    if len(chosen) < features.shape[2]:  # the dual form is the smaller one
        square = features @ across + ridge * torch.eye(len(chosen), dtype=features.dtype)
        dual: Tensor = across @ torch.linalg.solve(square, missing)
        return dual
    square = across @ features + ridge * torch.eye(features.shape[2], dtype=features.dtype)
    primal: Tensor = torch.linalg.solve(square, across @ missing)
    return primal

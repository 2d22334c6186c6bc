"""Heads of single points, fitted to a few faces in closed form.

For every point a ridge regression: from what the network's head reads (`TUFA.read`, centred, and
scaled to unit length over all points) and a constant to what is missing between the network's
answer and the label. Every face counts twice, as it is and mirrored. The constant alone is a
semantic offset (TUFA, section 6.3) given in the answer instead of in the question.

How much is believed is chosen by leaving people out in turn, which also says honestly what the
heads are worth on faces that they were not fitted to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labelkit.geometry import Array
from labelkit.models.predictor import LandmarkModel
from labelkit.models.tuned import PointHeads
from labelkit.train.few_shot_faces import TuneFaces

#: Variance of what is read, beside 1 of the constant.
READ = 2.0

#: How many faces of doubt are laid against the labels: the candidates.
DOUBTS = (0.5, 1.0, 2.0, 4.0, 8.0)

#: The doubt of constants alone: as of so many faces.
DOUBT_OF_CONSTANTS = 10.0

#: From so many people on more than constants is fitted.
FEWEST = 4

#: People are left out in so many groups at most.
_FOLDS = 10

#: A residual this many times as long as the usual one of its point is shortened to that, which
#: keeps single slips of the hand from mattering much; never below so many plane units.
_OUTLIER, _LEAST = 4.0, 0.02

_BATCH = 16


@dataclass(frozen=True, eq=False)
class Readings:
    """``features`` (K, S, C + 1) and ``missing`` (K, S, 2) of S views for K places on the plane
    (K, 2), zero where there is no label; ``face`` (S,) says whose view it is. The first M views are
    the faces as they are, the first N places those of the scheme. ``centre`` (K, C) and ``scale``
    were taken from what was read."""

    places: Array
    features: Tensor
    missing: Tensor
    face: NDArray[np.intp]
    centre: Tensor
    scale: float


@dataclass(frozen=True, eq=False)
class FittedHeads:
    """``stage``: "heads", "offsets" for constants alone, or "none" where the network does best by
    itself. ``answers`` (M, N, 2) are those of heads fitted without the person, in crop units; of a
    single person the network's own."""

    heads: PointHeads | None
    stage: str
    answers: Array


def fit_heads(model: LandmarkModel, faces: TuneFaces) -> FittedHeads:
    """The heads that do best on people who were left out; no heads where none does better than the
    network. Of a single person, whom nobody can check, small offsets."""
    views = _readings(model, faces)
    folds = _folds(faces.people)
    if len(folds) < 2:
        return FittedHeads(_heads(views, None), "offsets", faces.answers)
    doubts: list[float | None] = [None, *(DOUBTS if len(set(faces.people)) >= FEWEST else ())]
    tried = _left_out(views, folds, doubts, faces)
    errors = {doubt: float(np.nanmean(faces.errors(found))) for doubt, found in tried.items()}
    best = min(doubts, key=lambda doubt: errors[doubt])
    if errors[best] >= float(np.nanmean(faces.errors(faces.answers))):
        return FittedHeads(None, "none", faces.answers)
    return FittedHeads(_heads(views, best), "offsets" if best is None else "heads", tried[best])


def _readings(model: LandmarkModel, faces: TuneFaces) -> Readings:
    plane, scheme = faces.scheme.plane, faces.scheme
    flip = np.array([-1.0, 1.0])
    as_is = _look(model, faces, plane, False)
    mirrored = _look(model, faces, plane * flip, True)
    missing, other = faces.labels - faces.answers, (faces.labels - faces.mirrored) * flip
    if scheme.mirror:
        order = scheme.mirror_index
        read = torch.cat([as_is, mirrored[:, order]])
        gaps = np.concatenate([missing, other[:, order]])
        places, face = plane, np.tile(np.arange(len(faces)), 2)
    else:
        # Nobody knows which point is which on a mirrored face: it has places of its own.
        read, gaps = torch.cat([as_is, mirrored], dim=1), np.concatenate([missing, other], axis=1)
        places, face = np.concatenate([plane, plane * flip]), np.arange(len(faces))
    centre = read.mean(dim=0)
    read = read - centre
    scale = float(read.square().sum(dim=2).mean().sqrt().clamp_min(1e-6)) / READ**0.5
    features = torch.cat([read / scale, torch.ones_like(read[..., :1])], dim=2)
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


def _look(model: LandmarkModel, faces: TuneFaces, plane: Array, mirrored: bool) -> Tensor:
    parts = [
        model.read(faces.pixels[i : i + _BATCH], faces.valid[i : i + _BATCH], plane, mirrored)
        for i in range(0, len(faces), _BATCH)
    ]
    return torch.cat(parts).double().cpu()


def _tamed(gaps: Array) -> Array:
    """Residuals (S, K, 2), those that are far longer than is usual for their point shortened."""
    length = np.linalg.norm(gaps, axis=2)
    known = np.isfinite(length).any(axis=0)
    usual = np.zeros(len(known))
    usual[known] = np.nanmedian(length[:, known], axis=0)
    most = np.maximum(_OUTLIER * usual, _LEAST)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(gaps * np.minimum(1.0, most / length)[..., None])


def _solve(views: Readings, rows: NDArray[np.bool_], doubt: float | None) -> Tensor:
    """The ridge regression over the views ``rows``, (K, C + 1, 2)."""
    chosen = torch.from_numpy(np.flatnonzero(rows))
    features, missing = views.features[:, chosen], views.missing[:, chosen]
    mirrored = len(views.face) / len(set(views.face.tolist()))
    if doubt is None:
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


def _left_out(
    views: Readings, folds: Sequence[NDArray[np.bool_]], doubts: Sequence[float | None], faces: TuneFaces
) -> dict[float | None, Array]:
    """What heads that were fitted to the others say of every face, (M, N, 2) in crop units, by doubt."""
    count = len(faces.scheme)
    found = {doubt: faces.answers.copy() for doubt in doubts}
    for out in folds:
        rows = np.flatnonzero(out)
        seen = views.features[:count][:, torch.from_numpy(rows)]
        for doubt in doubts:
            weights = _solve(views, ~out[views.face], doubt)[:count]
            found[doubt][rows] += (seen @ weights).transpose(0, 1).numpy()
    return found


def _heads(views: Readings, doubt: float | None) -> PointHeads:
    """The heads fitted to all views, for what is read as it comes from the network."""
    weights = _solve(views, np.ones(len(views.face), np.bool_), doubt)
    slope = weights[:, :-1] / views.scale
    constant = weights[:, -1] - (views.centre[:, None] @ slope)[:, 0]
    return PointHeads(views.places, torch.cat([slope, constant[:, None]], dim=1).float())


def _folds(people: Sequence[str]) -> list[NDArray[np.bool_]]:
    """Who is left out at a time, (M,) each: every person once, several at a time where there are many."""
    names = list(dict.fromkeys(people))
    part = {name: i % _FOLDS for i, name in enumerate(names)}
    own = np.array([part[name] for name in people])
    return [own == i for i in range(min(_FOLDS, len(names)))]

"""Heads of single points, fitted to a few faces: from what the network's head reads (`TUFA.read`) to what
is missing between its answer and the label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labelkit.geometry import Array
from labelkit.models.predictor import LandmarkModel
from labelkit.models.tuned import PointHeads
from labelkit.train.few_shot_faces import TuneFaces
from labelkit.train.few_shot_ridge import (
    CONSTANTS,
    DOUBTS,
    FEWEST,
    MIRROR,
    Readings,
    choose,
    folds_of,
    head_weights,
    readings,
)

#: Variance of what is read, beside 1 of the constant.
READ = 2.0

_BATCH = 16


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
    views = point_readings(model, faces)
    folds = folds_of(faces.people)
    if len(folds) < 2:
        return FittedHeads(_heads(views, CONSTANTS), "offsets", faces.answers)
    doubts = [CONSTANTS, *(DOUBTS if len(set(faces.people)) >= FEWEST else ())]
    best = choose(views, folds, doubts, faces.answers, faces.scheme, faces.errors)
    if best is None:
        return FittedHeads(None, "none", faces.answers)
    stage = "heads" if best.doubt else "offsets"
    return FittedHeads(_heads(views, best.doubt, best.points), stage, best.answers)


def point_readings(model: LandmarkModel, faces: TuneFaces) -> Readings:
    """What the model reads of the faces' points, and what is missing to the labels."""
    plane = faces.scheme.plane
    read = _look(model, faces, plane, False), _look(model, faces, plane * MIRROR, True)
    missing = faces.labels - faces.answers, (faces.labels - faces.mirrored) * MIRROR
    return readings(faces.scheme, read, missing, [(read[0].shape[2], READ)])


def _look(model: LandmarkModel, faces: TuneFaces, plane: Array, mirrored: bool) -> Tensor:
    parts = [
        model.read(faces.pixels[i : i + _BATCH], faces.valid[i : i + _BATCH], plane, mirrored)
        for i in range(0, len(faces), _BATCH)
    ]
    return torch.cat(parts).double().cpu()


def _heads(views: Readings, doubt: float, points: NDArray[np.bool_] | None = None) -> PointHeads:
    return PointHeads(views.places, head_weights(views, doubt, points))


__all__ = ["FEWEST", "FittedHeads", "fit_heads", "point_readings"]

"""What stands in the queue, in which order, and the reason that is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from labelkit import uncertainty
from labelkit.geometry import Box
from labelkit.landmarks import Face
from labelkit.prediction import Prediction

#: The states that wait for a person, the most urgent first.
ORDER = ("returned", "predicted", "in progress", "todo")

#: The orders in which to work. ``uncertain``: what a correction is worth, the model's doubt about a
#: face times what sets it apart from the faces before it; ``teaching``: for a model to learn from,
#: faces that speak for many others; ``worst``: the doubt alone; ``random``: every face alike;
#: ``oldest``: as they were added; ``outliers``: the oddest shapes first.
Way = Literal["uncertain", "teaching", "worst", "random", "oldest", "outliers"]
WAYS: tuple[Way, ...] = get_args(Way)


@dataclass(frozen=True)
class QueueItem:
    """A face that waits for a person. ``score`` is how uncertain its points are, 0 to 1, None where
    nothing is known; ``reason`` says in words why it stands where it stands."""

    face: Face
    score: float | None
    reason: str


@dataclass(frozen=True)
class Waiting:
    """What is known about a face that waits.

    ``note`` is why it is in its ``state`` (a reviewer's comment, say), ``model`` whose prediction
    it has, None for none; ``doubt`` says in words of which points that model is unsure, nothing
    from a model that gives no spread; ``shape`` what is odd about the shape; ``held`` who has the
    face open.
    """

    face: Face
    state: str
    score: float | None = None
    note: str = ""
    model: str | None = None
    doubt: str = ""
    shape: str = ""
    held: str = ""


def score(prediction: Prediction, box: Box | None) -> float | None:
    """How uncertain a face is, 0 to 1: by the model's own word or, where it gives none, by the doubt
    of the detector that found the face (turned, dark and hidden faces are found with less of it
    than they should be). None where neither is known."""
    known = uncertainty.score(prediction)
    if known is None and box is not None and box.score is not None:
        return min(max(1 - box.score, 0.0), 1.0)
    return known


def by_doubt(waiting: Iterable[Waiting]) -> list[QueueItem]:
    """The faces in the order ``worst``, each with the reason.

    Returned faces first, then predicted ones, then those somebody began, then those without
    points; within each the most uncertain first, those of which nothing is known last, and in the
    given order otherwise. Faces in other states do not wait.
    """
    rank = {state: number for number, state in enumerate(ORDER)}
    faces = [face for face in waiting if face.state in rank]
    faces.sort(key=lambda face: (rank[face.state], face.score is None, -(face.score or 0)))
    return [QueueItem(face.face, face.score, reason(face)) for face in faces]


def shuffled(face_ids: Sequence[int], seed: int) -> NDArray[np.int64]:
    """The ids in an order that depends on ``seed`` and on nothing else: what stands before what
    does not change when other faces come or go."""
    ids = np.asarray(face_ids, np.int64)
    # SplitMix64 (Steele, Lea and Flood 2014): neighbouring numbers become independent ones.
    mixed = ids.astype(np.uint64) + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ids[np.lexsort((ids, mixed ^ (mixed >> np.uint64(31))))]


def reason(waiting: Waiting) -> str:
    """Why a face stands where it stands, in one line."""
    held = f"{waiting.held} has it open" if waiting.held else ""
    match waiting.state:
        case "returned":
            why = f"returned: {waiting.note}" if waiting.note else "returned"
        case "in progress":
            why = "somebody has begun it"
        case "todo":
            why = "no points yet"
        case _:
            why = "; ".join(part for part in (waiting.note, _doubt(waiting)) if part)
    return "; ".join(part for part in (held, waiting.shape, why) if part)


def _doubt(waiting: Waiting) -> str:
    if waiting.model is None or waiting.doubt:
        return waiting.doubt
    name = waiting.model.partition("@")[0]
    if waiting.score is None:
        return f"{name} does not say how sure it is"
    return f"the face detector's doubt ({name} gives none)"

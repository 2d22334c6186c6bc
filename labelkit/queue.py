"""Who is looked at next: faces that came back first, then what a model is least sure of, then the rest.

Pure Python on values. The store keeps faces sorted by the same score, so that a page of the queue
costs no more than a page.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from labelkit import uncertainty
from labelkit.geometry import Box
from labelkit.landmarks import Face
from labelkit.prediction import Prediction

#: The states that wait for a person, the most urgent first.
ORDER = ("returned", "predicted", "in progress", "todo")


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
    it has, None for none; ``spread``: whether that model says how sure it is.
    """

    face: Face
    state: str
    score: float | None = None
    note: str = ""
    model: str | None = None
    spread: bool = False


def score(prediction: Prediction, box: Box | None) -> float | None:
    """How uncertain a face is, 0 to 1: by the model's own word or, where it gives none, by the doubt
    of the detector that found the face (turned, dark and hidden faces are found with less of it
    than they should be). None where neither is known."""
    known = uncertainty.score(prediction)
    if known is None and box is not None and box.score is not None:
        return min(max(1 - box.score, 0.0), 1.0)
    return known


def has_spread(prediction: Prediction) -> bool:
    """Whether the model said how sure it is of this face."""
    return uncertainty.score(prediction) is not None


def order(waiting: Iterable[Waiting]) -> list[QueueItem]:
    """The faces in the order in which to work, each with the reason.

    Returned faces first, then predicted ones, then those somebody began, then those without
    points; within each the most uncertain first, those of which nothing is known last, and in the
    given order otherwise. Faces in other states do not wait.
    """
    rank = {state: number for number, state in enumerate(ORDER)}
    faces = [face for face in waiting if face.state in rank]
    faces.sort(key=lambda face: (rank[face.state], face.score is None, -(face.score or 0)))
    return [QueueItem(face.face, face.score, reason(face)) for face in faces]


def reason(waiting: Waiting) -> str:
    """Why a face stands where it stands, in one line."""
    match waiting.state:
        case "returned":
            return f"returned: {waiting.note}" if waiting.note else "returned"
        case "in progress":
            return "somebody has begun it"
        case "todo":
            return "no points yet"
    return "; ".join(part for part in (waiting.note, _doubt(waiting)) if part)


def _doubt(waiting: Waiting) -> str:
    if waiting.model is None:
        return ""
    if waiting.score is not None and waiting.spread:
        return f"{100 * waiting.score:.0f} % of the points are probably off"
    name = waiting.model.partition("@")[0]
    if waiting.score is None:
        return f"{name} does not say how sure it is"
    return f"the face detector's doubt ({name} gives none)"

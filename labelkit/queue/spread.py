"""The order ``uncertain``: doubt first, but no ten faces in a row that are all the same."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelkit.geometry import Array
from labelkit.queue.likeness import squared_distances

#: Photos of one folder and name whose numbers differ by at most this are taken for one sequence.
SEQUENCE = 30

#: What a face is worth at least, so that what is known to be sure stands before what is unknown,
#: and whatever is like another keeps a place.
_SURE, _UNKNOWN, _SAME = 1e-6, 1e-9, 0.01

_NUMBERED = re.compile(r"(.*?)(\d+)(\D*)")


@dataclass(frozen=True)
class Look:
    """A face as `spread_out` and `speak_for_others` see it: its doubt (None where nothing is known), its
    photo and person, and its signature, None where it has none."""

    score: float | None
    image: str
    person: str | None = None
    signature: bytes | None = None


def spread_out(faces: Sequence[Look]) -> list[int]:
    """The places of ``faces`` in the order in which to work.

    Each time the face comes next for which the doubt, times how little it is like the faces
    before it, is largest. Faces are alike by their signatures, the more so where they are of one
    person or of one sequence of photos; without a signature they are like none. Takes time with
    the square of the number of faces: meant for pages of some hundred.
    """
    if not faces:
        return []
    alike = likeness(faces)
    worth = np.array([_UNKNOWN if face.score is None else max(face.score, _SURE) for face in faces])
    # The largest likeness to what has been chosen.
    seen = np.zeros(len(faces))
    order: list[int] = []
    for _ in faces:
        best = int(np.argmax(worth * np.maximum(1 - seen, _SAME)))
        order.append(best)
        worth[best] = -1.0
        seen = np.maximum(seen, alike[best])
    return order


def likeness(faces: Sequence[Look]) -> Array:
    """How much faces are alike, (B, B), 0 to 1."""
    alike = np.exp(-0.5 * squared_distances([face.signature for face in faces]) * _ease(faces))
    np.fill_diagonal(alike, 1.0)  # a face without a signature is like itself alone
    return np.asarray(alike)


def _ease(faces: Sequence[Look]) -> Array:
    """(B, B): a quarter where two faces are of one person or one sequence (half the distance, so to
    speak), else 1."""
    names = [_NUMBERED.fullmatch(face.image) for face in faces]
    people = _codes([face.person or None for face in faces])
    series = _codes([(m[1], m[3]) if m else None for m in names])
    numbers = np.array([float(m[2]) if m else np.nan for m in names])
    near = np.abs(numbers[:, None] - numbers[None, :]) <= SEQUENCE
    together = (people[:, None] == people[None, :]) | ((series[:, None] == series[None, :]) & near)
    return np.where(together, 0.25, 1.0)


def _codes(keys: Sequence[Hashable | None]) -> NDArray[np.intp]:
    """A number for each key, equal where keys are equal; None is like no other."""
    known: dict[Hashable, int] = {}
    return np.array(
        [known.setdefault(index if key is None else (key,), index) for index, key in enumerate(keys)], np.intp
    )

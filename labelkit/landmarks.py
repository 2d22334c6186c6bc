"""The points of one face, what is known about each, and who said so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelkit.errors import InputError
from labelkit.geometry import Array, Box, flip_points, freeze
from labelkit.scheme import Scheme


class State(IntEnum):
    """How a point came to be where it is."""

    PREDICTED = 0
    PLACED = 1
    CONFIRMED = 2


class Visibility(IntEnum):
    """Whether the photo shows the place of a point."""

    UNKNOWN = 0
    VISIBLE = 1
    OCCLUDED = 2
    SELF_OCCLUDED = 3


@dataclass(frozen=True)
class Landmarks:
    """The points of one face in image px.

    ``xy`` (N, 2) float64, NaN where a point is not there; ``state`` and ``visibility``
    (N,) int8 (`State`, `Visibility`); ``scheme`` is the scheme's name. All arrays are
    read-only. Raises `InputError` when the lengths differ.
    """

    scheme: str
    xy: Array
    state: NDArray[np.int8]
    visibility: NDArray[np.int8]

    def __init__(
        self,
        scheme: str | Scheme,
        xy: ArrayLike,
        state: ArrayLike | State = State.CONFIRMED,
        visibility: ArrayLike | Visibility = Visibility.UNKNOWN,
    ) -> None:
        points = freeze(xy)
        if points.ndim != 2 or points.shape[1] != 2:
            raise InputError(f"landmarks are an array (N, 2), not {points.shape}")
        if isinstance(scheme, Scheme) and len(scheme) != len(points):
            raise InputError(f"scheme {scheme.name!r} has {len(scheme)} points, not {len(points)}")
        object.__setattr__(self, "scheme", scheme.name if isinstance(scheme, Scheme) else scheme)
        object.__setattr__(self, "xy", points)
        object.__setattr__(self, "state", _per_point(state, len(points), "state"))
        object.__setattr__(self, "visibility", _per_point(visibility, len(points), "visibility"))

    def __len__(self) -> int:
        return len(self.xy)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Landmarks)
            and self.scheme == other.scheme
            and np.array_equal(self.xy, other.xy, equal_nan=True)
            and np.array_equal(self.state, other.state)
            and np.array_equal(self.visibility, other.visibility)
        )

    __hash__ = None  # type: ignore[assignment]  # arrays inside: equal by value, not hashable

    def __repr__(self) -> str:
        missing = int((~self.present).sum())
        return f"<Landmarks: {len(self)} points of {self.scheme!r}{f', {missing} not there' * bool(missing)}>"

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which points are there, (N,)."""
        return np.asarray(np.isfinite(self.xy).all(axis=1))

    @property
    def box(self) -> Box:
        """The tight box of the points that are there; raises `BoxError` for none."""
        return Box.around(self.xy, self.scheme)

    def flipped(self, width: float, scheme: Scheme) -> Landmarks:
        """The landmarks in the mirrored image of ``width`` px, left and right renamed.

        Raises `InputError` when ``scheme`` has another number of points, `SchemeError`
        when it is asymmetric.
        """
        if len(scheme) != len(self):
            raise InputError(f"scheme {scheme.name!r} has {len(scheme)} points, not {len(self)}")
        order = scheme.mirror_index
        return Landmarks(
            self.scheme, flip_points(self.xy, width)[order], self.state[order], self.visibility[order]
        )


@dataclass(frozen=True)
class Face:
    """One person in one image: the image's path relative to the project's image root,
    the face's number within it (from 0), and its box where one is known."""

    image: str
    index: int = 0
    box: Box | None = None


@dataclass(frozen=True)
class Annotation:
    """What a person confirmed about a face. Append-only: a change is a new revision.

    ``started_from`` is the id of the model with whose prediction the author began; ``source`` says
    how the points came here (``person``, ``import``, ``translated from <scheme>``);
    ``base_revision`` is the revision that the author saw (0 for none, None where it is unknown).
    """

    face: Face
    landmarks: Landmarks
    author: str
    time: datetime
    revision: int = 1
    started_from: str | None = None
    source: str = "person"
    base_revision: int | None = None

    @property
    def crossed(self) -> bool:
        """Whether somebody else's revision came in between, which the author did not see."""
        return self.base_revision is not None and self.base_revision != self.revision - 1


def _per_point(value: ArrayLike | IntEnum, count: int, what: str) -> NDArray[np.int8]:
    array = np.array(value, dtype=np.int8)
    array = np.full(count, array, np.int8) if array.ndim == 0 else array
    if array.shape != (count,):
        raise InputError(f"{what} has {array.shape} entries for {count} points")
    array.setflags(write=False)
    return array

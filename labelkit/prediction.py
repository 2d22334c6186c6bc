"""What a model says about a face, and what a model is. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelkit.errors import InputError
from labelkit.geometry import Array, Box, Crop, freeze
from labelkit.landmarks import Landmarks, State
from labelkit.scheme import Scheme

#: A box as users write it: x0, y0, x1, y1, tight around the scheme's own landmarks.
BoxLike = Box | tuple[float, float, float, float]


@dataclass(frozen=True)
class Prediction:
    """The points that a model placed on one face.

    ``xy`` (N, 2) image px; ``cov`` (N, 2, 2) px², NaN from a model without spread;
    ``confidence`` (N,) the calibrated probability that the error is below 5 % of IOD,
    else NaN; ``model`` its name and content hash; ``crop`` what the network saw;
    ``scheme`` the scheme's name.
    """

    xy: Array
    cov: Array
    confidence: Array
    model: str
    crop: Crop
    scheme: str

    def __init__(
        self,
        xy: ArrayLike,
        model: str,
        crop: Crop,
        scheme: str,
        cov: ArrayLike | None = None,
        confidence: ArrayLike | None = None,
    ) -> None:
        points = freeze(xy)
        count = len(points)
        spread = freeze(np.full((count, 2, 2), np.nan) if cov is None else cov)
        sure = freeze(np.full(count, np.nan) if confidence is None else confidence)
        if points.shape != (count, 2) or spread.shape != (count, 2, 2) or sure.shape != (count,):
            raise InputError(
                f"a prediction of {points.shape} has cov {spread.shape}, confidence {sure.shape}"
            )
        for name, value in (("xy", points), ("cov", spread), ("confidence", sure)):
            object.__setattr__(self, name, value)
        for name, other in (("model", model), ("crop", crop), ("scheme", scheme)):
            object.__setattr__(self, name, other)

    def __len__(self) -> int:
        return len(self.xy)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Prediction)
            and (self.model, self.crop, self.scheme) == (other.model, other.crop, other.scheme)
            and np.array_equal(self.xy, other.xy, equal_nan=True)
            and np.array_equal(self.cov, other.cov, equal_nan=True)
            and np.array_equal(self.confidence, other.confidence, equal_nan=True)
        )

    __hash__ = None  # type: ignore[assignment]  # arrays inside: equal by value, not hashable

    def __repr__(self) -> str:
        spread = "" if np.isfinite(self.cov).any() else ", without spread"
        return f"<Prediction: {len(self)} points of {self.scheme!r} by {self.model}{spread}>"

    def landmarks(self) -> Landmarks:
        """The points as landmarks in the state ``predicted``."""
        return Landmarks(self.scheme, self.xy, State.PREDICTED)


@runtime_checkable
class Model(Protocol):
    """Whatever places the points of a scheme on faces.

    ``name`` and ``id`` (name and content hash) go into every prediction.
    """

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def id(self) -> str:
        """Name and content hash, ``name@0123456789ab``: which weights these are."""
        ...

    def predict(
        self,
        images: Sequence[NDArray[np.uint8]],
        boxes: Sequence[BoxLike],
        scheme: Scheme | str,
    ) -> list[Prediction]:
        """One prediction per face. ``images`` are RGB uint8 (H, W, 3), one per box (the
        same array may stand several times); a batch gives what single faces give."""
        ...

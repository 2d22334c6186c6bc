"""Faces that a model has looked at once and can be asked about any number of times.

While somebody draws a scheme nothing changes on the example faces but the question: the encoder's
answer is kept (`tufa.Memory`), and only plane points that were not asked about before go through
the decoder. With anchored attention points do not depend on one another, so that a point that is
dragged over the plane costs one point; with full attention a changed point changes all, and all
are decoded again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from labelkit.errors import InputError
from labelkit.geometry import Array, Crop
from labelkit.images import RGBImage
from labelkit.models.predictor import LandmarkModel
from labelkit.sampling import sample_crop

#: Plane points whose places are kept at most, some hundred bytes each: many minutes of dragging.
KEPT = 20_000


class LiveFaces:
    """Places plane points on a fixed row of faces; the encoder runs once, when this is made.

    ``images`` RGB uint8 (H, W, 3) with one crop each. ``decoded`` counts the plane points that
    went through the decoder so far. Safe to use from several threads.
    """

    def __init__(self, model: LandmarkModel, images: Sequence[RGBImage], crops: Sequence[Crop]) -> None:
        if not images or len(images) != len(crops):
            raise InputError(f"{len(images)} faces with {len(crops)} crops: at least one each is needed")
        self.model, self.images, self.crops = model, tuple(images), tuple(crops)
        samples = [sample_crop(image, crop, model.size) for image, crop in zip(images, crops, strict=True)]
        self._memory = model.remember(np.stack([s[0] for s in samples]), np.stack([s[1] for s in samples]))
        self._known: OrderedDict[tuple[float, float], Array] = OrderedDict()
        self._lock = threading.Lock()
        self.decoded = 0

    def __len__(self) -> int:
        return len(self.images)

    @property
    def independent(self) -> bool:
        """Whether a point's place does not depend on the points asked for along with it."""
        return self._memory.anchors is not None

    def place(self, plane: ArrayLike) -> Array:
        """Where the plane points (N, 2) are on every face: (faces, N, 2) in image px."""
        points = np.asarray(plane, np.float64).reshape(-1, 2)
        found = self._kept(points) if self.independent and len(points) else self._decode(points)
        return np.stack([crop.points_to_image(some) for crop, some in zip(self.crops, found, strict=True)])

    def _kept(self, points: Array) -> Array:
        """Places in crop units, from what is known where that is possible."""
        keys: list[tuple[float, float]] = [(x, y) for x, y in points.tolist()]
        with self._lock:
            new = [key for key in dict.fromkeys(keys) if key not in self._known]
            fresh = self._decode(np.array(new))
            # Copies: a view would keep the whole answer alive for as long as one of its points.
            self._known |= {key: fresh[:, i].copy() for i, key in enumerate(new)}
            for key in keys:
                self._known.move_to_end(key)
            found = np.stack([self._known[key] for key in keys], axis=1)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return found

    def _decode(self, points: Array) -> Array:
        if not len(points):
            return np.empty((len(self), 0, 2))
        self.decoded += len(points)
        return self.model.recall(self._memory, points)


def most_different(shapes: ArrayLike, count: int) -> list[int]:
    """Indices of ``count`` shapes of (F, N, 2) that lie far from one another, in their own order.

    Farthest-point sampling (Gonzalez 1985), beginning with the shape nearest to the mean. Shapes
    are compared as they are: bring them into one frame first. All of them where there are no more.
    """
    flat = np.asarray(shapes, np.float64).reshape(len(np.asarray(shapes)), -1)
    if len(flat) <= count:
        return list(range(len(flat)))
    chosen = [int(np.linalg.norm(flat - flat.mean(axis=0), axis=1).argmin())]
    away = np.linalg.norm(flat - flat[chosen[0]], axis=1)
    while len(chosen) < count:
        chosen.append(int(away.argmax()))
        away = np.minimum(away, np.linalg.norm(flat - flat[chosen[-1]], axis=1))
    return sorted(chosen)

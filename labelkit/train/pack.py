"""Annotated faces cut out once, upright and with a margin, held as arrays.

Training turns, shifts and scales them anew at every step, on whatever device it runs;
photos are opened only here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from labelkit.dataset import Sample
from labelkit.errors import BoxError, ImageError, InputError
from labelkit.geometry import Crop, Similarity
from labelkit.sampling import sample_crop
from labelkit.scheme import Scheme

#: Half the side of a packed square in plane units: a crop turned by 45° and enlarged by
#: a tenth still lies inside.
MARGIN = 1.6


@dataclass(frozen=True)
class DensePoints:
    """Points beside those of the scheme: ``plane`` (K, 2) their places, the same for all faces,
    ``points`` (M, K, 2) in pack units and ``weights`` (M, K), 0 where the answer is unknown."""

    plane: Tensor
    points: Tensor
    weights: Tensor

    def to(self, device: torch.device) -> DensePoints:
        return DensePoints(self.plane.to(device), self.points.to(device), self.weights.to(device))


@dataclass(frozen=True)
class FacePack:
    """Faces of one dataset.

    ``images`` (M, 3, S, S) uint8; ``bounds`` (M, 4) the photo's x0, y0, x1, y1 and
    ``points`` (M, N, 2), both in pack units, in which the square is [-1, 1]². NaN is
    "not there". ``dense`` holds further points where a head was fitted.
    """

    name: str
    scheme: Scheme
    images: Tensor
    bounds: Tensor
    points: Tensor
    dense: DensePoints | None = None

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device) -> FacePack:
        return replace(
            self,
            images=self.images.to(device),
            bounds=self.bounds.to(device),
            points=self.points.to(device),
            dense=self.dense.to(device) if self.dense is not None else None,
        )


def pack_faces(
    name: str,
    samples: Iterable[Sample],
    scheme: Scheme,
    size: int,
    left_out: tuple[int, ...] = (),
    margin: float = MARGIN,
) -> tuple[FacePack, list[str]]:
    """Cut all annotated faces out at ``size`` px; also returns the problems met.

    ``margin`` is half the square's side in plane units. Points in ``left_out`` do not help to
    place the square. Raises `InputError` when no face remains.
    """
    seen = np.setdiff1d(np.arange(len(scheme)), left_out)
    images, bounds, points, problems = [], [], [], []
    for sample in samples:
        if sample.landmarks is None:
            continue
        try:
            image = sample.image.load()
        except ImageError as error:
            problems.append(str(error))
            continue
        xy = sample.landmarks.xy
        try:
            fit = Similarity.fit(scheme.plane[seen], xy[seen])
        except BoxError as error:
            problems.append(f"{sample.image.path}: {error}")
            continue
        center = fit([0.0, 0.0])
        square = Crop(Similarity(fit.scale * margin, 0.0, float(center[0]), float(center[1])))
        pixels, _ = sample_crop(image, square, size)
        edges = [[-0.5, -0.5], [image.shape[1] - 0.5, image.shape[0] - 0.5]]
        images.append(torch.from_numpy(pixels).permute(2, 0, 1))
        bounds.append(square.points_to_crop(edges).reshape(4))
        points.append(square.points_to_crop(xy))
    if not images:
        raise InputError(f"dataset {name!r} holds no annotated face that can be read")
    pack = FacePack(
        name,
        scheme,
        torch.stack(images),
        torch.tensor(np.array(bounds), dtype=torch.float32),
        torch.tensor(np.array(points), dtype=torch.float32),
    )
    return pack, problems

"""Labelled faces for measuring, and what kind of faces they are: how far turned, how large, how sharp."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from labelkit.formats import read
from labelkit.geometry import Array, Box
from labelkit.images import RGBImage
from labelkit.metrics import bootstrap_interval, failure_rate
from labelkit.models.fit import evenly
from labelkit.models.predictor import first_crop
from labelkit.sampling import sample_crop
from labelkit.scheme import load_scheme
from labelkit.train.head.fit import fit_heads
from labelkit.train.head.model import HeadModel

#: Edges, in degrees, of the bands of faces turned to either side.
YAW_BANDS = (0, 15, 30, 45, float("inf"))

#: The side in pixels of the crop in which sharpness is measured.
SHARPNESS_SIDE = 96


@dataclass(frozen=True)
class LabelledFace:
    """A photo (H, W, 3) with the points (68, 2) of a face in `ibug68`, and the photo's path."""

    path: Path
    image: RGBImage
    xy: Array


def labelled_faces(folder: Path, count: int | None = None) -> list[LabelledFace]:
    """The faces of a folder of 300-W files, at most ``count`` of them, spread evenly."""
    data = read(folder, format="300w", scheme="ibug68")
    chosen = data if count is None else evenly(data, count)
    return [
        LabelledFace(sample.image.path, sample.image.load(), sample.landmarks.xy)
        for sample in chosen
        if sample.landmarks is not None
    ]


def yaw_bands(head: HeadModel, points: Array) -> dict[str, NDArray[np.bool_]]:
    """Which of the faces (M, 68, 2) are turned how far to either side, by the 3D head fitted to
    their labels; those to which it cannot be fitted are in no band."""
    fit = fit_heads(head, points)
    yaw = np.where(np.isfinite(fit.error), abs(fit.yaw), np.nan)
    return {
        f"{low}-{high}" if high < np.inf else f"{low}+": (yaw >= low) & (yaw < high)
        for low, high in pairwise(YAW_BANDS)
    }


def face_size(xy: Array) -> float:
    """The larger side of the tight box of the points, in pixels of the photo."""
    box = Box.around(xy)
    return max(box.width, box.height)


def sharpness(image: RGBImage, xy: Array) -> float:
    """How sharp a face is, without regard to its size and contrast: the variance of the Laplacian
    of its grey crop of 96 px a side, divided by the variance of the crop itself."""
    scheme = load_scheme("ibug68")
    pixels, valid = sample_crop(image, first_crop(Box.around(xy, scheme.name), scheme), SHARPNESS_SIDE)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float64)
    # Beside the padding the Laplacian sees its edge.
    inside = cv2.erode(valid.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    edges = cv2.Laplacian(grey, cv2.CV_64F)
    return float(edges[inside].var() / max(float(grey[inside].var()), 1e-9))


def thirds(values: Array, names: tuple[str, str, str]) -> dict[str, NDArray[np.bool_]]:
    """The third of the faces with the least values, the middle one and that with the largest, by
    names to which the limits between them are added."""
    low, high = np.quantile(values, (1 / 3, 2 / 3)).tolist()
    first, second, third = names
    return {
        f"{first} (below {low:.3g})": values < low,
        f"{second}": (values >= low) & (values < high),
        f"{third} (from {high:.3g})": values >= high,
    }


def part(errors: Array) -> dict[str, Any]:
    """What is told of some of the faces, by their NME (M,) as a share of the IOD; NaN is a face
    that was not found."""
    found = errors[np.isfinite(errors)]
    return {
        "faces": len(errors),
        "found": len(found),
        "nme_io": 100 * float(found.mean()) if len(found) else None,
        "nme_io_interval": [100 * limit for limit in bootstrap_interval(found)] if len(found) else None,
        "fr10": 100 * failure_rate(errors) if len(errors) else None,
    }

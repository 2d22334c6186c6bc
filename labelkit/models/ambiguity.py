"""Where on the plane a landmark would be a poor one.

A place with a meaning of its own (the corner of an eye) is found at the same spot of a face however
the photo is cut; one without (the middle of a cheek) wanders. The map shows how much: every example
face is looked at in several crops, shifted, turned and scaled a little and each mirrored too, and
the disagreement of the answers is taken in the face's own eye distance and averaged over the faces.
It says how stable the model is, not how right: a bias that all views share does not show.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from labelkit.geometry import PLANE_IOD, Array, Crop, Similarity
from labelkit.images import RGBImage
from labelkit.models.predictor import LandmarkModel
from labelkit.sampling import sample_crop

#: The part of the plane that is measured, x0, y0, x1, y1, and its columns and rows.
EDGES = (-0.96, -1.08, 0.96, 1.08)
COLUMNS, ROWS = 25, 28

#: How the crops differ: up to this part of their half side, of their scale, and by this angle.
SHIFT, SCALE, TURN = 0.08, 0.08, np.deg2rad(10)

#: Crops a face, each looked at as it is and mirrored.
CROPS = 4


@dataclass(frozen=True)
class AmbiguityMap:
    """``wander`` (rows, columns): the root mean square distance of a plane point's places from
    their mean, as a share of IOD; ``edges`` are the x0, y0, x1, y1 of its outer columns and rows."""

    wander: Array
    edges: tuple[float, float, float, float]


def _ignore(done: int, total: int) -> None:
    pass


def ambiguity_map(
    model: LandmarkModel,
    images: Sequence[RGBImage],
    crops: Sequence[Crop],
    *,
    heard: Callable[[int, int], None] = _ignore,
) -> AmbiguityMap:
    """How much every place of the plane wanders on these faces.

    ``images`` RGB uint8 (H, W, 3) with one crop each. ``heard`` is told how many of how many faces
    are done; what it raises ends the work.
    """
    x0, y0, x1, y1 = EDGES
    x, y = np.meshgrid(np.linspace(x0, x1, COLUMNS), np.linspace(y0, y1, ROWS))
    plane = np.stack([x.ravel(), y.ravel()], axis=1)
    total = np.zeros(len(plane))
    for number, (image, crop) in enumerate(zip(images, crops, strict=True)):
        total += wandering(model, image, crop, plane)
        heard(number + 1, len(images))
    return AmbiguityMap((total / len(images)).reshape(x.shape), EDGES)


def wandering(model: LandmarkModel, image: RGBImage, crop: Crop, plane: ArrayLike) -> Array:
    """How much the plane points (N, 2) wander on one face, (N,), as a share of its IOD."""
    points = np.asarray(plane, np.float64)
    crops = jittered(crop)
    samples = [sample_crop(image, some, model.size) for some in crops]
    pixels, valid = np.stack([s[0] for s in samples]), np.stack([s[1] for s in samples])
    seen, _ = model.place_pixels(pixels, valid, points)
    mirrored, _ = model.place_pixels(
        np.ascontiguousarray(pixels[:, :, ::-1]), np.ascontiguousarray(valid[:, :, ::-1]), points * (-1, 1)
    )
    views = [
        some.points_to_image(found)
        for answers in (seen, mirrored * (-1, 1))
        for some, found in zip(crops, answers, strict=True)
    ]
    spread = np.stack(views) - np.mean(views, axis=0)
    return np.asarray(np.sqrt((spread**2).sum(axis=2).mean(axis=0)) / (crop.pixels_per_unit * PLANE_IOD))


def jittered(crop: Crop) -> list[Crop]:
    """``CROPS`` crops about ``crop``, which is the first of them; every time the same ones."""
    rng = np.random.default_rng(0)
    crops = [crop]
    while len(crops) < CROPS:
        shift_x, shift_y, scale, turn = rng.uniform(-1, 1, 4)
        factor, angle = 1 + SCALE * scale, TURN * turn
        moved = Similarity(
            factor * float(np.cos(angle)), factor * float(np.sin(angle)), SHIFT * shift_x, SHIFT * shift_y
        )
        crops.append(Crop(crop.to_image.after(moved)))
    return crops

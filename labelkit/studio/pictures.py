"""What the studio shows of a face: a part of its photo, a square tile, and the plane's own view."""

from __future__ import annotations

import cv2
import numpy as np

from labelkit.geometry import Array, Crop, Similarity
from labelkit.images import RGBImage, shrunk
from labelkit.sampling import PADDING, sample_crop
from labelkit.scheme import Point, Scheme
from labelkit.scheme.convert import convert

#: The longest side in px of the part of a photo that is kept.
PART = 640

#: How much more than the crop itself a part holds, so that crops may be shifted and turned.
MARGIN = 1.35

#: Side of a tile in px, and its half side in crop units.
TILE, TILE_REACH = 288, 1.12

#: Side of a backdrop in px, and how far from the middle of the plane it reaches.
BACKDROP, REACH = 560, 1.16

#: Control places of the warp a side.
_CELLS = 28


def cut(image: RGBImage, crop: Crop) -> tuple[RGBImage, Crop]:
    """The part of a photo that a crop and its surroundings need, no larger than `PART`, and the
    crop in that part. Beyond the photo's own edges there is nothing in it."""
    corners = crop.to_image(np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * MARGIN)
    height, width = image.shape[:2]
    x0, y0 = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, (width - 1, height - 1)).tolist()
    x1, y1 = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 1, (x0 + 1, y0 + 1), (width, height)).tolist()
    part = image[y0:y1, x0:x1]
    small = shrunk(part, PART)
    factor = small.shape[0] / part.shape[0]
    # p -> (p + 0.5) k - 0.5, after the corner has become the origin.
    shift = (factor - 1) / 2
    moved = Similarity(factor, 0.0, shift - factor * x0, shift - factor * y0)
    return np.ascontiguousarray(small), Crop(moved.after(crop.to_image))


def tile_crop(crop: Crop) -> Crop:
    """The upright square around a crop that is shown: people know faces as photos show them."""
    x, y = crop.to_image([0.0, 0.0]).tolist()
    return Crop(Similarity(crop.pixels_per_unit * TILE_REACH, 0.0, x, y))


def tile(image: RGBImage, crop: Crop) -> RGBImage:
    """The picture (TILE, TILE, 3) of `tile_crop`."""
    return sample_crop(image, tile_crop(crop), TILE)[0]


def on_plane(image: RGBImage, points: Array, scheme: Scheme) -> tuple[RGBImage, Array]:
    """A face warped to the plane, (BACKDROP, BACKDROP, 3), and 1 where the photo has it, else 0.

    ``points`` (N, 2) are the face's points of ``scheme`` in image px. The thin-plate spline through
    them takes a grid of plane points to the photo, and every pixel between them follows.
    """
    x = ((np.arange(_CELLS) + 0.5) * (2 / _CELLS) - 1) * REACH
    grid = Scheme("grid", tuple(Point(f"{i}", a, b) for i, (b, a) in enumerate((b, a) for b in x for a in x)))
    placed = convert(points, scheme, grid).points.reshape(_CELLS, _CELLS, 2).astype(np.float32)
    source = cv2.resize(placed, (BACKDROP, BACKDROP), interpolation=cv2.INTER_CUBIC)
    warped = cv2.remap(
        image,
        source[..., 0],
        source[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(PADDING, PADDING, PADDING),
    )
    inside = (source >= 0).all(axis=2) & (source < (image.shape[1], image.shape[0])).all(axis=2)
    return np.asarray(warped, np.uint8), np.asarray(inside, np.float64)


def mean_picture(warped: list[tuple[RGBImage, Array]]) -> RGBImage:
    """The mean of faces on the plane, each counted where its photo shows something."""
    weight = np.sum([inside for _, inside in warped], axis=0)
    total = np.sum([image * inside[..., None] for image, inside in warped], axis=0)
    mean = total / np.maximum(weight, 1)[..., None]
    mean[weight == 0] = PADDING
    return np.asarray(np.rint(mean), np.uint8)


def jpeg(image: RGBImage, quality: int = 86) -> bytes:
    """The picture as a JPEG file."""
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    if not done:
        raise ValueError("OpenCV could not encode a picture")
    return data.tobytes()

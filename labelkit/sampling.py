"""Photos to network input: the square of a crop, sampled once, without aliasing."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from labelkit.geometry import Crop, Similarity

#: What the photo is shrunk to, in photo px per crop px, before the last bilinear step.
#: The training pack is this much finer than the network's input, so that training and
#: use see equally sharp pixels.
OVERSAMPLING = 1.4

#: The side in px of the small picture by which crops are compared, and the bytes that it takes.
LOOK_SIDE = 8
LOOK_BYTES = LOOK_SIDE**2

#: Grey of the padding, equal in every channel (the network is told where it lies).
PADDING = 127


def sample_crop(
    image: NDArray[np.uint8], crop: Crop, size: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The crop as pixels (size, size, 3), and where it lies on the photo (size, size).

    ``image`` is RGB uint8 (H, W, 3). Where the photo is finer than the crop, the part of
    it that is needed is first averaged down (area), then turned and shifted (bilinear).
    """
    pixel_map = crop.pixel_map(size)
    part, matrix = _shrink(image, pixel_map, size)
    pixels = cv2.warpAffine(
        part,
        matrix,
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(PADDING, PADDING, PADDING),
    )
    return np.asarray(pixels, np.uint8), valid_mask(pixel_map, image.shape[1], image.shape[0], size)


def look(pixels: NDArray[np.uint8]) -> bytes:
    """What a crop (size, size, 3) looks like in `LOOK_BYTES` bytes: 8 x 8 px of grey as int8 with a
    mean of 0 and a standard deviation of 32, so that light and contrast do not count."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    small = cv2.resize(grey, (LOOK_SIDE, LOOK_SIDE), interpolation=cv2.INTER_AREA)
    scaled = 32 * (small - small.mean()) / max(float(small.std()), 1.0)
    return bytes(np.clip(np.rint(scaled), -127, 127).astype(np.int8))


def valid_mask(pixel_map: Similarity, width: int, height: int, size: int) -> NDArray[np.bool_]:
    """Which pixels of the crop have their centre on the photo of width x height."""
    steps = np.arange(size, dtype=np.float64)
    a, b, tx, ty = pixel_map.a, pixel_map.b, pixel_map.tx, pixel_map.ty
    x = a * steps[None, :] - b * steps[:, None] + tx
    y = b * steps[None, :] + a * steps[:, None] + ty
    return (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)


def _shrink(
    image: NDArray[np.uint8], pixel_map: Similarity, size: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The part of the photo under the crop, averaged down where it is too fine, and the
    (2, 3) matrix from crop px to its px."""
    height, width = image.shape[:2]
    corners = pixel_map([[-1, -1], [size, -1], [size, size], [-1, size]])
    low = np.floor(corners.min(axis=0)).astype(int) - 1
    high = np.ceil(corners.max(axis=0)).astype(int) + 2
    x0, y0 = (int(v) for v in np.clip(low, 0, (width - 1, height - 1)))
    x1, y1 = (int(v) for v in np.clip(high, (x0 + 1, y0 + 1), (width, height)))
    part = image[y0:y1, x0:x1]
    shrink = min(1.0, OVERSAMPLING / pixel_map.scale)
    if shrink < 1:
        small = (max(1, round((x1 - x0) * shrink)), max(1, round((y1 - y0) * shrink)))
        part = np.asarray(cv2.resize(part, small, interpolation=cv2.INTER_AREA), np.uint8)
    # Whole pixels after shrinking make the two factors differ a little, so this map is no
    # similarity; the half pixels are those of every resize.
    factors = np.array([part.shape[1] / (x1 - x0), part.shape[0] / (y1 - y0)])
    matrix = pixel_map.matrix
    matrix[:, 2] += (0.5 - x0, 0.5 - y0)
    matrix *= factors[:, None]
    matrix[:, 2] -= 0.5
    return part, matrix

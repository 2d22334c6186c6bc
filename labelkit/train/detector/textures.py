"""Changes of how a view looks, and views without any photo: what a detector has to see through."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelkit.geometry import Array
from labelkit.images import RGBImage

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,;:?!  "


def degraded(pixels: RGBImage, rng: Generator) -> RGBImage:
    """Light, colour, blur, coarse pixels and noise, each now and then."""
    chances = rng.random(6)
    if chances[0] < 0.75:
        pixels = _recoloured(pixels, rng)
    if chances[1] < 0.2:
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        pixels = np.repeat(grey[..., None], 3, axis=2)
    if chances[2] < 0.15:
        pixels = _shaded(pixels, rng)
    if chances[3] < 0.2:
        sigma = rng.uniform(0.4, 0.013 * len(pixels) + 0.5)
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8)
    if chances[4] < 0.12 and len(pixels) >= 64:
        pixels = _coarse(pixels, rng)
    if chances[5] < 0.15:
        pixels = _noisy(pixels, rng)
    return pixels


def jpeg(pixels: RGBImage, rng: Generator) -> RGBImage:
    """Compressed as JPEG and back, at a quality of 12 to 70."""
    quality = int(rng.integers(12, 71))
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def occluded(pixels: RGBImage, boxes: Array, rng: Generator) -> RGBImage:
    """A rectangle of one colour, or of noise, over a part of every face."""
    pixels = pixels.copy()
    side = len(pixels)
    for x0, y0, x1, y1 in boxes:
        width, height = rng.uniform(0.2, 0.6, 2) * (x1 - x0, y1 - y0)
        left, top = rng.uniform((x0, y0), (x1 - 0.5 * width, y1 - 0.5 * height))
        a, b = (int(np.clip(v, 0, side)) for v in (left, left + width))
        c, d = (int(np.clip(v, 0, side)) for v in (top, top + height))
        noise = rng.integers(0, 256, (d - c, b - a, 3)) if rng.random() < 0.3 else rng.integers(0, 256, 3)
        pixels[c:d, a:b] = noise
    return pixels


def erased(pixels: RGBImage, boxes: Array, rng: Generator) -> RGBImage:
    """Heads without faces: what is in the oval of every box is blurred, put out of order, or
    replaced by something else."""
    side = len(pixels)
    for x0, y0, x1, y1 in boxes:
        size = max(x1 - x0, y1 - y0)
        match rng.integers(4):
            case 0:
                other = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.12, 0.25) * size)
            case 1:
                other = _shuffled(pixels, max(3, round(size / 3)), rng)
            case 2:
                other = np.roll(pixels, tuple(rng.integers(side // 4, side, 2)), axis=(0, 1))
            case _:
                skin = pixels[
                    int(np.clip((y0 + y1) / 2, 0, side - 1)), int(np.clip((x0 + x1) / 2, 0, side - 1))
                ]
                other = _levels(skin + 0.3 * (_clouds(side, rng).astype(np.float64) - 127))
        oval = np.zeros((side, side), np.float32)
        middle = (round((x0 + x1) / 2), round((y0 + y1) / 2))
        axes = (max(1, round(0.55 * (x1 - x0))), max(1, round(0.55 * (y1 - y0))))
        cv2.ellipse(oval, middle, axes, 0, 0, 360, 1.0, -1)
        soft: Any = cv2.GaussianBlur(oval, (0, 0), 0.04 * size)[..., None]
        pixels = _levels(pixels * (1 - soft) + other * soft)
    return pixels


def texture(side: int, rng: Generator) -> RGBImage:
    """A view (side, side, 3) of something that no camera saw."""
    return _MAKERS[rng.integers(len(_MAKERS))](side, rng)


def _recoloured(pixels: RGBImage, rng: Generator) -> RGBImage:
    levels = np.arange(256, dtype=np.float64)
    gain = rng.uniform(0.5, 1.4) * rng.uniform(0.85, 1.15, 3)
    dark = rng.uniform(0.2, 0.6) if rng.random() < 0.12 else 1.0
    table = ((levels[:, None] - 127) * gain + 127 + rng.uniform(-45, 45)) * dark
    return np.asarray(cv2.LUT(pixels, table.clip(0, 255).astype(np.uint8)[:, None]), np.uint8)


def _shaded(pixels: RGBImage, rng: Generator) -> RGBImage:
    """Light from one side."""
    side = len(pixels)
    x, y = np.meshgrid(np.linspace(-1, 1, side), np.linspace(-1, 1, side))
    angle = rng.uniform(0, 2 * np.pi)
    ramp = 1 + rng.uniform(0.3, 0.9) * (np.cos(angle) * x + np.sin(angle) * y)
    return _levels(pixels * ramp[..., None])


def _coarse(pixels: RGBImage, rng: Generator) -> RGBImage:
    """As a photo of a half to a quarter of the resolution shows it."""
    side = len(pixels)
    small = cv2.resize(pixels, (side // int(rng.integers(2, 5)),) * 2, interpolation=cv2.INTER_AREA)
    how = cv2.INTER_NEAREST if rng.random() < 0.5 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(small, (side, side), interpolation=how), np.uint8)


def _noisy(pixels: RGBImage, rng: Generator) -> RGBImage:
    noise = rng.standard_normal(pixels.shape, np.float32) * rng.uniform(3, 22)
    return _levels(pixels + noise)


def _levels(values: NDArray[np.floating]) -> RGBImage:
    return np.asarray(values.clip(0, 255), np.uint8)


def _colours(count: int, rng: Generator) -> NDArray[np.uint8]:
    return rng.integers(0, 256, (count, 3), np.uint8)


def _shuffled(pixels: RGBImage, step: int, rng: Generator) -> RGBImage:
    """Rows and columns of squares of ``step`` px in another order."""
    places = np.arange(len(pixels))
    orders = []
    for _ in range(2):
        shift = rng.integers(step)
        # Within groups of three, so that parts of a face stay near.
        blocks = (places + shift) // step
        swap = 3 * (blocks // 3) + (blocks % 3 + 1 + rng.integers(2)) % 3
        orders.append(np.clip(places + (swap - blocks) * step, 0, len(pixels) - 1))
    return np.asarray(pixels[orders[0]][:, orders[1]])


def _clouds(side: int, rng: Generator) -> RGBImage:
    """Noise of several scales."""
    total = np.zeros((side, side, 3))
    for cells in (2, 4, 8, 16, 32, 64):
        if rng.random() < 0.6:
            grid = rng.normal(0, 1, (min(cells, side), min(cells, side), 3 if rng.random() < 0.5 else 1))
            layer: Any = cv2.resize(np.repeat(grid, 3 // grid.shape[2], 2), (side, side))
            total += layer / cells ** rng.uniform(0, 1)
    spread = total.std() or 1.0
    return _levels(127 + total / spread * rng.uniform(10, 70))


def _checkers(side: int, rng: Generator) -> RGBImage:
    x, y = _turned_grid(side, rng)
    step = rng.uniform(3, side / 2)
    odd = (np.floor(x / step) + np.floor(y / step)) % 2
    return np.asarray(_colours(2, rng)[odd.astype(int)])


def _stripes(side: int, rng: Generator) -> RGBImage:
    x, _ = _turned_grid(side, rng)
    wave = 0.5 + 0.5 * np.sin(x * 2 * np.pi / rng.uniform(4, side))
    first, second = _colours(2, rng).astype(np.float64)
    return _levels(first + (second - first) * wave[..., None])


def _shapes(side: int, rng: Generator) -> RGBImage:
    """Discs, rings, boxes and lines, as on coins, wheels, windows and lamps."""
    pixels = np.full((side, side, 3), _colours(1, rng)[0], np.uint8)
    for colour in _colours(int(rng.integers(2, 25)), rng).tolist():
        (x, y), (w, h) = rng.integers(0, side, (2, 2)).tolist()
        thick = -1 if rng.random() < 0.6 else int(rng.integers(1, 6))
        match rng.integers(4):
            case 0:
                cv2.circle(pixels, (x, y), max(1, w // 4), colour, thick, cv2.LINE_AA)
            case 1:
                axes = (max(1, w // 3), max(1, h // 3))
                cv2.ellipse(pixels, (x, y), axes, rng.uniform(0, 180), 0, 360, colour, thick, cv2.LINE_AA)
            case 2:
                cv2.rectangle(pixels, (x, y), (x + w // 2, y + h // 2), colour, thick)
            case _:
                cv2.line(pixels, (x, y), (w, h), colour, abs(thick), cv2.LINE_AA)
    return pixels


def _balls(side: int, rng: Generator) -> RGBImage:
    """Round things with a surface, lit from somewhere: fruit, stones, cups, lamps."""
    flat = (_clouds, _checkers, _stripes, _shapes)
    ground, surface = (flat[rng.integers(len(flat))](side, rng).astype(np.float64) for _ in range(2))
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).astype(np.float64)
    for _ in range(int(rng.integers(1, 9))):
        radius = np.exp(rng.uniform(np.log(4), np.log(side / 2))) * rng.uniform(0.75, 1.3, 2)
        place = (grid - rng.uniform(0, side, 2)) / radius
        inside = (place**2).sum(axis=-1) < 1
        light = 1 - rng.uniform(0, 0.9) * ((place - rng.uniform(-0.7, 0.7, 2)) ** 2).sum(axis=-1)
        paint = rng.uniform(0, 1) * surface + rng.uniform(0, 255, 3) * rng.uniform(0.2, 1)
        ground = np.where(inside[..., None], paint * light[..., None], ground)
    return _levels(ground)


def _writing(side: int, rng: Generator) -> RGBImage:
    paper, ink = _colours(2, rng).tolist()
    pixels = np.full((side, side, 3), paper, np.uint8)
    scale = rng.uniform(0.25, 1.2)
    step = int(26 * scale * rng.uniform(1, 1.8)) + 2
    for y in range(step, side + step, step):
        line = "".join(_LETTERS[i] for i in rng.integers(0, len(_LETTERS), 60))
        cv2.putText(pixels, line, (int(rng.integers(-40, 20)), y), int(rng.integers(0, 8)), scale, ink)
    return pixels


def _turned_grid(side: int, rng: Generator) -> tuple[Array, Array]:
    x, y = np.meshgrid(np.arange(side, dtype=np.float64), np.arange(side, dtype=np.float64))
    angle = rng.uniform(0, np.pi)
    return x * np.cos(angle) - y * np.sin(angle) + side, x * np.sin(angle) + y * np.cos(angle) + side


_MAKERS = (_clouds, _checkers, _stripes, _shapes, _writing, _balls, _balls, _balls)

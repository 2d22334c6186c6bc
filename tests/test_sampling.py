from __future__ import annotations

import numpy as np
import pytest

from labelkit.geometry import Crop, Similarity
from labelkit.sampling import PADDING, sample_crop, valid_mask


def window(x: float, y: float, side: float, angle: float = 0.0) -> Crop:
    """The crop of a square of ``side`` image px around (x, y), turned by ``angle``."""
    half = side / 2
    return Crop(Similarity(half * np.cos(angle), half * np.sin(angle), x, y))


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    waves = [127 + 100 * np.sin(x / 17 + c) * np.cos(y / 13 - c) for c in range(3)]
    return np.stack(waves, axis=-1).astype(np.uint8)


def test_the_whole_image_at_its_own_size_is_the_image() -> None:
    image = noise(32, 32)
    pixels, valid = sample_crop(image, window(15.5, 15.5, 32), 32)
    assert np.array_equal(pixels, image)
    assert valid.all()


def test_a_part_at_its_own_size_is_that_part() -> None:
    image = noise(50, 70)
    pixels, valid = sample_crop(image, window(29.5, 20.5, 16), 16)
    assert np.array_equal(pixels, image[13:29, 22:38])
    assert valid.all()


@pytest.mark.parametrize("shift", [0.25, 0.5, 0.75])
def test_subpixel_shifts_read_between_the_pixels(shift: float) -> None:
    """On a ramp of 4 grey levels a pixel the value says the place."""
    ramp = np.repeat(np.arange(60, dtype=np.uint8)[None, :, None] * 4, 60, axis=0).repeat(3, axis=2)
    for image, axis in ((ramp, 1), (ramp.transpose(1, 0, 2), 0)):
        dx, dy = (shift, 0.0) if axis == 1 else (0.0, shift)
        pixels, _ = sample_crop(np.ascontiguousarray(image), window(29.5 + dx, 29.5 + dy, 16), 16)
        expected = 4 * (np.arange(22, 38) + shift)
        row = pixels[5, :, 0] if axis == 1 else pixels[:, 5, 0]
        assert np.abs(row - expected).max() <= 0.5


@pytest.mark.parametrize("factor", [2, 4, 7.3])
def test_shrinking_keeps_the_place(factor: float) -> None:
    """Whatever is averaged away, a pixel of the crop shows what lies under its centre."""
    y, x = np.mgrid[:400, :400]
    image = np.stack([x / 2, y / 2, (x + y) / 4], axis=-1).astype(np.uint8)
    crop = window(203.7, 197.2, 24 * factor, 0.2)
    pixels, _ = sample_crop(image, crop, 24)
    at = crop.pixel_map(24)(np.stack(np.meshgrid(np.arange(24), np.arange(24)), axis=-1))
    expected = np.stack([at[..., 0] / 2, at[..., 1] / 2, at.sum(-1) / 4], axis=-1)
    # Storing whole grey levels takes half a level off on average, and averages over it.
    assert np.abs(pixels - expected).max() <= 1.6
    assert abs(float((pixels - (expected - 0.4)).mean())) < 0.3


def test_a_fine_checkerboard_shrinks_to_grey() -> None:
    board = np.indices((256, 256)).sum(0) % 2 * 255
    image = np.repeat(board[..., None], 3, axis=2).astype(np.uint8)
    pixels, _ = sample_crop(image, window(127.5, 127.5, 200), 25)
    assert np.abs(pixels.astype(int) - 127).max() <= 8


def test_turning_by_a_quarter_turns_the_pixels() -> None:
    image = noise(16, 16)
    pixels, _ = sample_crop(image, window(7.5, 7.5, 16, np.pi / 2), 16)
    assert np.abs(pixels.astype(int) - np.rot90(image)).max() <= 1


def test_padding_is_grey_and_the_mask_exact() -> None:
    image = np.zeros((20, 30, 3), np.uint8)
    pixels, valid = sample_crop(image, window(-0.5, -0.5, 16), 16)
    # The square's middle lies on the photo's corner: three quarters are outside.
    assert valid[8:, 8:].all()
    assert valid.sum() == 64
    assert (pixels[:7] == PADDING).all()
    assert (pixels[:, :7] == PADDING).all()
    assert (pixels[8:, 8:] == 0).all()


def test_the_mask_ends_at_the_outer_edge_of_the_border_pixels() -> None:
    """Half pixels: centres at -0.5 belong to the photo of [-0.5, W - 0.5), those at W - 0.5 not."""
    crop_px_to_image = Similarity(0.25, 0.0, -1.0, -1.0)
    mask = valid_mask(crop_px_to_image, 3, 2, 32)
    inside = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    assert inside[0].tolist() == list(range(2, 14))  # x = -0.5 to 2.25
    assert inside[1].tolist() == list(range(2, 10))  # y = -0.5 to 1.25


def test_a_crop_beside_the_photo_is_all_padding() -> None:
    for x, y in ((-500, 10), (900, 10), (10, -500), (10, 900)):
        pixels, valid = sample_crop(noise(40, 40), window(x, y, 60), 16)
        assert not valid.any()
        assert (pixels == PADDING).all()


@pytest.mark.parametrize("side", [20.0, 90.0, 150.0])
def test_the_mirrored_image_gives_mirrored_pixels(side: float) -> None:
    image = smooth(120, 160)
    crop = window(90.3, 55.8, side, 0.3)
    pixels, valid = sample_crop(image, crop, 32)
    mirrored, mirrored_valid = sample_crop(np.ascontiguousarray(image[:, ::-1]), crop.flipped(160), 32)
    assert np.array_equal(mirrored_valid[:, ::-1], valid)
    inner = valid.copy()
    inner[:-1] &= valid[1:]
    inner[1:] &= valid[:-1]
    inner[:, :-1] &= valid[:, 1:]
    inner[:, 1:] &= valid[:, :-1]
    difference = np.abs(mirrored[:, ::-1].astype(int) - pixels)[inner]
    assert difference.max() <= 2


def test_a_tiny_photo_is_enlarged() -> None:
    pixels, valid = sample_crop(np.full((1, 1, 3), 200, np.uint8), window(0, 0, 1), 8)
    assert valid.all()
    assert pixels[4, 4].tolist() == pytest.approx([200] * 3, abs=30)

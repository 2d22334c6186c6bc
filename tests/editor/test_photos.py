from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelkit.editor import photos
from labelkit.editor.photos import browser_photo
from labelkit.errors import ImageError
from labelkit.images import ImageFile


def picture(width: int = 60, height: int = 40, mode: str = "RGB") -> Image.Image:
    """Dark on the left, bright on the right, with a bright corner at the top left."""
    ramp = np.tile(np.linspace(20, 200, width), (height, 1)).astype(np.uint8)
    ramp[:8, :8] = 255
    return Image.fromarray(ramp).convert(mode)


def shown(data: bytes) -> np.ndarray:
    """What a browser would show: it turns by EXIF, which must not be left to it."""
    with Image.open(io.BytesIO(data)) as image:
        assert image.format in ("JPEG", "PNG", "WEBP")
        assert image.getexif().get(0x0112, 1) == 1
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_what_every_browser_shows_alike_is_sent_as_it_is(tmp_path: Path, name: str) -> None:
    picture().save(tmp_path / name)
    assert browser_photo(ImageFile(tmp_path / name)) == (tmp_path / name).read_bytes()


def test_what_says_that_it_is_upright_is_sent_as_it_is(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 1
    exif[0x010F] = "a camera"
    picture().save(tmp_path / "a.jpg", exif=exif)
    assert browser_photo(ImageFile(tmp_path / "a.jpg")) == (tmp_path / "a.jpg").read_bytes()


@pytest.mark.parametrize("orientation", [2, 3, 6, 8])
@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_turned_photos_are_turned_here(tmp_path: Path, name: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture().save(tmp_path / name, exif=exif)
    file = ImageFile(tmp_path / name)
    pixels = shown(browser_photo(file))
    assert pixels.shape[1::-1] == file.size
    assert np.abs(pixels.astype(int) - file.load()).mean() < 4


@pytest.mark.parametrize("mode", ["CMYK", "I;16", "P", "LA", "1"])
def test_other_kinds_of_pixels_are_converted_by_our_own_rules(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    if mode == "I;16":
        Image.fromarray(np.asarray(picture(mode="L")).astype(np.uint16) * 257).save(path)
    else:
        picture(mode=mode).save(path)
    file = ImageFile(path)
    assert np.abs(shown(browser_photo(file)).astype(int) - file.load()).mean() < 4


def test_formats_that_browsers_do_not_know_are_converted(tmp_path: Path) -> None:
    picture().save(tmp_path / "a.tif")
    assert shown(browser_photo(ImageFile(tmp_path / "a.tif"))).shape == (40, 60, 3)


def test_an_animation_shows_its_first_picture(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    assert shown(browser_photo(ImageFile(tmp_path / "a.png")))[0, 0].tolist() == pytest.approx(
        [255, 0, 0], abs=4
    )


def test_large_photos_come_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture().save(tmp_path / "a.png")
    monkeypatch.setattr(photos, "MAX_SIDE", 30)
    assert shown(browser_photo(ImageFile(tmp_path / "a.png"))).shape == (20, 30, 3)
    monkeypatch.setattr(photos, "MAX_SIDE", 4096)
    monkeypatch.setattr(photos, "MAX_BYTES", 10)
    data = browser_photo(ImageFile(tmp_path / "a.png"))
    assert shown(data).shape == (40, 60, 3)
    assert data != (tmp_path / "a.png").read_bytes()


@pytest.mark.parametrize("content", [b"", b"GIF", None])
def test_what_is_no_photo_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImageError, match=r"a\.png"):
        browser_photo(ImageFile(path))


def test_a_photo_that_is_cut_short_is_named(tmp_path: Path) -> None:
    picture(200, 200).save(tmp_path / "a.png")
    path = tmp_path / "cut.png"
    path.write_bytes((tmp_path / "a.png").read_bytes()[:-60])
    with pytest.raises(ImageError, match=r"cut\.png"):
        browser_photo(ImageFile(path))

"""Photos for the browser: the file as it is where every browser shows it upright and alike, else
decoded by our own rules (`images`) and encoded anew. Coordinates stay those of the photo."""

from __future__ import annotations

import io

import cv2
from PIL import ExifTags, Image

from labelkit.errors import ImageError
from labelkit.images import ImageFile, shrunk

#: Larger files are encoded anew, in bytes; what is encoded has at most so many px a side.
MAX_BYTES = 6_000_000
MAX_SIDE = 4096

_QUALITY = 92

#: What browsers show as Pillow does, by format: the modes without colour conversions of ours.
_PLAIN = {"JPEG": ("RGB", "L"), "PNG": ("RGB", "L"), "WEBP": ("RGB",)}


def browser_photo(file: ImageFile) -> bytes:
    """An encoded picture (JPEG, PNG or WebP) that shows ``file`` upright; raises `ImageError`.

    Large photos may come with fewer pixels: whoever shows them scales them to `ImageFile.size`.
    """
    if (data := _as_it_is(file)) is not None:
        return data
    pixels = shrunk(file.load(), MAX_SIDE)
    options = [int(cv2.IMWRITE_JPEG_QUALITY), _QUALITY]
    done, encoded = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise ImageError(file.path, "cannot be encoded for the browser")
    return encoded.tobytes()


def _as_it_is(file: ImageFile) -> bytes | None:
    """The file's bytes if a browser shows them as we would, else None."""
    try:
        data = file.data(MAX_BYTES)
        if data is None:
            return None
        with Image.open(io.BytesIO(data), formats=tuple(_PLAIN)) as image:
            plain = image.mode in _PLAIN[image.format or ""] and not image.has_transparency_data
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
            still = getattr(image, "n_frames", 1) == 1
            if max(image.size) > MAX_SIDE:  # before memory is taken for its pixels
                return None
            image.load()
    except Exception:  # noqa: BLE001 - Pillow raises nearly anything; our own reading says it in one line
        return None
    return data if plain and still and not turned else None

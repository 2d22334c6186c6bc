"""Small pictures of the project's photos and faces, kept as JPEG files in ``cache/thumbs``."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from PIL import Image

from labelkit.drafts import new_name, sweep_once
from labelkit.geometry import Box, Crop, Similarity
from labelkit.images import RGBImage
from labelkit.landmarks import Landmarks
from labelkit.project import Project
from labelkit.sampling import sample_crop
from labelkit.store import StoredFace, StoredImage

#: The sides that a browser may ask for, in px: thumbnails and a picture that fills a window.
SIDES = (320, 640, 1600)

_QUALITY = 84

#: A face's picture is cut with this much room around it, as a share of its box.
_ROOM = 0.28


class Thumbnails:
    """Makes and keeps them, as far as there is room. The folder can be deleted at any time."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._folder = project.folder / "cache" / "thumbs"

    def photo(self, image: StoredImage, side: int) -> Path | bytes:
        """The JPEG file of a photo with its longer side at ``side``, its content where there is no room for
        a file; raises `ImageError`."""
        file = self._project.image(image.path)
        name = f"p{side}-{version(image)}-{image.id}.jpg"
        return self._kept(image.id, name, lambda: file.thumbnail(side))

    def face(self, image: StoredImage, crop: Crop, side: int) -> Path | bytes:
        """As `photo`, of the square ``crop`` of a photo, ``side`` px wide."""
        file = self._project.image(image.path)
        place = "_".join(f"{value:.0f}" for value in square(crop))
        name = f"f{side}-{version(image)}-{image.id}-{place}.jpg"
        return self._kept(image.id, name, lambda: sample_crop(file.load(), crop, side)[0])

    def _kept(self, image: int, name: str, make: Callable[[], RGBImage]) -> Path | bytes:
        path = self._folder / f"{image % 100:02d}" / name
        if path.is_file() and not path.is_symlink():
            return path
        content = io.BytesIO()
        Image.fromarray(make()).save(content, format="JPEG", quality=_QUALITY)
        # Whole or absent, but not forced onto the disk: what a crash takes is made again.
        draft = path.with_name(new_name())
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            sweep_once(path.parent)
            draft.write_bytes(content.getbuffer())
            draft.replace(path)
        except OSError:  # the disk is full, or not ours to write
            return content.getvalue()
        finally:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
        return path


def version(image: StoredImage) -> str:
    """What changes when the photo does."""
    return image.hash[:12] if image.hash else f"{image.size or 0:x}-{int(image.mtime or 0):x}"


def face_crop(face: StoredFace, landmarks: Landmarks) -> Crop | None:
    """The upright square around a face's points or, without points, its box; None without either.

    It is put on whole pixels, so that a small change of a point does not ask for a new picture.
    """
    box = Box.around(landmarks.xy) if landmarks.present.sum() > 1 else face.face.box
    if box is None:
        return None
    half = math.ceil(max(box.width, box.height) * (0.5 + _ROOM) / 4) * 4
    x, y = (round(value / 4) * 4 for value in box.center)
    return Crop(Similarity(max(half, 8), 0.0, x, y))


def face_source(face: StoredFace, image: StoredImage, side: int = SIDES[0]) -> str:
    """The address of a face's picture, another one whenever photo or points have changed."""
    kept = f"{version(image)}-{face.revision}-{face.prediction_id or 0}"
    return f"/media/face/{face.id}?side={side}&v={kept}"


def square(crop: Crop) -> tuple[float, float, float]:
    """The left and the upper edge of an upright crop and its side, in image px."""
    half = crop.to_image.a
    return crop.to_image.tx - half, crop.to_image.ty - half, 2 * half

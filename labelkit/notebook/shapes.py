"""What users hand over, made into what can be drawn."""

from __future__ import annotations

from pathlib import Path

from labelkit.errors import InputError
from labelkit.images import ImageFile, RGBImage
from labelkit.landmarks import Landmarks
from labelkit.overlay import Points, Shape
from labelkit.prediction import Prediction
from labelkit.scheme import Scheme, builtin_schemes, load_scheme

#: A photo: RGB uint8 (H, W, 3), or where it lies.
Photo = RGBImage | ImageFile | str | Path


def as_photo(photo: Photo) -> RGBImage:
    """The photo, (H, W, 3) uint8 RGB; raises `ImageError`."""
    if isinstance(photo, str | Path):
        photo = ImageFile(photo)
    return photo.load() if isinstance(photo, ImageFile) else photo


def as_shape(points: Points, scheme: str | Path | Scheme | None, colour: str | None = None) -> Shape:
    """Points with their scheme: the given one, else the built-in one that they name.

    Raises `InputError` where the scheme is not known.
    """
    known = load_scheme(scheme) if scheme is not None else _named(points)
    return (points, known) if colour is None else (points, known, colour)


def _named(points: Points) -> Scheme:
    if not isinstance(points, Landmarks | Prediction):
        raise InputError("an array of points does not say of which scheme they are: give scheme=")
    if points.scheme not in builtin_schemes():
        raise InputError(f"scheme {points.scheme!r} is not a built-in one: give it as scheme=")
    return load_scheme(points.scheme)

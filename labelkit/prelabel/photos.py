"""Photos through a model that is not one of labelkit's own: whatever has `Model.predict`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from labelkit.errors import BoxError, ImageError, InputError
from labelkit.geometry import Box
from labelkit.images import ImageFile, RGBImage
from labelkit.prediction import Model, Prediction
from labelkit.sampling import look, sample_crop
from labelkit.scheme import Scheme

#: Finds the faces in an image (H, W, 3) of uint8 RGB, best first.
Find = Callable[[RGBImage], list[Box]]

#: Pixels a side of the crop that is looked at to tell one face from another.
_LOOKED_AT = 64


@dataclass(frozen=True)
class Placed:
    """What became of a photo, as `labelkit.prelabel.work.Result` wants it."""

    boxes: tuple[Box, ...] = ()
    predictions: tuple[Prediction, ...] = ()
    looks: tuple[bytes, ...] = ()
    problem: str | None = None


def one_by_one(
    model: Model,
    find: Find,
    photos: Iterable[tuple[ImageFile, tuple[Box, ...] | None]],
    scheme: Scheme,
) -> Iterator[Placed]:
    """The photos in order, each with a prediction of ``model`` per face; ``find`` looks for the faces of
    those without boxes.

    What is wrong with a photo or its boxes is in its result, and the rest goes on. Raises `InputError`
    where the model does not do what `Model.predict` promises.
    """
    for file, boxes in photos:
        try:
            image = file.load()
            known = tuple(find(image)) if boxes is None else boxes
            found = tuple(model.predict([image] * len(known), known, scheme)) if known else ()
        except ImageError as error:
            yield Placed(problem=str(error))
            continue
        except BoxError as error:
            yield Placed(problem=f"{file.path}: {error}")
            continue
        _check(model, found, len(known), scheme)
        looks = tuple(look(sample_crop(image, face.crop, _LOOKED_AT)[0]) for face in found)
        yield Placed(known, found, looks)


def _check(model: Model, found: tuple[Prediction, ...], faces: int, scheme: Scheme) -> None:
    if len(found) != faces:
        raise InputError(f"model {model.name}: gave {len(found)} predictions for {faces} faces")
    wrong = next((len(face) for face in found if len(face) != len(scheme)), None)
    if wrong is not None:
        raise InputError(f"model {model.name}: gave {wrong} points of a scheme with {len(scheme)}")

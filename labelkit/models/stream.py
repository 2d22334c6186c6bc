"""Many photos through a model: decoded and cropped ahead in threads, memory flat.

Threads read photos, look for faces and cut them out: while an accelerator is at work, or
in turn with a network that runs on the same cores. Of a photo only the crops stay, unless a
second pass will cut it anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from labelkit.errors import BoxError, ImageError
from labelkit.geometry import Array, Box, Crop
from labelkit.images import ImageFile, RGBImage
from labelkit.models.predictor import LandmarkModel, Placed, default_passes, first_crop
from labelkit.prediction import Prediction
from labelkit.sampling import look, sample_crop
from labelkit.scheme import Scheme

#: Photos that are held at most, beside the batch in the network.
AHEAD = 16


@dataclass(frozen=True)
class Photo:
    """A photo and the boxes of its faces; None: they are to be found."""

    image: ImageFile
    boxes: tuple[Box, ...] | None = None


@dataclass(frozen=True)
class PhotoResult:
    """What became of a photo. ``looks`` tell what each face looks like (`labelkit.sampling.look`);
    ``problem`` says in one line why the photo could not be read or its boxes not be used; no boxes
    and no problem is `no face`."""

    image: ImageFile
    boxes: tuple[Box, ...]
    predictions: list[Prediction]
    problem: str | None = None
    looks: tuple[bytes, ...] = ()


@dataclass
class _Loaded:
    """A photo on its way: crops and their pixels by face, filled in as passes go on."""

    image: ImageFile
    boxes: tuple[Box, ...] = ()
    passes: list[int] = field(default_factory=list)
    crops: list[Crop] = field(default_factory=list)
    pixels: list[RGBImage] = field(default_factory=list)
    valid: list[NDArray[np.bool_]] = field(default_factory=list)
    photo: RGBImage | None = None
    looks: tuple[bytes, ...] = ()
    found: dict[int, Placed] = field(default_factory=dict)
    problem: str | None = None


def predict_photos(
    model: LandmarkModel,
    photos: Iterable[Photo],
    scheme: Scheme,
    *,
    find: Callable[[RGBImage], list[Box]] | None = None,
    passes: int | None = None,
    flip: bool = False,
    dataset: str | None = None,
    refine: bool = True,
    batch: int = 16,
    threads: int = 2,
) -> Iterator[PhotoResult]:
    """The photos in order, each with a prediction per face.

    ``find`` looks for the faces of photos without boxes (needed where there are such);
    ``passes``, ``flip``, ``dataset`` and ``refine`` as in `LandmarkModel.predict`. What is wrong with
    a photo is in its result, and the rest goes on.
    """

    def load(photo: Photo) -> _Loaded:
        return _load(photo, scheme, model.size, find, passes, keep)

    plane = model.prompts(scheme, dataset)
    keep = refine and model.refiner is not None
    waiting: list[_Loaded] = []
    # On a CPU the network keeps every core busy by itself. A loader beside it would hold up one
    # of its threads, for which all the others then wait.
    for loaded in _ahead(load, photos, threads, in_turn=model.device.type == "cpu"):
        waiting.append(loaded)
        if sum(len(entry.crops) for entry in waiting) >= batch:
            yield from _finish(model, waiting, scheme, plane, flip, refine, batch)
            waiting = []
    yield from _finish(model, waiting, scheme, plane, flip, refine, batch)


def _load(
    photo: Photo,
    scheme: Scheme,
    size: int,
    find: Callable[[RGBImage], list[Box]] | None,
    passes: int | None,
    keep: bool,
) -> _Loaded:
    try:
        image = photo.image.load()
        boxes = photo.boxes
        if boxes is None:
            boxes = tuple(find(image)) if find is not None else ()
        crops = [first_crop(box, scheme) for box in boxes]
    except ImageError as error:
        return _Loaded(photo.image, problem=str(error))
    except BoxError as error:
        return _Loaded(photo.image, problem=f"{photo.image.path}: {error}")
    samples = [sample_crop(image, crop, size) for crop in crops]
    wanted = [passes or default_passes(box) for box in boxes]
    return _Loaded(
        photo.image,
        boxes,
        wanted,
        crops,
        [pixels for pixels, _ in samples],
        [valid for _, valid in samples],
        image if keep or max(wanted, default=1) > 1 else None,
        tuple(look(pixels) for pixels, _ in samples),
    )


def _ahead(
    load: Callable[[Photo], _Loaded], photos: Iterable[Photo], threads: int, in_turn: bool
) -> Iterator[_Loaded]:
    """Loaded photos in order, at most `AHEAD` of them at a time; leaving early ends the threads.

    ``in_turn``: nothing is loaded while the caller works with what it was given.
    """
    source = iter(photos)
    queue: deque[Future[_Loaded]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="labelkit-load") as pool:
        try:
            while True:
                if not in_turn or not queue:
                    queue.extend(pool.submit(load, photo) for photo in islice(source, AHEAD - len(queue)))
                    if in_turn:
                        wait(queue)
                if not queue:
                    return
                yield queue.popleft().result()
        finally:
            for future in queue:
                future.cancel()


def _finish(
    model: LandmarkModel,
    waiting: list[_Loaded],
    scheme: Scheme,
    plane: Array,
    flip: bool,
    refine: bool,
    batch: int,
) -> Iterator[PhotoResult]:
    """Run all passes over the waiting photos, a batch of faces at a time."""
    number = 0
    while True:
        faces = [(entry, i) for entry in waiting for i, wanted in enumerate(entry.passes) if wanted > number]
        if not faces:
            break
        for start in range(0, len(faces), batch):
            _place(model, faces[start : start + batch], plane, flip, number)
        number += 1
    faces = [(entry, i) for entry in waiting for i in range(len(entry.crops))]
    told: list[Prediction] = []
    for start in range(0, len(faces), batch):
        some = faces[start : start + batch]
        photos = [entry.photo for entry, _ in some if entry.photo is not None]
        crops = [entry.crops[i] for entry, i in some]
        told += model.told(photos, crops, [e.found[i] for e, i in some], plane, scheme, flip, refine)
    rest = iter(told)
    for entry in waiting:
        predictions = list(islice(rest, len(entry.crops)))
        yield PhotoResult(entry.image, entry.boxes, predictions, entry.problem, entry.looks)


def _place(
    model: LandmarkModel, faces: list[tuple[_Loaded, int]], plane: Array, flip: bool, number: int
) -> None:
    """One pass over one batch; cuts the next crops of faces that have another pass to go."""
    pixels = np.stack([entry.pixels[i] for entry, i in faces])
    valid = np.stack([entry.valid[i] for entry, i in faces])
    points, anchors = model.place_pixels(pixels, valid, plane, flip)
    for (entry, i), found, at in zip(faces, points, anchors, strict=True):
        if entry.photo is not None and entry.passes[i] > number + 1:
            entry.crops[i] = model.next_crop(entry.crops[i], found, at, plane)
            entry.pixels[i], entry.valid[i] = sample_crop(entry.photo, entry.crops[i], model.size)
        else:
            entry.found[i] = Placed(found, at)

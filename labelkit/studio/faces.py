"""The example faces of the studio: whose they are, and how a row of them is filled.

The project's own photos come first, then the two portraits that come with scikit-image and
matplotlib; what is missing for a full row is made of those that are there, by changes of light,
turn and scale.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, permutations
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np

from labelkit.detect import detect_faces
from labelkit.editor.studio import Gallery, Picture
from labelkit.errors import ImageError, InputError
from labelkit.geometry import Array, Box, Crop, Similarity
from labelkit.images import ImageFile, RGBImage, example_faces, find_images
from labelkit.models.ambiguity import AmbiguityMap, ambiguity_map
from labelkit.models.live import LiveFaces, most_different
from labelkit.models.predictor import LandmarkModel
from labelkit.scheme import load_scheme
from labelkit.store import FaceState
from labelkit.studio.pictures import REACH, cut, jpeg, mean_picture, on_plane, tile, tile_crop

if TYPE_CHECKING:
    from labelkit.project import Project

T = TypeVar("T")

#: Faces in a row, and how many are looked at to find that many different ones.
ROW, CANDIDATES = 12, 36

#: The scheme by which faces are framed and compared: it fixes the plane.
FRAME = "ibug68"


@dataclass(frozen=True)
class Example:
    """A face that may be shown: where it is from, its photo, its box."""

    label: str
    image: RGBImage
    box: Box


@dataclass(frozen=True)
class Framed:
    """A face in the part of its photo that is kept, with its points of `FRAME` in crop units."""

    label: str
    image: RGBImage
    crop: Crop
    shape: Array


class ExampleRow:
    """A row of different faces that a model has looked at: `editor.studio.Examples`.

    Nothing is loaded before the first question, and everything once, whatever thread asks; one row
    can serve any number of studios. ``model`` and ``examples`` are called then; of the examples at
    most `CANDIDATES` are looked at, and ``count`` are shown. Raises `InputError` from every method
    when there is no face.
    """

    def __init__(
        self, model: Callable[[], LandmarkModel], examples: Callable[[], Iterable[Example]], count: int = ROW
    ) -> None:
        self._model, self._examples, self._count = model, examples, count
        self._lock = threading.Lock()
        self._ready: tuple[LiveFaces, Gallery] | None = None

    @property
    def live(self) -> LiveFaces:
        """The faces themselves."""
        return self._prepared()[0]

    def gallery(self) -> Gallery:
        return self._prepared()[1]

    def place(self, plane: Array) -> Array:
        live = self.live
        shown = [tile_crop(crop) for crop in live.crops]
        found = live.place(plane)
        return np.stack([(c.points_to_crop(p) + 1) / 2 for c, p in zip(shown, found, strict=True)])

    def ambiguity(self, heard: Callable[[int, int], None]) -> AmbiguityMap:
        live = self.live
        return ambiguity_map(live.model, live.images, live.crops, heard=heard)

    def _prepared(self) -> tuple[LiveFaces, Gallery]:
        with self._lock:
            if self._ready is None:
                self._ready = self._prepare()
            return self._ready

    def _prepare(self) -> tuple[LiveFaces, Gallery]:
        model = self._model()
        seen = [framed(model, example) for example in islice(self._examples(), CANDIDATES)]
        if not seen:
            raise InputError("no face was found in the photos that were to be examples")
        row = [seen[i] for i in most_different([face.shape for face in seen], self._count)]
        row += islice(variations(tuple(row)), self._count - len(row))
        live = LiveFaces(model, [face.image for face in row], [face.crop for face in row])
        return live, _gallery(row, live)


def framed(model: LandmarkModel, example: Example) -> Framed:
    """The face with the crop that follows from the points found in its box."""
    (found,) = model.predict([example.image], [example.box], FRAME, passes=2)
    image, crop = cut(example.image, found.crop)
    return Framed(example.label, image, crop, found.crop.points_to_crop(found.xy))


def project_faces(project: Project) -> Iterator[Example]:
    """Faces of a project, spread over all of it; those of photos in which nobody has searched yet
    are found by the detector."""
    refused = {(face.image, face.index) for face in project.faces(FaceState.REJECTED)}
    known = [f for f in project.faces() if f.box is not None and (f.image, f.index) not in refused]
    for face in _spread(known):
        try:
            image = project.image(face).load()
        except ImageError:
            continue
        assert face.box is not None
        yield Example(face.image, image, face.box)
    if not known:
        yield from found_faces(_spread(find_images(project.images)))


def found_faces(photos: Iterable[str | Path | RGBImage]) -> Iterator[Example]:
    """The face that the detector is surest of in every photo; a photo that cannot be read has none.

    Only that one: what detectors take for a face by mistake would differ from all others, and so be
    the first to be shown.
    """
    for number, photo in enumerate(photos):
        try:
            image = photo if isinstance(photo, np.ndarray) else ImageFile(photo).load()
        except ImageError:
            continue
        label = f"photo {number + 1}" if isinstance(photo, np.ndarray) else Path(photo).name
        for box in detect_faces(image)[:1]:
            yield Example(label, image, box)


def portraits() -> Iterator[Example]:
    """The two portraits in the public domain."""
    return found_faces([file.path for file in example_faces()])


def variations(faces: Sequence[Framed]) -> Iterator[Framed]:
    """Faces made of others by light, turn and scale, in turn: by one change each, then by two, whose
    order shows in most pictures; where it does not, there is one of them."""
    made: set[int] = set()
    for changes in (*((one,) for one in _CHANGES), *permutations(_CHANGES, 2)):
        for face in faces:
            image, crop = face.image, face.crop
            for change in changes:
                image, crop = change(image, crop)
            known = hash(image.tobytes())
            if known in made:
                continue
            made.add(known)
            yield Framed(face.label, image, crop, face.shape)


Change = Callable[[RGBImage, Crop], tuple[RGBImage, Crop]]


def _mirrored(image: RGBImage, crop: Crop) -> tuple[RGBImage, Crop]:
    return np.ascontiguousarray(image[:, ::-1]), crop.flipped(image.shape[1])


def _dark(image: RGBImage, crop: Crop) -> tuple[RGBImage, Crop]:
    table = np.rint(255 * (np.arange(256) / 255) ** 2.2).astype(np.uint8)
    return np.asarray(table[image], np.uint8), crop


def _bright_and_turned(image: RGBImage, crop: Crop) -> tuple[RGBImage, Crop]:
    table = np.rint(255 * (np.arange(256) / 255) ** 0.6).astype(np.uint8)
    return _turned(np.asarray(table[image], np.uint8), crop, 16.0)


def _small_and_turned(image: RGBImage, crop: Crop) -> tuple[RGBImage, Crop]:
    """As if the face were some 60 px wide in its photo."""
    height, width = image.shape[:2]
    factor = min(1.0, 30 / crop.pixels_per_unit)
    small = cv2.resize(
        image, (max(1, round(width * factor)), max(1, round(height * factor))), interpolation=cv2.INTER_AREA
    )
    blurred = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return _turned(np.asarray(blurred, np.uint8), crop, -16.0)


def _narrow(image: RGBImage, crop: Crop) -> tuple[RGBImage, Crop]:
    """Squeezed across, which is what a turn of the head does to the middle of a face."""
    height, width = image.shape[:2]
    narrow = cv2.resize(image, (max(1, round(width * 0.82)), height), interpolation=cv2.INTER_AREA)
    t = crop.to_image
    x = (t.tx + 0.5) * narrow.shape[1] / width - 0.5
    return np.asarray(narrow, np.uint8), Crop(Similarity(t.a * 0.92, t.b * 0.92, x, t.ty))


def _side_light(image: RGBImage, crop: Crop) -> tuple[RGBImage, Crop]:
    x, _ = crop.to_image([0.0, 0.0])
    across = (np.arange(image.shape[1]) - x) / crop.pixels_per_unit
    light = np.clip(1 + 0.75 * across, 0.3, 1.5)[None, :, None]
    return np.asarray(np.clip(image * light, 0, 255), np.uint8), crop


_CHANGES: tuple[Change, ...] = (_bright_and_turned, _side_light, _narrow, _small_and_turned, _dark, _mirrored)


def _turned(image: RGBImage, crop: Crop, degrees: float) -> tuple[RGBImage, Crop]:
    """The photo turned about the face; the crop stays upright, so that the network sees the turn."""
    middle = crop.to_image([0.0, 0.0])
    matrix = cv2.getRotationMatrix2D((float(middle[0]), float(middle[1])), degrees, 1.0)
    size = (image.shape[1], image.shape[0])
    turned = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8), crop


def _gallery(row: Sequence[Framed], live: LiveFaces) -> Gallery:
    scheme = load_scheme(FRAME)
    found = live.place(scheme.plane)
    warped = [on_plane(face.image, points, scheme) for face, points in zip(row, found, strict=True)]
    backdrops = [Picture("mean of the examples", jpeg(mean_picture(warped)))]
    backdrops += [Picture(f.label, jpeg(image, 80)) for f, (image, _) in zip(row, warped, strict=True)]
    tiles = [Picture(face.label, jpeg(tile(face.image, face.crop))) for face in row]
    return Gallery(tuple(tiles), tuple(backdrops), REACH)


def _spread(items: Sequence[T]) -> list[T]:
    """At most `CANDIDATES` of them, from the first to the last."""
    if len(items) <= CANDIDATES:
        return list(items)
    return [items[i] for i in np.linspace(0, len(items) - 1, CANDIDATES).round().astype(int)]

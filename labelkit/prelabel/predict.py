"""Photos in, labels out, without a project: what ``labelkit predict`` does.

Boxes come from a table where it has the photo, else from a detector. A photo in which nobody
is found is `no face`; one that cannot be read is reported, and the rest goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from labelkit import atomic
from labelkit.dataset import Dataset, Sample
from labelkit.detect import detect_faces
from labelkit.errors import InputError
from labelkit.formats import WriteReport, find_format, write
from labelkit.geometry import Array, Box
from labelkit.images import ImageFile, find_images
from labelkit.models.predictor import LandmarkModel
from labelkit.models.stream import Photo, PhotoResult, predict_photos
from labelkit.prediction import Prediction
from labelkit.scheme import Scheme


@dataclass(frozen=True)
class LabelledFace:
    """A face that nobody labelled before: its photo, the box it started from, its points."""

    image: ImageFile
    box: Box
    prediction: Prediction


@dataclass
class Labelled:
    """What became of photos. ``no_face`` are those in which nobody was found; ``problems``
    says in a line each which photos could not be read."""

    faces: list[LabelledFace] = field(default_factory=list)
    no_face: list[ImageFile] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    photos: int = 0

    def add(self, result: PhotoResult) -> None:
        self.photos += 1
        if result.problem is not None:
            self.problems.append(result.problem)
        elif not result.predictions:
            self.no_face.append(result.image)
        for box, prediction in zip(result.boxes, result.predictions, strict=False):
            self.faces.append(LabelledFace(result.image, box, prediction))

    def by_photo(self) -> dict[ImageFile, list[LabelledFace]]:
        photos: dict[ImageFile, list[LabelledFace]] = {}
        for face in self.faces:
            photos.setdefault(face.image, []).append(face)
        return photos


def find_photos(paths: Iterable[str | Path]) -> list[ImageFile]:
    """The photos meant by files and folders, in the given order, each once.

    A file that is not there is left in: its label is a problem, and the rest goes on. Raises
    `InputError` for a folder without photos.
    """
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        found |= dict.fromkeys(find_images(path) if path.is_dir() else [path])
    return [ImageFile(path) for path in found]


def label_photos(
    model: LandmarkModel,
    photos: Iterable[Photo],
    scheme: Scheme,
    *,
    passes: int | None = None,
    flip: bool = False,
    heard: Callable[[PhotoResult], None] = lambda result: None,
) -> Labelled:
    """Every face of the photos with its points; ``heard`` is told of each photo when it is done.

    Photos without boxes are searched by the default detector. Raises `InputError` when not one
    photo could be read.
    """
    labelled = Labelled()
    for result in predict_photos(model, photos, scheme, find=detect_faces, passes=passes, flip=flip):
        labelled.add(result)
        heard(result)
    if len(labelled.problems) == labelled.photos:
        first = labelled.problems[0] if labelled.problems else "none was given"
        raise InputError(f"no photo could be labelled: {first}")
    return labelled


def rows(faces: Sequence[LabelledFace], scheme: Scheme) -> list[dict[str, Any]]:
    """The faces as ``predict --format json`` gives them; what is not there (NaN) is None."""
    return [_row(face, scheme) for face in faces]


def dataset(faces: Sequence[LabelledFace], scheme: Scheme, root: Path | None = None) -> Dataset:
    """The faces as a `Dataset`, points in the state ``predicted``.

    A detector's box is left out: formats then write the tight box of the points, which says
    more about the face than the frame of a detector that the file does not name.
    """
    samples = (
        Sample(face.image, None if face.box.kind == "detector" else face.box, face.prediction.landmarks())
        for face in faces
    )
    return Dataset(tuple(samples), scheme, root)


def write_labels(
    faces: Sequence[LabelledFace],
    scheme: Scheme,
    out: str | Path,
    format: str,  # noqa: A002 - as in labelkit.write
    images: str | Path | None = None,
) -> WriteReport:
    """Write the faces to ``out``, at once or not at all.

    ``format`` is json or that of a data set. Photos are named as they were given in JSON, else
    relative to ``images``: by default where a reader looks first if they lie there, else their
    deepest common folder. Raises `InputError` when the format cannot hold a face, or there is none
    (JSON: an empty list).
    """
    out = Path(out)
    if format == "json":
        lines = ",\n".join(json.dumps(row, allow_nan=False) for row in rows(faces, scheme))
        atomic.write_text(out, f"[\n{lines}\n]\n" if faces else "[]\n")
        return WriteReport(len(faces), (out,), Path.cwd())
    if not faces:
        raise InputError(f"{out}: not written, since no face was found")
    home = find_format(format).photo_root(out)
    below = all(face.image.path.absolute().is_relative_to(home.absolute()) for face in faces)
    root = Path(images) if images is not None else home if below else None
    return write(dataset(faces, scheme, root), out, format)


def _row(face: LabelledFace, scheme: Scheme) -> dict[str, Any]:
    found = face.prediction
    points = [
        {
            "name": name,
            "x": _or_none(x),
            "y": _or_none(y),
            "cov": cov.tolist() if np.isfinite(cov).all() else None,
            "confidence": _or_none(confidence),
        }
        for name, (x, y), cov, confidence in zip(
            scheme.names, found.xy, found.cov, found.confidence, strict=True
        )
    ]
    box = [float(value) for value in face.box.xyxy]
    return {"image": face.image.path.as_posix(), "box": box, "scheme": scheme.name, "points": points}


def _or_none(value: float | Array) -> float | None:
    return float(value) if np.isfinite(value) else None

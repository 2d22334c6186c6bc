"""What all writers share: the photos' names, faces that are complete, what gets lost."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from labelkit.dataset import Dataset, Sample
from labelkit.errors import InputError
from labelkit.formats.reading import leads_out
from labelkit.landmarks import Landmarks, State, Visibility


@dataclass(frozen=True)
class WriteReport:
    """What was written: how many faces, into which files, the image root to give when reading
    them, and what they could not hold (one sentence each)."""

    written: int
    files: tuple[Path, ...]
    images: Path
    losses: tuple[str, ...] = ()


@dataclass(frozen=True)
class FaceToWrite:
    """A face with complete landmarks, and its photo's name relative to the image root."""

    image: str
    sample: Sample
    landmarks: Landmarks


def root_to_write(dataset: Dataset, images: str | Path | None) -> Path:
    """``images``, else the data set's own root, else the deepest folder that holds all photos.

    Raises `InputError` when there is no face to write.
    """
    if not len(dataset):
        raise InputError("there is no face to write")
    if images is not None:
        return Path(images)
    if dataset.root is not None:
        return dataset.root
    return Path(os.path.commonpath([sample.image.path.absolute().parent for sample in dataset]))


def photo_names(dataset: Dataset, root: Path, what: str, line_breaks: bool = False) -> list[str]:
    """For every face its photo's path relative to ``root``, with "/" between folders.

    ``what`` is what is being written, ``line_breaks`` whether it can hold names with line breaks
    and tabs. Raises `InputError`, naming the photo, for one that lies elsewhere or whose name
    cannot be written.
    """
    names = {image: _name_below(root, image.path, what, line_breaks) for image in dataset.by_image()}
    return [names[sample.image] for sample in dataset]


def faces_to_write(dataset: Dataset, root: Path, what: str) -> list[FaceToWrite]:
    """The faces with their photos' names relative to ``root``.

    Raises `InputError`, naming the face, when a point is missing or a photo cannot be named.
    ``what`` is what is being written.
    """
    seen: Counter[str] = Counter()
    faces = []
    for name, sample in zip(photo_names(dataset, root, what), dataset, strict=True):
        seen[name] += 1
        faces.append(FaceToWrite(name, sample, _complete(sample, f"{name!r}, face {seen[name]}", what)))
    return faces


def lost_knowledge(landmarks: Sequence[Landmarks]) -> list[str]:
    """What formats lose that hold coordinates alone: one sentence each about visibility and
    state, where something was known."""
    losses = []
    visible = sum(bool((face.visibility != Visibility.UNKNOWN).any()) for face in landmarks)
    if visible:
        losses.append(f"which points are visible is lost ({visible} of {len(landmarks)} faces)")
    unconfirmed = sum(bool((face.state != State.CONFIRMED).any()) for face in landmarks)
    if unconfirmed:
        losses.append(f"which points nobody has confirmed is lost ({unconfirmed} of {len(landmarks)} faces)")
    return losses


def _complete(sample: Sample, face: str, what: str) -> Landmarks:
    if sample.landmarks is None:
        raise InputError(
            f"{face}: has no landmarks, and {what} cannot hold a missing point; nothing was written"
        )
    missing = np.flatnonzero(~sample.landmarks.present)
    if len(missing):
        raise InputError(
            f"{face}: point {missing[0]} is missing, which {what} cannot hold; nothing was written"
        )
    return sample.landmarks


def _name_below(root: Path, path: Path, what: str, line_breaks: bool) -> str:
    name = os.path.relpath(path, root)
    if leads_out(name):
        raise InputError(f"{path}: lies outside of the image root {root}")
    name = PurePath(name).as_posix()
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"{name!r}: the name is not Unicode, and {what} is") from error
    if not line_breaks and any(sign in name for sign in "\n\r\t"):
        raise InputError(f"{name!r}: {what} cannot hold a name with a line break or a tab")
    return name

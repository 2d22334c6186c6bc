"""What all writers share: the photos' names, faces that are complete, what gets lost."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from labelkit.dataset import Attribute, Dataset, Sample
from labelkit.errors import InputError
from labelkit.formats.reading import box_read, leads_out
from labelkit.landmarks import Landmarks, State, Visibility
from labelkit.scheme import Scheme, builtin_schemes, load_scheme

#: Coordinates (px) that are as good as nothing else: with six decimals they would not be read again.
_FARTHEST = 1e12


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
    """A face with landmarks, and its photo's name relative to the image root."""

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


def faces_to_write(
    dataset: Dataset, root: Path, what: str, *, missing_points: bool = False, line_breaks: bool = False
) -> list[FaceToWrite]:
    """The faces with their photos' names relative to ``root``.

    ``what`` is what is being written, ``missing_points`` whether it can hold faces of which points
    are missing, ``line_breaks`` as in `photo_names`. Raises `InputError`, naming the face, for one
    without landmarks, with a missing point where that cannot be held, or whose photo cannot be
    named.
    """
    seen: Counter[str] = Counter()
    faces = []
    for name, sample in zip(photo_names(dataset, root, what, line_breaks), dataset, strict=True):
        seen[name] += 1
        landmarks = _landmarks(sample, f"{name!r}, face {seen[name]}", what, missing_points)
        faces.append(FaceToWrite(name, sample, landmarks))
    return faces


def lost_knowledge(landmarks: Sequence[Landmarks]) -> list[str]:
    """What formats lose that hold coordinates alone: one sentence each about visibility and
    state, where something was known."""
    visible = sum(bool((face.visibility != Visibility.UNKNOWN).any()) for face in landmarks)
    return said("which points are visible is lost", visible, len(landmarks)) + lost_states(landmarks)


def lost_states(landmarks: Sequence[Landmarks]) -> list[str]:
    """What formats lose that cannot tell a confirmed point from another, where there is one."""
    unconfirmed = sum(bool((face.state != State.CONFIRMED).any()) for face in landmarks)
    return said("which points nobody has confirmed is lost", unconfirmed, len(landmarks))


def lost_origins(faces: Sequence[FaceToWrite], source: str) -> list[str]:
    """What formats lose that hold a rectangle alone, which is read as a box of ``source`` unless
    it is tight around the points (`box_read`)."""
    boxes = sum(loses_origin(face.sample, source) for face in faces)
    return said("where the box comes from is lost", boxes, len(faces))


def lost_attributes(faces: Sequence[FaceToWrite], kept: Collection[str] = ()) -> list[str]:
    """What formats lose that hold no attributes but those ``kept``."""
    names = sorted({str(name) for face in faces for name in face.sample.attributes} - set(kept))
    return [f"attributes are lost: {', '.join(names)}"] if names else []


def loses_origin(sample: Sample, source: str) -> bool:
    """Whether a box, written as a rectangle, will not be read by `box_read` as what it is."""
    box, landmarks = sample.box, sample.landmarks
    if box is None:
        return False
    points, scheme = (landmarks.xy, landmarks.scheme) if landmarks is not None else (np.empty((0, 2)), "")
    again = box_read(np.array(box.xyxy), points, scheme, source)
    return again is None or (again.kind, again.source, again.score) != (box.kind, box.source, box.score)


def said(problem: str, count: int, total: int) -> list[str]:
    """The sentence about a loss with the number of faces that it concerns; none for no face."""
    return [f"{problem} ({count} of {total} faces)"] if count else []


def attributes_to_write(name: str, sample: Sample) -> dict[str, Attribute]:
    """The face's attributes as plain Python values.

    Raises `InputError`, naming the photo, for one that is neither a number, a text, True nor False.
    """
    found: dict[str, Attribute] = {}
    for key, value in sample.attributes.items():
        plain = value.item() if isinstance(value, np.generic) else value
        if not isinstance(key, str) or not isinstance(plain, bool | int | float | str):
            raise InputError(f"{name!r}: attribute {key!r} is {value!r}, no number, text, True or False")
        if not _is_unicode(key) or (isinstance(plain, str) and not _is_unicode(plain)):
            raise InputError(f"{name!r}: attribute {key!r} holds what is not Unicode")
        found[key] = plain
    return found


def scheme_to_write(dataset: Dataset) -> tuple[str, Scheme | None, tuple[str, ...]]:
    """The name of the faces' scheme, the scheme where it is known, and the points' names.

    The points of an unknown scheme are called by their number, from 0; without any landmarks
    the name is "" and there are no points.
    """
    if dataset.scheme is not None:
        return dataset.scheme.name, dataset.scheme, dataset.scheme.names
    first = next((sample.landmarks for sample in dataset if sample.landmarks is not None), None)
    if first is None:
        return "", None, ()
    if first.scheme in builtin_schemes() and len(first) == len(load_scheme(first.scheme)):
        return first.scheme, load_scheme(first.scheme), load_scheme(first.scheme).names
    return first.scheme, None, tuple(map(str, range(len(first))))


def _landmarks(sample: Sample, face: str, what: str, missing_points: bool) -> Landmarks:
    if sample.landmarks is None:
        raise InputError(f"{face}: has no landmarks, which {what} cannot leave out; nothing was written")
    missing = np.flatnonzero(~sample.landmarks.present)
    if len(missing) and not missing_points:
        raise InputError(
            f"{face}: point {missing[0]} is missing, which {what} cannot hold; nothing was written"
        )
    there = sample.landmarks.xy[sample.landmarks.present]
    if (np.abs(there) > _FARTHEST).any():
        raise InputError(f"{face}: a coordinate is beyond {_FARTHEST:g} px, which {what} cannot hold")
    return sample.landmarks


def _name_below(root: Path, path: Path, what: str, line_breaks: bool) -> str:
    name = os.path.relpath(path, root)
    if leads_out(name):
        raise InputError(f"{path}: lies outside of the image root {root}")
    name = PurePath(name).as_posix()
    if not _is_unicode(name):
        raise InputError(f"{name!r}: the name is not Unicode, and {what} is")
    if not line_breaks and any(sign in name for sign in "\n\r\t"):
        raise InputError(f"{name!r}: {what} cannot hold a name with a line break or a tab")
    return name


def _is_unicode(text: str) -> bool:
    """Whether it can be written in UTF-8: names of files may hold halves of characters."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True

"""MERL-RAV .pts files: 300-W files that say what hides a point (Kumar et al. 2020).

They look as those of 300-W do (`labelkit.formats.pts`), one face a file, **1-based**, x before y;
signs tell what can be seen:

    x y         visible, at (x, y)
    -x -y       hidden by something else (hair, a hand, glasses), estimated at (x, y)
    -1 -1       hidden by the face itself: nobody has estimated where

Signs are taken off before 1 is subtracted.

So it cannot hold a visible or hidden point with a negative coordinate (left of or above the
photo), a hidden one at exactly (1, 1), nor a missing one that is not hidden by the face: faces
with these are refused. It loses where a point lies that the face hides, a box, attributes, which
points are confirmed, and the names of the scheme and of the photo. A point of which the visibility
is unknown is written as visible.

A point of which one coordinate alone is negative says neither; such a face is left out.

A folder is taken for one of MERL-RAV, not of 300-W, if one of its first files holds a line
``-1 -1`` or if its path says "merl_rav". The labels are released without photos: read the folder
``merl_rav_organized`` that their own script makes, or give ``images``. `labelkit.formats.facefiles`
says which photo a file belongs to, and how files are named that `write` makes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labelkit.dataset import Dataset
from labelkit.errors import FormatError, InputError
from labelkit.formats import facefiles, pts
from labelkit.formats.facefiles import FaceFiles
from labelkit.formats.plaintext import glance
from labelkit.formats.writing import FaceToWrite, WriteReport, lost_states, said
from labelkit.landmarks import Landmarks, Visibility
from labelkit.scheme import Scheme

_NAME = re.compile("merl[-_ ]?rav", re.IGNORECASE)

#: How many files of a folder are looked at to tell the format.
_FIRST = 50


def read(
    path: str | Path,
    *,
    scheme: str | Path | Scheme | None = None,
    images: str | Path | None = None,
    strict: bool = False,
) -> Dataset:
    """The faces of a folder and the folders in it, sorted by path, or of a single file.

    ``images`` is the image root, by default the folder itself; photos are looked for, not opened.
    Without a scheme, files of 68 points are of ``merl68``. Raises `FormatError` where there is no
    such file, and with ``strict`` for the first bad one; otherwise the data set's report names the
    bad ones. A box is the tight one of the points that are there.
    """
    return facefiles.read(_FILES, path, scheme=scheme, images=images, strict=strict)


def write(dataset: Dataset, path: str | Path, *, images: str | Path | None = None) -> WriteReport:
    """Write a folder with one file a face and ``images.tsv``, photos relative to ``images``.

    As for 300-W, what an earlier `write` left in the folder is replaced, and a folder that holds
    other .pts files is refused. Raises `InputError`, with nothing written, for that and for a face
    that the format cannot hold.
    """
    return facefiles.write(_FILES, dataset, path, images=images)


def looks_like(path: Path) -> bool:
    """Whether this is a folder of MERL-RAV files, or a file of them."""
    files = _FILES.walk(path) if path.is_dir() else [path] if path.suffix.lower() == _FILES.suffix else []
    named = _NAME.search(str(path.resolve())) is not None
    return bool(files) and (named or any(map(_hides_itself, files[:_FIRST])))


def _hides_itself(path: Path) -> bool:
    return any(line.split() == ["-1", "-1"] for line in glance(path).splitlines())


def _parse(path: Path) -> Landmarks:
    numbers = pts.numbers(path)
    x, y = numbers.T
    mixed = np.flatnonzero(((x < 0) & (y > 0)) | ((x > 0) & (y < 0)))
    if len(mixed):
        problem = f"point {mixed[0]} has one negative coordinate: neither visible nor hidden"
        raise FormatError(path, problem)
    by_itself = (x == -1) & (y == -1)
    hidden = ((x < 0) | (y < 0)) & ~by_itself
    xy = np.where(by_itself[:, None], np.nan, np.abs(numbers) - 1)
    visibility = np.select(
        [by_itself, hidden], [Visibility.SELF_OCCLUDED, Visibility.OCCLUDED], Visibility.VISIBLE
    )
    return Landmarks("", xy, visibility=visibility)


def _text(face: FaceToWrite) -> str:
    visibility = face.landmarks.visibility
    by_itself, hidden = visibility == Visibility.SELF_OCCLUDED, visibility == Visibility.OCCLUDED
    # As they will stand in the file: six decimals, or a point just above 1 would become -1 -1.
    numbers = np.round(face.landmarks.xy + 1, 6)
    x, y = numbers.T
    _refuse(
        face,
        ~by_itself & ~face.landmarks.present,
        "is missing, which is said of points alone that the face hides",
    )
    _refuse(face, ~by_itself & ((x < 0) | (y < 0)), "has a negative coordinate, whose sign would say hidden")
    _refuse(face, hidden & (x == 1) & (y == 1), "is hidden at (1, 1), where it would be hidden by the face")
    _refuse(face, hidden & (x == 0) & (y == 0), "is hidden at (0, 0), which has no sign")
    numbers = np.where(hidden[:, None], -numbers, numbers)
    return pts.text(np.where(by_itself[:, None], -1, numbers))


def _refuse(face: FaceToWrite, wrong: NDArray[np.bool_], problem: str) -> None:
    if wrong.any():
        point = int(np.flatnonzero(wrong)[0])
        raise InputError(f"{face.image!r}: point {point} {problem} in {_FILES.what}; nothing was written")


def _losses(faces: Sequence[FaceToWrite]) -> list[str]:
    landmarks = [face.landmarks for face in faces]
    unknown = sum(bool((face.visibility == Visibility.UNKNOWN).any()) for face in landmarks)
    hides = sum(
        bool(((face.visibility == Visibility.SELF_OCCLUDED) & face.present).any()) for face in landmarks
    )
    return [
        *said("points whose visibility is unknown are written as visible", unknown, len(faces)),
        *said("where points lie that the face itself hides is lost", hides, len(faces)),
        *lost_states(landmarks),
    ]


_FILES = FaceFiles(".pts", "a MERL-RAV file", _parse, _text, _losses, missing_points=True, usual="merl68")

"""LaPa and JD-106 .txt files: one face a file, one file a photo (Liu et al. 2019, 2020).

    106
    63.0 92.5                    x y of each point
    ...

The first line says how many points follow. Pixels are **0-based**, x before y.

It cannot hold a missing point, several faces of a photo, a box, attributes, which points are
visible or confirmed, or the names of the scheme and of the photo.

Which photo
-----------
A file stands beside its photo, or, as in LaPa, files stand in a folder ``landmarks`` and photos in
a folder ``images`` beside it; in JD-106 these folders are ``landmark`` and ``picture``, and files
are called by the whole name of the photo, ``a.jpg.txt``. For the rest, and for how files are named
that `write` makes, see `labelkit.formats.facefiles`. A .txt file that is something else is left
out and named.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from labelkit.dataset import Dataset
from labelkit.errors import FormatError
from labelkit.formats import facefiles, pts
from labelkit.formats.facefiles import FaceFiles
from labelkit.formats.plaintext import brief, first_lines, is_number, read_lines, write_number
from labelkit.formats.writing import FaceToWrite, WriteReport, lost_knowledge
from labelkit.landmarks import Landmarks
from labelkit.scheme import Scheme

#: How many files of a folder are looked at to tell the format.
_FIRST = 20

#: The longest number of points that is read, in digits.
_DIGITS = 6


def read(
    path: str | Path,
    *,
    scheme: str | Path | Scheme | None = None,
    images: str | Path | None = None,
    strict: bool = False,
) -> Dataset:
    """The faces of a folder and the folders in it, sorted by path, or of a single file.

    ``images`` is the image root, by default the folder itself or, for a folder ``landmarks``, the
    folder ``images`` beside it; photos are looked for, not opened. Without a scheme the most
    frequent number of points decides. Raises `FormatError` where there is no such file, and with
    ``strict`` for the first bad one; otherwise the data set's report names the bad ones. A box is
    the tight one of the points.
    """
    return facefiles.read(_FILES, path, scheme=scheme, images=images, strict=strict)


def write(dataset: Dataset, path: str | Path, *, images: str | Path | None = None) -> WriteReport:
    """Write a folder with one file a photo and ``images.tsv``, photos relative to ``images``.

    Files of photos in a folder ``images`` are written to a folder ``landmarks`` in its place. What
    an earlier `write` left is replaced; a folder that holds other .txt files is refused. Raises
    `InputError`, with nothing written, for that, for a face with a missing point and for a photo
    with several faces.
    """
    return facefiles.write(_FILES, dataset, path, images=images)


def looks_like(path: Path) -> bool:
    """Whether this is such a file, or a folder with one among its first .txt files."""
    if path.is_dir():
        return any(map(_could_be_face, _FILES.walk(path)[:_FIRST]))
    return path.suffix.lower() == _FILES.suffix and _could_be_face(path)


def _could_be_face(path: Path) -> bool:
    """Whether a count comes first and then a point."""
    lines = [line.split() for line in first_lines(path)[:2]]
    return len(lines) == 2 and _is_count(lines[0]) and len(lines[1]) == 2 and all(map(is_number, lines[1]))


def _is_count(tokens: Sequence[str]) -> bool:
    return len(tokens) == 1 and tokens[0].isascii() and tokens[0].isdecimal() and len(tokens[0]) <= _DIGITS


def _parse(path: Path) -> Landmarks:
    lines = [(number, line) for number, line in enumerate(read_lines(path), 1) if line.strip()]
    if not lines:
        raise FormatError(path, "is empty")
    first, count = lines[0]
    tokens = count.split()
    if not _is_count(tokens):
        raise FormatError(path, f"{brief(count.strip())} is no number of points", first)
    told = int(tokens[0])  # of the token: there are blanks that `split` takes away, and `int` does not
    points = [pts.point(path, number, line.strip()) for number, line in lines[1:]]
    if told != len(points):
        raise FormatError(path, f"says {told} points, but holds {len(points)}")
    if not points:
        raise FormatError(path, "holds no point")
    return Landmarks("", np.array(points))


def _text(face: FaceToWrite) -> str:
    points = [f"{write_number(x)} {write_number(y)}" for x, y in face.landmarks.xy.tolist()]
    return "\n".join([str(len(points)), *points]) + "\n"


def _losses(faces: Sequence[FaceToWrite]) -> list[str]:
    return lost_knowledge([face.landmarks for face in faces])


_FILES = FaceFiles(
    ".txt",
    "a LaPa file",
    _parse,
    _text,
    _losses,
    several_faces=False,
    folders={"landmarks": "images", "landmark": "picture"},
)

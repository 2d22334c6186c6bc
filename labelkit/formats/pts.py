"""300-W .pts files: one face a file (Sagonas et al. 2013).

    version: 1
    n_points:  68
    {
    89.062 205.418               x y of each point
    ...
    }

Pixels are **1-based**, x before y: the centre of the top-left pixel is (1, 1), so 1 is subtracted
on reading and added on writing. Files without the header, the points alone, are read too.

It cannot hold a missing point, a box, attributes, which points are visible or confirmed, or the
names of the scheme and of the photo.

What is read
------------
A folder with the folders in it, a single file, or a list: a .txt file that names photos or .pts
files, one a line, relative to its own folder (`labelkit.formats.facefiles.read_list`). Of the usual
folders of 300-W (afw, helen/trainset, helen/testset, lfpw/trainset, lfpw/testset, ibug) `SUBSETS`
says which make up the usual parts.

Which photo
-----------
`labelkit.formats.facefiles` says which photo a file belongs to, and how files are named that
`write` makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from labelkit.dataset import Dataset
from labelkit.errors import FormatError, InputError
from labelkit.formats import facefiles
from labelkit.formats.facefiles import FaceFiles
from labelkit.formats.plaintext import brief, first_lines, is_number, read_lines, write_number
from labelkit.formats.writing import FaceToWrite, WriteReport, lost_knowledge
from labelkit.geometry import Array
from labelkit.landmarks import Landmarks
from labelkit.scheme import Scheme

#: The folders of the usual parts of 300-W: what papers train on, and what they test on.
SUBSETS = {
    "train": ("afw", "helen/trainset", "lfpw/trainset"),
    "common": ("helen/testset", "lfpw/testset"),
    "challenge": ("ibug",),
    "full": ("helen/testset", "lfpw/testset", "ibug"),
}

#: How many lines of a list are looked at to tell the format.
_FIRST = 3


def read(
    path: str | Path,
    *,
    scheme: str | Path | Scheme | None = None,
    images: str | Path | None = None,
    strict: bool = False,
    subset: str | None = None,
) -> Dataset:
    """The faces of a folder and the folders in it, sorted by path, of a single file or of a list.

    ``images`` is the image root, by default the folder itself; photos are looked for, not opened.
    Without a scheme the most frequent number of points decides. ``subset`` is one of `SUBSETS`,
    whose folders lie in the folder. Raises `FormatError` where there is no such file, and with
    ``strict`` for the first bad one; otherwise the data set's report names the bad ones. A box is
    the tight one of the points.
    """
    folders = _folders_of(Path(path), subset) if subset is not None else (".",)
    return facefiles.read(_FILES, path, scheme=scheme, images=images, strict=strict, folders=folders)


def write(dataset: Dataset, path: str | Path, *, images: str | Path | None = None) -> WriteReport:
    """Write a folder with one file a face and ``images.tsv``, photos relative to ``images``.

    What an earlier `write` left in the folder is replaced; a folder that holds other .pts files
    is refused, since they may be somebody's work. Raises `InputError`, with nothing written, for
    that, for a face with a missing point or a photo that cannot be named.
    """
    return facefiles.write(_FILES, dataset, path, images=images)


def looks_like(path: Path) -> bool:
    """Whether this is a .pts file, a folder that holds some in it or the folders in it, or a list
    of which the first lines name some."""
    if path.is_dir():
        return bool(_FILES.walk(path))
    return path.suffix.lower() == ".pts" or (path.suffix.lower() == ".txt" and _is_list(path))


def _is_list(path: Path) -> bool:
    names = [name for line in first_lines(path) if not (name := line.strip()).startswith("#")]
    return any(map(partial(_is_entry, path.parent), names[:_FIRST]))


def _is_entry(folder: Path, line: str) -> bool:
    try:
        return bool(facefiles.files_of(folder, line, _FILES.suffix))
    except InputError:
        return False


def _folders_of(path: Path, subset: str) -> tuple[str, ...]:
    if subset not in SUBSETS:
        raise InputError(f"300-W has no subset {subset!r}; it has {', '.join(SUBSETS)}")
    for folder in SUBSETS[subset]:
        if not (path / folder).is_dir():
            raise FormatError(path, f"has no folder {folder}, which belongs to the subset {subset!r}")
    return SUBSETS[subset]


def numbers(path: Path) -> Array:
    """The numbers of a file as they stand in it, (N, 2); raises `FormatError` with the line."""
    lines = [(number, line.strip()) for number, line in enumerate(read_lines(path), 1) if line.strip()]
    if not lines:
        raise FormatError(path, "is empty")
    body, promised = _body(path, lines)
    points = [point(path, number, line) for number, line in body]
    if promised is not None and promised != len(points):
        raise FormatError(path, f"says n_points: {promised}, but holds {len(points)} points")
    if not points:
        raise FormatError(path, "holds no point")
    return np.array(points, np.float64)


def _body(path: Path, lines: list[tuple[int, str]]) -> tuple[list[tuple[int, str]], int | None]:
    """The lines of points, and how many the header says there are."""
    opening = [i for i, (_, line) in enumerate(lines) if line == "{"]
    if not opening and not lines[0][1].lower().startswith(("version", "n_points")):
        return lines, None
    if len(opening) != 1 or lines[-1][1] != "}":
        raise FormatError(path, "the points do not stand between one '{' and one '}'; is it cut off?")
    promised = None
    for number, line in lines[: opening[0]]:
        key, _, value = (part.strip() for part in line.partition(":"))
        if key == "n_points" and value.isdecimal() and len(value) < 10:
            promised = int(value)
        elif key != "version" or value not in ("1", "1.0"):
            raise FormatError(path, f"{brief(line)} is neither 'version: 1' nor 'n_points: N'", number)
    return lines[opening[0] + 1 : -1], promised


def point(path: Path, number: int, line: str) -> tuple[float, float]:
    """The numbers of a point's line; raises `FormatError`."""
    tokens = line.split()
    if len(tokens) != 2 or not all(is_number(token) for token in tokens):
        raise FormatError(path, f"{brief(line)} is no point: two numbers, x and y", number)
    x, y = map(float, tokens)
    if not np.isfinite([x, y]).all():
        raise FormatError(path, f"{brief(line)} is not finite", number)
    return x, y


def text(numbers: Array) -> str:
    """The file with these numbers (N, 2)."""
    points = [f"{write_number(x)} {write_number(y)}" for x, y in numbers.tolist()]
    return "\n".join(["version: 1", f"n_points:  {len(numbers)}", "{", *points, "}"]) + "\n"


def _parse(path: Path) -> Landmarks:
    return Landmarks("", numbers(path) - 1)


def _text(face: FaceToWrite) -> str:
    return text(face.landmarks.xy + 1)


def _losses(faces: Sequence[FaceToWrite]) -> list[str]:
    return lost_knowledge([face.landmarks for face in faces])


_FILES = FaceFiles(".pts", "a .pts file", _parse, _text, _losses)

"""Face boxes that somebody hands us as a table.

A CSV file with a heading and the columns, in any order,

    image              the photo's path: relative to the table or to the current folder, or
                       as much of its end as tells it from the other photos
    x0 y0 x1 y1        the box in 0-based px
    kind               landmarks (if empty or not there), user or detector
    source             optional: the built-in scheme around whose points a ``landmarks`` box is drawn
                       (if empty, the scheme that is asked for), or the detector's name

and one row per face, so that a photo may stand in several rows. Other columns are ignored.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import cast, get_args

from labelkit.errors import BoxError, FormatError, SchemeError
from labelkit.formats.plaintext import brief, is_number, read_lines
from labelkit.geometry import Box, BoxKind
from labelkit.images import ImageFile
from labelkit.scheme import builtin_schemes

_SIDES = ("x0", "y0", "x1", "y1")


@dataclass(frozen=True)
class BoxRow:
    """One row: the photo as it is named there, the box, and the line of the file."""

    image: str
    box: Box
    line: int


def read_boxes(path: str | Path) -> list[BoxRow]:
    """The rows of a table; raises `FormatError` naming the first bad line."""
    path = Path(path)
    reader = csv.DictReader(read_lines(path), skipinitialspace=True)
    try:
        headings = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = headings
        missing = [name for name in ("image", *_SIDES) if name not in headings]
        if missing:
            raise FormatError(path, f"has no column {missing[0]!r}; it needs image,x0,y0,x1,y1", 1)
        rows = [_row(path, reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise FormatError(path, f"is no CSV table ({error})", reader.line_num) from error
    if not rows:
        raise FormatError(path, "holds no box")
    return rows


def boxes_by_photo(
    path: str | Path, rows: Sequence[BoxRow], photos: Sequence[ImageFile]
) -> tuple[dict[ImageFile, tuple[Box, ...]], list[BoxRow]]:
    """The boxes of every photo that has some, and the rows about photos that are not given.

    Raises `FormatError` for a name that could mean several of the photos.
    """
    folder = Path(path).absolute().parent
    exact = {photo.path.resolve(): photo for photo in photos}
    endings: dict[str, list[ImageFile]] = {}
    for photo in photos:
        endings.setdefault(photo.path.name, []).append(photo)
    found: dict[ImageFile, list[Box]] = {}
    unused = []
    for row in rows:
        here = (Path(base, row.image).resolve() for base in (folder, Path.cwd()))
        meant = next((exact[place] for place in here if place in exact), None)
        if meant is None:
            meant = _by_ending(path, row, endings.get(PurePath(row.image).name, []))
        if meant is None:
            unused.append(row)
        else:
            found.setdefault(meant, []).append(row.box)
    return {photo: tuple(boxes) for photo, boxes in found.items()}, unused


def _by_ending(path: str | Path, row: BoxRow, photos: Sequence[ImageFile]) -> ImageFile | None:
    parts = PurePath(row.image).parts
    fitting = [photo for photo in photos if photo.path.absolute().parts[-len(parts) :] == parts]
    if len(fitting) > 1:
        names = " or ".join(str(photo.path) for photo in fitting[:2])
        raise FormatError(path, f"{brief(row.image)} could mean {names}", row.line)
    return fitting[0] if fitting else None


def _row(path: Path, line: int, row: Mapping[str | None, str | None]) -> BoxRow:
    image = (row["image"] or "").strip()
    if not image:
        raise FormatError(path, "names no image", line)
    sides = [_number(path, line, name, row[name]) for name in _SIDES]
    kind = (row.get("kind") or "").strip() or "landmarks"
    if kind not in get_args(BoxKind):
        raise FormatError(path, f"{brief(kind)} is no kind of box: {', '.join(get_args(BoxKind))}", line)
    source = (row.get("source") or "").strip() or None
    try:
        # By its name alone: a table that somebody sent must not make us open whatever file it names.
        if kind == "landmarks" and source is not None and source not in builtin_schemes():
            raise SchemeError(f"no built-in scheme is called {brief(source)}; leave it empty for your own")
        x0, y0, x1, y1 = sides
        return BoxRow(image, Box(x0, y0, x1, y1, cast(BoxKind, kind), source), line)
    except (BoxError, SchemeError) as error:
        raise FormatError(path, str(error), line) from error


def _number(path: Path, line: int, name: str, text: str | None) -> float:
    value = (text or "").strip()
    if not is_number(value):
        raise FormatError(path, f"{name} is {brief(value)}, not a number", line)
    return float(value)

"""Faces as a table, one row a face, that loses nothing: what CSV and Parquet files share.

    image                        the photo's path relative to an image root, "/" between folders
    face                         the number of the face in its photo, from 0; ignored on reading
    x0 y0 x1 y1                  the box
    kind source score            what the box is: landmarks, detector or user; the scheme around whose
                                 points it is drawn, or the detector; the detector's confidence
    scheme                       the name of the landmarks' scheme
    <attribute>:<type>           what is said of the face besides; the type is bool, int, float or str
    <point>_x <point>_y          where a point is; nothing where it is not there
    <point>_visibility           visible, occluded, self_occluded or unknown
    <point>_state                predicted, placed or confirmed

Pixels are **0-based**, x before y, as everywhere in labelkit: the centre of the top-left pixel is
(0, 0). A cell without a value says that nothing is known: no box, no score, no such attribute; where
``scheme`` and all points are without, the face has no landmarks. An attribute of which faces say
values of two types has two columns.

It holds all that a data set says about its faces. It cannot hold the photos, infinite coordinates,
and, as CSV, of the scheme more than its name and the names of its points.

Tables of others
----------------
Only ``image`` is needed. Without the columns of the box it is the tight one of the points; without
those of visibility and state the points are of unknown visibility and confirmed. Further columns
are attributes. Points are matched to the scheme by their names (`match_names`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast, get_args

import numpy as np

from labelkit.dataset import Attribute, Dataset, Sample
from labelkit.dataset.table import COLUMNS, ENDS, FACE, SIDES, TYPES, words
from labelkit.errors import FormatError, InputError
from labelkit.formats.plaintext import brief
from labelkit.formats.reading import FacesRead, locate_image, match_names, scheme_name, tight
from labelkit.formats.writing import attributes_to_write, photo_names, scheme_to_write
from labelkit.geometry import Array, Box, BoxKind
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks, State, Visibility
from labelkit.scheme import Scheme

#: The longest text of a cell, in bytes: that of Python's reader of CSV.
LONGEST = 131_072

Cell = bool | int | float | str | None

_TEXTS = ("image", "kind", "source", "scheme")
_VISIBILITY = dict(zip(words(Visibility), Visibility, strict=True))
_STATE = dict(zip(words(State), State, strict=True))


@dataclass(frozen=True)
class Row:
    """The cells of a face, and where it stands: a line, or what else tells it from the others."""

    cells: Sequence[Cell]
    line: int | None = None
    name: str = ""


@dataclass(frozen=True)
class Columns:
    """What the columns of a table say, by their headings.

    Raises `InputError` for a heading that stands twice, no photos, part of a box, half a point.
    """

    headings: tuple[str, ...]

    def __post_init__(self) -> None:
        (heading, times), *_ = [*Counter(self.headings).most_common(1), ("", 0)]
        if times > 1:
            raise InputError(f"has the column {brief(heading)} {times} times")
        if "image" not in self.place:
            raise InputError("has no column 'image'")
        sides = [side for side in SIDES if side in self.place]
        if sides and len(sides) < len(SIDES):
            raise InputError(
                f"has the columns {', '.join(sides)} of a box, but not all of {', '.join(SIDES)}"
            )
        for heading in self.headings:
            other = heading[:-1] + ("y" if heading.endswith("_x") else "x")
            if heading.endswith(("_x", "_y")) and other not in self.place:
                raise InputError(f"has the column {brief(heading)}, but no {brief(other)}")

    @cached_property
    def place(self) -> dict[str, int]:
        """The number of the column with this heading, from 0."""
        return {heading: index for index, heading in enumerate(self.headings)}

    @cached_property
    def points(self) -> tuple[str, ...]:
        """The points' names, in the order of the columns of x."""
        return tuple(heading.removesuffix("_x") for heading in self.headings if heading.endswith("_x"))

    @cached_property
    def attributes(self) -> dict[int, str]:
        """The attributes' names by the number of their column."""
        own = set(COLUMNS)
        own |= {f"{name}{end}" for name in self.points for end in ENDS}
        typed = {heading: heading.rpartition(":")[0] for heading in self.headings if _typed(heading)}
        return {
            index: typed.get(heading, heading) for heading, index in self.place.items() if heading not in own
        }


def column_type(heading: str) -> type | None:
    """Of which type the cells of a column are; None for one that only a table of others has."""
    if typed := _typed(heading):
        return typed
    if heading in (*SIDES, "score") or heading.endswith(("_x", "_y")):
        return float
    if heading == FACE:
        return int
    return str if heading in _TEXTS or heading.endswith(("_visibility", "_state")) else None


def read_rows(
    path: Path,
    columns: Columns,
    rows: Sequence[Row],
    faces: FacesRead,
    *,
    scheme: str | Path | Scheme | None,
    own: Scheme | None = None,
    root: Path,
) -> Dataset:
    """The faces of a table; ``faces`` is told of those that cannot be read.

    The cells are of the types that `column_type` says; ``own`` is the scheme that the file holds.
    Raises `FormatError` where the table has not the points of the given scheme or its own.
    """
    called = own.name if own is not None else _most_said(columns, rows)
    try:
        kind, order = match_names(scheme or own, columns.points, called)
    except InputError as error:
        raise FormatError(path, str(error)) from error
    name = called if kind is None and called else scheme_name(kind, len(columns.points))
    points = [columns.points[index] for index in order]
    reader = _Reader(columns, points, name, root, one_scheme=scheme is None)
    for row in rows:
        with faces.entry(path, row.line, row.name):
            faces.append(reader.face(row.cells))
    return faces.dataset(kind, root)


def columns_to_write(dataset: Dataset, root: Path, what: str) -> dict[str, list[Cell]]:
    """The cells of all faces by the heading of their column; ``what`` is what is being written.

    Raises `InputError`, naming the photo, for a coordinate that is infinite, an attribute or a name
    that cannot be written.
    """
    images = photo_names(dataset, root, what, line_breaks=True)
    seen: Counter[str] = Counter()
    numbers: list[Cell] = []
    for image in images:
        numbers.append(seen[image])
        seen[image] += 1
    known = [sample.landmarks for sample in dataset]
    schemes: list[Cell] = [face.scheme if face is not None else None for face in known]
    return {
        "image": list(images),
        FACE: numbers,
        **_boxes(dataset),
        "scheme": schemes,
        **_attributes(dataset, images),
        **_points(known, scheme_to_write(dataset)[2], images),
    }


def _most_said(columns: Columns, rows: Sequence[Row]) -> str:
    """What most faces call their scheme; "" where none says."""
    place = columns.place.get("scheme")
    said = Counter(str(row.cells[place]) for row in rows if row.cells[place]) if place is not None else None
    return max(said, key=said.__getitem__) if said else ""


def _typed(heading: str) -> type | None:
    _, colon, name = heading.rpartition(":")
    return TYPES.get(name) if colon else None


class _Reader:
    """Makes faces of rows.

    ``points`` are those of the scheme that is called ``name``; with ``one_scheme`` a face that says
    it is of another one is refused.
    """

    def __init__(
        self, columns: Columns, points: Sequence[str], name: str, root: Path, *, one_scheme: bool
    ) -> None:
        self._columns, self._points, self._name, self._root = columns, points, name, root
        self._one_scheme = one_scheme
        self._has_boxes = "x0" in columns.place
        self._xy = [columns.place[f"{point}_{axis}"] for point in points for axis in "xy"]
        self._state = [columns.place.get(f"{point}_state") for point in points]
        self._visibility = [columns.place.get(f"{point}_visibility") for point in points]

    def face(self, cells: Sequence[Cell]) -> Sample:
        """Raises `InputError`."""
        image = self._cell(cells, "image")
        if not image:
            raise InputError("names no image")
        photo = ImageFile(locate_image(self._root, str(image)))
        landmarks = self._landmarks(cells)
        return Sample(photo, self._box(cells, landmarks), landmarks, self._attributes(cells))

    def _cell(self, cells: Sequence[Cell], heading: str) -> Cell:
        place = self._columns.place.get(heading)
        return None if place is None else cells[place]

    def _landmarks(self, cells: Sequence[Cell]) -> Landmarks | None:
        scheme = self._cell(cells, "scheme")
        xy = np.array([cells[index] for index in self._xy], np.float64).reshape(-1, 2)
        if not len(xy) or (scheme is None and np.isnan(xy).all()):
            return None
        if self._one_scheme and scheme not in (None, self._name):
            raise InputError(f"is of scheme {brief(str(scheme))}, but most faces are of {brief(self._name)}")
        if np.isinf(xy).any():
            raise InputError(f"point {self._points[np.flatnonzero(np.isinf(xy))[0] // 2]!r} is not finite")
        state = _known(cells, self._state, _STATE, State.CONFIRMED)
        visibility = _known(cells, self._visibility, _VISIBILITY, Visibility.UNKNOWN)
        return Landmarks(self._name, xy, state, visibility)

    def _attributes(self, cells: Sequence[Cell]) -> dict[str, Attribute]:
        attributes: dict[str, Attribute] = {}
        for index, name in self._columns.attributes.items():
            value = cells[index]
            if value is not None and name in attributes:
                raise InputError(f"attribute {brief(name)} has two values")
            if value is not None:
                attributes[name] = _as(column_type(self._columns.headings[index]), value)
        return attributes

    def _box(self, cells: Sequence[Cell], landmarks: Landmarks | None) -> Box | None:
        if not self._has_boxes:
            return tight(landmarks.xy, landmarks.scheme) if landmarks is not None else None
        sides = [self._cell(cells, side) for side in SIDES]
        if all(side is None for side in sides):
            return None
        if None in sides:
            raise InputError("has only a part of a box")
        kind = self._cell(cells, "kind") or "landmarks"
        if kind not in get_args(BoxKind):
            raise InputError(f"{brief(str(kind))} is no kind of box: {', '.join(get_args(BoxKind))}")
        x0, y0, x1, y1 = cast(list[float], sides)
        source, score = self._cell(cells, "source"), self._cell(cells, "score")
        return Box(x0, y0, x1, y1, cast(BoxKind, kind), cast(str | None, source), cast(float | None, score))


def _as(kind: type | None, value: Attribute) -> Attribute:
    """The value of a column of this type: where a cell is empty, pandas makes floats of integers."""
    if kind is float and type(value) is int:
        return float(value)
    if kind is not int or not isinstance(value, float):
        return value
    if not value.is_integer():
        raise InputError(f"{value!r} is not an integer")
    return int(value)


def _known(
    cells: Sequence[Cell], places: Sequence[int | None], values: Mapping[str, int], default: int
) -> list[int]:
    """What the words in these places mean; the default where there is no word, or no such column."""
    words = [None if place is None else cells[place] for place in places]
    unknown = next((word for word in words if word is not None and word not in values), None)
    if unknown is not None:
        raise InputError(f"{brief(str(unknown))} is none of {', '.join(values)}")
    return [default if word is None else values[str(word)] for word in words]


def _boxes(dataset: Dataset) -> dict[str, list[Cell]]:
    boxes = [sample.box for sample in dataset]
    columns: dict[str, list[Cell]] = {
        side: [None if box is None else float(getattr(box, side)) for box in boxes] for side in SIDES
    }
    for what in ("kind", "source", "score"):
        columns[what] = [None if box is None else getattr(box, what) for box in boxes]
    return columns


def _attributes(dataset: Dataset, images: Sequence[str]) -> dict[str, list[Cell]]:
    found = [attributes_to_write(name, sample) for name, sample in zip(images, dataset, strict=True)]
    columns: dict[str, list[Cell]] = {}
    for index, (image, attributes) in enumerate(zip(images, found, strict=True)):
        for name, value in attributes.items():
            if type(value) is int and not -(2**63) <= value < 2**63:
                raise InputError(
                    f"{image!r}: attribute {name!r} has more than the 64 bits of a table's integers"
                )
            heading = f"{name}:{type(value).__name__}"
            columns.setdefault(heading, [None] * len(found))[index] = value
    return columns


def _points(
    faces: Sequence[Landmarks | None], names: Sequence[str], images: Sequence[str]
) -> dict[str, list[Cell]]:
    shape = (len(faces), len(names))
    xy, states, visibility = np.full((*shape, 2), np.nan), np.full(shape, -1), np.full(shape, -1)
    for index, face in enumerate(faces):
        if face is not None:
            xy[index], states[index], visibility[index] = face.xy, face.state, face.visibility
    infinite = np.flatnonzero(np.isinf(xy).any(axis=(1, 2)))
    if len(infinite):
        raise InputError(f"{images[infinite[0]]!r}: a point has an infinite coordinate; nothing was written")
    words = {"visibility": (visibility, [*_VISIBILITY, None]), "state": (states, [*_STATE, None])}
    columns: dict[str, list[Cell]] = {}
    for index, name in enumerate(names):
        columns[f"{name}_x"], columns[f"{name}_y"] = _numbers(xy[:, index, 0]), _numbers(xy[:, index, 1])
        for what, (values, known) in words.items():
            columns[f"{name}_{what}"] = np.array(known, object)[values[:, index]].tolist()
    return columns


def _numbers(values: Array) -> list[Cell]:
    return [None if math.isnan(value) else value for value in values.tolist()]

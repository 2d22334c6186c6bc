"""Faces as the rows of a pandas table.

    image                  the photo's path relative to the root, "/" between folders
    face                   the face's number within the photo, from 0; not read
    x0 y0 x1 y1            the box in image px; empty where there is none
    kind source score      what the box is: landmarks, detector or user; the scheme around whose
                           points it is drawn, or the detector; the detector's confidence
    scheme                 the name of the landmarks' scheme; empty for a face without any
    <name>_x <name>_y      a point of the scheme in image px, 0-based; empty where it is not there
    <name>_visibility      unknown, visible, occluded or self_occluded
    <name>_state           predicted, placed or confirmed
    ...                    attributes under their own names; empty where a face has none

The columns are those of our CSV and Parquet files (`labelkit.formats.tables`), except that these
add the type to an attribute's heading (``pose:int``), which pandas knows of each value; such
headings are understood, too. Points of an unknown scheme are called by their number, from 0.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from labelkit.dataset.sample import Attribute, Sample
from labelkit.errors import BoxError, InputError
from labelkit.geometry import Array, Box, BoxKind
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks, State, Visibility

if TYPE_CHECKING:
    import pandas as pd

#: The number of a face in its photo: a person counts by it, readers count themselves.
FACE = "face"
#: The columns of the box, and all columns before those of the points.
SIDES = ("x0", "y0", "x1", "y1")
COLUMNS = ("image", FACE, *SIDES, "kind", "source", "score", "scheme")
#: How the headings of a point's columns end.
ENDS = ("_x", "_y", "_visibility", "_state")
#: What an attribute's type is called where a heading says it.
TYPES: dict[str, type] = {"bool": bool, "int": int, "float": float, "str": str}

#: Codes of a word that is not there, and of one that nobody knows.
_EMPTY, _UNKNOWN_WORD = -1, -2


def to_frame(samples: Sequence[Sample], images: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
    """A table of faces whose photos are called ``images`` and whose points are called ``names``.

    Raises `InputError` for an attribute that is called like another column.
    """
    import pandas as pd

    photos = {"image": _objects(list(images)), FACE: np.array(_faces(images), np.int64)}
    faces = [sample.landmarks for sample in samples]
    schemes = {"scheme": _objects([None if face is None else face.scheme for face in faces])}
    columns = photos | _boxes(samples) | schemes | _points(samples, names)
    return pd.DataFrame(columns | _attributes(samples, columns))


def point_names(frame: pd.DataFrame) -> tuple[str, ...]:
    """The names of the points of which a table holds x and y, in its order."""
    columns = [str(column) for column in frame.columns]
    there = set(columns)
    return tuple(name[:-2] for name in columns if name.endswith("_x") and f"{name[:-2]}_y" in there)


def scheme_said(frame: pd.DataFrame) -> str:
    """What a table calls the scheme of its landmarks; "" where it does not say.

    Raises `InputError` where it says more than one.
    """
    said = list(dict.fromkeys(str(name) for name in _column(frame, "scheme") if not _is_empty(name)))
    if len(said) > 1:
        raise InputError(f"the table has faces of the schemes {' and '.join(map(repr, said[:2]))}")
    return said[0] if said else ""


class Rows:
    """The rows of a table as faces of a scheme.

    ``names`` says which points to take, in the order of the scheme called ``scheme``. Only the
    columns ``image`` and those of the coordinates are needed: without those of a box it is the
    tight one of the points, a box without a kind is one of kind ``landmarks``, points without a
    state are confirmed. Raises `InputError` for a missing column.
    """

    def __init__(self, frame: pd.DataFrame, scheme: str, names: Sequence[str]) -> None:
        there = {str(column) for column in frame.columns}
        needed = ["image", *(f"{name}{end}" for name in names for end in ENDS[:2])]
        if missing := [column for column in needed if column not in there]:
            raise InputError(f"the table has no column {missing[0]!r}")
        self._scheme, self._names = scheme, tuple(names)
        self._schemes = _column(frame, "scheme")
        self._has_boxes = set(SIDES) <= there
        self._images = frame["image"].tolist()
        self._xy = _floats(frame, needed[1:]).reshape(len(frame), len(names), 2)
        self._visibility = _codes(frame, [f"{name}_visibility" for name in names], Visibility)
        self._state = _codes(frame, [f"{name}_state" for name in names], State)
        self._box = _floats(frame, [*SIDES, "score"])
        self._kind, self._source = (_column(frame, name) for name in ("kind", "source"))
        taken = {*COLUMNS, *(f"{name}{end}" for name in (*names, *point_names(frame)) for end in ENDS)}
        self._attributes = {
            str(name): frame[name].tolist() for name in frame.columns if str(name) not in taken
        }

    def __len__(self) -> int:
        return len(self._images)

    def image(self, row: int) -> str:
        """What a face's photo is called; raises `InputError` where the table does not say."""
        name = self._images[row]
        if not isinstance(name, str) or not name:
            raise InputError("names no photo")
        return name

    def sample(self, row: int, image: ImageFile) -> Sample:
        """The face of a row; raises `InputError` saying what is wrong with it."""
        known = {name: values[row] for name, values in self._attributes.items()}
        attributes = dict(_attribute(name, value) for name, value in known.items() if not _is_empty(value))
        landmarks = self._landmarks(row)
        return Sample(image, self._box_of(row, landmarks), landmarks, attributes)

    def _landmarks(self, row: int) -> Landmarks | None:
        xy, visibility, state = self._xy[row], self._visibility[row], self._state[row]
        unsaid = (visibility == _EMPTY).all() and (state == _EMPTY).all() and _is_empty(self._schemes[row])
        if not len(xy) or (np.isnan(xy).all() and unsaid):
            return None
        self._check(np.isinf(xy).any(axis=1), "has a coordinate that is no finite number")
        self._check(
            visibility == _UNKNOWN_WORD, f"has a visibility that is none of {', '.join(words(Visibility))}"
        )
        self._check(state == _UNKNOWN_WORD, f"has a state that is none of {', '.join(words(State))}")
        visibility = np.where(visibility == _EMPTY, Visibility.UNKNOWN, visibility)
        return Landmarks(self._scheme, xy, np.where(state == _EMPTY, State.CONFIRMED, state), visibility)

    def _check(self, wrong: NDArray[np.bool_], problem: str) -> None:
        if wrong.any():
            raise InputError(f"point {self._names[int(np.flatnonzero(wrong)[0])]!r} {problem}")

    def _box_of(self, row: int, landmarks: Landmarks | None) -> Box | None:
        if not self._has_boxes:
            return _tight(landmarks)
        x0, y0, x1, y1, score = self._box[row].tolist()
        if all(map(math.isnan, (x0, y0, x1, y1))):
            return None
        kind = "landmarks" if _is_empty(self._kind[row]) else self._kind[row]
        if kind not in get_args(BoxKind):
            raise InputError(f"kind is {kind!r}, none of {', '.join(get_args(BoxKind))}")
        if math.isinf(score):
            raise InputError("score is no finite number")
        source = None if _is_empty(self._source[row]) else str(self._source[row])
        return Box(x0, y0, x1, y1, cast(BoxKind, kind), source, None if math.isnan(score) else score)


def _points(samples: Sequence[Sample], names: Sequence[str]) -> dict[str, Any]:
    """The columns of the points."""
    xy = np.full((len(samples), len(names), 2), np.nan)
    codes = np.full((2, len(samples), len(names)), _EMPTY, np.int8)
    for row, sample in enumerate(samples):
        if sample.landmarks is not None:
            xy[row] = sample.landmarks.xy
            codes[:, row] = sample.landmarks.visibility, sample.landmarks.state
    columns: dict[str, Any] = {}
    for index, name in enumerate(names):
        columns |= {f"{name}_x": xy[:, index, 0], f"{name}_y": xy[:, index, 1]}
        columns[f"{name}_visibility"] = _categories(codes[0, :, index], Visibility)
        columns[f"{name}_state"] = _categories(codes[1, :, index], State)
    return columns


def _boxes(samples: Sequence[Sample]) -> dict[str, Any]:
    """The columns of the boxes."""
    boxes = [sample.box for sample in samples]
    sides = np.array([box.xyxy if box else [math.nan] * 4 for box in boxes], np.float64).reshape(-1, 4)
    scores = [math.nan if box is None or box.score is None else box.score for box in boxes]
    return {
        **dict(zip(SIDES, sides.T, strict=True)),
        "kind": _objects([box.kind if box else None for box in boxes]),
        "source": _objects([box.source if box else None for box in boxes]),
        "score": np.array(scores, np.float64),
    }


def _attributes(samples: Sequence[Sample], taken: Collection[str]) -> dict[str, Any]:
    """The columns of the attributes; raises `InputError` for one that is called like another."""
    names = dict.fromkeys(str(name) for sample in samples for name in sample.attributes)
    for name in names:
        if name in taken or name in COLUMNS or name.endswith(ENDS) or name.rpartition(":")[2] in TYPES:
            raise InputError(
                f"attribute {name!r} is called like a column of the points or the box; rename it"
            )
    return {name: _objects([sample.attributes.get(name) for sample in samples]) for name in names}


def _objects(values: list[Any]) -> Any:
    """A column of values as they are where some are None or of another kind, else of their kind."""
    kinds = {type(value) for value in values}
    if len(kinds) == 1 and type(None) not in kinds:
        return values
    column = np.empty(len(values), object)
    column[:] = values
    return column


def _faces(images: Sequence[str]) -> list[int]:
    """The number of every face within its photo, from 0."""
    seen: Counter[str] = Counter()
    numbers = []
    for image in images:
        numbers.append(seen[image])
        seen[image] += 1
    return numbers


def words(kind: type[IntEnum]) -> list[str]:
    """What a table calls the members of `State` or `Visibility`, in their order."""
    return [member.name.lower() for member in kind]


def _categories(codes: NDArray[np.int8], kind: type[IntEnum]) -> pd.Categorical[str]:
    import pandas as pd

    return pd.Categorical.from_codes(codes, categories=pd.Index(words(kind)))


def _codes(frame: pd.DataFrame, columns: Sequence[str], kind: type[IntEnum]) -> NDArray[np.int8]:
    """The numbers of a kind's words, (rows, columns), `_EMPTY` where there is none."""
    numbers = {word: number for number, word in enumerate(words(kind))}
    codes = np.full((len(frame), len(columns)), _EMPTY, np.int8)
    for index, column in enumerate(columns):
        if column in frame:
            found = frame[column].astype(object).map(numbers).to_numpy(np.float64, na_value=_UNKNOWN_WORD)
            codes[:, index] = np.where(frame[column].isna(), _EMPTY, found)
    return codes


def _floats(frame: pd.DataFrame, columns: Sequence[str]) -> Array:
    """Numbers, (rows, columns): NaN where there is none, infinity for what is none."""
    import pandas as pd

    values = np.full((len(frame), len(columns)), np.nan)
    for index, column in enumerate(columns):
        if column in frame:
            found = pd.to_numeric(frame[column], errors="coerce").to_numpy(np.float64, na_value=np.nan)
            strange = np.isnan(found) & frame[column].notna().to_numpy()
            values[:, index] = np.where(strange, np.inf, found)
    return values


def _column(frame: pd.DataFrame, name: str) -> list[Any]:
    return frame[name].tolist() if name in frame else [None] * len(frame)


def _is_empty(value: object) -> bool:
    import pandas as pd

    return value is None or value is pd.NA or value != value  # NaN is the only value unlike itself


def _tight(landmarks: Landmarks | None) -> Box | None:
    try:
        return landmarks.box if landmarks is not None else None
    except BoxError:
        return None  # all points on one line, a single point or none


def _attribute(heading: str, value: Any) -> tuple[str, Attribute]:
    """The name and the value of an attribute; a type in the heading decides, since pandas makes
    floats of whole numbers where a cell is empty."""
    name, _, kind = heading.rpartition(":")
    plain = value.item() if isinstance(value, np.generic) else value
    if not isinstance(plain, bool | int | float | str):
        raise InputError(f"{plain!r} is no attribute: number, text, True or False")
    if kind not in TYPES or not name:
        return heading, plain
    whole = kind == "int" and isinstance(plain, float) and plain.is_integer()
    if not (whole or type(plain) is TYPES[kind] or (kind == "float" and type(plain) is int)):
        raise InputError(f"attribute {name!r} is {plain!r}, not of type {kind}")
    return name, cast(Attribute, TYPES[kind](plain))

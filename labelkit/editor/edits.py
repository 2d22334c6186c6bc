"""What an editor may change about a face: patches and edits, checked, and the draft they change.

A *patch* names only what it changes; as JSON:

    {"xy": {"12": [x, y] or null}, "state": {"12": 1}, "visibility": {"12": 2},
     "locked": {"12": true}, "box": [x0, y0, x1, y1] or null,
     "attributes": {"pose": 1 or null}, "note": "..."}

Points go by their index in the scheme, places are image px. An *edit* is one step of undo:
``{"id", "label", "before", "after"}`` with two patches. All of it comes from a browser, hence is
hostile until it has been read here; whatever does not fit raises `InputError` in one line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from labelkit.errors import InputError
from labelkit.geometry import Box
from labelkit.landmarks import Landmarks, State, Visibility

#: No photo is that large, and a place further out is a mistake.
FARTHEST = 1e6

#: The longest note and comment, name and id that an editor may send, in characters.
MAX_TEXT, MAX_NAME = 10_000, 200

#: How many attributes a patch may name.
MAX_ATTRIBUTES = 100

Place = tuple[float, float] | None
Scalar = bool | int | float | str | None
Value = TypeVar("Value")


class Unchanged:
    """Says of a box or note that the patch leaves it alone; None is a value."""


UNCHANGED = Unchanged()


@dataclass(frozen=True)
class Patch:
    """What changes; points by index, None for a point, box or attribute that is not there."""

    xy: Mapping[int, Place] = field(default_factory=dict)
    state: Mapping[int, int] = field(default_factory=dict)
    visibility: Mapping[int, int] = field(default_factory=dict)
    locked: Mapping[int, bool] = field(default_factory=dict)
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    box: tuple[float, float, float, float] | Unchanged | None = UNCHANGED
    note: str | Unchanged = UNCHANGED

    def to_json(self) -> dict[str, Any]:
        """The JSON object that `read_patch` takes."""
        made: dict[str, Any] = {
            name: {str(key): value for key, value in values.items()}
            for name in ("xy", "state", "visibility", "locked", "attributes")
            if (values := getattr(self, name))
        }
        if not isinstance(self.box, Unchanged):
            made["box"] = self.box
        if not isinstance(self.note, Unchanged):
            made["note"] = self.note
        return made

    def moved(self, places: Sequence[int]) -> Patch:
        """The patch after a change of the scheme: point i is at ``places[i]`` now, -1 for gone."""

        def follow(values: Mapping[int, Value]) -> dict[int, Value]:
            return {places[i]: value for i, value in values.items() if i < len(places) and places[i] >= 0}

        return replace(
            self,
            xy=follow(self.xy),
            state=follow(self.state),
            visibility=follow(self.visibility),
            locked=follow(self.locked),
        )


@dataclass(frozen=True)
class Edit:
    """One step of undo: ``after`` does it, ``before`` takes it back."""

    id: str
    label: str
    before: Patch
    after: Patch

    def to_json(self) -> dict[str, Any]:
        """The JSON object that `read_edit` takes."""
        sides = {"before": self.before.to_json(), "after": self.after.to_json()}
        return {"id": self.id, "label": self.label, **sides}

    def moved(self, places: Sequence[int]) -> Edit:
        """The edit after a change of the scheme, as `Patch.moved`."""
        return replace(self, before=self.before.moved(places), after=self.after.moved(places))


@dataclass(frozen=True)
class Draft:
    """A face as somebody sees it while editing it; ``locked`` are the indices of locked points."""

    landmarks: Landmarks
    box: Box | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    locked: frozenset[int] = frozenset()

    def patched(self, patch: Patch) -> Draft:
        """The draft with a patch applied; its indices fit the scheme (see `read_patch`)."""
        old = self.landmarks
        xy, state, visibility = old.xy.copy(), old.state.copy(), old.visibility.copy()
        for i, place in patch.xy.items():
            xy[i] = (np.nan, np.nan) if place is None else place
        for i, value in patch.state.items():
            state[i] = value
        for i, value in patch.visibility.items():
            visibility[i] = value
        locked = (self.locked | {i for i, on in patch.locked.items() if on}) - {
            i for i, on in patch.locked.items() if not on
        }
        attributes = {**self.attributes, **patch.attributes}
        return Draft(
            Landmarks(old.scheme, xy, state, visibility),
            self.box if isinstance(patch.box, Unchanged) else _box(patch.box),
            {name: value for name, value in attributes.items() if value is not None},
            self.note if isinstance(patch.note, Unchanged) else patch.note,
            frozenset(locked),
        )

    def replayed(self, edits: Iterable[Edit]) -> Draft:
        """The draft after these edits, in order."""
        draft = self
        for edit in edits:
            draft = draft.patched(edit.after)
        return draft


def read_edit(raw: object, points: int) -> Edit:
    """The edit in a JSON object, of a scheme with so many points; raises `InputError`."""
    data = as_object(raw, "an edit", ("id", "label", "before", "after"))
    return Edit(
        as_text(data.get("id"), "an edit's id", MAX_NAME, empty=False),
        as_text(data.get("label", ""), "an edit's label", MAX_NAME),
        read_patch(data.get("before", {}), points),
        read_patch(data.get("after"), points),
    )


def read_patch(raw: object, points: int) -> Patch:
    """The patch in a JSON object, of a scheme with so many points; raises `InputError`."""
    names = ("xy", "state", "visibility", "locked", "attributes", "box", "note")
    data = as_object(raw, "a patch", names)
    changes: dict[str, Any] = {
        "xy": _per_point(data.get("xy", {}), "xy", points, as_place),
        "state": _per_point(data.get("state", {}), "state", points, _member(State)),
        "visibility": _per_point(data.get("visibility", {}), "visibility", points, _member(Visibility)),
        "locked": _per_point(data.get("locked", {}), "locked", points, _flag),
        "attributes": _attributes(data.get("attributes", {})),
    }
    if "box" in data:
        changes["box"] = None if data["box"] is None else as_box(data["box"])
    if "note" in data:
        changes["note"] = as_text(data["note"], "a note", MAX_TEXT)
    return Patch(**changes)


def as_object(raw: object, what: str, names: Iterable[str] | None = None) -> dict[str, Any]:
    """``raw`` if it is a JSON object with no other names than these; raises `InputError`."""
    if not isinstance(raw, dict) or not all(isinstance(name, str) for name in raw):
        raise InputError(f"{what} is a JSON object, not {type(raw).__name__}")
    unknown = set() if names is None else set(raw) - set(names)
    if unknown:
        raise InputError(f"{what} knows nothing called {min(unknown)[:60]!r}")
    return raw


def as_text(raw: object, what: str, longest: int, *, empty: bool = True) -> str:
    """``raw`` if it is a text that can be stored; raises `InputError`."""
    if not isinstance(raw, str):
        raise InputError(f"{what} is a text, not {type(raw).__name__}")
    if len(raw) > longest:
        raise InputError(f"{what} has {len(raw)} characters; at most {longest} are allowed")
    if not empty and not raw.strip():
        raise InputError(f"{what} is empty")
    try:
        raw.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{what} holds half a character") from error
    return raw


def as_number(raw: object, what: str) -> float:
    """``raw`` if it is a finite number that a photo could have; raises `InputError`."""
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise InputError(f"{what} is a number, not {type(raw).__name__}")
    if not abs(raw) <= FARTHEST:  # which NaN is not either
        raise InputError(f"{what} is {str(raw)[:40]}, which is no place on a photo")
    return float(raw)


def as_place(raw: object) -> Place:
    """[x, y] in image px, or None for "not there"; raises `InputError`."""
    if raw is None:
        return None
    if not isinstance(raw, list | tuple) or len(raw) != 2:
        raise InputError("a place is [x, y] or null")
    return as_number(raw[0], "a coordinate"), as_number(raw[1], "a coordinate")


def as_box(raw: object) -> tuple[float, float, float, float]:
    """[x0, y0, x1, y1] in image px, with an area; raises `InputError`."""
    if not isinstance(raw, list | tuple) or len(raw) != 4:
        raise InputError("a box is [x0, y0, x1, y1]")
    x0, y0, x1, y1 = (as_number(value, "a box's side") for value in raw)
    _box((x0, y0, x1, y1))
    return x0, y0, x1, y1


def _box(sides: tuple[float, float, float, float] | None) -> Box | None:
    return None if sides is None else Box(*sides, kind="user")


def _per_point(raw: object, what: str, points: int, read: Callable[[object], Value]) -> dict[int, Value]:
    return {_index(key, what, points): read(value) for key, value in as_object(raw, what).items()}


def _index(key: str, what: str, points: int) -> int:
    # isdecimal() alone would take digits of other scripts, and int() spaces and underscores.
    if not (key.isascii() and key.isdecimal() and len(key) < 10 and int(key) < points):
        raise InputError(f"{what} names the point {key[:20]!r}; the scheme has 0 to {points - 1}")
    return int(key)


def _member(kind: type[State] | type[Visibility]) -> Callable[[object], int]:
    def read(raw: object) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int) or raw not in list(kind):
            raise InputError(f"{str(raw)[:20]!r} is no {kind.__name__.lower()} of a point")
        return int(raw)

    return read


def _flag(raw: object) -> bool:
    if raw is not None and not isinstance(raw, bool):
        raise InputError("'locked' is true or false")
    return bool(raw)


def _attributes(raw: object) -> dict[str, Scalar]:
    data = as_object(raw, "attributes")
    if len(data) > MAX_ATTRIBUTES:
        raise InputError(f"a patch names {len(data)} attributes; at most {MAX_ATTRIBUTES} are allowed")
    return {
        as_text(name, "an attribute", MAX_NAME, empty=False): _scalar(value) for name, value in data.items()
    }


def _scalar(raw: object) -> Scalar:
    if isinstance(raw, str):
        return as_text(raw, "an attribute's value", MAX_NAME)
    if raw is None or isinstance(raw, bool):
        return raw
    number = as_number(raw, "an attribute's value")
    return raw if isinstance(raw, int) else number

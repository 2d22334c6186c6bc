"""A face on its way to the browser: what is known about it, as one JSON object.

Places and boxes are image px (the centre of the top left pixel is (0, 0)); NaN becomes null, since
JSON has no NaN. What the browser sends back is read in `edits`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import numpy as np

from labelkit.editor.edits import Draft, Edit
from labelkit.geometry import Array, Box
from labelkit.landmarks import Landmarks
from labelkit.scheme import Scheme

#: Undo steps that travel with a face, in characters of JSON: older ones stay in the journal.
MAX_HISTORY = 4_000_000


@dataclass(frozen=True)
class Crossed:
    """Somebody saved ``revision`` of a face that is being edited; ``own``: the same person, in
    another window."""

    author: str
    time: datetime
    revision: int
    own: bool

    def to_json(self, key: str) -> dict[str, Any]:
        time = self.time.isoformat(timespec="seconds")
        return {"key": key, "author": self.author, "time": time, "revision": self.revision, "own": self.own}


@dataclass(frozen=True)
class Neighbours:
    """Where a face stands: the keys before and after it, its number from 1, and of how many."""

    previous: str | None = None
    next: str | None = None
    number: int = 1
    total: int = 1


@dataclass(frozen=True)
class Comment:
    """What somebody said about a face, or about one of its points."""

    text: str
    author: str
    time: datetime
    point: str | None = None


@dataclass(frozen=True)
class Other:
    """Another face of the same photo."""

    key: str
    box: Box | None
    landmarks: Landmarks


@dataclass
class Sheet:
    """A face that is being edited: what is stored of it, and the unsaved edits on top.

    ``draft`` has ``done`` applied; ``undone`` are what a redo would bring back, the next one last.
    ``revision`` is the newest annotation that whoever edits has seen (0 for none), ``crossed`` one
    that they have not. ``places`` takes points of earlier scheme revisions to this one, -1 for
    those that are gone. ``predicted`` (N, 2) and ``cov`` (N, 2, 2) are the model's answer.
    """

    key: str
    image: str
    size: tuple[int, int]
    index: int
    scheme: Scheme
    scheme_revision: int
    revision: int
    draft: Draft
    done: list[Edit] = field(default_factory=list)
    undone: list[Edit] = field(default_factory=list)
    started_from: int | None = None
    state: str = "todo"
    reason: str = ""
    predicted: Array | None = None
    cov: Array | None = None
    attributes: Sequence[str] = ()
    comments: Sequence[Comment] = ()
    others: Sequence[Other] = ()
    places: Mapping[int, Sequence[int]] = field(default_factory=dict)
    crossed: Crossed | None = None

    def step(self, kind: Literal["edit", "undo", "redo"], edit: Edit) -> bool:
        """Follow what has been recorded; False when this sheet is not the one it was done to."""
        if kind == "edit":
            self.done.append(edit)
            self.undone.clear()
            self.draft = self.draft.patched(edit.after)
            return True
        source, target = (self.done, self.undone) if kind == "undo" else (self.undone, self.done)
        if not source or source[-1].id != edit.id:
            return False
        target.append(source.pop())
        self.draft = self.draft.patched(target[-1].before if kind == "undo" else target[-1].after)
        return True


def face_payload(sheet: Sheet, around: Neighbours) -> dict[str, Any]:
    """What the browser needs of a face, but for its scheme, which it is sent once
    (`scheme_payload`), and its photo. ``scheme`` is the scheme's revision."""
    draft, landmarks = sheet.draft, sheet.draft.landmarks
    width, height = sheet.size
    return {
        "key": sheet.key,
        "image": {"path": sheet.image, "width": width, "height": height},
        "index": sheet.index,
        "scheme": str(sheet.scheme_revision),
        "xy": _places(landmarks.xy),
        "state": landmarks.state.tolist(),
        "visibility": landmarks.visibility.tolist(),
        "locked": {str(i): True for i in sorted(draft.locked)},
        "predicted": None if sheet.predicted is None else _places(sheet.predicted),
        "cov": None if sheet.cov is None else _spreads(sheet.cov),
        "box": _sides(draft.box),
        "face_state": sheet.state,
        "reason": sheet.reason,
        "note": draft.note,
        "attributes": {**dict.fromkeys(sheet.attributes, 0), **draft.attributes},
        "comments": [
            {
                "point": c.point,
                "text": c.text,
                "author": c.author,
                "time": c.time.isoformat(timespec="seconds"),
            }
            for c in sheet.comments
        ],
        "others": [{"key": o.key, "box": _sides(o.box), "xy": _places(o.landmarks.xy)} for o in sheet.others],
        "elastic": None,
        "revision": sheet.revision,
        "done": _recent(sheet.done),
        "undone": _recent(sheet.undone),
        **standing(around),
    }


def standing(around: Neighbours) -> dict[str, Any]:
    """The part of a payload that says where the face stands among the others."""
    position = {"number": around.number, "total": around.total}
    return {"position": position, "next": around.next, "previous": around.previous}


def scheme_payload(scheme: Scheme) -> dict[str, Any]:
    """What the browser needs of a scheme: the points with their places on the plane, mirror pairs
    and curves."""
    data = scheme.to_dict()
    return {name: data[name] for name in ("name", "title", "points", "mirror", "curves")}


def _places(xy: Array) -> list[list[float] | None]:
    there = np.asarray(np.isfinite(xy).all(axis=1)).tolist()
    return [row if known else None for row, known in zip(xy.tolist(), there, strict=True)]


def _spreads(cov: Array) -> list[list[float] | None] | None:
    there = np.asarray(np.isfinite(cov).all(axis=(1, 2))).tolist()
    if not any(there):
        return None
    rows = cov.reshape(-1, 4)[:, [0, 1, 3]].tolist()
    return [row if known else None for row, known in zip(rows, there, strict=True)]


def _sides(box: Box | None) -> list[float] | None:
    return None if box is None else [float(side) for side in box.xyxy]


def _recent(edits: Sequence[Edit]) -> list[dict[str, Any]]:
    """The newest edits, as many as may travel, the oldest of them first."""
    made: list[dict[str, Any]] = []
    left = MAX_HISTORY
    for edit in reversed(edits):
        data = edit.to_json()
        left -= len(str(data))
        if left < 0:
            break
        made.append(data)
    return made[::-1]

"""What comes from a browser: an editor's messages, the studio's, names of files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from labelkit.app.upload import batch_folder, harmless
from labelkit.editor import studio as studio_module
from labelkit.editor.edits import Draft, Edit
from labelkit.editor.payload import Neighbours, Sheet
from labelkit.editor.session import COMMANDS, EditSession, Kind, Reply, as_traits
from labelkit.editor.studio import StudioSession
from labelkit.errors import InputError
from labelkit.landmarks import Landmarks, State
from labelkit.scheme.change import plan_change

from .mutate import json_values
from .rules import Emptied, Target, check_line
from .schemes import SMALL

SCHEMES = {1: (1, 0, -1), 2: (0, 1, 2)}


class _Desk:
    """Five faces in memory, of three points each."""

    project, author, can_predict = "work-1", "ann", True

    def __init__(self) -> None:
        self.order = [str(i) for i in range(5)]
        self.entries: set[str] = set()

    def first(self) -> str | None:
        return "0"

    def open(self, key: str) -> Sheet:
        if key not in self.order:
            raise InputError(f"no face {key[:40]!r}")
        landmarks = Landmarks(SMALL, [[0, 0], [1, 1], [np.nan, np.nan]], State.PREDICTED)
        sheet = Sheet(key, f"{key}.png", (80, 60), 0, SMALL, 2, 3, Draft(landmarks))
        sheet.places = SCHEMES
        return sheet

    def photo(self, image: str) -> bytes:
        return image.encode()

    def neighbours(self, key: str) -> Neighbours:
        at = self.order.index(key)
        return Neighbours(self.order[at - 1], self.order[(at + 1) % 5], at + 1, 5)

    def stay(self, keys: Sequence[str]) -> None: ...

    def leave(self) -> None: ...

    def record(self, entry: str, kind: Kind, sheet: Sheet, edit: Edit) -> Reply:
        fresh = entry not in self.entries
        self.entries.add(entry)
        return Reply(fresh=fresh)

    def decide(self, entry: str, command: Mapping[str, Any], sheet: Sheet) -> Reply:
        return Reply(opens="4" if command["name"] == "open" else None)

    def place(self, key: str) -> None: ...


class Traits:
    """What a session pushes: it must go through JSON, and what it tells people must be a line."""

    def __init__(self) -> None:
        self.pushed = 0

    def __call__(self, news: Mapping[str, Any]) -> None:
        self.pushed += 1
        as_traits(news)
        status = news.get("status")
        for told in ("problem", "notice"):
            if status and status[told]:
                check_line(status[told])


def _editor(data: bytes, folder: Path) -> None:
    traits = Traits()
    session = EditSession(_Desk(), traits)
    session.start()
    before = traits.pushed
    text = data.decode("utf-8", "replace")
    session.receive(text)
    session.receive(text)  # an outbox comes again until it was acknowledged
    assert traits.pushed > before, "nothing was answered"


def _entry(number: int, kind: str, **more: Any) -> dict[str, Any]:
    return {
        "seq": number,
        "id": f"me/{number}",
        "type": kind,
        "key": "0",
        "revision": 3,
        "scheme": "2",
        **more,
    }


def _edit(key: str = "0") -> dict[str, Any]:
    before = {"xy": {"1": [1, 1]}, "box": None}
    after = {
        "xy": {"1": [5, 7], "2": None},
        "state": {"1": 1},
        "visibility": {"0": 2},
        "locked": {"1": True},
        "box": [1, 2, 30, 40],
        "attributes": {"pose": 1, "blur": None},
        "note": "odd",
    }
    return {"edit": {"id": "e1", "label": "drag", "before": before, "after": after}, "key": key}


def outboxes(key: str = "0", photo: str = "0.png") -> Iterable[bytes]:
    """What an editor sends, about the face of this key."""
    edit = _edit(key)

    def boxed(*entries: dict[str, Any]) -> bytes:
        return json.dumps({"client": "me", "entries": list(entries)}).encode()

    yield boxed(
        _entry(1, "hello"), _entry(2, "edit", **edit), _entry(3, "undo", **edit), _entry(4, "redo", **edit)
    )
    for name in COMMANDS:
        command = {"name": name, "text": "why", "comment": "why", "point": "a", "box": [1, 2, 30, 40]}
        command |= {"key": key, "image": photo, "edits": []}
        yield boxed(_entry(1, "edit", **edit), _entry(2, "command", command=command, key=key))
    yield boxed(_entry(1, "here"), _entry(2, "gone"), _entry(3, "edit", replayed=True, **edit))


class _AtOnce:
    """A pool of threads that has none, so that what fails is seen."""

    def submit(self, work: Callable[..., object], *arguments: object) -> Future[object]:
        work(*arguments)
        return Future()


class _Faces:
    def gallery(self) -> studio_module.Gallery:
        return studio_module.Gallery((studio_module.Picture("a", b"x"),), (), 1.3)

    def place(self, plane: np.ndarray) -> np.ndarray:
        return np.stack([plane, plane]) * 0.1

    def ambiguity(self, heard: Callable[[int, int], None]) -> Any:
        heard(1, 2)
        return SimpleNamespace(wander=np.zeros((2, 3)), edges=(-1.0, -1.0, 1.0, 1.0))


_VALUES = ("query", "draft", "requests")


def _studio(data: bytes, folder: Path) -> None:
    """``{"query": ..., "draft": ..., "requests": ...}``: what a page sets, one after the other."""
    sent: list[tuple[str, str | bytes]] = []
    studio_module.worker = lambda name: _AtOnce()  # type: ignore[assignment,return-value]
    session = StudioSession(
        SMALL,
        _Faces(),
        lambda name, value: sent.append((name, value)),
        plan=lambda scheme, renamed: plan_change(SMALL, scheme, renamed).describe(),
        save=lambda scheme, renamed: None,
    )
    assert session.setup
    text = data.decode("utf-8", "replace")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        values = dict.fromkeys(_VALUES, None)
    for name, value in values.items():
        session.hear(name, text if value is None else json.dumps(value))
    for _, value in sent:
        _check_answer(value)


def _check_answer(value: str | bytes) -> None:
    if isinstance(value, bytes):
        return
    told = json.loads(value)
    for one in told if isinstance(told, list) else [told]:
        for key in ("problem", "error"):
            if one.get(key):
                check_line(one[key])
    strict: dict[str, Any] = {"parse_constant": _no_json}
    json.loads(value, **strict)


def _no_json(name: str) -> None:
    raise AssertionError(f"{name} is no JSON: a browser would not read it")


def _studio_seeds(folder: Path) -> Iterable[bytes]:
    scheme = SMALL.to_dict()
    names = ("symmetrise", "mirror", "read", "examples", "ambiguity", "plan", "save")
    requests = [
        {"id": name, "name": name, "scheme": scheme, "keep": "left", "renamed": {"a": "b"}} for name in names
    ]
    for request in requests:
        yield json.dumps({"requests": [request]}).encode()
    draft = {"seq": 2, "scheme": scheme, "renamed": {}}
    yield json.dumps({"query": {"seq": 1, "plane": [[0, 0], [0.5, 1]]}, "draft": draft}).encode()


def _upload(data: bytes, folder: Path) -> None:
    """Names of files that somebody uploads, and of the batch to which they belong."""
    name = harmless(data.decode("utf-8", "surrogateescape"))
    assert 0 < len(name) <= 130
    assert name == Path(name).name
    assert not name.startswith(".")
    with Emptied(folder):
        (folder / name).write_bytes(b"x")
    try:
        place = batch_folder(folder, data.decode("latin-1"))
    except ValueError:
        return
    assert place.parent == folder / "cache" / "uploads"


_NAMES = (
    b"a.jpg",
    b"../../b.png",
    b"con.jpg",
    b"..\\c.jpg",
    b"\xff\xfe.jpg",
    b"0123456789abcdef",
    b".ssh/id",
    b"a b",
)

TARGETS = (
    Target(
        "editor",
        _editor,
        lambda folder: outboxes(),
        mutate=json_values(*COMMANDS, "edit", "0", "1"),
        share=3.0,
        longest=4096,
    ),
    Target(
        "studio",
        _studio,
        _studio_seeds,
        mutate=json_values("a", "b", "left", "right", 2**32),
        share=3.0,
        longest=4096,
    ),
    Target("upload", _upload, lambda folder: _NAMES, share=2.0, longest=300),
)

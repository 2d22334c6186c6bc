"""One browser's session with the editor: what it sent is checked, recorded and acknowledged.

The browser keeps an *outbox*, ``{"client": id, "entries": [...]}``, of everything that has not been
acknowledged, and may send it any number of times: an entry counts by its ``seq`` (rising within a
client) and, after a crash or from another window, by its ``id``. An entry is

    {"seq": 7, "id": "...", "type": "edit" | "undo" | "redo", "key": face, "revision": n,
     "scheme": n, "edit": {...}}       or   {..., "type": "command", "command": {"name": ...}}

where ``revision`` and ``scheme`` are those of the face as it was loaded; "hello" as ``type`` is how
a page begins, "here" is said now and then while somebody stirs on it, "gone" when it ends, and
``"replayed": true`` marks entries that an earlier page left behind.

An entry is acknowledged when what it says is on the disk, or when it has been refused in one clear
line. While the database cannot be written, nothing is acknowledged and the browser tries again.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from labelkit.editor.edits import MAX_NAME, Edit, Patch, as_object, as_text, read_edit
from labelkit.editor.payload import Crossed, Neighbours, Sheet, face_payload, scheme_payload, standing
from labelkit.errors import InputError, LabelkitError, StoreError

#: How many photos the browser is sent ahead and keeps: this one, two to come, the one before.
PHOTOS = 4

#: How many faces ahead of the present one are sent before they are asked for.
AHEAD = 2

#: Entries in one outbox, and clients whose counters are kept.
MAX_ENTRIES, MAX_CLIENTS = 2000, 16

#: The largest outbox, in characters.
MAX_OUTBOX = 50_000_000

_log = logging.getLogger("labelkit")

#: What may be asked about a face besides edits, and which of it leads on to the next face.
LEADS_ON = ("accept", "reject", "skip", "flag", "review", "return", "remove_face", "next")
COMMANDS = (*LEADS_ON, "comment", "previous", "open", "add_face", "predict", "keep", "take", "reload")

Kind = Literal["edit", "undo", "redo"]

#: The synced traits that hold JSON as text, and those that hold photos.
TEXTS = ("setup", "schemes", "faces", "current", "photos", "acknowledged", "status")
BYTES = tuple(f"photo_{slot}" for slot in range(PHOTOS))

#: Sets synced traits; runs work soon.
Push = Callable[[Mapping[str, Any]], None]
Later = Callable[[Callable[[], None]], None]

#: Does slow work (the first argument) without holding others up, then calls the second, where pushes
#: may be made, with the problem that the work met, "" for none.
Aside = Callable[[Callable[[], None], Callable[[str], None]], None]


@dataclass(frozen=True)
class Reply:
    """What became of an entry: ``fresh`` is False for one that had been done before, ``stale``
    True when the browser shows something else than what is stored, ``crossed`` says whose newer
    revision it has not seen, ``opens`` which face to show next."""

    fresh: bool = True
    stale: bool = False
    crossed: Crossed | None = None
    opens: str | None = None
    notice: str = ""


class Desk(Protocol):
    """Where faces come from and edits go to. Every call that stores something has stored it, as a
    whole, when it returns; an entry of an id that was there before does nothing."""

    @property
    def project(self) -> str:
        """Which project this is, for ever: the browser keeps unsaved edits by it."""

    @property
    def author(self) -> str:
        """Who works here."""

    @property
    def can_predict(self) -> bool:
        """Whether the command ``predict`` finds a model."""

    def first(self) -> str | None:
        """The key of the face to begin with, None where there is none."""

    def open(self, key: str) -> Sheet:
        """A face with its unsaved edits; raises `InputError`."""

    def photo(self, image: str) -> bytes:
        """An encoded picture that a browser shows upright; raises `ImageError`."""

    def neighbours(self, key: str) -> Neighbours:
        """What comes before and after a face."""

    def stay(self, keys: Sequence[str]) -> None:
        """Somebody is at these faces: nobody else is to be given them for some minutes, and others
        that were held here are free."""

    def leave(self) -> None:
        """Nobody is here any more: what was held is free."""

    def record(self, entry: str, kind: Kind, sheet: Sheet, edit: Edit) -> Reply:
        """Write one edit, or that it was undone or redone, into the journal of the face."""

    def decide(self, entry: str, command: Mapping[str, Any], sheet: Sheet) -> Reply:
        """Do what a command says; ``next``, ``previous`` and ``open`` store what is unsaved."""

    def place(self, key: str) -> None:
        """Have a model place the points of a face that nobody has placed. Takes its time and may be
        called from any thread; raises `LabelkitError`."""


def outcome(work: Callable[[], None]) -> str:
    """Do ``work`` and tell what went wrong, "" for nothing."""
    try:
        work()
    except LabelkitError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - the labeller shall be told, whatever it is
        _log.exception("a model could not place the points of a face")
        return f"{type(error).__name__}: {error}"
    return ""


class EditSession:
    """What one browser shows and does. ``push`` sets synced traits by name, all at once; ``later``
    runs a function soon, when what was pushed is on its way to the browser; ``aside`` does what
    takes its time."""

    def __init__(
        self,
        desk: Desk,
        push: Push,
        later: Later = lambda work: work(),
        aside: Aside = lambda work, then: then(outcome(work)),
    ) -> None:
        self.desk, self.current = desk, ""
        self._push, self._later, self._aside = push, later, aside
        self._lock = threading.RLock()
        self._sheets: dict[str, Sheet] = {}
        self._faces: dict[str, dict[str, Any]] = {}
        self._schemes: dict[str, dict[str, Any]] = {}
        self._slots: dict[str, int] = {}
        self._versions = 0
        self._stale: set[str] = set()
        self._acknowledged: dict[str, int] = {}
        self._status: dict[str, Any] = {"problem": "", "notice": "", "conflict": None, "serial": 0}

    def start(self, key: str | None = None) -> None:
        """Show the face ``key``, or the first one that waits; raises `InputError`."""
        with self._lock:
            setup = {"project": self.desk.project, "author": self.desk.author}
            self._push({"setup": {**setup, "predict": self.desk.can_predict}})
            self._go(key if key is not None else self.desk.first(), ahead=False)

    def go_to(self, key: str) -> None:
        """Show another face; what is unsaved of the present one stays in its journal."""
        with self._lock:
            self._go(key)

    def receive(self, outbox: str) -> None:
        """Do what has come from the browser (JSON); whatever is wrong with it is told there."""
        with self._lock:
            try:
                self._handle(*_read_outbox(outbox))
            except StoreError as error:
                # Where the project lies is no news for a labeller, and would stand before what is.
                if any(self._acknowledged.values()):
                    self._push({"acknowledged": dict(self._acknowledged)})
                self._tell(problem=error.problem.partition(";")[0])
            except LabelkitError as error:
                self._tell(problem=str(error))

    def _handle(self, client: str, entries: list[dict[str, Any]]) -> None:
        self._acknowledged = {client: self._acknowledged.get(client, 0), **_but(self._acknowledged, client)}
        while len(self._acknowledged) > MAX_CLIENTS:
            self._acknowledged.popitem()
        problem = ""
        for entry in entries:
            if entry["seq"] <= self._acknowledged[client]:
                continue
            try:
                self._do(entry)
            except InputError as error:  # refused: sending it again would not help
                problem = str(error)
                self._stale.add(str(entry.get("key")))
            self._acknowledged[client] = entry["seq"]
        self._push({"acknowledged": dict(self._acknowledged)})
        self._refresh()
        self._tell(problem=problem)

    def _do(self, entry: dict[str, Any]) -> None:
        kind = entry.get("type")
        if kind in ("here", "gone"):
            self.desk.stay(list(self._faces)) if kind == "here" else self.desk.leave()
            return
        if kind == "hello":
            # A page that was loaded again has what was known when the face was opened.
            self._stale |= {key for key, sheet in self._sheets.items() if sheet.done or sheet.undone}
            self._later(self._look_ahead)
            return
        name = as_text(entry.get("id"), "an entry's id", MAX_NAME, empty=False)
        sheet = self._sheet(as_text(entry.get("key"), "a face's key", MAX_NAME, empty=False))
        sheet.revision = min(sheet.revision, _number(entry.get("revision"), sheet.revision))
        if entry.get("replayed") is True:
            self._stale.add(sheet.key)
        if kind == "command":
            self._command(name, as_object(entry.get("command"), "a command"), sheet)
        elif kind in ("edit", "undo", "redo"):
            self._edit(name, kind, entry, sheet)
        else:
            raise InputError(f"{str(kind)[:40]!r} is nothing that an editor sends")

    def _edit(self, name: str, kind: Kind, entry: dict[str, Any], sheet: Sheet) -> None:
        if kind == "edit":
            edit = _of_scheme(entry, sheet)
        else:
            wanted = as_object(entry.get("edit"), "an edit").get("id")
            edit = Edit(as_text(wanted, "an edit's id", MAX_NAME, empty=False), "", Patch(), Patch())
        reply = self.desk.record(name, kind, sheet, edit)
        if reply.stale or (reply.fresh and not sheet.step(kind, edit)):
            self._stale.add(sheet.key)
        self._note(reply, sheet)

    def _command(self, name: str, command: dict[str, Any], sheet: Sheet) -> None:
        what = command.get("name")
        if what not in COMMANDS:
            raise InputError(f"{str(what)[:40]!r} is no command of an editor")
        if what == "reload":
            self._stale.add(sheet.key)
            return
        around = self.desk.neighbours(sheet.key)
        reply = self.desk.decide(name, command, sheet)
        if what in ("keep", "take"):
            self._status["conflict"] = None
        self._note(reply, sheet)
        if what in ("keep", "take", "comment", "predict"):
            self._stale.add(sheet.key)
        elif reply.opens is not None:
            self._go(reply.opens)
        elif reply.fresh and sheet.key == self.current:
            back = what == "previous"
            target = around.previous if back else self.desk.neighbours(sheet.key).next
            self._go(sheet.key if target is None else target)
            if target is None:
                self._stale.add(sheet.key)
                self._status["notice"] = reply.notice or f"This is the {'first' if back else 'last'} face."
        elif reply.fresh:
            self._stale.add(sheet.key)
        if reply.fresh and self.desk.can_predict and what in ("predict", "add_face"):
            self._place(reply.opens or sheet.key)

    def _place(self, key: str) -> None:
        """Let the model place a face; whoever looks at it goes on meanwhile."""
        self._status["notice"] = "The model places the points ..."
        self._aside(lambda: self.desk.place(key), lambda problem: self._placed(key, problem))

    def _placed(self, key: str, problem: str) -> None:
        with self._lock:
            self._stale.add(key)
            self._refresh()
            self._tell(notice=f"No model placed the points: {problem}" if problem else "")

    def _note(self, reply: Reply, sheet: Sheet) -> None:
        self._status["notice"] = reply.notice
        if reply.crossed is not None:
            self._status["conflict"] = reply.crossed.to_json(sheet.key)

    # What the browser shows

    def _go(self, key: str | None, *, ahead: bool = True) -> None:
        if key is None:
            self.current = ""
            self._push({"current": "", "faces": {}})
            self._tell(notice="No face waits that nobody else has open.")
            return
        self._sheets = {key: self._opened(key)}
        self.current = key
        self._show([key])
        if ahead:  # else when the page says hello: it is to show its first face first
            self._later(self._look_ahead)

    def _look_ahead(self) -> None:
        with self._lock:
            if not self.current:
                return
            before = self.desk.neighbours(self.current).previous
            keys = [self.current]
            while len(keys) <= AHEAD:
                following = self.desk.neighbours(keys[-1]).next
                if following is None or following in keys:
                    break
                keys.append(following)
            self.desk.stay(keys)
            keys += [before] if before is not None and before not in keys else []
            for key in keys:
                if key not in self._sheets:
                    self._sheets[key] = self._opened(key)
            self._show(keys, rebuilt=False)

    def _show(self, keys: list[str], *, rebuilt: bool = True) -> None:
        """Push the faces of these keys, the first of which is the present one."""
        news: dict[str, Any] = {}
        for key in keys:
            news |= self._photo(self._sheets[key].image)
        known = {} if rebuilt else self._faces
        around = {key: self.desk.neighbours(key) for key in keys}
        faces = {key: known.get(key) or self._payload(key, around[key]) for key in keys}
        self._faces = {key: face | standing(around[key]) for key, face in faces.items()}
        self._push({**news, "schemes": self._schemes, "faces": self._faces, "current": self.current})

    def _payload(self, key: str, around: Neighbours, *, anew: bool = False) -> dict[str, Any]:
        """A face with its version: the browser loads a face again when that has changed."""
        sheet, old = self._sheets[key], self._faces.get(key)
        if str(sheet.scheme_revision) not in self._schemes:
            self._schemes = {str(sheet.scheme_revision): scheme_payload(sheet.scheme)}
        face = face_payload(sheet, around)
        moving = ("version", *standing(Neighbours()))
        if old is not None and not anew and _but(old, *moving) == _but(face, *moving):
            return {**face, "version": old["version"]}
        self._versions += 1
        return {**face, "version": self._versions}

    def _refresh(self) -> None:
        """Let the browser load again what it shows otherwise than it is stored."""
        stale, self._stale = self._stale & set(self._sheets), set()
        if not stale:
            return
        for key in stale:
            self._sheets[key] = self._opened(key)
            self._faces[key] = self._payload(key, self.desk.neighbours(key), anew=True)
        self._push({"schemes": self._schemes, "faces": dict(self._faces), "current": self.current})

    def _sheet(self, key: str) -> Sheet:
        """The face of an entry: one that is shown, or one from before the page was loaded.

        An earlier entry of the same outbox may have made it another than the one that is shown.
        """
        if key in self._stale and key in self._sheets:
            self._sheets[key] = self._opened(key)
        return self._sheets.get(key) or self._opened(key)

    def _opened(self, key: str) -> Sheet:
        sheet = self.desk.open(key)
        if sheet.crossed is not None:
            self._status["conflict"] = sheet.crossed.to_json(key)
        return sheet

    def _photo(self, image: str) -> dict[str, Any]:
        """What to push so that the browser has a photo; it keeps those that were used last."""
        if image in self._slots:
            self._slots[image] = self._slots.pop(image)
            return {}
        try:
            data = self.desk.photo(image)
        except LabelkitError as error:
            data = b""
            self._tell(problem=str(error))
        free = set(range(PHOTOS)) - set(self._slots.values())
        slot = min(free) if free else self._slots.pop(next(iter(self._slots)))
        self._slots[image] = slot
        return {f"photo_{slot}": data, "photos": dict(self._slots)}

    def _tell(self, **news: Any) -> None:
        self._status = {**self._status, **news, "serial": self._status["serial"] + 1}
        self._push({"status": dict(self._status)})


def _read_outbox(text: str) -> tuple[str, list[dict[str, Any]]]:
    """The client and its entries by number; raises `InputError`."""
    if len(text) > MAX_OUTBOX:
        raise InputError(f"an outbox of {len(text)} characters is too large")
    try:
        data = as_object(json.loads(text), "an outbox")
    except (ValueError, RecursionError) as error:
        raise InputError(f"an outbox is JSON ({str(error)[:60]})") from error
    client = as_text(data.get("client"), "a client's id", MAX_NAME, empty=False)
    entries = data.get("entries")
    if not isinstance(entries, list) or len(entries) > MAX_ENTRIES:
        raise InputError(f"an outbox has a list of at most {MAX_ENTRIES} entries")
    checked = [as_object(entry, "an entry") for entry in entries]
    if any(isinstance(entry.get("seq"), str) or _number(entry.get("seq"), -1) < 1 for entry in checked):
        raise InputError("an entry has a number of its own, from 1")
    return client, sorted(checked, key=lambda entry: entry["seq"])


def _of_scheme(entry: dict[str, Any], sheet: Sheet) -> Edit:
    """The edit of an entry, in the scheme of the sheet: it may have been made under an older one."""
    places = sheet.places.get(_number(entry.get("scheme"), sheet.scheme_revision))
    if places is None:
        return read_edit(entry.get("edit"), len(sheet.scheme))
    return read_edit(entry.get("edit"), len(places)).moved(places)


def as_traits(news: Mapping[str, Any]) -> dict[str, str | bytes]:
    """What `EditSession` pushes as the hosts carry it: text and bytes, which both serialise alike
    and quickly."""
    return {
        name: value
        if isinstance(value, str | bytes)
        else json.dumps(value, ensure_ascii=False, allow_nan=False)
        for name, value in news.items()
    }


def _number(raw: object, otherwise: int) -> int:
    """A whole number that SQLite and JavaScript can hold, or ``otherwise``."""
    number = int(raw) if isinstance(raw, str) and raw.isascii() and raw.isdecimal() and len(raw) < 10 else raw
    fine = isinstance(number, int) and not isinstance(number, bool) and abs(number) < 2**53
    return number if fine and isinstance(number, int) else otherwise


def _but(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}

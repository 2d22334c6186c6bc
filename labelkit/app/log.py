"""The page *Log*: who did what, when and to which face, and what was taken away comes back."""

from __future__ import annotations

from typing import Any

import panel as pn

from labelkit.app import parts
from labelkit.app.session import Session, problem
from labelkit.app.shared import Pulse
from labelkit.app.widgets import LogTable
from labelkit.errors import InputError
from labelkit.store import EventKind, FaceState, LogEntry
from labelkit.store.log import ANNOTATION, JOB, SCHEME

#: So many entries stand on a page.
PER_PAGE = 50

#: Further back than so many pages one looks with ``labelkit log``.
_LAST = 200

_EVERYBODY, _EVERYTHING = "Everybody", "Everything"

_KINDS = {
    "Annotations": ANNOTATION,
    "States of faces": EventKind.STATE,
    "Comments": EventKind.COMMENT,
    "Notes": EventKind.NOTE,
    "Attributes": EventKind.ATTRIBUTES,
    "Boxes": EventKind.BOX,
    "Edits of the same face by two": EventKind.CROSSED,
    "Changes of the scheme": SCHEME,
    "Ends of prelabelling and training": JOB,
}


class View:
    """The page of one session."""

    def __init__(self, session: Session) -> None:
        self._session, self._store = session, session.project.store
        self._page, self._seen = 0, object()
        self._person = pn.widgets.Select(name="Person", options=[_EVERYBODY], width=200, margin=0)
        self._kind = pn.widgets.Select(name="What", options=[_EVERYTHING], width=260, margin=0)
        self._photo = pn.widgets.TextInput(
            name="Photo", placeholder="part of its name", width=260, margin=0, max_length=200
        )
        self._table = LogTable(sizing_mode="stretch_width")
        self._table.heard = session.guarded(self._hear)
        for widget in (self._person, self._kind, self._photo):
            widget.param.watch(session.guarded(lambda _: self._turn(0)), "value")

    def show(self) -> pn.viewable.Viewable:
        self._person.options = [_EVERYBODY, *self._store.authors()]
        self._kind.options = [_EVERYTHING, *_KINDS, *(name.capitalize() for name in self._store.actions())]
        self._turn(0)
        return parts.page(
            "Log",
            "Nothing of it can be changed, and a face that was taken away comes back here.",
            parts.card(parts.row(self._person, self._kind, self._photo), self._table),
        )

    def refresh(self, before: Pulse, now: Pulse) -> None:
        if self._page == 0 and (before.position, before.states) != (now.position, now.states):
            self._turn(0)

    def _turn(self, page: int) -> None:
        self._page = min(max(page, 0), _LAST)
        pn.state.execute(self._look)

    async def _look(self) -> None:
        self._seen = seen = object()
        try:
            rows, more = await self._session.aside(self._rows)
        except Exception as error:  # noqa: BLE001 - the person is told, and `problem` logs it
            self._session.tell(problem(error), "bad")
            return
        if seen is self._seen:
            self._table.param.update(rows=rows, page=self._page, more=more and self._page < _LAST)

    def _rows(self) -> tuple[list[dict[str, Any]], bool]:
        """The page's entries, the newest first, and whether there are older ones."""
        person, kind = str(self._person.value), str(self._kind.value)
        wanted = (self._page + 1) * PER_PAGE
        found = self._store.log(
            author=None if person == _EVERYBODY else person,
            what=None if kind == _EVERYTHING else _KINDS.get(kind, kind.lower()),
            photo=str(self._photo.value).strip()[:200] or None,
            limit=wanted + 1,
        )
        newest = list(reversed(found))
        shown = newest[wanted - PER_PAGE : wanted]
        gone = self._gone([one.face_id for one in shown if one.face_id is not None])
        return [_row(one, gone) for one in shown], len(newest) > wanted

    def _gone(self, face_ids: list[int]) -> set[int]:
        """Which of these faces are taken away now."""
        return {
            face.id for face in self._store.faces(sorted(set(face_ids))) if face.state is FaceState.REJECTED
        }

    def _hear(self, data: dict[str, Any]) -> None:
        kind, face = data.get("type"), data.get("face")
        if kind == "turn":
            self._turn(self._page + (1 if data.get("older") is True else -1))
        elif kind == "open" and type(face) is int:
            self._session.go("review", face=face)
        elif kind == "restore" and type(face) is int:
            self._restore(face)

    def _restore(self, face: int) -> None:
        try:
            back = self._store.restore_face(face, self._session.author)
        except InputError:
            self._turn(self._page)  # somebody else was quicker
            raise
        self._session.tell(f"{back.face.image}: face {back.face.index + 1} is back")
        self._session.look()
        self._turn(self._page)


def _row(one: LogEntry, gone: set[int]) -> dict[str, Any]:
    """An entry for the table; all of it is text there."""
    taken = one.what == EventKind.STATE and one.after == FaceState.REJECTED and one.face_id in gone
    return {
        "time": one.time.isoformat(),
        "person": one.author,
        "what": str(one.what),
        "photo": one.image or "",
        "index": one.index,
        "face": one.face_id,
        "text": one.text,
        "back": taken,
    }

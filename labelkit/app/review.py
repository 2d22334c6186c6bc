"""The page *Review*: faces in the order in which to look at them, many at once or one in the editor."""

from __future__ import annotations

from typing import Any

import panel as pn

from labelkit.app import parts
from labelkit.app.session import WAITING, Session
from labelkit.app.shared import Pulse
from labelkit.editor.panel import Editor
from labelkit.project.editing import open_desk
from labelkit.store import FaceState

_FILTERS: dict[str, tuple[FaceState, ...]] = {
    "To review": WAITING,
    "Returned": (FaceState.RETURNED,),
    "Done": (FaceState.DONE,),
    "Reviewed": (FaceState.REVIEWED,),
    "Skipped": (FaceState.SKIPPED,),
    "Rejected": (FaceState.REJECTED,),
}

#: So many faces of a state are gone through in the editor.
_MOST = 2000


class View:
    """The page of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._filter = parts.choice(self._counts(), "To review")
        self._filter.param.watch(session.guarded(self._filtered), "value")
        self._body = pn.Column(sizing_mode="stretch_both", margin=0)
        self._editor: tuple[str, Editor] | None = None

    def show(self) -> pn.viewable.Viewable:
        self._filter.options = self._counts()
        self._fill(self._session.query.get("face"))
        return pn.Column(
            parts.row(self._filter), self._body, css_classes=["lk-desk"], sizing_mode="stretch_both", margin=0
        )

    def refresh(self, before: Pulse, now: Pulse) -> None:
        if before.states != now.states:
            self._filter.options = self._counts()
            if not self._body.objects or not isinstance(self._body.objects[0], Editor):
                self._fill(None)

    def _counts(self) -> dict[str, str]:
        pulse = self._session.pulse
        counts = {name: pulse.count(*states) for name, states in _FILTERS.items()}
        return {f"{name} {count:,}": name for name, count in counts.items() if count or name == "To review"}

    def _filtered(self, *_: object) -> None:
        self._fill(None)

    def _fill(self, face: int | None) -> None:
        name = self._filter.value
        states = _FILTERS[name]
        if face is None and not self._session.pulse.count(*states):
            self._body.objects = [parts.html(self._nothing())]
            return
        if self._editor is None or self._editor[0] != name:
            self._editor = (name, self._make(name, face))
        elif face is not None:
            self._editor[1].show(str(face))
        self._body.objects = [self._editor[1]]

    def _make(self, name: str, face: int | None) -> Editor:
        session = self._session
        faces: Any = None
        if name != "To review":
            store = session.project.store
            pages = [store.page(state, None, _MOST) for state in _FILTERS[name]]
            faces = [found.face for page in pages for found in page]
        desk = open_desk(session.project, session.author, faces)
        return Editor(desk, None if face is None else str(face))

    def _nothing(self) -> str:
        pulse = self._session.pulse
        if not sum(count for _, count in pulse.states):
            return parts.empty("face", "No faces yet", "Let a model find them: <b>Prelabel</b>.")
        return parts.empty("done", "Nobody waits", "Every face has been dealt with. <b>Export</b> is next.")

"""The page *Review*: faces in the order in which to look at them, many at once or one in the editor."""

from __future__ import annotations

import time

import panel as pn

from labelkit.app import parts
from labelkit.app.grid import Faces, GridView, Pages, Queue
from labelkit.app.session import WAITING, Session
from labelkit.app.shared import Pulse
from labelkit.editor.panel import Editor
from labelkit.project.editing import open_desk
from labelkit.project.judging import fresh_oddities
from labelkit.queue import Way
from labelkit.store import FaceState

#: What waits: the one filter that is a queue.
_QUEUE = "To review"

#: What somebody has taken away, and can bring back.
_REJECTED = "Rejected"

#: Photos in which a detector found nobody, for a person to draw a box: there is no grid of them.
_VACANT = "No face found"

_FILTERS: dict[str, tuple[FaceState, ...]] = {
    _QUEUE: WAITING,
    "Returned": (FaceState.RETURNED,),
    "Done": (FaceState.DONE,),
    "Reviewed": (FaceState.REVIEWED,),
    "Skipped or flagged": (FaceState.SKIPPED,),
    _REJECTED: (FaceState.REJECTED,),
    _VACANT: (FaceState.NO_FACE,),
}

_ORDERS: dict[str, Way] = {
    "Worth a correction most": "uncertain",
    "Typical faces first, to teach a model": "teaching",
    "Most doubted first": "worst",
    "Oddest shapes first": "outliers",
    "Oldest first": "oldest",
    "In random order": "random",
}

#: So many faces of a state are gone through in the editor.
_MOST = 2000

_GRID, _EDITOR = "grid", "editor"

#: Seconds between two renewals of what a grid holds, and milliseconds between two looks whether it is
#: time: until its timer is due, a session that has ended stays in memory with all that it has shown.
_BEAT, _TICK = 45.0, 4_000


class View:
    """The page of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._filter = parts.choice(self._counts(), _QUEUE)
        self._mode = parts.choice({"One by one": _EDITOR, "Many at once": _GRID}, _EDITOR)
        self._order = pn.widgets.Select(
            options=_ORDERS, value="uncertain", width=250, margin=0, description=None, name=""
        )
        self._body = pn.Column(sizing_mode="stretch_both", margin=0)
        self._editors: dict[str, Editor] = {}
        self._grids: dict[str, GridView] = {}
        self._stayed = time.monotonic()
        self._restore = parts.button("Bring back", visible=False)
        self._restore.on_click(session.guarded(self._bring_back))
        bar = parts.row(self._filter, self._order, self._restore, pn.layout.HSpacer(), self._mode)
        # One and the same each time: the grid turns to this page, too, for the editor.
        self._layout = pn.Column(
            bar, self._body, css_classes=["lk-desk"], sizing_mode="stretch_both", margin=0
        )
        for widget in (self._filter, self._mode):
            widget.param.watch(session.guarded(lambda _: self._fill()), "value")
        if pn.state.curdoc is not None and pn.state.curdoc.session_context is not None:
            pn.state.add_periodic_callback(session.guarded(self._stay), period=_TICK)
            pn.state.on_session_destroyed(lambda _: self._leave())
        self._order.param.watch(session.working(self._reorder), "value")

    def show(self) -> pn.viewable.Viewable:
        self._filter.options = self._counts()
        face = self._session.query.get("face")
        if face is not None and self._mode.value != _EDITOR:
            self._session.query = {"face": face}
            self._mode.value = _EDITOR  # which fills the page
        else:
            self._fill()
        return self._layout

    def refresh(self, before: Pulse, now: Pulse) -> None:
        if before.states == now.states and before.scheme == now.scheme:
            return
        self._filter.options = self._counts()
        shown = self._body.objects[0] if self._body.objects else None
        if isinstance(shown, Editor):
            return  # whoever is in the middle of a face stays there
        grid = self._grids.get(self._filter.value)
        if grid is not None and shown is grid.grid:
            if grid.untouched:
                grid.fill()
        else:
            self._fill()

    def _counts(self) -> dict[str, str]:
        pulse = self._session.pulse
        counts = {name: pulse.count(*states) for name, states in _FILTERS.items()}
        chosen = self._filter.value if hasattr(self, "_filter") else _QUEUE
        return {f"{name} {count:,}": name for name, count in counts.items() if count or name == chosen}

    async def _reorder(self, _: object) -> None:
        """Begin anew with what waits, in another order."""
        if self._order.value == "outliers":
            store = self._session.project.store
            await self._session.aside(lambda: fresh_oddities(store, limit=1))
        self._leave()
        self._grids.pop(_QUEUE, None)
        editor = self._editors.pop(_QUEUE, None)
        if editor is not None:
            editor.session.desk.leave()
        self._fill()

    def _stay(self) -> None:
        if time.monotonic() - self._stayed < _BEAT:
            return
        self._stayed = time.monotonic()
        shown = self._body.objects[0] if self._body.objects else None
        for grid in self._grids.values():
            if grid.grid is shown:
                grid.stay()

    def _leave(self) -> None:
        for grid in self._grids.values():
            grid.leave()

    def _fill(self) -> None:
        """Show what is chosen, or why there is nothing."""
        self._order.visible = self._filter.value == _QUEUE
        self._restore.visible = self._filter.value == _REJECTED
        self._mode.visible = self._filter.value != _VACANT
        self._restore.name = "Bring these back" if self._mode.value == _GRID else "Bring it back"
        name, face = self._filter.value, self._session.query.pop("face", None)
        if face is None and not self._session.pulse.count(*_FILTERS[name]):
            self._body.objects = [parts.html(self._nothing())]
        elif self._mode.value == _GRID and name != _VACANT:
            if name not in self._grids:
                self._grids[name] = GridView(self._session, self._pages(name))
            else:
                self._grids[name].fill()
            self._body.objects = [self._grids[name].grid]
        else:
            self._leave()
            self._body.objects = [self._edit(name, face)]

    def _bring_back(self, *_: object) -> None:
        """What is rejected and shown is as it was before; in the grid that can be undone."""
        shown, store = self._body.objects[0] if self._body.objects else None, self._session.project.store
        if isinstance(shown, Editor) and shown.session.current:
            face = store.restore_face(int(shown.session.current), self._session.author)
            self._session.tell(f"{face.face.image}, face {face.face.index + 1}: {face.state.value} again")
            shown.session.desk.leave()
            self._editors.pop(_REJECTED, None)
            self._session.look()
            self._fill()
        elif shown is not None and _REJECTED in self._grids:
            self._grids[_REJECTED].restore()

    def _edit(self, name: str, face: int | None) -> Editor:
        editor = self._editors.get(name)
        if editor is None:
            session = self._session
            # What waits is a queue that goes on; other faces are a list as it is now.
            found = None if name == _QUEUE else Faces(session, _FILTERS[name]).after((0, None), _MOST)
            faces = None if found is None else [one.face for _, one in found]
            place, way = session.shared.place, self._order.value
            desk = open_desk(session.project, session.author, faces, place, way)
            self._editors = {name: Editor(desk, None if face is None else str(face))}
            return self._editors[name]
        if face is not None:
            editor.go_to(str(face))
        return editor

    def _pages(self, name: str) -> Pages:
        if name == _QUEUE:
            return Queue(self._session, self._order.value)
        return Faces(self._session, _FILTERS[name])

    def _nothing(self) -> str:
        pulse = self._session.pulse
        if not sum(count for _, count in pulse.states):
            return parts.empty("face", "No faces yet", "Let a model find them: <b>Prelabel</b>.")
        told = "Every face has been dealt with. <b>Export</b> is next."
        vacant = pulse.count(FaceState.NO_FACE)
        if vacant:
            photos = parts.count(vacant, "photo")
            told += f" Nobody was found in {photos}: <b>{_VACANT}</b> above is where you draw a face there."
        return parts.empty("done", "Nobody waits", told)

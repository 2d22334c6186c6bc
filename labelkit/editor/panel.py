"""The editor in a Panel page, as ``labelkit serve`` and ``panel serve`` show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import param
from panel.io.state import state

from labelkit.editor.bundle import bundle
from labelkit.editor.component import Component
from labelkit.editor.latest import worker
from labelkit.editor.session import Desk, EditSession, as_traits, outcome


class Editor(Component):
    """The annotation editor for one page: ``Editor(desk, face="12", height=700)``.

    ``desk`` is where faces come from and edits go to (`labelkit.project.editing.open_desk`),
    ``face`` the key of the face to begin with, by default the first that waits; `go_to` shows
    another one. Each page needs an editor of its own, as it needs one of every Panel component.
    """

    setup = param.String("{}")
    schemes = param.String("{}")
    faces = param.String("{}")
    current = param.String("")
    photos = param.String("{}")
    acknowledged = param.String("{}")
    status = param.String("{}")
    photo_0 = param.Bytes(b"")
    photo_1 = param.Bytes(b"")
    photo_2 = param.Bytes(b"")
    photo_3 = param.Bytes(b"")
    outbox = param.String("")

    _esm = bundle("editor.js")
    # Anything else waits 50 ms for more to come, which is half of the time that saving may take.
    _priority_changes: ClassVar[list[str]] = ["outbox"]

    def __init__(self, desk: Desk, face: str | None = None, **params: Any) -> None:
        size = {"sizing_mode": "stretch_both", "min_height": 480}
        super().__init__(**{**size, **params})  # type: ignore[no-untyped-call]  # Panel's own
        self.session = EditSession(desk, self._push, _later, _aside)
        self.param.watch(self._hear, "outbox")
        if state.curdoc is not None and state.curdoc.session_context is not None:
            state.on_session_destroyed(lambda _: desk.leave())
        self.session.start(face)

    def go_to(self, face: str) -> None:
        """Show the face with this key; unsaved edits of the present one stay in its journal."""
        self.session.go_to(face)

    def _hear(self, event: Any) -> None:
        self.session.receive(event.new)

    def _push(self, news: Mapping[str, Any]) -> None:
        self.param.update(**as_traits(news))


def _later(work: Callable[[], None]) -> None:
    """At the next turn of the page's event loop: what was pushed before is sent by then."""
    document = state.curdoc
    if document is None or document.session_context is None:
        work()
    else:
        document.add_next_tick_callback(work)


def _aside(work: Callable[[], None], then: Callable[[str], None]) -> None:
    """In a thread, so that nobody's page waits for a model; the rest in the page's event loop."""
    document = state.curdoc
    if document is None or document.session_context is None:
        then(outcome(work))
        return

    def run() -> None:
        problem = outcome(work)
        document.add_next_tick_callback(lambda: then(problem))

    worker("place").submit(run)

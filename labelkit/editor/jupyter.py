"""The editor in a notebook."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import anywidget
from traitlets import Bytes, Unicode

from labelkit.editor.bundle import bundle
from labelkit.editor.latest import worker
from labelkit.editor.session import Desk, EditSession, as_traits, outcome


def _photo() -> Any:
    # Without from_json a value would arrive as a memoryview and be dropped without a word.
    return Bytes(b"").tag(sync=True, from_json=lambda value, widget: bytes(value))


class EditorWidget(anywidget.AnyWidget):
    """The annotation editor for one notebook; parameters as of `labelkit.editor.panel.Editor`."""

    _esm = bundle("editor.js")

    setup = Unicode("{}").tag(sync=True)
    schemes = Unicode("{}").tag(sync=True)
    faces = Unicode("{}").tag(sync=True)
    current = Unicode("").tag(sync=True)
    photos = Unicode("{}").tag(sync=True)
    acknowledged = Unicode("{}").tag(sync=True)
    status = Unicode("{}").tag(sync=True)
    photo_0 = _photo()
    photo_1 = _photo()
    photo_2 = _photo()
    photo_3 = _photo()
    # The browser need not hear its own words again.
    outbox = Unicode("").tag(sync=True, echo_update=False)

    def __init__(self, desk: Desk, face: str | None = None, **traits: Any) -> None:
        super().__init__(**traits)
        self.session = EditSession(desk, self._push, _later, _aside)
        self.observe(self._hear, "outbox")
        self.session.start(face)

    def go_to(self, face: str) -> None:
        """Show the face with this key; unsaved edits of the present one stay in its journal."""
        self.session.go_to(face)

    def _hear(self, change: Any) -> None:
        self.session.receive(change.new)

    def _push(self, news: Mapping[str, Any]) -> None:
        with self.hold_sync():
            for name, value in as_traits(news).items():
                self.set_trait(name, value)


def _later(work: Callable[[], None]) -> None:
    """When the kernel has sent what was pushed before; at once where no event loop runs."""
    try:
        asyncio.get_running_loop().call_soon(work)
    except RuntimeError:
        work()


def _aside(work: Callable[[], None], then: Callable[[str], None]) -> None:
    """In a thread of its own, while the kernel goes on; at once where no event loop runs."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        then(outcome(work))
        return
    worker("place").submit(lambda: loop.call_soon_threadsafe(then, outcome(work)))

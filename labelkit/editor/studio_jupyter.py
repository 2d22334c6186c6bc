"""The scheme studio in a notebook."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import anywidget
from traitlets import Bytes, Unicode

from labelkit.editor.bundle import bundle
from labelkit.editor.studio import Examples, Plan, Save, StudioSession
from labelkit.scheme import Scheme


class StudioWidget(anywidget.AnyWidget):
    """A scheme studio for one notebook; the parameters are those of `StudioSession`."""

    _esm = bundle("studio.js")

    setup = Unicode().tag(sync=True)
    gallery = Bytes(b"").tag(sync=True)
    answer = Bytes(b"").tag(sync=True)
    checked = Unicode().tag(sync=True)
    heat = Unicode().tag(sync=True)
    replies = Unicode().tag(sync=True)
    query = Unicode().tag(sync=True)
    draft = Unicode().tag(sync=True)
    requests = Unicode().tag(sync=True)

    def __init__(
        self,
        scheme: Scheme,
        examples: Examples | None,
        *,
        ghosts: Sequence[Scheme] = (),
        plan: Plan | None = None,
        save: Save | None = None,
        **traits: Any,
    ) -> None:
        self._loop = _running_loop()
        self.session = StudioSession(scheme, examples, self._show, ghosts=ghosts, plan=plan, save=save)
        super().__init__(setup=self.session.setup, **traits)
        self.observe(self._hear, ["query", "draft", "requests"])

    def close(self) -> None:
        self.session.close()
        super().close()

    def _hear(self, change: Any) -> None:
        self.session.hear(change.name, change.new)

    def _show(self, name: str, value: str | bytes) -> None:
        """Set a trait where the kernel speaks with the page: in its event loop's thread."""
        if self._loop is None or self._loop is _running_loop():
            self.set_trait(name, value)
        else:
            self._loop.call_soon_threadsafe(self.set_trait, name, value)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None

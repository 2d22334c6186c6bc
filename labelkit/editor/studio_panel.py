"""The scheme studio in a Panel page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import param
from panel.io.state import state

from labelkit.editor.bundle import bundle
from labelkit.editor.component import Component
from labelkit.editor.studio import Examples, Plan, Save, StudioSession
from labelkit.scheme import Scheme


class StudioPane(Component):
    """A scheme studio for one page; the parameters are those of `StudioSession`."""

    setup = param.String()
    gallery = param.Bytes(b"")
    answer = param.Bytes(b"")
    checked = param.String()
    heat = param.String()
    replies = param.String()
    query = param.String()
    draft = param.String()
    requests = param.String()

    _esm = bundle("studio.js")
    # Anything else waits 50 ms for more to come, which one feels while dragging.
    _priority_changes: ClassVar[list[str]] = ["query", "draft", "requests"]

    def __init__(
        self,
        scheme: Scheme,
        examples: Examples | None,
        *,
        ghosts: Sequence[Scheme] = (),
        plan: Plan | None = None,
        save: Save | None = None,
        **params: Any,
    ) -> None:
        self.session = StudioSession(scheme, examples, self._show, ghosts=ghosts, plan=plan, save=save)
        super().__init__(  # type: ignore[no-untyped-call]  # Panel declares no types here
            setup=self.session.setup, **{"sizing_mode": "stretch_both", **params}
        )
        self.param.watch(self._hear, ["query", "draft", "requests"], onlychanged=True)
        if state.curdoc is not None and state.curdoc.session_context is not None:
            state.on_session_destroyed(lambda _: self.session.close())

    def _hear(self, *events: Any) -> None:
        for event in events:
            self.session.hear(event.name, event.new)

    def _show(self, name: str, value: str | bytes) -> None:
        # From a thread Panel brings it to the page at the event loop's next turn.
        self.param.update(**{name: value})

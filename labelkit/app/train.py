"""The page *Train*: what few-shot fine-tuning needs, how much of it is there, and what is not yet."""

from __future__ import annotations

import panel as pn

from labelkit.app import parts
from labelkit.app.parts import esc
from labelkit.app.session import Session
from labelkit.app.shared import Pulse
from labelkit.store import FINISHED, FaceState

#: So many corrected faces are what a model is fine-tuned to.
ENOUGH = 10


class View:
    """The page of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._told = parts.html("")
        self._review = parts.button("Review faces", "primary")
        self._review.on_click(lambda _: session.go("review"))

    def show(self) -> pn.viewable.Viewable:
        self._fill()
        folder = esc(self._session.project.folder)
        outside = (
            "<p>Until then a model can be trained outside of the app, from faces that you export:</p>"
            f"<pre style='margin:8px 0'>labelkit export {folder} --format 300w -o faces\n"
            "labelkit fit base --data faces -o mine.safetensors --start base --minutes 60\n"
            "labelkit models add mine.safetensors</pre>"
            "<p class='muted'>The new model can then be chosen on the page Prelabel.</p>"
        )
        return parts.page(
            "Train",
            "Some corrected faces teach the model your scheme; the rest is then prelabelled better.",
            parts.columns(
                parts.card(self._told, parts.row(self._review), title="Corrected faces"),
                parts.card(
                    parts.html(
                        parts.note(
                            "Fine-tuning from here is not part of this version of labelkit yet: there is "
                            "nothing to press."
                        )
                        + f"<div style='height:14px'></div>{outside}"
                    ),
                    title="Fine-tune",
                ),
            ),
        )

    def refresh(self, before: Pulse, now: Pulse) -> None:
        if before.states != now.states:
            self._fill()

    def _fill(self) -> None:
        pulse = self._session.pulse
        done = pulse.count(*FINISHED)
        share = min(done / ENOUGH, 1.0)
        kind = "var(--lk-good)" if share >= 1 else "var(--lk-accent)"
        told = (
            "That is enough to begin with: more faces, and different ones, help."
            if share >= 1
            else f"{ENOUGH - done} more, and different from one another: that is what helps most."
        )
        bar = f"<div class='bar'><i style='width:{100 * share:.0f}%;background:{kind}'></i></div>"
        figures = parts.numbers([(f"{done:,} of {ENOUGH}", "faces that somebody has confirmed")])
        self._told.object = (
            f"<div style='display:grid;gap:12px'>{figures}{bar}<p class='muted'>{told}</p></div>"
        )
        self._review.visible = pulse.count(FaceState.PREDICTED, FaceState.RETURNED) > 0

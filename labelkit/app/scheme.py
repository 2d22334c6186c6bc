"""The page *Scheme*: which points are labelled, where they are on the mean face, and what they mean."""

from __future__ import annotations

import panel as pn

from labelkit.app import parts
from labelkit.app.drawing import scheme_svg
from labelkit.app.parts import esc
from labelkit.app.session import Session
from labelkit.app.shared import Pulse
from labelkit.scheme import Scheme


class View:
    """The page of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._picture, self._points, self._facts = parts.html(""), parts.html(""), parts.html("")

    def show(self) -> pn.viewable.Viewable:
        self._fill()
        return parts.page(
            "Scheme",
            "The points that are labelled, on the mean face. They can change at any time: what has been "
            "labelled stays, and new points are predicted.",
            parts.columns(
                parts.card(self._picture, title="On the mean face", min_width=420),
                parts.card(self._facts, self._points, title="The points", width=430),
            ),
        )

    def refresh(self, before: Pulse, now: Pulse) -> None:
        if before.scheme != now.scheme:
            self._fill()

    def _fill(self) -> None:
        scheme = self._session.project.scheme
        self._picture.object = scheme_svg(scheme)
        self._facts.object = _facts(scheme)
        self._points.object = _points(scheme)


def _facts(scheme: Scheme) -> str:
    mirrored = "symmetric" if scheme.mirror else "not symmetric"
    counts = f"{len(scheme)} points · {len(scheme.curves)} curves · {mirrored}"
    told = f"{esc(scheme.title or scheme.name)} · {counts}"
    more = f"<p class='muted small'>{esc(scheme.description)}</p>" if scheme.description else ""
    return f"<p>{told}</p>{more}"


def _points(scheme: Scheme) -> str:
    rows = [(number, point.name, point.definition) for number, point in enumerate(scheme.points)]
    table = parts.table(("", "Name", "Definition"), rows, (0,))
    return f"<div style='max-height:560px;overflow:auto'>{table}</div>"

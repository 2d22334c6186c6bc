"""The page *Scheme*: the studio, in which the points that are labelled are drawn on the mean face.

The studio needs a model for its example faces, which takes some seconds to load: until then, and
where there is none, the scheme is drawn as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import panel as pn

from labelkit.app import parts
from labelkit.app.drawing import scheme_svg
from labelkit.app.parts import esc
from labelkit.app.session import Session, problem
from labelkit.app.shared import Pulse
from labelkit.scheme import Scheme

if TYPE_CHECKING:
    from labelkit.studio import SchemeStudio


class View:
    """The page of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._body = pn.Column(sizing_mode="stretch_both", margin=0)
        self._revision = 0

    def show(self) -> pn.viewable.Viewable:
        if self._revision != self._session.pulse.scheme:
            self._revision = self._session.pulse.scheme
            self._body.objects = [
                _plain(self._session.project.scheme, parts.note("The studio is being opened…"))
            ]
            pn.state.execute(self._open)
        return pn.Column(self._body, css_classes=["lk-desk"], sizing_mode="stretch_both", margin=0)

    def refresh(self, before: Pulse, now: Pulse) -> None:
        """Whoever draws stays with the drawing; saving compares it with what the scheme is then."""

    async def _open(self) -> None:
        session = self._session
        session.shell.busy = True
        try:
            studio = await session.aside(self._made)
            self._body.objects = [studio.panel()]
        except Exception as error:  # noqa: BLE001 - the person is told, and `problem` logs it
            self._body.objects = [_plain(session.project.scheme, parts.note(esc(problem(error)), "bad"))]
        finally:
            session.shell.busy = False

    def _made(self) -> SchemeStudio:
        from labelkit.studio import SchemeStudio

        session = self._session
        row = session.shared.examples()
        return SchemeStudio(project=session.project, author=session.author, examples=row)


def _plain(scheme: Scheme, told: str) -> pn.Column:
    """The scheme as a drawing and a list."""
    return parts.page(
        "Scheme",
        "The points that are labelled, on the mean face.",
        parts.html(told),
        parts.columns(
            parts.card(parts.html(scheme_svg(scheme)), title=scheme.title or scheme.name, min_width=420),
            parts.card(parts.html(_points(scheme)), title=f"{len(scheme)} points", width=430),
        ),
    )


def _points(scheme: Scheme) -> str:
    rows = [(number, point.name, point.definition) for number, point in enumerate(scheme.points)]
    table = parts.table(("", "Name", "Definition"), rows, (0,))
    return f"<div style='max-height:560px;overflow:auto'>{table}</div>"

"""The page *Scheme*: the studio, in which the points that are labelled are drawn on the mean face.

The studio needs a model for its example faces, which takes some seconds to load: until then, and
where there is none, the scheme is drawn as it is. A change of the scheme can be taken back here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import panel as pn

from labelkit.app import parts
from labelkit.app.parts import esc
from labelkit.app.session import Session, problem
from labelkit.app.shared import Pulse
from labelkit.scheme import Scheme
from labelkit.scheme.drawing import scheme_svg

if TYPE_CHECKING:
    from labelkit.studio import SchemeStudio


class View:
    """The page of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._body = pn.Column(sizing_mode="stretch_both", margin=0)
        self._back = _Back(session, self._reopen)
        self._revision = 0

    def show(self) -> pn.viewable.Viewable:
        self._back.fill()
        if self._revision != self._session.pulse.scheme:
            self._reopen()
        return pn.Column(
            self._back.bar,
            self._back.plan,
            self._body,
            css_classes=["lk-desk"],
            sizing_mode="stretch_both",
            margin=0,
        )

    def refresh(self, before: Pulse, now: Pulse) -> None:
        """Whoever draws stays with the drawing; saving compares it with what the scheme is then."""
        if before.scheme != now.scheme:
            self._back.fill()

    def _reopen(self) -> None:
        """Open the studio at the present scheme."""
        self._revision = self._session.pulse.scheme
        told = "The studio is being opened: example faces are found and looked at once…"
        self._body.objects = [_plain(self._session.project.scheme, parts.note(told))]
        pn.state.execute(self._open)

    async def _open(self) -> None:
        session, revision = self._session, self._revision
        session.shell.busy = True
        try:
            studio = await session.aside(self._made)
            if revision == self._revision:
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


class _Back:
    """A bar that says who changed the scheme last, and takes that back after showing what it means.

    ``undone`` is called when it was taken back.
    """

    def __init__(self, session: Session, undone: Callable[[], None]) -> None:
        self._session, self._undone = session, undone
        self._who = parts.html("", sizing_mode=None)
        ask = parts.button("Take it back…")
        ask.on_click(session.guarded(self._ask))
        self.bar = parts.row(self._who, ask, visible=False)
        self._told = parts.html("")
        yes, no = parts.button("Take the change back", "primary"), parts.button("Leave it")
        yes.on_click(session.guarded(self._do))
        no.on_click(lambda _: self._close())
        self.plan = parts.card(
            self._told, parts.row(yes, no), title="Back to the scheme before", visible=False
        )

    def fill(self) -> None:
        """Say which change there is to take back; nothing is shown where there is none."""
        now = self._session.project.store.scheme_revision()
        self.bar.visible = (now.restores or now.revision) > 1
        time = f"{now.time.astimezone():%Y-%m-%d %H:%M}"
        what = f"Revision {now.revision} of the scheme, by {now.author or 'nobody'}, {time}"
        note = f" · {now.note}" if now.note else ""
        self._who.object = f"<span class='muted small'>{esc(what + note)}</span>"
        self._close()

    def _close(self) -> None:
        self.plan.visible = False

    def _ask(self, *_: object) -> None:
        change = self._session.project.plan_scheme_undo()
        self._told.object = parts.lines(
            [*change.describe(), "no annotation is lost: what was said of points that go is kept"]
        )
        self.plan.visible = True

    def _do(self, *_: object) -> None:
        session = self._session
        switch = session.project.undo_scheme_change(session.author)
        session.look()
        more = f"; {parts.count(switch.waiting, 'face')} waiting for new points" if switch.waiting else ""
        session.tell(f"The scheme is as it was before: {len(switch.revision.scheme)} points{more}")
        self.fill()
        self._undone()


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

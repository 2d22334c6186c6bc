"""The page *Quality*: how far the model was off, how sure it was, who has done how much, which shapes
are odd, and how people differ."""

from __future__ import annotations

import panel as pn

from labelkit.app import parts
from labelkit.app.drawing import bars, histogram
from labelkit.app.judging import cards, judge
from labelkit.app.parts import esc
from labelkit.app.session import Session, problem
from labelkit.app.shared import Pulse
from labelkit.project.corrections import Corrections, collect
from labelkit.scheme.drawing import scheme_svg

#: So many points are named in the list of the worst.
_WORST = 12


class View:
    """The page of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._body = parts.stack()
        self._seen: object = None

    def show(self) -> pn.viewable.Viewable:
        self._begin()
        return parts.page(
            "Quality",
            "What people changed of what the model had said, which labels look wrong, how the work goes.",
            self._body,
        )

    def refresh(self, before: Pulse, now: Pulse) -> None:
        self._begin()

    def _begin(self) -> None:
        pulse = self._session.pulse
        seen = (pulse.position, pulse.states, pulse.scheme)
        if seen != self._seen:
            self._seen = seen
            pn.state.execute(self._look)

    async def _look(self) -> None:
        seen = self._seen
        try:
            project = self._session.project
            found = await self._session.aside(lambda: collect(project))
            pictures = _pictures(found)
            if seen == self._seen:
                self._body.objects = pictures
            shapes = await self._session.aside(lambda: judge(project.store))
        except Exception as error:  # noqa: BLE001 - the person is told, and `problem` logs it
            self._body.objects = [parts.html(parts.note(esc(problem(error)), "bad"))]
            return
        if seen == self._seen:
            self._body.objects = [*pictures, *cards(self._session, shapes)]


def _pictures(found: Corrections) -> list[pn.viewable.Viewable]:
    """The page's pictures, or what has to be done before there can be any."""
    cards: list[pn.viewable.Viewable] = []
    if not found.faces:
        told = "Accept some faces in <b>Review</b>: how far the model was off is then shown here."
        cards.append(parts.card(parts.html(parts.empty("chart", "No corrections yet", told))))
    else:
        cards.append(parts.card(parts.html(_figures(found))))
        cards.append(parts.columns(_errors(found), _by_point(found)))
        cards.append(parts.columns(_map(found), _people(found)))
    beside = [_doubts(found)] if len(found.scores) else []
    if not found.faces and found.people:
        beside.append(_people(found))
    return [*cards, parts.columns(*beside)] if beside else cards


def _figures(found: Corrections) -> str:
    return parts.numbers(
        [
            (f"{found.faces:,}", "faces compared"),
            (f"{found.mean:.2f} %", "of the eye distance: the model's mean error"),
            (f"{100 * found.untouched:.0f} %", "of the points left as they were"),
            (f"{found.worst:.1f} %", "the worst face"),
        ]
    )


def _errors(found: Corrections) -> pn.Column:
    counts, edges = found.histogram()
    picture = histogram(
        counts,
        edges,
        "error of a face, % of the eye distance",
        marks=[(found.mean, f"mean {found.mean:.1f}")],
    )
    return parts.card(parts.html(picture), title="How far the model was off, by face")


def _by_point(found: Corrections) -> pn.Column:
    worst = found.by_point()[:_WORST]
    rows = [(name, [(round(error, 2), "var(--lk-accent)")]) for name, error in worst]
    return parts.card(
        parts.html(bars(rows, "mean correction by point", " %")), title="Points that were moved the most"
    )


def _map(found: Corrections) -> pn.Column:
    weights, titles = found.weights()
    picture = scheme_svg(found.scheme, weights, titles)
    return parts.card(
        parts.html(f"{picture}<p class='muted small'>Yellow points were moved furthest; point at one.</p>"),
        title="Mean correction on the mean face",
    )


def _people(found: Corrections) -> pn.Column:
    colours = ("var(--lk-good)", "var(--lk-accent)", "var(--lk-strong)")
    rows = [
        (name, [(float(count), colour) for count, colour in zip(counts, colours, strict=True)])
        for name, counts in found.people.items()
    ]
    names = ("finished", "in progress or returned", "set aside")
    marks = "".join(_key(colour, name) for colour, name in zip(colours, names, strict=True))
    legend = f"<p class='small muted'>{marks}</p>"
    return parts.card(parts.html(bars(rows, "faces by person") + legend), title="Progress by person")


def _key(colour: str, name: str) -> str:
    return f"<span class='key'><i style='background:{colour}'></i>{name}</span>"


def _doubts(found: Corrections) -> pn.Column:
    counts, edges = found.doubts()
    picture = histogram(counts, edges, "uncertainty of faces that wait, %", "#E69F00")
    return parts.card(parts.html(picture), title="How unsure the model is of what waits")

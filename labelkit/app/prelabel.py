"""The page *Prelabel*: a model finds the faces and places the points, in a process of its own."""

from __future__ import annotations

import panel as pn

from labelkit.app import parts
from labelkit.app.jobs import AT_WORK, devices, progress_bar, state_chip
from labelkit.app.models import ModelCard, known_models
from labelkit.app.parts import esc
from labelkit.app.session import WAITING, Session
from labelkit.app.shared import Pulse
from labelkit.store import FaceState, Job, JobState


class View:
    """The page of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._models: dict[str, ModelCard] = {}
        self._model = pn.widgets.Select(name="Model", options=[], sizing_mode="stretch_width", margin=0)
        self._about = parts.html("")
        self._model.param.watch(session.guarded(lambda event: self._describe()), "value")
        self._device = parts.choice(devices(), "auto")
        self._flip = pn.widgets.Checkbox(name="Look at the mirrored photo too: slower, better", margin=0)
        self._only = pn.widgets.Checkbox(name="Leave alone what another model has placed", margin=0)
        self._start = parts.button("Start", "primary")
        self._start.on_click(session.guarded(self._begin))
        self._cancel = parts.button("Stop", "danger")
        self._cancel.on_click(session.guarded(self._stop))
        self._progress = parts.html("")
        self._review = parts.button("Review the faces", "primary")
        self._review.on_click(lambda _: session.go("review"))
        self._chosen = ""

    def show(self) -> pn.viewable.Viewable:
        self._offer()
        if not self._models:
            told = "No model is installed. Add one with <code>labelkit models add FILE</code>."
            return parts.page("Prelabel", "", parts.card(parts.html(parts.empty("face", "No model", told))))
        choice = parts.card(
            self._model,
            self._about,
            parts.label("Runs on"),
            self._device,
            self._only,
            self._flip,
            parts.row(self._start),
            title="Which model",
            width=430,
        )
        work = parts.card(self._progress, parts.row(self._cancel, self._review), title="How far it is")
        self._fill()
        return parts.page(
            "Prelabel",
            "A model finds the faces and places every point of the scheme. What people have confirmed is "
            "never touched.",
            parts.columns(choice, work),
        )

    def refresh(self, before: Pulse, now: Pulse) -> None:
        self._fill()

    def _offer(self) -> None:
        """The models that there are now; the settings' choice when it is a new one."""
        self._models = {model.name: model for model in known_models(self._session.project.folder)}
        names, chosen = list(self._models), self._session.project.settings.model
        value = self._model.value if chosen == self._chosen else chosen
        self._model.options = names
        self._model.value = value if value in names else next(iter(names), None)
        self._chosen = chosen
        self._describe()

    def _describe(self) -> None:
        model = self._models.get(self._model.value)
        self._about.object = "" if model is None else _about(model)

    def _begin(self, *_: object) -> None:
        session = self._session
        session.shared.prelabelling.start(
            model=self._models[self._model.value].path,
            device=self._device.value,
            flip=self._flip.value,
            only="new" if self._only.value else None,
            author=session.author,
        )
        session.look()

    def _stop(self, *_: object) -> None:
        job = self._session.pulse.prelabelling
        if job is not None:
            self._session.project.store.jobs.cancel(job.id)
            self._session.tell("It stops after the photos that it holds; what is done is kept.")
            self._session.look()

    def _fill(self) -> None:
        pulse = self._session.pulse
        job = pulse.prelabelling
        running = job is not None and job.state in AT_WORK
        self._start.disabled = running
        self._cancel.visible = running
        self._cancel.disabled = job is not None and job.cancel
        self._review.visible = not running and pulse.count(*WAITING) > 0
        self._start.name = "Start" if job is None or job.state is JobState.DONE else "Go on"
        self._progress.object = self._told(job, pulse)

    def _told(self, job: Job | None, pulse: Pulse) -> str:
        """How far the newest prelabelling is, or what there is to do, as HTML."""
        if job is None:
            if not pulse.photos.total:
                return parts.empty("photo", "No photos yet", "Add some on the page Images first.")
            return parts.empty(
                "face", "Nothing has been prelabelled yet", f"{_left(pulse)} Press <b>Start</b>."
            )
        work = self._session.shared.prelabelling
        pieces = [state_chip(job)]
        if job.state in (JobState.RUNNING, JobState.CANCELLED, JobState.INTERRUPTED):
            pieces.append(progress_bar(job, "photos"))
        told = parts.numbers(
            [
                (f"{job.done:,}", "photos done"),
                (f"{pulse.count(FaceState.PREDICTED):,}", "faces to review"),
                (f"{pulse.count(FaceState.NO_FACE):,}", "photos without a face"),
            ]
        )
        pieces.append(told)
        report = work.report
        if report is not None and report.job == job.id:
            if report.problems:
                pieces.append(
                    f"<h2>Left out: {len(report.problems):,}</h2>{parts.lines(list(report.problems))}"
                )
            if report.terms:
                pieces.append(f"<p class='muted small'>{esc(report.model)}: {esc(report.terms)}</p>")
        if job.state is JobState.DONE and (pulse.photos.unsearched or pulse.count(FaceState.TODO)):
            pieces.append(parts.note(f"{_left(pulse)} Press <b>Start</b>.", "warn"))
        if work.problem and job.state is not JobState.RUNNING:
            pieces.append(parts.note(esc(work.problem), "bad"))
        return "<div style='display:grid;gap:16px'>" + "".join(pieces) + "</div>"


def _about(model: ModelCard) -> str:
    rows: list[tuple[str, str]] = [
        (name, value)
        for name, value in (
            ("", model.description),
            ("Error", model.error),
            ("Uncertainty", "says of every point how sure it is" if model.sure else ""),
            ("Size", f"{model.megabytes:.0f} MB"),
            ("Terms", model.terms),
        )
        if value
    ]
    return "".join(_fact(name, value) for name, value in rows)


def _fact(name: str, value: str) -> str:
    title = f"<b>{esc(name)}</b> " if name else ""
    return f"<p class='small'>{title}<span class='muted'>{esc(value)}</span></p>"


def _left(pulse: Pulse) -> str:
    if pulse.photos.unsearched:
        return f"{parts.count(pulse.photos.unsearched, 'photo')} not searched for faces yet."
    todo = pulse.count(FaceState.TODO)
    return f"{parts.count(todo, 'face')} without points." if todo else "Every face has points."

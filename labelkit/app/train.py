"""The page *Train*: a model learns the project's scheme from confirmed faces, in a process of its own."""

from __future__ import annotations

import panel as pn

from labelkit.app import parts
from labelkit.app.drawing import curve
from labelkit.app.jobs import AT_WORK, devices, progress_bar, state_chip
from labelkit.app.models import Version, versions
from labelkit.app.parts import esc
from labelkit.app.session import Session
from labelkit.app.shared import Pulse
from labelkit.project.tuning import TuneReport, tune_report
from labelkit.store import FINISHED, FaceState, Job, JobState
from labelkit.train.few_shot_files import read_curve

#: So many corrected faces are what a model is fine-tuned to.
ENOUGH = 10

#: What is told where nothing was learnt: because nothing was corrected, or all the same.
_UNCORRECTED = (
    "<b>Nothing to learn:</b> no face was corrected, the labels are what the model said. The model in use "
    "stays. Move the points that are off in <b>Review</b>, on some faces, then train again."
)
_NOTHING = (
    "<b>Nothing was learnt:</b> no change made the model better on people whom it did not see. The model in "
    "use stays. Correct more faces, those with points that are off, then train again."
)

#: What the refinement head does, in words.
HEADS = {
    "heads": "has learnt what points look like",
    "offsets": "has learnt offsets of points",
    "step": "works as before",
    "spread": "only says how sure the model is",
}


class View:
    """The page of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._told = parts.html("")
        self._review = parts.button("Review faces")
        self._review.on_click(lambda _: session.go("review"))
        self._device = parts.choice(devices(), "auto")
        self._start = parts.button("Start", "primary")
        self._start.on_click(session.guarded(self._begin))
        self._cancel = parts.button("Stop", "danger")
        self._cancel.on_click(session.guarded(self._stop))
        self._progress = parts.html("")
        self._prelabel = parts.button("Prelabel with it", "primary")
        self._prelabel.on_click(lambda _: session.go("prelabel"))
        self._versions = pn.Column(sizing_mode="stretch_width", margin=0, css_classes=["lk-stack"])

    def show(self) -> pn.viewable.Viewable:
        self._fill()
        self._list()
        label = parts.html("<span class='muted small'>Runs on</span>", width=56, sizing_mode="fixed")
        faces = parts.card(
            self._told,
            parts.row(label, self._device),
            parts.row(self._start, self._review),
            title="What it learns from",
            width=430,
        )
        work = parts.card(
            self._progress, parts.row(self._cancel, self._prelabel), title="How far it is", min_height=260
        )
        return parts.page(
            "Train",
            "Some corrected faces teach the model your scheme; the rest is then prelabelled better. What "
            "people have confirmed is never touched.",
            parts.columns(faces, work),
            parts.card(self._versions, title="Models of this project"),
        )

    def refresh(self, before: Pulse, now: Pulse) -> None:
        self._fill()
        if before.training != now.training:
            self._list()

    def _begin(self, *_: object) -> None:
        self._session.shared.training.start(device=self._device.value, author=self._session.author)
        self._session.look()

    def _stop(self, *_: object) -> None:
        job = self._session.pulse.training
        if job is not None:
            self._session.project.store.jobs.cancel(job.id)
            self._session.tell("It stops after the step that it is at; the best so far is kept.")
            self._session.look()

    def _use(self, name: str) -> None:
        self._session.project.use_model(name, author=self._session.author)
        self._session.tell(f"Prelabelling takes {name} from now on.")
        self._list()
        self._fill()

    def _fill(self) -> None:
        pulse, session = self._session.pulse, self._session
        job = pulse.training
        running = job is not None and job.state in AT_WORK
        done = pulse.count(*FINISHED)
        self._told.object = _faces(done)
        self._review.visible = pulse.count(FaceState.PREDICTED, FaceState.RETURNED) > 0
        self._start.disabled = running or not done
        self._cancel.visible = running
        self._cancel.disabled = job is not None and job.cancel
        self._start.name = "Start" if job is None else "Train again"
        report = tune_report(session.project.folder, job.id) if job is not None else None
        new = report is not None and report.name == session.project.settings.model
        self._prelabel.visible = not running and new
        self._progress.object = self._how_far(job, report)

    def _how_far(self, job: Job | None, report: TuneReport | None) -> str:
        if job is None:
            told = "Faces are confirmed in <b>Review</b>. Then press <b>Start</b>: ten faces take a minute."
            return parts.empty("face", "Nothing has been learnt yet", told)
        work = self._session.shared.training
        pieces = [state_chip(job)]
        if job.state in (JobState.RUNNING, JobState.INTERRUPTED):
            pieces.append(progress_bar(job, "steps"))
        points = read_curve(self._session.project.folder, job.id)
        if len(points) > 1:
            label = "steps of training; error in % on people who were kept aside"
            end = max(points[-1].step, 40)
            pieces.append(curve([(p.step, p.error) for p in points], label, end, " %"))
        if report is not None:
            pieces += _result(report)
        if work.problem and job.state is not JobState.RUNNING:
            pieces.append(parts.note(esc(work.problem), "bad"))
        return "<div style='display:grid;gap:16px'>" + "".join(pieces) + "</div>"

    def _list(self) -> None:
        known = versions(self._session.project.folder)
        used = self._session.project.settings.model
        if not known:
            told = "<p class='muted'>Each training leaves a model here, with its error before and after.</p>"
            self._versions.objects = [parts.html(told)]
            return
        own = {version.name for version in known}
        start = next((v.parent.split("@")[0] for v in known if v.parent), "base")
        rows = [self._row(version, used) for version in known]
        if used in own:
            back = parts.button(f"Use {start} again")
            back.on_click(self._session.guarded(lambda _: self._use(start)))
            rows.append(parts.row(back))
        self._versions.objects = rows

    def _row(self, version: Version, used: str) -> pn.viewable.Viewable:
        told = parts.html(_about(version))
        if version.name == used:
            chip = parts.html("<span class='chip good'>in use</span>", width=150, sizing_mode="fixed")
            return parts.row(told, chip)
        choose = parts.button("Use this model", width=150)
        choose.on_click(self._session.guarded(lambda _: self._use(version.name)))
        return parts.row(told, choose)


def _faces(done: int) -> str:
    """How many confirmed faces there are, and what is missing."""
    share = min(done / ENOUGH, 1.0)
    kind = "var(--lk-good)" if share >= 1 else "var(--lk-accent)"
    if share >= 1:
        told = "That is enough to begin with: more faces, and different ones, help."
    elif not done:
        told = f"Confirm some faces first: {ENOUGH} that differ from one another are a good start."
    else:
        more = f"{ENOUGH - done} more, and different from one another, help most."
        few = " With so few only an offset for every point is learnt." if done < 4 else ""
        told = f"You can begin. {more}{few}"
    bar = f"<div class='bar'><i style='width:{100 * share:.0f}%;background:{kind}'></i></div>"
    count = f"{done:,}" if done > ENOUGH else f"{done} of {ENOUGH}"
    figures = parts.numbers([(count, "faces that somebody has confirmed")])
    return f"<div style='display:grid;gap:12px'>{figures}{bar}<p class='muted'>{told}</p></div>"


def _result(report: TuneReport) -> list[str]:
    """What came of a training that was started here."""
    if not report.name:
        return [parts.note("It was stopped before there was anything to keep.", "warn")]
    pieces = []
    if report.before is not None and report.after is not None:
        figures = parts.numbers(
            [
                (f"{report.before:.2f} %", "error before"),
                (f"{report.after:.2f} %", "error after"),
                (f"{report.faces:,}", "faces"),
                (f"{report.seconds:.0f} s", "time"),
            ]
        )
        how = (
            f"Of the distance of the eye corners, on average over {parts.count(report.checked, 'face')}, "
            f"by {report.how}. Learnt: {report.what}.{_head(report)}"
        )
        pieces.append(f"{figures}<p class='muted small'>{esc(how)}</p>")
    else:
        pieces.append(parts.note(esc(f"{report.name} is there; whether it is better: {report.how}."), "warn"))
    if not report.learnt:
        pieces.append(parts.note(_NOTHING if report.corrected else _UNCORRECTED, "warn"))
    if report.problems:
        pieces.append(f"<h2>Left out: {len(report.problems):,}</h2>{parts.lines(list(report.problems))}")
    if report.terms:
        pieces.append(f"<p class='muted small'>{esc(report.name)}: {esc(report.terms)}</p>")
    return pieces


def _head(report: TuneReport) -> str:
    """What the refinement head does now, where there is one."""
    if not report.head:
        return ""
    alone = "" if report.alone is None else f" Without it the error is {report.alone:.2f} %."
    return f" The refinement head {HEADS.get(str(report.head.get('stage')), 'works')}.{alone}"


def _about(version: Version) -> str:
    when = version.date.replace("T", " ").split("+")[0]
    told = f"{parts.count(version.faces, 'face')}, {version.learnt}, {when}"
    errors = ""
    if version.before is not None and version.after is not None:
        change = f" ({100 * (version.after / version.before - 1):+.0f} %)" if version.before else ""
        errors = f" <span class='muted'>{version.before:.2f} → {version.after:.2f} %{change}</span>"
    return f"<div><b>{esc(version.name)}</b>{errors}<br><span class='muted small'>{esc(told)}</span></div>"

"""Fine-tuning a model to a project's confirmed faces: started, followed, and its model chosen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from labelkit.errors import InputError
from labelkit.prelabel.files import local_model
from labelkit.progress import told
from labelkit.project.keeping import person
from labelkit.project.settings import Settings, write_settings
from labelkit.store import Job, Store
from labelkit.store.process import ChildJob, report_path
from labelkit.train.few_shot_files import CHILD, KIND


@dataclass(frozen=True)
class TuneReport:
    """What a fine-tuning did.

    ``name`` is the new model's, "" where it was stopped before there was anything to keep; ``parent``
    the id of the model that it was made from. ``before`` and ``after`` are mean errors in percent of the
    inter-ocular distance on ``checked`` faces of people who were not learnt from (``how`` says so in
    words), None where nobody could be left out. ``stage`` says what was learnt: offsets, heads (of
    single points), network, or none. ``head`` says what the model's refinement head does now, empty
    without one: its ``stage`` (heads or offsets of its own, step, or spread where it moves no point), the
    ``share`` of its own step, and by what its ``spread`` is multiplied; ``alone`` is what ``after`` would
    be without it. ``problems`` names what was left out; ``cancelled``: it was
    stopped, and the best so far was kept.
    """

    job: int
    name: str
    parent: str
    problems: tuple[str, ...]
    cancelled: bool
    terms: str = ""
    faces: int = 0
    people: int = 0
    before: float | None = None
    after: float | None = None
    checked: int = 0
    how: str = ""
    stage: str = ""
    head: dict[str, Any] = field(default_factory=dict)
    alone: float | None = None
    steps: int = 0
    seconds: float = 0.0

    @property
    def learnt(self) -> bool:
        """Whether the new model places points otherwise than its parent, or errs less in what is told."""
        if not self.name:
            return False
        if self.stage != "none" or self.head.get("stage") in ("heads", "offsets"):
            return True
        return self.before is not None and self.after is not None and _told(self.after) < _told(self.before)

    @property
    def what(self) -> str:
        """What was learnt, in words."""
        return learnt_in_words(self.stage, self.head)

    @property
    def corrected(self) -> bool:
        """Whether the labels, as far as was checked, are anything else than what the model says."""
        return self.before is None or _told(self.before) > 0

    @property
    def better(self) -> bool:
        """Whether the new model has learnt something and is not worse than the old one, as far as is
        known."""
        worse = self.before is not None and self.after is not None and self.after > self.before
        return self.learnt and not worse


#: What was learnt, and what the refinement head then does, by their stages.
_LEARNT = {
    "offsets": "offsets of points",
    "heads": "what points look like",
    "network": "the whole network",
    "none": "nothing that does better",
}


def learnt_in_words(stage: str, head: Mapping[str, Any]) -> str:
    """What a fine-tuning taught, from ``stage`` and ``head`` of a `TuneReport`."""
    own = str(head.get("stage"))
    if stage == "none" and own in ("heads", "offsets"):
        return f"{_LEARNT[own]}, by the refinement head alone"
    return _LEARNT.get(stage, stage)


def _told(error: float) -> float:
    """An error in percent as people are told it."""
    return round(error, 2)


def tune_report(folder: Path, job: int) -> TuneReport | None:
    """What the fine-tuning ``job`` of the project in ``folder`` did; None where it is not at its end."""
    path = report_path(folder, KIND, job)
    if not path.is_file():
        return None
    data = json.loads(path.read_text(encoding="utf-8"))
    return TuneReport(**{**data, "job": job, "problems": tuple(data["problems"])})


class Tuning(ChildJob):
    """A fine-tuning in a process of its own: ``wait`` follows it to its end, ``stop`` ends it early and
    keeps the best so far."""

    kind = KIND
    what = "fine-tuning"

    def wait(self, heard: Callable[[Job], None] | None = None) -> TuneReport:
        """Follow the job to its end; ``heard`` is told of it several times a second, without it a
        notebook shows a bar. Raises as `ChildJob.follow` does.
        """
        with _listener(heard) as tell:
            return TuneReport(job=self.job.id, **self.follow(tell))


class TuningCalls:
    """What `Project` can do about models of its own."""

    folder: Path
    settings: Settings
    store: Store

    def fine_tune(
        self,
        model: str | Path | None = None,
        *,
        faces: int | None = None,
        steps: int | None = None,
        device: str = "auto",
        seed: int = 0,
        use: bool = True,
        author: str | None = None,
        heard: Callable[[Job], None] | None = None,
    ) -> TuneReport:
        """Teach a model the project's scheme by the confirmed points, and keep it as a new version in
        ``models/``.

        Runs in a process of its own and waits for it; ``heard`` is told how far it is, without it a
        notebook shows a bar. Ctrl-C keeps the best so far. ``model`` is the settings' by default; of a
        fine-tuned one the model that it was made from. ``faces`` takes only so many of the faces,
        ``steps`` changes for how long the whole network is trained where there are people enough (0:
        never). ``use``: the settings then name the new model, unless it is worse or nothing was learnt.
        Raises `InputError` when no face has a confirmed point, or with the process's own line where it
        failed.
        """
        options: dict[str, Any] = {"faces": faces, "steps": steps, "device": device, "seed": seed}
        report = self.start_fine_tune(model, **options, author=author).wait(heard)
        if use and report.better:
            self.use_model(report.name, author=author)
        return report

    def start_fine_tune(
        self,
        model: str | Path | None = None,
        *,
        faces: int | None = None,
        steps: int | None = None,
        device: str = "auto",
        seed: int = 0,
        author: str | None = None,
        child: Sequence[str] = CHILD,
    ) -> Tuning:
        """As `fine_tune`, without waiting and without choosing the new model."""
        if faces is not None and faces < 1:
            raise InputError(f"{faces} faces: at least one is needed")
        name = self.settings.model if model is None else str(model)
        own = local_model(self.folder, name)
        if own is not None or Path(name).suffix:
            name = str((own or Path(name)).absolute())
        arguments = {
            "images": str(self.settings.image_root(self.folder)),
            "model": name,
            "name": self.settings.name,
            "device": device,
            "faces": faces,
            "steps": steps,
            "seed": seed,
        }
        tuning = Tuning.begin(self.folder, self.store, arguments, child)
        what = f"{KIND} {tuning.job.id} from {Path(name).stem}"
        self.store.record(
            "train", person(author), what, {"job": tuning.job.id, "faces": faces, "steps": steps}
        )
        return tuning

    def use_model(self, name: str, *, author: str | None = None) -> None:
        """Let ``labelkit.toml`` name the model that prelabels from now on."""
        settings = replace(self.settings, model=name)
        write_settings(self.folder, settings)
        self.settings = settings
        self.store.record("model", person(author), f"{name} prelabels from now on")


@contextmanager
def _listener(heard: Callable[[Job], None] | None) -> Iterator[Callable[[Job], None]]:
    if heard is not None:
        yield heard
        return
    with told(None, "steps of fine-tuning") as count:

        def tell(job: Job) -> None:
            if job.total is not None:
                count(job.done, job.total)

        yield tell

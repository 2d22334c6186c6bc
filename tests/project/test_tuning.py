"""Fine-tuning from a project: what is handed to the process, and what becomes of its report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labelkit.errors import InputError
from labelkit.project import Project
from labelkit.project.tuning import TuneReport, Tuning, tune_report
from labelkit.store import Job, JobState
from labelkit.train.few_shot_files import read_curve

CHILD = (str(Path(__file__).parent / "fake_tuner.py"),)


def start(project: Project, model: str = "better", **options: object) -> Tuning:
    return project.start_fine_tune(model, child=CHILD, **options)  # type: ignore[arg-type]


def test_the_process_is_told_everything_and_its_report_comes_back(project: Project) -> None:
    told: list[Job] = []
    report = start(project, faces=4, steps=7, seed=3).wait(told.append)
    assert (report.name, report.before, report.after, report.better) == ("work-0001", 3.0, 2.5, True)
    assert (told[-1].state, told[-1].done, told[-1].total) == (JobState.DONE, 4, 4)
    arguments = told[-1].arguments
    assert arguments["images"] == str(project.images)
    assert (arguments["name"], arguments["faces"], arguments["steps"], arguments["seed"]) == ("work", 4, 7, 3)
    assert tune_report(project.folder, report.job) == report
    assert [point.error for point in read_curve(project.folder, report.job)] == [3.0, 2.5]


def test_nothing_is_known_of_a_job_that_is_not_at_its_end(project: Project) -> None:
    assert tune_report(project.folder, 1) is None
    assert read_curve(project.folder, 1) == []


@pytest.mark.parametrize(("model", "used"), [("better", "work-0001"), ("worse", "base"), ("same", "base")])
def test_a_model_is_used_from_then_on_unless_it_is_worse_or_the_same(
    project: Project, monkeypatch: pytest.MonkeyPatch, model: str, used: str
) -> None:
    real = Project.start_fine_tune
    monkeypatch.setattr(
        Project, "start_fine_tune", lambda self, m, **options: real(self, m, **{**options, "child": CHILD})
    )
    project.fine_tune(model)
    assert project.settings.model == used
    with Project.open(project.folder) as again:
        assert again.settings.model == used


def test_a_model_of_the_project_goes_by_its_name(project: Project) -> None:
    path = project.folder / "models" / "mine.safetensors"
    path.write_bytes(b"")
    work = start(project, "mine")
    assert work.job.arguments["model"] == str(path.absolute())
    work.wait()


def test_a_process_that_fails_says_why_in_one_line(project: Project) -> None:
    with pytest.raises(InputError, match=r"^no face has a confirmed point$"):
        start(project, "nobody").wait()


def test_a_number_of_faces_below_one_is_refused(project: Project) -> None:
    with pytest.raises(InputError, match="0 faces"):
        start(project, faces=0)
    assert not project.status().jobs


def test_a_report_without_a_model_is_no_better() -> None:
    assert not TuneReport(1, "", "base@1", (), cancelled=True).better
    assert TuneReport(1, "work-0001", "base@1", (), cancelled=False).better


@pytest.mark.parametrize(
    ("stage", "head", "errors", "learnt"),
    [
        ("none", {}, (3.0, 3.0), False),
        ("none", {"stage": "step", "share": 1.0}, (3.0, 3.0 - 1e-6), False),
        ("none", {"stage": "spread"}, (0.0, 0.0), False),
        ("none", {"stage": "step", "share": 0.5}, (3.0, 2.9), True),
        ("none", {"stage": "heads"}, (3.0, 2.9), True),
        ("offsets", {}, (None, None), True),
    ],
)
def test_a_model_that_learnt_nothing_is_no_better(
    stage: str, head: dict[str, object], errors: tuple[float | None, float | None], learnt: bool
) -> None:
    before, after = errors
    report = TuneReport(
        1, "work-0001", "base@1", (), False, before=before, after=after, stage=stage, head=head
    )
    assert (report.learnt, report.better) == (learnt, learnt)
    assert report.corrected == (before != 0.0)


def test_the_report_is_plain_json(project: Project) -> None:
    report = start(project).wait()
    text = (project.folder / "cache" / f"train-{report.job}.json").read_text()
    assert json.loads(text)["name"] == "work-0001"

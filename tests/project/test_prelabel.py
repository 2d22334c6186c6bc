"""The runner with a real child process, whose model needs no torch."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelkit.errors import InputError, LabelkitError
from labelkit.landmarks import Face
from labelkit.prelabel.runner import Prelabelling
from labelkit.prelabel.work import prelabel
from labelkit.project import Project
from labelkit.scheme import Scheme
from labelkit.store import Job, JobState

from .conftest import NAMES, face_at, make_photo
from .fake_model import FakeModel

CHILD = (str(Path(__file__).parent / "fake_child.py"),)


def start(project: Project, model: str = "fake", **arguments: Any) -> Prelabelling:
    known = {"images": str(project.images), "model": model, **arguments}
    return Prelabelling.start(project.folder, project.store, known, CHILD)


def rest(project: Project) -> int:
    """How many faces a run in this process still has to do."""
    return prelabel(project.store, project.images, FakeModel(), "fake@1").faces


def test_a_child_labels_the_photos_and_leaves_its_report_and_the_models_card(project: Project) -> None:
    told: list[Job] = []
    report = start(project).wait(told.append)
    assert (report.photos, report.faces, report.found, report.model) == (4, 4, 4, "fake@1")
    assert (report.terms, report.problems, report.cancelled) == ("for tests only", (), False)
    assert (told[-1].state, told[-1].done, told[-1].total) == (JobState.DONE, 4, 4)
    card = json.loads((project.folder / "models" / "fake@1.json").read_text())
    assert card == {"id": "fake@1", "name": "fake", "terms": "for tests only"}
    assert rest(project) == 0


def test_a_child_that_fails_says_why_in_one_line(project: Project) -> None:
    with pytest.raises(InputError, match=r"^refused\.safetensors: is no model$"):
        start(project, "refused").wait()
    assert project.status().jobs[0].state is JobState.FAILED


def test_a_child_that_breaks_keeps_what_is_done(project: Project) -> None:
    with pytest.raises(LabelkitError, match="RuntimeError: out of memory"):
        start(project, "crash").wait()
    assert project.store.models() == {"fake@1": 2}
    log = (project.folder / "cache" / "prelabel-1.log").read_text()
    assert "Traceback" in log
    assert rest(project) == 2


def test_ctrl_c_keeps_what_is_done_and_the_rest_is_done_later(project: Project, photos: Path) -> None:
    for number in range(60):
        make_photo(photos / f"more{number}.png", number)
    project.scan()

    def interrupt(job: Job) -> None:
        if job.done:
            raise KeyboardInterrupt

    work = start(project, "slow")
    with pytest.raises(KeyboardInterrupt):
        work.wait(interrupt)
    done = project.store.models()["fake@1"]
    assert work.job.cancel
    assert 0 < done < 64
    assert project.store.jobs.get(work.job.id).state is JobState.CANCELLED
    assert rest(project) == 64 - done


def test_only_one_at_a_time(project: Project, photos: Path) -> None:
    for number in range(60):
        make_photo(photos / f"more{number}.png", number)
    project.scan()
    first = start(project, "slow")
    while project.store.jobs.get(first.job.id).state is JobState.WAITING:
        time.sleep(0.01)
    with pytest.raises(InputError, match="runs already"):
        start(project)
    first.stop()


def test_labellers_go_on_while_a_model_works(project: Project, photos: Path, ibug68: Scheme) -> None:
    rest(project)
    for number in range(40):
        make_photo(photos / f"more{number}.png", number)
    project.scan()
    work = start(project, "slow")
    for shift in range(4):
        for name in NAMES:
            project.annotate(Face(name), face_at(ibug68, shift), author="ann")
    assert work.wait().faces == 40
    for name in NAMES:
        np.testing.assert_array_equal(project.landmarks(Face(name)).xy, face_at(ibug68, 3))
        assert len(project.history(Face(name))) == 4

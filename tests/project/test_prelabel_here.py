"""Models and detectors that are objects: asked in this process."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from PIL import Image

from labelkit.errors import InputError
from labelkit.geometry import Box, Crop, tight_box
from labelkit.prediction import BoxLike, Prediction
from labelkit.project import Project
from labelkit.scheme import Scheme
from labelkit.store import JobState

from .conftest import make_photo


@dataclass
class Plain:
    """Lays the plane over every box; as its ``points`` say, too few of them."""

    id: str = "plain@1"
    name: str = "plain"
    points: int | None = None
    interrupted: bool = False
    asked: list[int] = field(default_factory=list)

    def predict(
        self, images: Sequence[np.ndarray], boxes: Sequence[BoxLike], scheme: Scheme | str
    ) -> list[Prediction]:
        assert isinstance(scheme, Scheme)
        self.asked.append(len(boxes))
        if self.interrupted:
            signal.raise_signal(signal.SIGINT)
        tight = tight_box(scheme.plane)
        crops = [Crop.from_box(box, tight) for box in boxes if isinstance(box, Box)]
        return [
            Prediction(c.points_to_image(scheme.plane)[: self.points], self.id, c, scheme.name) for c in crops
        ]


def find(image: np.ndarray) -> list[Box]:
    """One face wherever there is light."""
    assert image.dtype == np.uint8
    return [Box(10, 10, 50, 60, "user")] if image.max() > 0 else []


def test_a_model_and_a_detector_of_ones_own_prelabel_a_project(project: Project) -> None:
    Image.new("RGB", (80, 80)).save(project.images / "dark.png")
    cut = make_photo(project.images / "cut.png", 9)
    project.scan()
    cut.write_bytes(cut.read_bytes()[:60])
    model, before = Plain(), signal.getsignal(signal.SIGINT)
    report = project.prelabel(model, find=find)
    assert report.model == "plain@1"
    assert (report.photos, report.faces, report.found, report.no_face) == (6, 4, 4, 1)
    assert len(report.problems) == 1
    assert "cut.png" in report.problems[0]
    (job,) = project.store.jobs.list("prelabel")
    assert (job.state, job.arguments["model"]) == (JobState.DONE, "plain@1")
    assert signal.getsignal(signal.SIGINT) is before
    face = next(project.faces("predicted"))
    x, y = project.landmarks(face).xy.T
    assert (x.min() + x.max()) / 2 == pytest.approx(30)
    assert (y.min() + y.max()) / 2 == pytest.approx(35)
    assert project.prelabel(model, find=find).faces == 0  # they have a prediction of it


def test_an_interrupt_keeps_what_is_done_and_the_same_call_goes_on(project: Project) -> None:
    model = Plain(interrupted=True)
    report = project.prelabel(model, find=find)
    assert report.cancelled or report.photos == len(model.asked)
    rest = project.prelabel(Plain(), find=find)
    assert not rest.cancelled
    assert not list(project.faces("todo"))


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (object(), "object is no model: it needs name, id and predict"),
        (Plain(id="a/b"), "'a/b' is no id for a model"),
        (Plain(points=5), "model plain: gave 5 points of a scheme with 68"),
    ],
)
def test_what_is_no_model_is_told_in_a_line(project: Project, model: Plain, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        project.prelabel(model, find=find)
    assert not list(project.faces("predicted"))


def test_none_begins_beside_another(project: Project) -> None:
    job = project.store.jobs.add("prelabel", {})
    project.store.jobs.start(job.id)
    with pytest.raises(InputError, match="prelabelling runs already"):
        project.prelabel(Plain(), find=find)

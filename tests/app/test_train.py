"""What the page Train says, from numbers; that it works is tested in a browser."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from labelkit.app.drawing import curve
from labelkit.app.models import Version, versions
from labelkit.app.train import _about, _faces, _result
from labelkit.checkpoint import save_checkpoint
from labelkit.project.tuning import TuneReport


def write(folder: Path, name: str, date: str, **tuned: object) -> None:
    (folder / "models").mkdir(exist_ok=True)
    card = {"kind": "tufa", "name": name, "date": date, "tuned": {"faces": 10, "stage": "heads", **tuned}}
    path = folder / "models" / f"{name}.safetensors"
    save_checkpoint(path, {"weight": torch.zeros(1)}, card if tuned else {"kind": "tufa", "name": name})


def test_versions_are_listed_the_newest_first_and_nothing_else(tmp_path: Path) -> None:
    assert versions(tmp_path) == []
    write(tmp_path, "work-0001", "2026-01-02T10:00:00+00:00", before=3.0, after=2.5, parent="base@1")
    write(tmp_path, "work-0002", "2026-01-03T10:00:00+00:00", before=None, after=None)
    write(tmp_path, "added", "2026-01-04")
    (tmp_path / "models" / "broken.safetensors").write_bytes(b"no")
    found = versions(tmp_path)
    assert [(v.name, v.before, v.after, v.parent) for v in found] == [
        ("work-0002", None, None, ""),
        ("work-0001", 3.0, 2.5, "base@1"),
    ]
    assert "3.00 → 2.50 % (-17 %)" in _about(found[1])
    assert "→" not in _about(found[0])


@pytest.mark.parametrize(
    ("done", "told"),
    [
        (0, "Confirm some faces first"),
        (2, "only an offset"),
        (7, "3 more"),
        (12, "enough to begin with"),
    ],
)
def test_it_says_what_is_missing(done: int, told: str) -> None:
    assert told in _faces(done)
    assert (f"{done} of 10" in _faces(done)) == (done <= 10)


def test_what_the_refinement_head_alone_has_learnt_is_told_as_that() -> None:
    report = TuneReport(1, "a-0001", "base@1", (), False, before=0.8, after=0.4, checked=10, stage="none")
    told = "".join(_result(replace(report, head={"stage": "heads"})))
    assert "Learnt: what points look like, by the refinement head alone" in told
    assert "Learnt: nothing that does better" in "".join(_result(replace(report, head={"stage": "step"})))


def test_what_came_of_it_is_told_with_what_was_left_out() -> None:
    report = TuneReport(
        1,
        "work-0001",
        "base@1",
        ("<b>.jpg: gone",),
        False,
        "for research",
        10,
        10,
        3.0,
        2.5,
        10,
        "x",
        "heads",
    )
    told = "".join(_result(report))
    for part in ("3.00 %", "2.50 %", "what points look like", "&lt;b&gt;.jpg: gone", "for research"):
        assert part in told
    assert "before there was anything" in _result(TuneReport(1, "", "base@1", (), True))[0]
    assert "whether it is better" in "".join(_result(TuneReport(1, "a-0001", "base@1", (), False)))


def test_where_nothing_was_learnt_it_says_why_and_what_to_do() -> None:
    same = TuneReport(1, "a-0001", "base@1", (), False, before=0.0, after=0.0, how="x", stage="none")
    told = "".join(_result(same))
    assert "no face was corrected" in told
    assert "Review" in told
    hard = "".join(_result(replace(same, before=3.0, after=3.0)))
    assert "no face was corrected" not in hard
    assert "model in use stays" in hard
    assert "model in use stays" not in "".join(_result(replace(same, before=3.0, after=2.5, stage="heads")))


def test_a_version_without_an_error_before_is_listed() -> None:
    assert "0.00 → 0.00 %</span>" in _about(Version("a-0001", 10, 0.0, 0.0, "none", "2026-01-02", "base@1"))


def test_a_curve_lies_inside_its_picture_and_names_its_best() -> None:
    drawn = curve([(0, 3.0), (20, 2.5), (40, 2.7)], "steps", 160, " %")
    places = re.search(r'points="([^"]+)"', drawn)
    assert places is not None
    xy = np.array([place.split(",") for place in places[1].split()], float)
    assert (xy >= 0).all()
    assert (xy <= (560, 200)).all()
    assert (np.diff(xy[:, 0]) > 0).all()
    assert xy[1, 1] > xy[2, 1] > xy[0, 1]  # y is down
    assert ">2.50 %<" in drawn
    assert "nan" not in curve([(0, 3.0), (20, 3.0)], "steps", 20)

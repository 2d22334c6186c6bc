"""``labelkit outliers`` and ``agreement``, and the orders of ``labelkit queue``, as somebody types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from labelkit.cli import app
from labelkit.geometry import Crop, Similarity
from labelkit.landmarks import Face
from labelkit.project import Project
from labelkit.store import NewFace, NewImage


def run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return result.output


def as_json(*words: str) -> Any:
    return json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Ten labelled faces, the fourth of them with left and right swapped."""
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    Image.new("RGB", (80, 80)).save("photos/[a].png")
    with Project.create("work", "photos", "ibug68") as project:
        crop = Crop(Similarity(100.0, 0.0, 150.0, 150.0))
        rng = np.random.default_rng(0)
        images = project.store.add_images([NewImage(f"[{number}].png") for number in range(10)])
        project.store.add_faces([NewFace(image) for image in images])
        for number in range(10):
            xy = crop.points_to_image(project.scheme.plane + rng.normal(0, 0.006, (68, 2)))
            xy = xy[project.scheme.mirror_index] if number == 3 else xy
            project.annotate(Face(f"[{number}].png"), xy, author="ann")
    return "work"


def test_outliers_are_listed_with_what_is_wrong(work: str) -> None:
    said = run("outliers", work)
    assert "[3].png" in said
    assert "left and right swapped" in said
    assert "1 of 1 odd face" in said
    told = as_json("outliers", work)
    assert told["odd"] == 1
    assert told["outliers"][0]["image"] == "[3].png"
    assert told["outliers"][0]["state"] == "done"
    assert told["outliers"][0]["size"] > 1


def test_agreement_tells_habits_and_distances(work: str) -> None:
    assert run("agreement", work) == "no face has been annotated by more than one person\n"
    assert as_json("agreement", work) == {"pairs": []}
    with Project.open(work) as project:
        rng = np.random.default_rng(1)
        for number in (0, 1, 2, 4, 5, 6, 7, 8):
            face = Face(f"[{number}].png")
            moved = project.landmarks(face).xy + rng.normal(0, 0.2, (68, 2))
            moved[17:22, 1] -= 5
            project.annotate(face, moved, author="bob", base_revision=1)
    said = run("agreement", work)
    assert "ann and bob: 8 faces" in said
    assert "on 8 of them one began with what the other had saved" in said
    assert "bob places all points of brow_right 6." in said
    (pair,) = as_json("agreement", work)["pairs"]
    assert (pair["first"], pair["second"], pair["faces"], pair["seen"]) == ("ann", "bob", 8, 8)
    assert len(pair["points"]) == len(pair["distance"]) == 68


def test_a_project_without_odd_shapes_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    Image.new("RGB", (80, 80)).save("photos/a.png")
    run("new", "empty", "--images", "photos", "--scheme", "ibug68")
    assert run("outliers", "empty") == "no shape is odd\n"
    assert as_json("outliers", "empty") == {"odd": 0, "outliers": []}


def test_the_queue_takes_an_order_a_seed_and_a_person(work: str) -> None:
    with Project.open(work) as project:
        for number in range(10):
            project.send_back(Face(f"[{number}].png"), "again", "bob")
        project.store.leases.take([project.find(Face("[0].png")).id], "ann")

    def names(*words: str) -> list[str]:
        return [entry["image"] for entry in as_json("queue", work, *words)["queue"]]

    assert names("--order", "oldest") == [f"[{number}].png" for number in range(10)]
    assert names("--order", "outliers")[0] == "[3].png"
    assert sorted(names("--order", "teaching")) == sorted(names())
    assert names("--order", "random", "--seed", "1") != names("--order", "random", "--seed", "2")
    assert "[0].png" in names()
    assert "[0].png" in names("--for", "ann")
    assert "[0].png" not in names("--for", "bob")
    assert "ann has it open" in run("queue", work, "--order", "oldest")
    assert CliRunner().invoke(app, ["queue", work, "--order", "quick"]).exit_code == 2

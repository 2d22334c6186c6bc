from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import labelkit as lk
from labelkit.errors import InputError
from labelkit.geometry import Box
from labelkit.project import Project
from labelkit.scheme import Point, Scheme, load_scheme
from labelkit.scheme.edit import add_point, rename_points
from labelkit.studio.faces import ExampleRow
from labelkit.studio.studio import change_lines, change_scheme

SCHEME = load_scheme("celeba5")


def refuse() -> Any:
    raise AssertionError("nothing is to be loaded before anybody looks")


@pytest.fixture
def row() -> ExampleRow:
    return ExampleRow(refuse, refuse)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(np.full((60, 80, 3), 90, np.uint8)).save(photos / "a.png")
    with Project.create(tmp_path / "work", photos, "celeba5") as made:
        yield made


def grown(scheme: Scheme) -> Scheme:
    return add_point(rename_points(scheme, {scheme.names[0]: "renamed"}), Point("new", 0.0, 0.5))


def test_nothing_is_loaded_before_anybody_looks(row: ExampleRow) -> None:
    studio = lk.SchemeStudio("celeba5", examples=row)
    assert studio.scheme == SCHEME
    setup = json.loads(studio.panel().setup)
    assert setup["scheme"] == SCHEME.to_dict()
    assert "ibug68" in {ghost["name"] for ghost in setup["ghosts"]}
    assert not setup["can_save"]


@pytest.mark.parametrize("view", ["panel", "widget"])
def test_what_is_drawn_is_the_studios_scheme_and_can_be_written(
    row: ExampleRow, tmp_path: Path, view: str
) -> None:
    studio = lk.SchemeStudio("celeba5", examples=row)
    shown = studio.panel() if view == "panel" else studio.widget
    drawn = replace(SCHEME, name="drawn")
    shown.draft = json.dumps({"seq": 1, "scheme": drawn.to_dict(), "renamed": {}})
    assert studio.scheme == drawn
    assert json.loads(shown.checked) == {"seq": 1, "problem": None}
    studio.write(tmp_path / "drawn.json")
    assert load_scheme(tmp_path / "drawn.json") == drawn


def test_a_notebook_shows_the_widget(row: ExampleRow) -> None:
    studio = lk.SchemeStudio("celeba5", examples=row)
    bundle = studio._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle[0]


def test_a_row_needs_a_face() -> None:
    with pytest.raises(InputError, match="at least 1"):
        lk.SchemeStudio("celeba5", faces=0)


def test_a_projects_studio_begins_with_its_scheme_and_saves_to_it(project: Project, row: ExampleRow) -> None:
    studio = lk.SchemeStudio(project=project, author="ann", examples=row)
    assert studio.scheme == project.scheme
    pane = studio.panel()
    new = grown(SCHEME).to_dict()
    content = {"scheme": new, "renamed": {SCHEME.names[0]: "renamed"}}
    pane.requests = json.dumps([{"id": "1", "name": "plan", **content}])
    lines = json.loads(pane.replies)[-1]["lines"]
    assert any("1 point added: new" in line for line in lines)
    assert any("renamed" in line for line in lines)
    assert project.scheme == SCHEME
    pane.requests = json.dumps([{"id": "2", "name": "save", **content}])
    assert "revision 2" in json.loads(pane.replies)[-1]["saved"]
    assert "new" in project.scheme.names


def test_without_an_author_nothing_is_saved_to_the_project(project: Project, row: ExampleRow) -> None:
    pane = lk.SchemeStudio(project=project, examples=row).panel()
    assert not json.loads(pane.setup)["can_save"]


def test_finished_faces_that_will_wait_are_counted(project: Project) -> None:
    face = project.add_face("a.png", Box(10, 10, 50, 50, "user"), "ann")
    project.annotate(face, np.arange(10.0).reshape(5, 2), author="ann")
    lines = change_lines(project, grown(SCHEME), {})
    assert "1 finished face will wait for the new points" in lines
    assert "1 face waits for the new points" in change_scheme(project, "ann", grown(SCHEME), {})


def test_a_scheme_that_has_not_changed_asks_nothing(project: Project) -> None:
    assert change_lines(project, SCHEME, {}) == []
    assert "nothing has changed" in change_scheme(project, "ann", SCHEME, {})

"""``labelkit train``, as somebody types it; the process that trains is replaced."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from labelkit.cli import app
from labelkit.project import Project
from labelkit.project.settings import read_settings

FAKE = (str(Path(__file__).parent / "project" / "fake_tuner.py"),)


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in the current folder."""
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (80, 80)).save(tmp_path / "photos" / "a.png")
    Project.create(tmp_path / "work", tmp_path / "photos", "ibug68").close()
    monkeypatch.chdir(tmp_path)
    real = Project.start_fine_tune
    monkeypatch.setattr(
        Project, "start_fine_tune", lambda self, model, **options: real(self, model, **options, child=FAKE)
    )
    return tmp_path / "work"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["train", "work", *arguments])


def test_it_tells_the_gain_and_prelabels_with_the_new_model_from_then_on(work: Path) -> None:
    result = run("--model", "better")
    assert result.exit_code == 0, result.output
    assert "work-0001: learnt from 4 faces" in result.stdout
    assert "3.00 % before, 2.50 % after (-17 %), on 4 faces, by leaving people out in turn" in result.stdout
    assert "labelkit prelabel work" in result.stdout
    assert read_settings(work).model == "work-0001"


@pytest.mark.parametrize("options", [("--model", "worse"), ("--model", "better", "--no-use")])
def test_a_worse_one_or_one_that_is_not_wanted_is_not_used(work: Path, options: tuple[str, ...]) -> None:
    result = run(*options)
    assert result.exit_code == 0, result.output
    assert "To use it all the same: labelkit prelabel work --model work-0001" in result.stdout
    assert read_settings(work).model == "base"


def test_a_model_that_learnt_nothing_is_not_used_and_one_line_says_so(work: Path) -> None:
    result = run("--model", "same")
    assert result.exit_code == 0, result.output
    last = result.stdout.splitlines()[-1]
    assert last.startswith("Nothing was corrected, so there is nothing to learn: base stays in use")
    assert read_settings(work).model == "base"


def test_json_is_one_object_and_nothing_else() -> None:
    result = run("--model", "better", "--json")
    found = json.loads(result.stdout)
    assert (found["name"], found["before"], found["after"], found["used"]) == ("work-0001", 3.0, 2.5, True)


def test_a_problem_is_one_line_and_exit_code_1() -> None:
    result = run("--model", "nobody")
    assert result.exit_code == 1
    assert result.stderr.strip().splitlines()[-1] == "labelkit: no face has a confirmed point"
    assert "Traceback" not in result.output


def test_no_faces_at_all_is_wrong_usage() -> None:
    assert run("--faces", "0").exit_code == 2

"""``labelkit fit detector``, on one portrait and a network as large as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from labelkit.cli import app
from labelkit.images import example_faces
from labelkit.train.detector import loop
from labelkit.train.detector.views import ViewConfig

RUNNER = CliRunner()

HEADER = (
    "image,x0,y0,x1,y1,right_eye_x,right_eye_y,left_eye_x,left_eye_y,"
    "nose_x,nose_y,mouth_right_x,mouth_right_y,mouth_left_x,mouth_left_y"
)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "photos" / "train"
    folder.mkdir(parents=True)
    Image.fromarray(example_faces()[0].load()).save(folder / "a.png")
    row = "train/a.png,183,93,262,178,201,115,238,112,223,135,209,153,241,151"
    (folder.parent / "faces.csv").write_text(f"{HEADER}\n{row}\ntrain/a.png,1,2\n")
    monkeypatch.setattr(loop, "ViewConfig", lambda: ViewConfig(size=64))
    monkeypatch.chdir(tmp_path)
    return folder


def fit(photos: Path, *more: str) -> object:
    args = ["fit", "detector", "--data", str(photos), "-o", "d.safetensors", "--batch", "1", *more]
    return RUNNER.invoke(app, args)


def test_a_detector_is_trained_resumed_and_described(photos: Path) -> None:
    first = fit(photos, "--passes", "1", "--json")
    assert first.exit_code == 0, first.output
    told = json.loads(first.stdout)
    assert told["training"]["passes"] == 1
    assert "photos/train: 1 photos, 1 faces" in first.stderr
    assert "faces.csv, line 3" in first.stderr
    assert Path("d.safetensors").exists()
    second = fit(photos, "--passes", "2", "--resume", "--dev", str(photos))
    assert second.exit_code == 0, second.output
    assert "2 images seen" in second.stdout
    shown = RUNNER.invoke(app, ["models", "show", "d.safetensors"])
    assert shown.exit_code == 0
    assert "photos/train" in shown.stdout


def test_a_new_run_sets_the_state_of_the_one_before_aside(photos: Path) -> None:
    assert fit(photos, "--passes", "1").exit_code == 0
    again = fit(photos, "--passes", "1")
    assert again.exit_code == 0
    assert "--resume would have gone on" in again.stderr
    assert Path("d.state.before.safetensors").exists()


def test_resuming_without_a_state_is_one_line(photos: Path) -> None:
    answer = fit(photos, "--resume")
    assert answer.exit_code == 1
    assert "there is no state to resume from" in answer.stderr


@pytest.mark.parametrize("option", [["--start", "base"], ["--leave-out", "1,15"], ["--dense", "4"]])
def test_what_a_detector_does_not_take_is_wrong_usage(photos: Path, option: list[str]) -> None:
    answer = fit(photos, *option)
    assert answer.exit_code == 2
    assert "is nothing that a detector takes" in " ".join(answer.stderr.split())

"""``labelkit fit tiny-refine``, on made photos and for a model that was never trained."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from labelkit.checkpoint import read_card
from labelkit.cli import app
from labelkit.dataset import Dataset, Sample
from labelkit.formats import write
from labelkit.geometry import Box, Crop, Similarity
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks
from labelkit.models.build import TUFAConfig, build_tufa
from labelkit.models.registry import load_model, save_model
from labelkit.scheme import load_scheme


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LABELKIT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def faces(folder: Path, scheme: str = "ibug68", count: int = 3) -> Path:
    """Photos of one colour each, labelled as if a face were there."""
    folder.mkdir(parents=True)
    known = load_scheme(scheme)
    samples = []
    for i in range(count):
        path = folder / f"{i}.png"
        Image.fromarray(np.full((120, 120, 3), 10 * i, np.uint8)).save(path)
        xy = Crop(Similarity(40.0, 2.0 * i, 60.0, 55.0)).points_to_image(known.plane)
        samples.append(Sample(ImageFile(path), None, Landmarks(known, xy)))
    write(Dataset(tuple(samples), known, folder), folder, "300w")
    return folder


def fit(data: Path, model: str | Path, *more: str, code: int = 0) -> Result:
    args = ["fit", "tiny-refine", "--data", str(data), "--start", str(model), "-o", "head.safetensors"]
    result = CliRunner().invoke(app, [*args, "--batch", "2", "--device", "cpu", *more])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def test_a_head_is_trained_added_and_used(pair: Path) -> None:
    data, model = faces(Path("ibug68/train")), pair / "made.safetensors"
    dev = faces(Path("ibug68/dev"), count=12)  # as many as a calibration takes
    result = fit(data, model, "--dev", str(dev), "--passes", "4")
    assert "ibug68: 3 faces, ibug68" in result.stderr
    assert "use it: labelkit models add head.safetensors" in result.stdout
    card = read_card(Path("head.safetensors"))
    assert card["base"] == {"name": "made", "hash": read_card(model)["hash"]}
    assert card["recipe"]["name"] == "tiny-refine"
    for file in (model, "head.safetensors"):
        assert CliRunner().invoke(app, ["models", "add", str(file)]).exit_code == 0
    made = load_model("made", "cpu")
    assert made.id.endswith(f"+head@{card['hash'][:12]}")
    photo = np.asarray(Image.open(data / "0.png").convert("RGB"))
    (found,) = made.predict([photo], [Box(30, 20, 90, 95, kind="user")], "ibug68")
    assert np.isfinite(found.cov).all()
    assert ((found.confidence >= 0) & (found.confidence <= 1)).all()


def test_a_run_is_resumed_and_a_new_one_keeps_the_state_of_the_one_before(pair: Path) -> None:
    data, model = faces(Path("ibug68/train")), pair / "made.safetensors"
    first = fit(data, model, "--passes", "2")
    assert "without --dev" in first.stderr
    assert "calibration" not in read_card(Path("head.safetensors"))
    told = json.loads(fit(data, model, "--passes", "6", "--resume", "--json").stdout)
    assert told["training"]["passes"] == 6
    assert "(--resume would have gone on)" in fit(data, model, "--passes", "2").stderr
    assert Path("head.state.before.safetensors").exists()


def without_anchors(path: Path, like: Path) -> Path:
    """A model whose points all look at one another, as in the thesis."""
    config = TUFAConfig.from_dict(read_card(like)["architecture"])
    config = replace(config, attention="full", anchors=())
    card = {"name": path.stem, "architecture": config.to_dict()}
    save_model(path, build_tufa(config).state_dict(), {}, card)
    return path


def test_what_cannot_be_trained_is_said_in_one_line(pair: Path) -> None:
    data, model = faces(Path("ibug68/train")), pair / "made.safetensors"
    other, alone = faces(Path("wflw/train"), "wflw98"), without_anchors(Path("alone.safetensors"), model)
    for folder, start, problem in (
        (data, "nix", "no model is called 'nix'"),
        (data, data / "0.png", "0.png: is not a safetensors file"),
        (other, model, "'wflw' is in another scheme"),
        (data, alone, "alone: does not find the 25 anchors"),
        (Path("nowhere"), model, "nowhere"),
    ):
        result = fit(folder, start, code=1)
        (line,) = [line for line in result.stderr.splitlines() if line.startswith("labelkit: ")]
        assert problem in line
        assert not Path("head.safetensors").exists()


@pytest.mark.parametrize("wrong", [["--backbone", "timm"], ["--dense", "3"]], ids=" ".join)
def test_options_that_a_head_does_not_take_are_wrong_usage(pair: Path, wrong: list[str]) -> None:
    fit(Path("anything"), pair / "made.safetensors", *wrong, code=2)

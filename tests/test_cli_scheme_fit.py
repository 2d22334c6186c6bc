"""``labelkit scheme fit`` with a model that places points by a known similarity."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from labelkit.cli import app
from labelkit.dataset import Dataset, Sample
from labelkit.formats import write
from labelkit.geometry import Box, Crop, Similarity
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks
from labelkit.prediction import Prediction
from labelkit.scheme import Scheme, load_scheme

PLANE = np.concatenate([load_scheme("ibug68").plane, [[-0.5, -0.7], [0.5, -0.7]]])
TURN = Similarity(60.0, 10.0, 100.0, 80.0)


class KnownModel:
    name, id = "known", "known@0"
    card: ClassVar[dict[str, Any]] = {"training": {"data": [{"scheme": "ibug68"}]}}

    def predict(self, images: Sequence[np.ndarray], boxes: Sequence[Box], scheme: Scheme) -> list[Prediction]:
        crop = Crop(TURN)
        return [Prediction(TURN(scheme.plane), self.id, crop, scheme.name) for _ in images]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, a model that is known and a detector that sees the face."""
    found = [Box(*Box.around(TURN(PLANE[:68])).xyxy, "user")]
    monkeypatch.setattr("labelkit.models.registry.load_model", lambda name, device: KnownModel())
    monkeypatch.setattr("labelkit.detect.detect_faces", lambda image: found)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def faces(here: Path) -> Path:
    """Three annotated faces of 70 points, the last two of them on the forehead."""
    samples = []
    for number in range(3):
        Image.new("RGB", (220, 180)).save(here / f"{number}.png")
        samples.append(Sample(ImageFile(here / f"{number}.png"), landmarks=Landmarks("theirs", TURN(PLANE))))
    write(Dataset(tuple(samples), root=here), "labels.txt", format="wflw")
    return Path("labels.txt")


def run(*args: str | Path, code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["scheme", "fit", *map(str, args)])
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    assert code != 1 or result.stderr.splitlines()[-1].startswith("labelkit: ")
    assert "Traceback" not in result.output
    return result


def test_it_has_an_example() -> None:
    assert "Example: labelkit scheme fit" in run("--help").stdout


def test_a_scheme_is_fitted_written_and_drawn(faces: Path) -> None:
    result = run(faces, "--format", "wflw", "-o", "mine.json", "--figure", "mine.png")
    scheme = load_scheme("mine.json")
    assert (scheme.name, len(scheme), scheme.mirror) == ("mine", 70, ())
    assert np.abs(scheme.plane - PLANE).max() < 1e-4
    assert scheme.normalizers == {"inter_ocular": ((36,), (45,))}
    assert Path("mine.png").read_bytes().startswith(b"\x89PNG")
    assert result.stdout.startswith("mine: 70 points, fitted to 3 faces -> mine.json\ndrawn: mine.png\n")
    assert "extrapolated, to be checked: p68, p69\n" in result.stdout
    assert "--symmetric makes it exact" in result.stdout


@pytest.mark.parametrize("boxes", ["detector", "annotations"])
def test_json(faces: Path, boxes: str) -> None:
    result = run(
        faces, "-o", "a.json", "--name", "theirs-1", "--symmetric", "--boxes", boxes, "--faces", "2", "--json"
    )
    facts = json.loads(result.stdout)
    assert (facts["name"], facts["faces"], facts["symmetric"], facts["extrapolated"]) == (
        "theirs-1",
        2,
        True,
        2,
    )
    assert (facts["out"], facts["figure"]) == ("a.json", None)
    assert "2 of 3 faces are used" in result.stderr
    assert load_scheme("a.json").mirror_index[68] == 69


def test_anchors_need_no_model(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("labelkit.models.registry.load_model")
    for photo in Path().glob("*.png"):
        photo.write_bytes(b"never opened")
    run(faces, "--anchors", "36=ibug68:36,p45=ibug68:eye_left_outer,8=ibug68:8", "-o", "mine.json")
    assert np.abs(load_scheme("mine.json").plane - PLANE).max() < 1e-4


def test_half_a_face_is_said_to_be_asymmetric(here: Path) -> None:
    Image.new("RGB", (220, 180)).save("a.png")
    landmarks = Landmarks("half", TURN(PLANE[PLANE[:, 0] < -0.1]))
    write(Dataset((Sample(ImageFile(here / "a.png"), landmarks=landmarks),), root=here), "half.txt", "wflw")
    assert "asymmetric: nothing lies at the mirrored place of p0" in run("half.txt", "-o", "a.json").stdout
    assert "cannot be made symmetric" in run("half.txt", "-o", "b.json", "--symmetric", code=1).stderr
    assert not Path("b.json").exists()


@pytest.mark.parametrize(
    ("args", "code", "problem"),
    [
        (["-o", "mine.txt"], 2, "ends in .json"),
        (["-o", "mine.json", "--figure", "mine.gif"], 2, ".png or .svg"),
        (["-o", "mine.json", "--format", "xml"], 2, "xml"),
        (["-o", "mine.json", "--boxes", "mine"], 2, "mine"),
        (["-o", "mine.json", "--anchors", "36=ibug68:99"], 1, "no point '99'"),
        (["-o", "mine.json", "--anchors", "99=ibug68:36"], 1, "no point '99'"),
        (["-o", "mine.json", "--anchors", "36=ibug68:36"], 1, "two anchors"),
        (["-o", "mine.json", "--name", "a/b"], 1, "is no name"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_written(
    faces: Path, args: list[str], code: int, problem: str
) -> None:
    assert problem in run(faces, *args, code=code).stderr
    assert not list(Path().glob("mine*"))


def test_data_that_cannot_be_used(faces: Path) -> None:
    Path("folder.json").mkdir()
    assert "folder.json" in run(faces, "-o", "folder.json", code=1).stderr
    run("nowhere", "-o", "mine.json", code=1)
    Path("empty.txt").write_text("1 2 3 a.png\n")
    assert "empty.txt" in run("empty.txt", "--format", "wflw", "-o", "mine.json", code=1).stderr
    labels = Path("labels.json")
    labels.write_text("{}")
    before = labels.read_text()
    assert "is the file to read" in run(labels, "-o", labels, code=1).stderr
    assert labels.read_text() == before

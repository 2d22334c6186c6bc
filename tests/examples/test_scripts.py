"""The scripts in ``examples/`` run, in this process where they can, so that torch is loaded once."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import labelkit as lk
from labelkit import formats
from labelkit.boxrules import landmark_box
from labelkit.checkpoint import read_card
from labelkit.errors import FormatError
from labelkit.geometry import Crop, Similarity, tight_box
from labelkit.images import ImageFile, example_faces
from labelkit.prediction import Model

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(path.name for path in EXAMPLES.glob("*.py"))

#: Those with options of their own, to copy from.
RECIPES = [name for name in SCRIPTS if not name.startswith(("author_", "draw_"))]

Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """``run(script, *arguments)`` gives what it printed; with ``fails`` its one line of complaint."""

    def call(script: str, *arguments: object, fails: bool = False) -> str:
        monkeypatch.setattr(sys, "argv", [script, *map(str, arguments)])
        capsys.readouterr()
        try:
            runpy.run_path(str(EXAMPLES / script), run_name="__main__")
            code: object = 0
        except SystemExit as end:
            code = end.code or 0
        printed = capsys.readouterr()
        if fails:
            problem = code if isinstance(code, str) else printed.err
            assert code not in (0, 2), printed.out
            return problem.strip()
        assert code == 0, (code, printed.err)
        return printed.out

    return call


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two portraits, as files of a folder."""
    folder = tmp_path_factory.mktemp("example") / "photos"
    folder.mkdir()
    for face in example_faces():
        Image.fromarray(face.load()).save(folder / f"{face.path.stem}.png")
    return folder


@pytest.fixture(scope="module")
def labels(photos: Path) -> Path:
    """A WFLW list of made labels beside the photos: the points of `ibug68` about where the faces are."""
    scheme = lk.load_scheme("ibug68")
    samples = []
    for path in sorted(photos.iterdir()):
        image = ImageFile(path)
        (box, *_) = lk.detect_faces(image.load())
        xy = Crop.from_box(landmark_box(box), tight_box(scheme.plane)).points_to_image(scheme.plane)
        samples.append(lk.Sample(image, None, lk.Landmarks(scheme, xy)))
    path = photos.parent / "labels.txt"
    lk.write(lk.Dataset(tuple(samples), scheme, photos.parent), path, "wflw")
    return path


def test_every_script_is_listed_in_a_line_and_says_how_it_is_called() -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| \[`(\w+\.py)`\]\(\1\) \| \S.*\|$", text, re.MULTILINE)) == SCRIPTS
    for name in RECIPES:
        words = (EXAMPLES / name).read_text(encoding="utf-8").split('"""')[1]
        assert re.search(rf"^    (python|torchrun.*) examples/{name} ", words, re.MULTILINE), name


@pytest.mark.parametrize(
    ("script", "arguments", "problem"),
    [
        ("prelabel_from_boxes.py", ["nix", "nix.csv", "--scheme", "ibug68", "-o", "out"], "nix"),
        ("own_detector.py", ["nix.jpg", "-o", "out.json"], "nix.jpg"),
        ("own_format.py", ["evaluate", "nix.jsonl", "--format", "jsonl", "--scheme", "ibug68"], "nix.jsonl"),
        ("own_model.py", ["nix.jpg"], "nix.jpg"),
        ("few_shot_on_server.py", ["nix", "photos", "-o", "out"], "nix"),
        ("train_on_several_gpus.py", ["tiny", "--data", "nix", "-o", "m.safetensors"], "nix"),
        ("export_for_mmpose.py", ["nix.txt", "-o", "out"], "nix.txt"),
        ("export_for_pipnet.py", ["nix.txt", "-o", "out"], "nix.txt"),
    ],
)
def test_bad_input_is_one_clear_line(
    script: str,
    arguments: list[str],
    problem: str,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(formats, "FORMATS", dict(formats.FORMATS))
    said = run(script, *arguments, fails=True).splitlines()
    said = [line for line in said if "trained on" not in line]
    assert len(said) == 1
    assert problem in said[0]
    assert not list(tmp_path.iterdir())


def test_labels_from_a_table_of_boxes(run: Run, photos: Path, tmp_path: Path) -> None:
    rows = ["image,x0,y0,x1,y1", "elsewhere.png,1,2,3,4"]
    boxes = {path.name: lk.detect_faces(ImageFile(path).load())[0] for path in photos.iterdir()}
    rows += [f"{name},{','.join(map(str, box.xyxy))}" for name, box in boxes.items()]
    table, out = tmp_path / "boxes.csv", tmp_path / "labels.csv"
    table.write_text("\n".join(rows))
    said = run("prelabel_from_boxes.py", photos, table, "--scheme", "cofw29", "--format", "csv", "-o", out)
    assert "2 faces in 2 photos" in said
    for face in lk.read(out, images=photos):
        assert face.landmarks is not None
        box = boxes[face.image.path.name]
        assert len(face.landmarks) == 29
        assert lk.Box.around(face.landmarks.xy).iou(box) > 0.4


class _Bright:
    """Finds white rectangles of at least a sixth of an image's width, as a detector does that looks at
    a small copy."""

    name = "facefinder"

    def detect(self, image: np.ndarray) -> list[lk.Box]:
        count, _, found, _ = cv2.connectedComponentsWithStats((image[..., 0] > 200).astype(np.uint8))
        return [
            lk.Box(x - 0.5, y - 0.5, x + w - 0.5, y + h - 0.5, "detector", self.name, 0.9)
            for x, y, w, h, _ in found[1:count].tolist()
            if w >= image.shape[1] / 6
        ]


def test_the_tiled_detector_finds_what_is_small_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from labelkit.boxrules import BOX_RULES

    monkeypatch.setitem(BOX_RULES, "tiled-facefinder", BOX_RULES["facefinder"])
    tiled = runpy.run_path(str(EXAMPLES / "own_detector.py"))["Tiled"](_Bright(), side=240)
    image = np.zeros((600, 900, 3), np.uint8)
    corners = [(20, 30), (430, 250), (700, 500)]
    for x, y in corners:
        image[y : y + 50, x : x + 50] = 255
    assert _Bright().detect(image) == []
    found = tiled.detect(image)
    assert sorted((box.x0 + 0.5, box.y0 + 0.5) for box in found) == corners
    assert {(box.source, box.kind) for box in found} == {("tiled-facefinder", "detector")}


def test_a_detector_of_ones_own_labels_photos(run: Run, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "labels.json"
    run("own_detector.py", photos, "--scheme", "celeba5", "-o", out)
    rows = json.loads(out.read_text())
    assert {Path(row["image"]).name for row in rows} == {path.name for path in photos.iterdir()}


@pytest.fixture
def own_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """The format is known for one test."""
    monkeypatch.setattr(formats, "FORMATS", dict(formats.FORMATS))
    formats.register_format(runpy.run_path(str(EXAMPLES / "own_format.py"))["JSONL"])


def test_a_format_of_ones_own_keeps_what_it_can_hold(own_format: None, labels: Path, tmp_path: Path) -> None:
    data = lk.read(labels)
    report = lk.write(data, tmp_path / "out.jsonl", "jsonl")
    again = lk.read(tmp_path / "out.jsonl", images=report.images)
    assert [face.landmarks for face in again] == [face.landmarks for face in data]
    assert formats.guess_format(tmp_path / "out.jsonl").name == "jsonl"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "is no JSON"),
        ('{"points": []}', "names no image"),
        ('{"image": "a.png", "points": [[1, 2], [3]]}', r"neither \[x, y\] nor null"),
        ('{"image": "gone.png", "points": [[1, 2], [3, 4]]}', "gone.png"),
    ],
)
def test_a_bad_line_of_it_is_named(own_format: None, line: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(f"{line}\n")
    with pytest.raises(FormatError, match=rf"a\.jsonl:1: .*{problem}"):
        lk.read(tmp_path / "a.jsonl", "jsonl", strict=True)


def test_commands_know_a_format_of_ones_own(
    run: Run, labels: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "FORMATS", dict(formats.FORMATS))
    with lk.Project.create(tmp_path / "work", photos, "ibug68") as project:
        project.import_annotations(labels, author="ann")
    run("own_format.py", "export", tmp_path / "work", "--format", "jsonl", "-o", tmp_path / "out.jsonl")
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2


def test_a_model_of_ones_own_prelabels_a_project(run: Run, photos: Path, tmp_path: Path) -> None:
    committee = runpy.run_path(str(EXAMPLES / "own_model.py"))["Committee"](["base"])
    assert isinstance(committee, Model)
    lk.Project.create(tmp_path / "work", photos, "ibug68").close()
    said = run("own_model.py", tmp_path / "work")
    assert f"2 faces in 2 photos, by {committee.id}" in said
    with lk.Project.open(tmp_path / "work") as project:
        found = project.store.predictions([project.find(face).id for face in project.faces()])
    assert len(found) == 2
    for stored in found.values():
        assert stored.prediction.model == committee.id
        spread = np.linalg.eigvalsh(stored.prediction.cov)
        assert np.isfinite(spread).all()
        assert (spread > -1e-9).all()
        assert spread.max() > 0
    assert "68 points, most in doubt" in run("own_model.py", next(photos.iterdir()))


def test_few_shot_without_a_screen(run: Run, labels: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = run("few_shot_on_server.py", labels, photos, "-o", out, "--device", "cpu")
    assert re.search(r"^learnt \w+ from 2 faces of 2 people$", said, re.MULTILINE)
    made = re.search(r"^the model: (.*)$", said, re.MULTILINE)
    assert made is not None
    model = lk.load_model(made[1], "cpu")
    assert len(lk.read(out / "labels.csv", images=photos)) == 2
    with lk.Project.open(out / "project") as project:
        assert {item.face.image for item in project.queue()} == {path.name for path in photos.iterdir()}
        found = project.store.predictions([project.find(face).id for face in project.faces()])
    assert {stored.prediction.model for stored in found.values()} == {model.id}


def test_training_by_torchs_launcher(tmp_path: Path) -> None:
    scheme = lk.load_scheme("ibug68")
    (tmp_path / "faces").mkdir()
    samples = []
    for i in range(4):
        path = tmp_path / "faces" / f"{i}.png"
        Image.fromarray(np.full((120, 120, 3), 50 * i, np.uint8)).save(path)
        xy = Crop(Similarity(40.0, 2.0 * i, 60.0, 55.0)).points_to_image(scheme.plane)
        samples.append(lk.Sample(ImageFile(path), None, lk.Landmarks(scheme, xy)))
    lk.write(lk.Dataset(tuple(samples), scheme, tmp_path / "faces"), tmp_path / "faces", "300w")
    out = tmp_path / "mine.safetensors"
    script = [EXAMPLES / "train_on_several_gpus.py", "tiny", "--data", tmp_path / "faces", "-o", out]
    options = ["--passes", "16", "--batch", "4", "--device", "cpu"]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    run = subprocess.run(
        [*map(str, [*launcher, *script, *options])],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert "faces: 4 faces; 2 x cpu" in run.stdout
    assert run.stdout.count(": done") == 1
    training = read_card(out)["training"]
    assert (training["processes"], training["passes"]) == (2, 16)


def _as_mmpose_reads(path: Path, images: Path) -> list[dict[str, np.ndarray]]:
    """In the words of its class WFLWDataset: by image, boxes from center and scale in units of 200 px."""
    content = json.loads(path.read_text())
    names = {image["id"]: image["file_name"] for image in content["images"]}
    found = []
    for ann in content["annotations"]:
        triples = np.array(ann["keypoints"], np.float32).reshape(-1, 3)
        size = np.full(2, ann["scale"] * 200)
        center = np.array(ann["center"])
        assert ann["iscrowd"] == 0
        assert ann["num_keypoints"] == (triples[:, 2] > 0).sum()
        assert cv2.imread(str(images / names[ann["image_id"]])) is not None
        found.append({"xy": triples[:, :2], "low": center - size / 2, "high": center + size / 2})
    return found


def test_mmpose_reads_what_is_exported(run: Run, labels: Path, tmp_path: Path) -> None:
    out = tmp_path / "data"
    run("export_for_mmpose.py", labels, "-o", out, "--name", "mine", "--split", "50/50")
    faces = [
        face
        for part in ("train", "test")
        for face in _as_mmpose_reads(out / f"annotations/face_landmarks_mine_{part}.json", out / "images")
    ]
    known = [face.landmarks.xy for face in lk.read(labels) if face.landmarks is not None]
    assert len(faces) == len(known) == 2
    for face in faces:
        assert any(np.allclose(face["xy"], xy, atol=1e-3) for xy in known)
        assert (face["xy"] >= face["low"] - 1e-3).all()
        assert (face["xy"] <= face["high"] + 1e-3).all()
    info = runpy.run_path(str(out / "mine.py"))["dataset_info"]
    points = info["keypoint_info"]
    assert [points[i]["id"] for i in range(68)] == list(range(68))
    ids = {point["name"]: i for i, point in points.items()}
    swapped = [ids[points[i]["swap"]] if points[i]["swap"] else i for i in range(68)]
    assert swapped == lk.load_scheme("ibug68").mirror_index.tolist()
    assert all(end in ids for link in info["skeleton_info"].values() for end in link["link"])
    assert len(info["joint_weights"]) == len(info["sigmas"]) == 68


def test_pipnet_reads_what_is_exported(run: Run, labels: Path, tmp_path: Path) -> None:
    out = tmp_path / "PIPNet" / "data" / "mine"
    said = run("export_for_pipnet.py", labels, "-o", out, "--split", "50/50")
    known = {face.image.path: face for face in lk.read(labels)}
    for part in ("train", "test"):
        # As lib/functions.py's get_label and lib/data_utils.py's ImageFolder_pip read them.
        (line,) = (out / f"{part}.txt").read_text().splitlines()
        name, *numbers = line.strip().split()
        target = np.array([float(x) for x in numbers]).reshape(-1, 2)
        assert target.shape == (68, 2)
        assert ((target > 0) & (target < 1)).all()
        with Image.open(out / f"images_{part}" / name) as crop:
            assert crop.size == (256, 256)
            seen = np.asarray(crop.convert("RGB"), np.float64)
        assert any(_shows_the_same(seen, target, face) for face in known.values()), part
    mean = np.array((out / "meanface.txt").read_text().strip().split(), np.float64).reshape(-1, 2)
    assert len(mean) == 68
    config = runpy.run_path(str(tmp_path / "PIPNet/experiments/mine/pip_32_16_60_r18_l2_l1_10_1_nb10.py"))
    assert config["Config"]().num_lms == 68
    assert str(lk.load_scheme("ibug68").mirror_index.tolist()) in said
    assert "norm_indices = [36, 45]" in said


def _shows_the_same(crop: np.ndarray, target: np.ndarray, face: lk.Sample) -> bool:
    """Whether under the points of a cut-out lies what lies under those of the photo."""
    assert face.landmarks is not None
    image = cv2.GaussianBlur(face.image.load(), (0, 0), 2).astype(np.float64)
    small = cv2.GaussianBlur(crop, (0, 0), 2)
    there = np.rint(face.landmarks.xy).astype(int)
    here = np.rint(target * 256 - 0.5).astype(int)
    difference = image[there[:, 1], there[:, 0]] - small[here[:, 1], here[:, 0]]
    return bool(np.abs(difference).mean() < 12)

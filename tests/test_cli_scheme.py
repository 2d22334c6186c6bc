from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from labelkit.cli import app
from labelkit.dataset import Dataset, Sample
from labelkit.formats import read, write
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks
from labelkit.scheme import Point, Scheme, edit, load_scheme
from labelkit.scheme.convert import convert

IBUG, WFLW = load_scheme("ibug68"), load_scheme("wflw98")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def faces(here: Path) -> Dataset:
    """Three faces of ibug68 as .pts in ``faces/``; they differ in place, size and by some noise."""
    rng = np.random.default_rng(0)
    samples = []
    (here / "faces").mkdir()
    for number in range(3):
        path = here / "faces" / f"{number}.png"
        Image.new("L", (400, 400)).save(path)
        xy = (100 + 10 * number) * IBUG.plane + 200 + rng.normal(0, 2, (68, 2))
        samples.append(Sample(ImageFile(path), landmarks=Landmarks(IBUG, xy)))
    data = Dataset(tuple(samples), IBUG, here / "faces")
    write(data, here / "faces", "300w")
    return data


def run(*args: str | Path, code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["scheme", *(str(arg) for arg in args)])
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    assert "Traceback" not in result.output
    return result


def as_json(*args: str | Path) -> Any:
    return json.loads(run(*args, "--json").stdout)


def points(data: Dataset) -> np.ndarray[Any, Any]:
    return np.array([sample.landmarks.xy for sample in data if sample.landmarks is not None])


def test_faces_are_written_in_the_other_scheme(faces: Dataset, here: Path) -> None:
    told = as_json(
        "convert", "faces", "--format", "300w", "--from", "ibug68", "--to", "wflw98",
        "-o", "out.txt", "--format-out", "wflw",
    )  # fmt: skip
    expected = convert(points(faces), IBUG, WFLW)
    written = read(here / "out.txt", "wflw", images=told["images"])
    np.testing.assert_allclose(points(written), expected.points, atol=1e-3)
    assert [s.image.path.name for s in written] == ["0.png", "1.png", "2.png"]
    assert (told["faces"], told["from"], told["to"]) == (3, "ibug68", "wflw98")
    assert [row["name"] for row in told["points"]] == list(WFLW.names)
    assert [row["shared"] for row in told["points"]] == expected.shared.tolist()
    assert told["shared"] == expected.shared.sum()
    assert told["points"][60]["from"] == IBUG.names[36]
    assert told["points"][96]["from"] is None
    errors = [row["error"] for row in told["points"]]
    np.testing.assert_allclose(errors, 100 * expected.error.mean(axis=0), rtol=0.01)
    assert all(row["error_p90"] >= row["error"] * 0.9 for row in told["points"])
    assert told["losses"]


def test_the_report_marks_what_is_estimated(faces: Dataset, here: Path) -> None:
    result = run("convert", "faces", "--to", "wflw98", "-o", "out.csv", "--format-out", "csv")
    lines = [line.split("│") for line in result.stdout.splitlines() if line.count("│") == 6]
    origin = {line[2].strip(): line[3].strip() for line in lines}
    assert origin[WFLW.names[96]] == "estimated"
    assert origin[WFLW.names[60]] == "36"
    assert sum(value == "estimated" for value in origin.values()) == 38
    assert "out.csv: 3 faces, from ibug68 to wflw98" in result.stdout
    assert "60 points shared with the old scheme: error to expect" in result.stdout
    assert "38 points estimated: error to expect" in result.stdout
    assert "photos are named relative to faces: give it as --images" in result.stderr
    assert len(read(here / "out.csv", "csv", images=here / "faces")) == 3


def test_the_format_stays_unless_another_is_named(faces: Dataset, here: Path) -> None:
    as_json("convert", "faces", "--to", "cofw29", "-o", "out")
    assert sorted(path.name for path in (here / "out").glob("*.pts")) == ["0.pts", "1.pts", "2.pts"]
    back = read(here / "out", "300w", "cofw29", images=here / "faces")
    np.testing.assert_allclose(
        points(back), convert(points(faces), IBUG, load_scheme("cofw29")).points, atol=1e-3
    )


def test_faces_with_too_few_points_are_left_out_by_name(faces: Dataset, here: Path) -> None:
    gaps = points(faces).copy()
    gaps[1, 2:] = np.nan
    gaps[2, 5] = np.nan
    samples = [Sample(s.image, landmarks=Landmarks(IBUG, xy)) for s, xy in zip(faces, gaps, strict=True)]
    samples.append(Sample(faces[0].image))
    write(Dataset(tuple(samples), IBUG, faces.root), here / "gaps.csv", "csv")
    result = run("convert", "gaps.csv", "--images", "faces", "--to", "wflw98", "-o", "out.csv")
    assert "1.png: left out, too few points" in result.stderr
    assert "gaps.csv: faces without landmarks left out: 1" in result.stderr
    written = read(here / "out.csv", "csv", images=here / "faces")
    assert [s.image.path.name for s in written] == ["0.png", "2.png"]
    np.testing.assert_allclose(points(written), convert(gaps[[0, 2]], IBUG, WFLW).points, atol=1e-6)


@pytest.mark.parametrize(
    ("args", "code", "problem"),
    [
        (["faces", "--to", "wflw89", "-o", "out"], 1, "no scheme is called 'wflw89'"),
        (["gone", "--to", "wflw98", "-o", "out"], 1, "gone: "),
        (["faces", "--to", "wflw98", "-o", "faces"], 1, "faces: is what is read"),
        (["faces", "--to", "wflw98", "-o", "out", "--format", "word"], 2, "'word' is no format"),
        (["faces", "--to", "wflw98", "-o", "out", "--format-out", "word"], 2, "'word' is no format"),
    ],
)
def test_what_cannot_be_converted_is_said(
    faces: Dataset, here: Path, args: list[str], code: int, problem: str
) -> None:
    result = run("convert", *args, code=code)
    assert problem in " ".join(result.stderr.replace("│", " ").split())
    assert not (here / "out").exists()


def test_a_file_without_a_usable_face_writes_nothing(faces: Dataset, here: Path) -> None:
    gaps = np.full((68, 2), np.nan)
    gaps[:2] = 5.0
    sample = Sample(faces[0].image, landmarks=Landmarks(IBUG, gaps))
    write(Dataset((sample,), IBUG, faces.root), here / "gaps.csv", "csv")
    result = run("convert", "gaps.csv", "--images", "faces", "--to", "wflw98", "-o", "out.csv", code=1)
    assert "0.png: left out" in result.stderr
    assert "gaps.csv: holds no face that could be converted" in result.stderr
    assert not (here / "out.csv").exists()


def test_the_plan_of_a_change_is_shown(here: Path) -> None:
    new = edit.rename_points(IBUG, {IBUG.names[30]: "tip", IBUG.names[33]: "septum"})
    new = edit.move_points(edit.remove_points(new, [IBUG.names[61]]), {"septum": (0.0, 0.4)})
    new = edit.add_point(new, Point("crown", 0.0, -1.0))
    (here / "new.json").write_text(new.to_json(), encoding="utf-8")
    told = as_json("diff", "ibug68", "new.json", "--rename", f"{IBUG.names[33]}=septum")
    assert told["renamed"] == [[IBUG.names[30], "tip"], [IBUG.names[33], "septum"]]
    assert told["added"] == ["crown"]
    assert told["removed"] == [IBUG.names[61], IBUG.names[63]]
    assert list(told["moved"]) == ["septum"]
    lines = run("diff", "ibug68", "new.json").stdout.splitlines()
    assert lines[0] == "From ibug68 (68 points) to ibug68 (67 points):"
    assert "    2 points added: septum, crown (to be predicted on every face)" in lines
    assert f"    1 point renamed: {IBUG.names[30]} -> tip (annotations go with them)" in lines
    assert run("diff", "ibug68", "ibug68").stdout.splitlines()[1] == "    no point changes"


@pytest.mark.parametrize(
    ("renames", "code", "problem"),
    [
        (["a"], 2, "a: is not OLD=NEW"),
        (["=b"], 2, "=b: is not OLD=NEW"),
        (["a=b", "a=c"], 2, "a is renamed twice"),
        (["horn=ear"], 1, "'horn' cannot be renamed: scheme 'ibug68' has no such point"),
    ],
)
def test_a_rename_must_make_sense(renames: list[str], code: int, problem: str) -> None:
    options = [part for rename in renames for part in ("--rename", rename)]
    result = run("diff", "ibug68", "wflw98", *options, code=code)
    assert problem in " ".join(result.stderr.replace("│", " ").split())


def test_markup_in_names_is_shown_as_text(faces: Dataset, here: Path) -> None:
    scheme = Scheme("odd", (Point("[red]x[/red]", 0, 0), Point("<b>", 0.2, 0)))
    (here / "odd.json").write_text(scheme.to_json(), encoding="utf-8")
    assert "[red]x[/red]" in run("convert", "faces", "--to", "odd.json", "-o", "out").stdout
    assert "[red]x[/red], <b>" in run("diff", "ibug68", "odd.json").stdout

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from labelkit import __version__
from labelkit.checkpoint import read_card
from labelkit.cli import app
from labelkit.formats import read
from labelkit.images import example_faces
from labelkit.models.build import build_tufa
from labelkit.models.heads import FILE
from labelkit.models.registry import model_folders, save_model
from labelkit.train.recipes import load_recipe

COMMANDS = [
    ["demo"],
    ["predict"],
    ["evaluate"],
    ["fit"],
    ["scheme", "list"],
    ["scheme", "show"],
    ["scheme", "validate"],
    ["scheme", "schema"],
    ["scheme", "convert"],
    ["scheme", "diff"],
    ["models", "list"],
    ["models", "show"],
    ["models", "add"],
    ["doctor"],
]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of random weights: its points mean nothing, its files everything."""
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    torch.manual_seed(0)
    config = load_recipe("tiny").network
    card = {"name": "tiny", "architecture": config.to_dict(), "terms": "for tests only"}
    save_model(path, build_tufa(config).state_dict(), {}, card)
    return path


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder and a home of its own."""
    monkeypatch.setenv("LABELKIT_HOME", str(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def photos(here: Path) -> Path:
    """One portrait, one photo of nobody, one file that is no picture."""
    folder = here / "photos"
    folder.mkdir()
    (folder / "astronaut.png").write_bytes(example_faces()[0].path.read_bytes())
    Image.new("RGB", (80, 60), "grey").save(folder / "nobody.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


def run(*args: str | Path, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    assert code in (0, 2, 130) or result.stderr.startswith("labelkit: ") or "\nlabelkit: " in result.stderr
    assert "Traceback" not in result.output
    return result


def as_json(*args: str | Path) -> Any:
    return json.loads(run(*args, "--json").stdout)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_an_example(command: list[str]) -> None:
    assert f"Example: labelkit {' '.join(command)}" in run(*command, "--help").stdout


def test_the_paragraphs_of_a_help_text_fill_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert "moved or renamed, and so that duplicates" in run("new", "--help").stdout


def test_help_and_version_do_not_load_torch() -> None:
    code = "import sys, labelkit.cli; print([m for m in ('torch', 'cv2', 'panel') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
    assert run("--version").stdout == f"labelkit {__version__}\n"


@pytest.mark.parametrize(
    "args",
    [
        ["nix"],
        ["predict"],
        ["predict", "a.jpg", "--scheme", "ibug68", "-o", "x", "--format", "papyrus"],
        ["evaluate", "x", "--scheme", "ibug68", "--format", "papyrus"],
        ["evaluate", "x", "--scheme", "ibug68", "--boxes", "mine"],
        ["fit", "tiny", "-o", "m.safetensors"],
        ["fit", "tiny", "--data", "x", "-o", "m.csv"],
        ["fit", "tiny", "--data", "x", "-o", "m.safetensors", "--dense", "4"],
        ["fit", "tiny", "--data", "x", "-o", "m.safetensors", "--head", "h.npz"],
    ],
)
def test_wrong_usage_is_exit_code_2(args: list[str]) -> None:
    run(*args, code=2)


def test_predict_json(photos: Path, tiny: Path) -> None:
    result = run("predict", photos, "--scheme", "wflw98", "--model", tiny, "-o", "out.json")
    (row,) = json.loads(Path("out.json").read_text())
    assert row["image"] == (photos / "astronaut.png").as_posix()
    assert len(row["points"]) == 98
    assert result.stdout == "1 faces in 3 photos, 1 without a face, 1 not read -> out.json\n"
    assert "nobody.png: no face" in result.stderr
    assert "broken.jpg: is not a picture" in result.stderr


def test_predict_says_what_it_did_in_json(photos: Path, tiny: Path) -> None:
    options = ["--scheme", "ibug68", "--model", tiny, "--format", "wflw", "-o", "out.txt"]
    facts = as_json("predict", photos, *options)
    assert (facts["photos"], facts["faces"], facts["format"]) == (3, 1, "wflw")
    assert facts["no_face"] == [str(photos / "nobody.png")]
    assert len(facts["problems"]) == 1
    assert any("written as 0" in loss for loss in facts["losses"])
    assert len(read("out.txt", images=facts["images"])) == 1


def test_predict_takes_boxes_from_a_table(photos: Path, tiny: Path) -> None:
    Path("boxes.csv").write_text(
        "image,x0,y0,x1,y1,kind\nphotos/nobody.png,10,10,50,50,user\nphotos/nobody.png,20,10,60,50,\n"
    )
    args = ["--scheme", "ibug68", "--model", tiny, "--boxes", "boxes.csv", "-o", "out.json"]
    result = run("predict", photos, *args)
    rows = json.loads(Path("out.json").read_text())
    found = [row["box"] for row in rows if row["image"].endswith("nobody.png")]
    assert found == [[10, 10, 50, 50], [20, 10, 60, 50]]
    assert len(rows) == 3  # the astronaut was looked for
    assert "no row for 2 of 3 photos" in result.stderr


def test_predict_names_a_bad_row(photos: Path, tiny: Path) -> None:
    Path("boxes.csv").write_text("image,x0,y0,x1,y1\nphotos/nobody.png,10,10,fifty,50\n")
    args = ["--scheme", "ibug68", "--model", tiny, "--boxes", "boxes.csv", "-o", "out.json"]
    assert "boxes.csv:2: x1 is 'fifty'" in run("predict", photos, *args, code=1).stderr
    assert not Path("out.json").exists()


def test_predict_fails_where_nothing_can_be_read(photos: Path, tiny: Path) -> None:
    args = ["--scheme", "ibug68", "--model", tiny, "-o", "out.json"]
    run("predict", photos / "broken.jpg", "missing.jpg", *args, code=1)
    assert not Path("out.json").exists()


def test_predict_never_overwrites_what_it_reads(photos: Path, tiny: Path) -> None:
    before = (photos / "astronaut.png").read_bytes()
    args = ["--scheme", "ibug68", "--model", tiny, "-o", photos / "astronaut.png"]
    run("predict", photos, *args, code=1)
    assert (photos / "astronaut.png").read_bytes() == before


def test_problems_of_the_disk_are_one_line(photos: Path, tiny: Path) -> None:
    Path("file").write_text("")
    photo = photos / "astronaut.png"
    result = run("predict", photo, "--scheme", "ibug68", "--model", tiny, "-o", "file/out.json", code=1)
    assert "file" in result.stderr.splitlines()[-1]


@pytest.fixture
def labels(photos: Path, tiny: Path) -> Path:
    path = Path("labels.txt")
    photo = photos / "astronaut.png"
    run("predict", photo, "--scheme", "ibug68", "--model", tiny, "--format", "wflw", "-o", path)
    return path


@pytest.mark.parametrize("boxes", ["annotations", "detector"])
def test_evaluate(labels: Path, tiny: Path, boxes: str) -> None:
    figures = as_json(
        "evaluate", labels, "--format", "wflw", "--scheme", "ibug68", "--model", tiny, "--boxes", boxes
    )
    assert figures["faces"] == 1
    assert set(figures["calibration"]) == {"p39", "p68", "p86", "p95"}
    assert figures["calibration"]["p39"] is None  # NaN is no JSON
    assert figures["points"]["jaw"].keys() == {"count", "mean_io", "within3", "within5"}


def test_evaluate_tells_whether_the_spread_of_a_head_holds(labels: Path, pair: Path) -> None:
    args = ["evaluate", labels, "--scheme", "ibug68", "--model", pair / "made.safetensors"]
    refined, alone = as_json(*args), as_json(*args, "--no-refine")
    assert all(0 <= share <= 100 for share in refined["calibration"].values())
    assert set(alone["calibration"].values()) == {None}
    assert refined["nme_io"] != alone["nme_io"]
    assert "inside the 86 % ellipse" in run(*args).stdout
    assert "ellipse" not in run(*args, "--no-refine").stdout


def test_evaluate_draws_a_table_and_counts_bad_lines(labels: Path, tiny: Path) -> None:
    labels.write_text(labels.read_text() + "1 2 3 photos/astronaut.png\n")
    result = run("evaluate", labels, "--scheme", "ibug68", "--model", tiny)
    assert "labelled faces" in result.stdout
    assert "all" in result.stdout.split()
    assert "within 3 %" in result.stdout
    assert "labels.txt:2: " in result.stderr
    assert "1 faces read, 1 left out" in result.stderr
    result = run("evaluate", labels, "--scheme", "ibug68", "--model", tiny, "--strict", code=1)
    assert "labels.txt:2: " in result.stderr


def test_evaluate_without_a_face(tiny: Path) -> None:
    Path("labels.txt").write_text("1 2 3 photos/astronaut.png\n")
    run("evaluate", "labels.txt", "--format", "wflw", "--scheme", "ibug68", "--model", tiny, code=1)


@pytest.fixture
def faces(photos: Path, tiny: Path) -> Path:
    """A folder with one annotated face, as 300-W has it."""
    folder = Path("faces", "ibug68")
    folder.mkdir(parents=True)
    (photos / "astronaut.png").rename(folder / "astronaut.png")
    args = ["--scheme", "ibug68", "--model", tiny, "--format", "300w", "-o", folder]
    run("predict", folder / "astronaut.png", *args)
    return folder


def test_fit_resumes_and_its_model_can_be_added(faces: Path) -> None:
    args = ["fit", "tiny", "--data", faces, "-o", "m.safetensors", "--batch", "1", "--seed", "3"]
    result = run(*args, "--passes", "2", "--dev", faces)
    assert "ibug68: 1 faces" in result.stderr
    assert "m.safetensors: 2 faces seen" in result.stdout
    facts = as_json(*args, "--passes", "4", "--resume")
    assert facts["training"]["passes"] == 4
    assert Path(facts["csv"]).exists()
    assert as_json("models", "add", "m.safetensors")["name"] == "m"
    assert [entry["name"] for entry in as_json("models", "list")["models"] if entry["name"] == "m"] == ["m"]
    assert "terms:" in run("models", "show", "m").stdout
    assert as_json("models", "show", "m")["name"] == "m"


def test_fit_sets_the_state_of_another_run_aside(faces: Path) -> None:
    args = ["fit", "tiny", "--data", faces, "-o", "m.safetensors", "--batch", "1", "--passes", "1"]
    run(*args)
    assert "--resume would have gone on" in run(*args).stderr
    assert Path("m.state.before.safetensors").exists()


def test_fit_takes_several_folders_after_one_option(faces: Path) -> None:
    args = ["--batch", "2", "--passes", "2", "-o", "m.safetensors"]
    result = run("fit", "tiny", "--data", faces, faces, *args, code=1)
    assert "was given before" in result.stderr  # so both were read


def test_fit_stopped_by_ctrl_c_says_how_to_go_on(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: object) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr("labelkit.train.loop.Loop.step", interrupted)
    args = ["fit", "tiny", "--data", faces, "-o", "m.safetensors", "--batch", "1"]
    assert "--resume" in run(*args, code=130).stderr
    assert Path("m.state.safetensors").exists()
    assert Path("m.safetensors").exists()


def test_fit_resume_without_a_state(faces: Path) -> None:
    run("fit", "tiny", "--data", faces, "-o", "m.safetensors", "--resume", code=1)


def test_the_schema_of_scheme_files_is_printed_or_written() -> None:
    printed = json.loads(run("scheme", "schema").stdout)
    assert "points" in printed["properties"]
    run("scheme", "schema", "-o", "s.json")
    assert json.loads(Path("s.json").read_text()) == printed


def test_schemes_are_listed_drawn_and_checked() -> None:
    assert {"ibug68", "wflw98"} <= {entry["name"] for entry in as_json("scheme", "list")["schemes"]}
    assert "wflw98" in run("scheme", "list").stdout
    assert run("scheme", "show", "ibug68").stdout == "ibug68: 68 points -> ibug68.png\n"
    assert Path("ibug68.png").exists()
    run("scheme", "show", "ibug68", "--names", "-o", "drawn.svg")
    run("scheme", "show", "ibug68", "-o", "drawn.gif", code=1)
    run("scheme", "show", "nix", code=1)
    assert b"<svg" in Path("drawn.svg").read_bytes()


def test_scheme_validate() -> None:
    good = {"name": "nose", "points": [{"name": "tip", "x": 0, "y": 0.2}]}
    Path("good.json").write_text(json.dumps(good))
    assert as_json("scheme", "validate", "good.json")["points"] == 1
    assert "asymmetric" in run("scheme", "validate", "good.json").stdout
    Path("bad.json").write_text(json.dumps({**good, "mirror": [[0, 1]]}))
    assert "bad.json" in run("scheme", "validate", "bad.json", code=1).stderr


def test_models_add_refuses_another_file() -> None:
    Path("m.safetensors").write_bytes(b"no model")
    assert "m.safetensors" in run("models", "add", "m.safetensors", code=1).stderr
    run("models", "show", "nix", code=1)


def test_a_card_is_written_as_a_page(tiny: Path) -> None:
    assert "-> tiny.md" in run("models", "show", tiny, "-o", "tiny.md").stdout
    page = Path("tiny.md").read_text()
    assert page.startswith("# tiny\n")
    assert "terms: for tests only" in page
    assert "ends in" not in run("models", "show", tiny, "-o", "tiny.html", code=2).stdout
    assert not Path("tiny.html").exists()


def test_models_list_names_a_damaged_file(here: Path) -> None:
    folder = model_folders()[0]
    folder.mkdir(parents=True)
    (folder / "bad.safetensors").write_bytes(b"no model")
    entry = next(entry for entry in as_json("models", "list")["models"] if entry["name"] == "bad")
    assert "bad.safetensors" in entry["problem"]


def test_models_list_tells_what_each_file_is() -> None:
    entries = {entry["name"]: entry for entry in as_json("models", "list")["models"]}
    assert entries["detector"]["kind"] == "face detector"
    assert all(entry["kind"] != "refinement head" for entry in entries.values()), "it stands with its model"
    assert "detector (face detector)" in run("models", "list").stdout


def test_a_head_is_listed_shown_and_used_with_its_model(pair: Path, photos: Path) -> None:
    added = as_json("models", "add", pair / "made.safetensors")
    assert added["refinement_head"].endswith("made.refine.safetensors")
    (entry,) = [one for one in as_json("models", "list")["models"] if one["name"] == "made"]
    assert entry["refinement_head"]["hash"] == read_card(pair / FILE)["hash"][:12]
    assert f"refinement head {entry['refinement_head']['hash']}" in run("models", "list").stdout
    assert as_json("models", "show", "made")["refinement_head"]["kind"] == "dslpt"
    assert run("models", "show", "made").stdout.count("\nfile: ") == 1
    run("predict", photos, "--scheme", "ibug68", "--model", "made", "-o", "out.json")
    (row,) = json.loads(Path("out.json").read_text())
    assert all(len(point["cov"]) == 2 and point["cov"][0][0] > 0 for point in row["points"])
    again = as_json("models", "add", pair / FILE)
    assert (again["name"], again["path"]) == ("made", added["refinement_head"])


def test_the_head_of_another_model_is_told_of_and_not_used(pair: Path, tiny: Path, photos: Path) -> None:
    alone = "is the head of made@"
    assert alone in run("models", "add", pair / FILE, code=1).stderr
    Path("tiny.safetensors").write_bytes(tiny.read_bytes())
    Path(FILE).write_bytes((pair / FILE).read_bytes())
    result = run("predict", photos, "--scheme", "ibug68", "--model", "tiny.safetensors", "-o", "out.json")
    assert f"{FILE} was made for another model than tiny" in result.stderr
    assert json.loads(Path("out.json").read_text())[0]["points"][0]["cov"] is None
    assert (
        "holds 'dslpt', not a landmark model"
        in run("predict", photos, "--scheme", "ibug68", "--model", FILE, "-o", "out.json", code=1).stderr
    )


def test_doctor() -> None:
    result = CliRunner().invoke(app, ["doctor", "--json"])
    facts = json.loads(result.stdout)
    broken = [f["name"] for f in facts["findings"] if f["essential"] and not f["ok"]]
    if broken == ["model base"]:
        pytest.skip("the bundled model base is not there yet")
    assert (facts["usable"], result.exit_code) == (True, 0), broken
    assert "labelkit is ready." in run("doctor").stdout


def test_terms_are_said_on_stderr(photos: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelkit.progress._said", set())
    args = ["--scheme", "ibug68", "--model", tiny, "-o", "out.json"]
    result = run("predict", photos / "astronaut.png", *args)
    assert result.stderr.count("for tests only") == 1
    assert "for tests only" not in result.stdout


def test_demo_twice_then_on_photos_of_ones_own(photos: Path, tiny: Path) -> None:
    result = run("demo", "--no-serve", "--model", tiny)
    assert "demo/contact-sheet.png" in result.stdout
    again = as_json("demo", "--model", tiny)
    assert (again["faces"], again["photos"]) == (2, "demo/photos")
    own = run("demo", "--no-serve", "--images", photos, "-o", "mine", "--model", tiny)
    assert "nobody.png: no face" in own.stderr
    assert not Path("mine/photos").exists()
    assert len(read("mine/wflw98.txt", images=photos)) == 1

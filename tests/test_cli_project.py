"""The commands of projects, as somebody types them; the model's process is replaced."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from labelkit.cli import app
from labelkit.dataset import Dataset, Sample
from labelkit.formats import read, write
from labelkit.images import ImageFile
from labelkit.landmarks import Face, Landmarks, State
from labelkit.prelabel import runner
from labelkit.project import Project
from labelkit.scheme import Point, Scheme, load_scheme
from labelkit.scheme.edit import add_points, rename_points, without_mirror

SCHEME = load_scheme("ibug68")
COMMANDS = [
    "new",
    "import",
    "prelabel",
    "queue",
    "mark",
    "status",
    "export",
    "scan",
    "relocate",
    "scheme-change",
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    child = (str(Path(__file__).parent / "project" / "fake_child.py"),)
    start = runner.Prelabelling.start
    monkeypatch.setattr(
        "labelkit.project.project.Prelabelling.start", lambda *given: start(*given, child=child)
    )
    return tmp_path


@pytest.fixture
def photos(here: Path) -> Path:
    (here / "photos").mkdir()
    for number, name in enumerate(("a.png", "b.png", "nobody.png")):
        Image.new("RGB", (80, 80), (number, 0, 0)).save(here / "photos" / name)
    return here / "photos"


@pytest.fixture
def work(photos: Path) -> Path:
    run("new", "work", "--images", "photos", "--scheme", "ibug68")
    return Path("work")


@pytest.fixture
def labels(photos: Path) -> Path:
    face = Sample(ImageFile(photos / "a.png"), None, Landmarks(SCHEME, SCHEME.plane * 30 + 40))
    write(Dataset((face,), SCHEME, photos), photos / "labels.txt", "wflw")
    return Path("photos/labels.txt")


def run(*args: str | Path, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    assert "Traceback" not in result.output
    if code == 1:
        last = result.stderr.strip().splitlines()[-1]
        assert last.startswith("labelkit: ")
    return result


def as_json(*args: str | Path) -> Any:
    return json.loads(run(*args, "--json").stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    assert f"labelkit {command}" in run(command, "--help").stdout


def test_the_journey(work: Path, labels: Path) -> None:
    said = run("status", work).stdout
    assert "0 faces in 3 photos" in said
    assert "Next: labelkit prelabel work" in said
    assert "1 of 1 face imported from photos/labels.txt, confirmed" in run("import", work, labels).stdout
    said = run("prelabel", work).stdout
    assert "1 face in 2 photos labelled by fake@1, 1 of them found by the detector" in said
    assert "nobody was found in 1 photo" in said
    assert "Next: labelkit queue work" in said
    assert "b.png" in run("queue", work).stdout
    with Project.open(work) as project:
        project.annotate(Face("b.png"), project.landmarks(Face("b.png")), author="ann")
    assert "nobody waits" in run("queue", work).stdout
    assert re.search(r"done +│ 2 ", run("status", work).stdout)
    said = run("export", work, "--format", "wflw", "-o", "out.txt").stdout
    assert "2 faces in 2 photos -> out.txt" in said
    assert "out.txt.labelkit.json" in said
    assert len(read("out.txt", "wflw", images="photos")) == 2


def test_faces_are_marked(work: Path, labels: Path) -> None:
    run("import", work, labels)
    assert "a.png, face 1: done (well lit)" in run("mark", work, "a.png", "--comment", "well lit").stdout
    assert as_json("mark", work, "a.png", "--as", "reviewed", "--author", "bob")["state"] == "reviewed"
    pinned = ["--as", "returned", "--comment", "too low", "--point"]
    assert "no point 'chin'" in run("mark", work, "a.png", *pinned, "chin", code=1).stderr
    assert as_json("status", work)["states"]["reviewed"] == 1
    assert as_json("mark", work, "a.png", *pinned, "jaw_8")["state"] == "returned"
    assert "returned: too low" in as_json("queue", work)["queue"][0]["reason"]
    with Project.open(work) as project:
        remarks = project.store.events(project.find(Face("a.png")).id)
    assert {(e.text, e.point) for e in remarks if e.kind == "comment"} == {
        ("well lit", None),
        ("too low", "jaw_8"),
    }
    for decision in ("rejected", "skipped"):
        assert as_json("mark", work, "a.png", "--as", decision)["state"] == decision
        assert as_json("queue", work)["queue"] == []


def test_the_journey_in_json(photos: Path, labels: Path) -> None:
    made = as_json("new", "work", "--images", "photos", "--scheme", "ibug68")
    assert (made["photos"], made["added"], made["points"]) == (3, 3, 68)
    assert as_json("scan", "work")["added"] == 0
    imported = as_json("import", "work", labels, "--as", "to-review")
    assert (imported["added"], imported["state"]) == (1, "predicted")
    labelled = as_json("prelabel", "work", "--only", "new")
    assert (labelled["model"], labelled["faces"], labelled["no_face"]) == ("fake@1", 1, 1)
    queue = as_json("queue", "work", "--limit", "1")
    assert (queue["waiting"], len(queue["queue"])) == (2, 1)
    assert set(queue["queue"][0]) == {"image", "index", "score", "reason"}
    status = as_json("status", "work")
    assert (status["states"]["predicted"], status["states"]["no face"]) == (2, 1)
    exported = as_json("export", "work", "--format", "300w", "-o", "points", "--include-predicted")
    assert (exported["faces"], len(exported["predicted"])) == (2, 2)
    moved = as_json("relocate", "work", "--images", "photos")
    assert (moved["photos"], moved["missing"]) == (3, [])


def test_what_was_left_out_is_listed(work: Path, labels: Path, here: Path) -> None:
    (here / "elsewhere").mkdir()
    Image.new("RGB", (8, 8)).save(here / "elsewhere" / "q.png")
    face = Sample(ImageFile(here / "elsewhere" / "q.png"), None, Landmarks(SCHEME, SCHEME.plane))
    write(Dataset((face,), SCHEME, here / "elsewhere"), here / "elsewhere" / "l.txt", "wflw")
    told = run("import", work, "elsewhere/l.txt").stderr
    assert "1 in photos that are not below the project's image root" in told
    assert "q.png" in told
    run("import", work, labels, "--as", "to-review")
    told = run("export", work, "--format", "wflw", "-o", "out.txt", "--include-predicted").stderr
    assert "1 are predictions that nobody has confirmed" in told
    assert "a.png, face 1" in told


def test_photos_that_come_and_go(work: Path, photos: Path) -> None:
    Image.new("RGB", (8, 8), "red").save(photos / "new.png")
    (photos / "b.png").rename(photos / "c.png")
    (photos / "a.png").unlink()
    result = run("scan", work)
    assert "3 photos: 1 new, 1 moved, 1 missing" in result.stdout
    assert "moved: b.png -> c.png" in result.stderr
    assert "missing: a.png" in result.stderr
    assert "1 missing, the first: a.png" in run("status", work).stdout


def changed_scheme(here: Path) -> Scheme:
    scheme = rename_points(without_mirror(SCHEME), {"jaw_8": "chin"})
    scheme = add_points(scheme, [Point("forehead", 0.0, -0.6)])
    (here / "new.json").write_text(scheme.to_json())
    return scheme


def test_a_scheme_change_shows_its_plan_and_waits_for_a_yes(work: Path, labels: Path, here: Path) -> None:
    scheme = changed_scheme(here)
    run("import", work, labels)
    said = run("scheme-change", work, "new.json").stdout
    for part in ("forehead", "jaw_8 -> chin", "1 finished face will wait", "nothing was changed"):
        assert part in said
    assert as_json("scheme-change", work, "new.json")["changed"] is False
    with Project.open(work) as project:
        assert project.scheme == SCHEME
    changed = as_json("scheme-change", work, "new.json", "--yes")
    assert (changed["changed"], changed["revision"], changed["waiting"]) == (True, 2, 1)
    assert changed["plan"]["renamed"] == [["jaw_8", "chin"]]
    assert "waiting     1 face for" in run("status", work).stdout
    said = run("scheme-change", work, "--undo", "--yes").stdout
    assert "1 face finished again" in said
    with Project.open(work) as project:
        assert project.scheme == SCHEME
        assert project.scheme_history()[1].scheme == scheme


def test_an_undo_has_nothing_left_to_predict(work: Path, labels: Path, here: Path) -> None:
    run("import", work, labels)
    changed_scheme(here)
    said = run("scheme-change", work, "new.json", "--yes").stdout
    assert "1 finished face now waiting" in said
    assert "Next: labelkit prelabel work" in said
    assert "Next: labelkit prelabel work" in run("status", work).stdout
    said = run("scheme-change", work, "--undo", "--yes").stdout
    assert "1 face finished again" in said
    assert "Next:" not in said
    assert "Back:" not in said


def test_a_status_names_photos_that_are_gone(work: Path, labels: Path, photos: Path) -> None:
    run("import", work, labels)
    (photos / "a.png").unlink()
    run("scan", work)
    assert (
        "1 photo missing on the disk, the first: a.png"
        in run("export", work, "--format", "csv", "-o", "out.csv").stderr
    )
    photos.rename(photos.with_name("elsewhere"))
    assert "(there is no such folder: labelkit relocate)" in run("status", work).stdout


def test_names_are_neither_markup_nor_commands_to_a_terminal(photos: Path) -> None:
    (photos / "a.png").rename(photos / "[red]a.png")
    (photos / "x\n\x1b[2Jy.png").write_bytes(b"")
    said = run("new", "work", "--images", "photos", "--scheme", "ibug68")
    assert f"{photos.absolute()}/x\\n\\x1b[2Jy.png: is empty (0 bytes)" in said.stderr.splitlines()
    assert "no face yet: labelkit prelabel work" in run("queue", "work").stdout
    run("prelabel", "work")
    assert "[red]a.png" in run("queue", "work").stdout


def test_an_import_says_which_labels_are_only_predictions(work: Path, photos: Path) -> None:
    states = {"a.png": State.CONFIRMED, "b.png": State.PREDICTED}
    faces = [
        Sample(ImageFile(photos / name), None, Landmarks(SCHEME, SCHEME.plane * 30 + 40, state))
        for name, state in states.items()
    ]
    write(Dataset((faces[1],), SCHEME, photos), "guess.csv", "csv")
    said = run("import", work, "guess.csv")
    assert "1 of 1 face imported from guess.csv, to be reviewed" in said.stdout
    assert "Next: labelkit queue work" in said.stdout
    write(Dataset(tuple(faces), SCHEME, photos), "both.csv", "csv")
    said = run("import", work, "both.csv")
    assert "1 of 2 faces imported from both.csv, confirmed" in said.stdout
    assert "1 were there already" in said.stdout
    assert "Next: labelkit status work" in said.stdout


def test_an_import_that_is_stopped_says_what_becomes_of_it(
    work: Path, labels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("labelkit.project.project.import_dataset", stopped)
        said = run("import", work, labels, code=130).stderr
    assert said == "What was imported stays; the same command adds the rest.\nlabelkit: stopped\n"
    assert as_json("import", work, labels)["added"] == 1


def test_a_part_of_a_published_set_is_imported(work: Path, labels: Path) -> None:
    part = run("import", work, labels, "--format", "wflw", "--subset", "largepose", "--json", code=1)
    assert json.loads(part.stdout)["read"] == 0
    assert part.stderr == "labelkit: photos/labels.txt: holds no face that could be read\n"
    assert as_json("import", work, labels, "--format", "wflw")["read"] == 1
    run("import", work, labels, "--format", "wflw", "--subset", "nonsense", code=1)


def test_renames_can_be_said(work: Path, here: Path) -> None:
    changed_scheme(here)
    plan = as_json("scheme-change", work, "new.json", "--rename", "jaw_7=forehead")["plan"]
    assert ["jaw_7", "forehead"] in plan["renamed"]
    assert ["jaw_8", "chin"] in plan["renamed"]


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (["status", "nothing"], "labelkit new"),
        (["new", "work", "--images", "photos", "--scheme", "ibug68"], "is a labelkit project already"),
        (["new", "other", "--images", "none", "--scheme", "ibug68"], "no such folder"),
        (["import", "work", "none.txt"], "none.txt"),
        (["export", "work", "--format", "wflw", "-o", "out.txt"], "no face has been confirmed"),
        (["export", "work", "--format", "best", "-o", "out.txt"], "no format"),
        (["prelabel", "work", "--model", "refused"], "refused.safetensors: is no model"),
        (["relocate", "work", "--images", "work"], "holds no pictures"),
        (["mark", "work", "none.png", "--as", "rejected"], "none.png"),
        (["scheme-change", "work", "none.json"], "none.json"),
        (["scheme-change", "work", "--undo", "--yes"], "nothing to undo"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_problems_are_one_line_with_exit_code_1(work: Path, command: list[str], problem: str) -> None:
    assert problem in run(*command, code=1).stderr


@pytest.mark.parametrize(
    "command",
    [
        ["new", "work"],
        ["scheme-change", "work"],
        ["scheme-change", "work", "new.json", "--undo"],
        ["scheme-change", "work", "new.json", "--rename", "a"],
        ["import", "work", "x.txt", "--as", "perhaps"],
        ["prelabel", "work", "--only", "old"],
        ["mark", "work", "a.png"],
        ["mark", "work", "a.png", "--as", "returned"],
        ["mark", "work", "a.png", "--as", "rejected", "--point", "jaw_8"],
        ["export", "work", "-o", "x", "--format", "wflw", "--by", "hair"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(work: Path, here: Path, command: list[str]) -> None:
    changed_scheme(here)
    run(*command, code=2)

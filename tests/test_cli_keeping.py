"""``labelkit log``, ``backup`` and ``restore``, as somebody types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from labelkit.cli import app


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    Image.new("RGB", (80, 80)).save("photos/a.png")
    run("new", "work", "--images", "photos", "--scheme", "ibug68")
    return tmp_path / "work"


def run(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == code, result.output
    return result


def test_there_and_back() -> None:
    told = run("backup", "work", "-o", "a.zip").stdout
    assert "labelkit restore a.zip" in told
    again = run("restore", "a.zip", "again").stdout
    assert "1 photo in photos" in again
    assert json.loads(run("status", "again", "--json").stdout)["photos"]["total"] == 1


def test_a_backup_without_a_name_gets_one_and_json_is_json() -> None:
    facts = json.loads(run("backup", "work", "--json").stdout)
    assert Path(facts["path"]).is_file()
    assert facts["path"].startswith("work-")
    facts = json.loads(run("restore", facts["path"], "deep/er/again", "--json").stdout)
    assert (facts["photos"], facts["found"]) == (1, 0)


def test_where_the_photos_are_not_the_next_step_is_told() -> None:
    run("backup", "work", "-o", "a.zip")
    result = run("restore", "a.zip", "deep/er/again")
    assert "labelkit relocate deep/er/again --images FOLDER" in result.stdout
    assert ": 0 of 1; a backup holds none" in result.stderr


def test_problems_are_one_line() -> None:
    run("backup", "work", "-o", "a.zip")
    for words in (
        ("restore", "a.zip", "work"),
        ("restore", "photos/a.png", "x"),
        ("restore", "none.zip", "x"),
        ("backup", "work", "-o", "photos/a.png"),
    ):
        told = run(*words, code=1).stderr
        assert told.startswith("labelkit: ")
        assert told.count("\n") == 1


def test_the_log_tells_who_did_what() -> None:
    from labelkit.geometry import Box
    from labelkit.project import Project

    with Project.open("work") as project:
        project.add_face("a.png", Box(5, 5, 60, 60, "user"), "ann")
    run("mark", "work", "a.png", "--as", "rejected", "--author", "ben", "--comment", "[red]no face[/red]")
    run("mark", "work", "a.png", "--as", "restored", "--author", "ann")
    facts = json.loads(run("log", "work", "--json").stdout)["entries"]
    assert [(one["author"], one["what"], one["text"]) for one in facts[1:]] == [
        ("ann", "box", "a box was drawn"),
        ("ben", "state", "todo -> rejected: [red]no face[/red]"),
        ("ann", "state", "rejected -> todo: brought back"),
    ]
    told = run("log", "work", "--person", "ben", "--photo", "a.png", "--since", "1h").stdout
    assert "[red]" in told
    assert "ann" not in told
    assert "nothing of the kind" in run("log", "work", "--person", "eve").stdout
    assert "no face 2" in run("log", "work", "--photo", "a.png", "--face", "2", code=1).stderr
    assert "is no moment" in run("log", "work", "--since", "soon", code=1).stderr


def test_no_command_tells_a_secret(work: Path) -> None:
    from labelkit.app.users import add_user, read_users

    add_user(work, "ann", "correct horse")
    known = read_users(work)
    assert known is not None
    run("backup", "work", "-o", "a.zip", "--json")
    told = "".join(
        run(*words).output
        for words in (("status", "work", "--json"), ("log", "work", "--json"), ("users", "list", "work"))
    )
    assert "ann" in told
    for secret in (known.secret, known.hashes["ann"]["hash"], known.hashes["ann"]["salt"], "correct horse"):
        assert secret not in told
        assert secret.encode() not in Path("a.zip").read_bytes()

"""``labelkit serve`` and ``users``: what is said when it cannot be, one line and exit code 1."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from labelkit.app import users
from labelkit.app.users import read_users
from labelkit.cli import app
from labelkit.project import Project

RUN = CliRunner()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (20, 20)).save(tmp_path / "photos" / "a.png")
    Project.create(tmp_path / "work", tmp_path / "photos", "ibug68").close()
    return tmp_path / "work"


def refused(*arguments: str) -> str:
    result = RUN.invoke(app, list(arguments))
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_a_folder_that_is_no_project(tmp_path: Path) -> None:
    assert "is no labelkit project" in refused("serve", str(tmp_path))


def test_a_port_that_is_in_use(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port} of 127.0.0.1 is in use" in refused("serve", str(folder), "--port", str(port))


def test_an_address_that_others_reach_asks_for_users(folder: Path) -> None:
    told = refused("serve", str(folder), "--host", "0.0.0.0", "--port", "0")
    assert "labelkit users add" in told


def test_an_address_of_another_machine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "_COST", {"n": 16, "r": 8, "p": 1})
    users.add_user(folder, "ann", "correct horse")
    assert "no address of this machine" in refused("serve", str(folder), "--host", "192.0.2.1", "--port", "0")


def test_users_are_added_listed_and_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "_COST", {"n": 16, "r": 8, "p": 1})
    result = RUN.invoke(app, ["users", "add", str(folder), "ann"], input="correct horse\ncorrect horse\n")
    assert result.exit_code == 0
    assert "correct" not in result.output
    assert (
        RUN.invoke(app, ["users", "add", str(folder), "eve", "--stdin"], input="another one\n").exit_code == 0
    )
    assert RUN.invoke(app, ["users", "list", str(folder)]).stdout.split() == ["ann", "eve"]
    assert RUN.invoke(app, ["users", "remove", str(folder), "ann"]).exit_code == 0
    known = read_users(folder)
    assert known is not None
    assert list(known.hashes) == ["eve"]
    assert known.accepts("eve", "another one")


def test_users_belong_to_projects(tmp_path: Path) -> None:
    assert "is no labelkit project" in refused("users", "list", str(tmp_path))

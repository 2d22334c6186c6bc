"""A project that cannot be written, as on a snapshot, a DVD or in somebody else's folder."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from labelkit.cli import app
from labelkit.errors import StoreError
from labelkit.formats import read
from labelkit.geometry import Box
from labelkit.project import Project
from labelkit.project.backup import restore
from labelkit.scheme import load_scheme
from labelkit.store import database

SCHEME = load_scheme("celeba5")


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "photos").mkdir()
    for number in range(3):
        Image.new("RGB", (80, 80), (number, 0, 0)).save(tmp_path / "photos" / f"{number}.png")
    with Project.create(tmp_path / "work", tmp_path / "photos", SCHEME, read=False) as project:
        for number in range(3):
            face = project.add_face(f"{number}.png", Box(20, 20, 60, 60, "user"), "ann")
            if number:
                project.annotate(face, SCHEME.plane * 30 + 40 + number, author="ann")
    real = os.access

    def access(path: str | Path, mode: int) -> bool:
        return real(path, mode) and not (mode & os.W_OK and str(path).startswith(str(tmp_path / "work")))

    monkeypatch.setattr(os, "access", access)
    return tmp_path / "work"


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but the lock of imports, which is empty."""
    return {
        str(file): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != "turn.db"
    }


@pytest.mark.parametrize("words", [["status"], ["queue"], ["log"], ["agreement"]], ids=" ".join)
def test_it_can_be_looked_at(work: Path, words: list[str]) -> None:
    before = contents(work)
    told = CliRunner().invoke(app, [words[0], str(work), *words[1:]])
    assert told.exit_code == 0, told.output
    assert contents(work) == before


def test_it_can_be_exported_and_backed_up_elsewhere(work: Path, tmp_path: Path) -> None:
    before = contents(work)
    with Project.open(work) as project:
        project.export("csv", tmp_path / "out.csv")
        project.backup(tmp_path / "out.zip")
        points = [project.landmarks(face).xy for face in project.faces("done")]
    assert contents(work) == before
    labels = read(tmp_path / "out.csv", "csv", SCHEME, images=tmp_path / "photos")
    assert np.allclose([one.landmarks.xy for one in labels if one.landmarks is not None], points, atol=0.01)
    assert restore(tmp_path / "out.zip", tmp_path / "again").photos == 3
    with Project.open(tmp_path / "again") as again:
        assert again.status().states["done"] == 2


@pytest.mark.parametrize(
    "words",
    [["mark", "0.png", "--as", "skipped"], ["scan"], ["prelabel"], ["train"], ["serve", "--port", "0"]],
    ids=lambda words: words[0],
)
def test_what_would_be_stored_is_refused_in_one_line(work: Path, words: list[str]) -> None:
    before = contents(work)
    told = CliRunner().invoke(app, [words[0], str(work), *words[1:]])
    assert told.exit_code == 1
    assert told.stderr.strip().splitlines()[-1].endswith("labelkit.db: cannot be written (it is read-only)")
    assert contents(work) == before


def test_labels_are_saved_from_a_disk_that_is_full(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What SQLite makes beside a database that it opens finds no room either."""
    monkeypatch.undo()
    monkeypatch.setattr(database, "is_full", lambda _: True)
    with Project.open(work) as project:
        project.backup(tmp_path / "out.zip")
        assert project.export("wflw", tmp_path / "out.txt").faces == 2
        with pytest.raises(StoreError, match="the disk is full; nothing has been changed"):
            project.skip(next(project.faces()), "ann")
    assert not list(work.glob("labelkit.db-*"))
    assert restore(tmp_path / "out.zip", tmp_path / "again").photos == 3


def test_a_full_disk_that_others_have_open_is_written_when_it_can(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.undo()
    with Project.open(work) as server:
        server.comment(next(server.faces()), "has it open", "ann")
        monkeypatch.setattr(database, "is_full", lambda _: True)
        with Project.open(work) as project:
            assert not project.store.read_only
            with project.store._database.read() as connection:
                pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
                connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            with pytest.raises(StoreError, match="the disk is full"):
                for _ in range(500):
                    project.comment(next(project.faces()), "x" * 5000, "ann")
            monkeypatch.setattr(project.store, "record", refuse)
            project.backup(tmp_path / "out.zip")
    assert "the backup is there, but could not be recorded" in caplog.text
    assert restore(tmp_path / "out.zip", tmp_path / "again").photos == 3


def refuse(*_: object) -> None:
    raise StoreError("labelkit.db", "the disk is full")

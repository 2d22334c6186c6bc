"""What killed writers leave behind goes, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from labelkit import atomic, drafts

DAY = 24 * 3600


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def of(pid: int, end: str = "") -> str:
    """A draft's name as if a process of this number had made it."""
    return drafts.new_name(end).replace(f"-{os.getpid()}-", f"-{pid}-")


@pytest.fixture(scope="module")
def dead() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def aged(path: Path, seconds: float) -> None:
    time = path.stat().st_mtime - seconds
    os.utime(path, (time, time))


def test_names_differ_and_say_whose_they_are() -> None:
    first, second = drafts.new_name(".png"), drafts.new_name(".png")
    assert first != second
    assert first.startswith(drafts.UNFINISHED)
    assert first.endswith(".png")
    assert f"-{os.getpid()}-" in first


@pytest.mark.skipif(os.name == "nt", reason="only a day tells there")
def test_drafts_of_dead_writers_go_and_those_of_living_ones_stay(tmp_path: Path, dead: int) -> None:
    for name in (of(dead), of(dead, ".db-wal"), of(dead) + "-database.db", drafts.new_name(".zip")):
        (tmp_path / name).write_text("half")
    sub = tmp_path / of(dead) / "sub"
    sub.mkdir(parents=True)
    (sub / "a.pts").write_text("half")
    mine = drafts.new_name()
    (tmp_path / mine).mkdir()
    aged(tmp_path / mine, 9 * DAY)  # whatever the clock says, we are here
    others = ("a.txt", ".hidden", ".labelkit-notes", f".labelkit-{'0' * 17}", "labelkit-0.backup.db")
    for name in others:
        (tmp_path / name).write_text("mine")
        aged(tmp_path / name, 9 * DAY)
    drafts.sweep(tmp_path)
    left = [name for name in names(tmp_path) if name not in others]
    assert [name for name in left if f"-{dead}-" in name] == []
    assert len(left) == 2, "a file and a folder of this process"
    assert mine in left
    assert set(others) <= set(names(tmp_path))


def test_of_writers_elsewhere_only_what_has_not_grown_for_a_day_goes(tmp_path: Path, dead: int) -> None:
    elsewhere = of(dead, ".zip").replace(drafts._place(), "0123abcd")
    older = f".labelkit-{'ab' * 8}.json"  # as they were called once
    folder = of(dead).replace(drafts._place(), "0123abcd")
    (tmp_path / folder).mkdir()
    for name in (elsewhere, older, f"{folder}/a.txt"):
        (tmp_path / name).write_text("half")
    drafts.sweep(tmp_path)
    assert names(tmp_path) == sorted([elsewhere, older, folder, f"{folder}/a.txt"])
    for name in (elsewhere, older, folder):
        aged(tmp_path / name, 1.1 * DAY)
    drafts.sweep(tmp_path)
    assert names(tmp_path) == [folder, f"{folder}/a.txt"], "a file in it has grown since"
    aged(tmp_path / folder / "a.txt", 1.1 * DAY)
    drafts.sweep(tmp_path)
    assert names(tmp_path) == []


def test_a_folder_whose_writer_died_between_two_renames_comes_back(tmp_path: Path, dead: int) -> None:
    new, draft = tmp_path / "points", tmp_path / of(dead)
    draft.mkdir()
    (draft / "a.pts").write_text("new")
    before = draft.with_name(draft.name + drafts.BEFORE)
    (before / "points").mkdir(parents=True)
    (before / "points" / "a.pts").write_text("old")
    for path in (draft, before, before / "points", draft / "a.pts", before / "points" / "a.pts"):
        aged(path, 2 * DAY)  # Windows knows no other sign
    drafts.sweep(tmp_path)
    assert names(tmp_path) == ["points", "points/a.pts"]
    assert (new / "a.pts").read_text() == "old"
    (before / "points").mkdir(parents=True)
    for path in (before, before / "points"):
        aged(path, 2 * DAY)
    drafts.sweep(tmp_path)
    assert (new / "a.pts").read_text() == "old", "what stands there stays"
    assert names(tmp_path) == ["points", "points/a.pts"]


def test_whoever_writes_first_cleans_the_folder(tmp_path: Path, dead: int) -> None:
    for number, write in enumerate(
        (
            lambda folder: atomic.write_text(folder / "a.txt", "new"),
            lambda folder: atomic.write_files(folder, {"a.txt": "new"}),
            lambda folder: fill(folder / "a.txt"),
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / of(dead)).write_text("half")
        for path in folder.iterdir():
            aged(path, 2 * DAY)
        write(folder)
        assert [name for name in names(folder) if name.startswith(".")] == []


def fill(folder: Path) -> None:
    with atomic.replacing_folder(folder) as draft:
        (draft / "b").write_text("new")


def test_a_folder_that_cannot_be_read_is_no_problem(tmp_path: Path) -> None:
    drafts.sweep(tmp_path / "nowhere")
    drafts.sweep_once(tmp_path / "nowhere")

"""Nobody sees half a file, whatever goes wrong on the way."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from labelkit import atomic


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_a_text_is_written_as_it_is(tmp_path: Path) -> None:
    atomic.write_text(tmp_path / "new" / "a.txt", "é\r\nb\n")
    assert (tmp_path / "new" / "a.txt").read_bytes() == "é\r\nb\n".encode()
    assert names(tmp_path) == ["new", "new/a.txt"]


def interrupt_writing(target: Path) -> None:
    with atomic.replacing(target) as draft:
        draft.write_text("half of the new")
        assert draft.suffix == target.suffix
        raise KeyboardInterrupt


def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        interrupt_writing(target)
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.png"]


def refuse(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")  # a full disk names no file


def test_errors_name_what_was_to_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a"
    with pytest.raises(FileNotFoundError) as error, atomic.replacing(target) as draft:
        (draft / "sub").read_text()
    assert error.value.filename == str(target)
    with pytest.raises(FileNotFoundError) as error, atomic.replacing(target):
        (tmp_path / "other").read_text()
    assert error.value.filename == str(tmp_path / "other")
    monkeypatch.setattr(os, "fsync", refuse)
    for write in (
        lambda: atomic.write_text(target, "new"),
        lambda: atomic.write_files(target, {"b": "new"}),
        lambda: fill_folder(target),
    ):
        with pytest.raises(OSError, match="No space left") as full:
            write()
        assert (full.value.errno, full.value.filename) == (errno.ENOSPC, str(target))
    assert names(tmp_path) == []


def fill_folder(target: Path) -> None:
    with atomic.replacing_folder(target) as draft:
        (draft / "b").write_text("new")


def test_a_text_that_cannot_be_encoded_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        atomic.write_text(tmp_path / "a.txt", "fine \udc80")
    assert names(tmp_path) == []


def test_permissions_and_links_survive(tmp_path: Path) -> None:
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    atomic.write_text(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_new_folder_appears_as_a_whole(tmp_path: Path) -> None:
    atomic.write_files(tmp_path / "out", {"a.txt": "a", "sub/b.txt": "b"})
    assert names(tmp_path) == ["out", "out/a.txt", "out/sub", "out/sub/b.txt"]


def test_a_failure_among_many_files_leaves_no_new_folder(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        atomic.write_files(tmp_path / "out", {"a.txt": "a", "b.txt": "\udc80"})
    assert names(tmp_path) == []


def test_a_failure_among_many_files_leaves_an_old_folder_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(UnicodeEncodeError):
        atomic.write_files(tmp_path, {"a.txt": "new", "b.txt": "\udc80"}, remove=["a.txt"])
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_files_replace_and_remove_the_named_ones_alone(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "mine.txt"):
        (tmp_path / name).write_text("old")
    atomic.write_files(tmp_path, {"a.txt": "new", "sub/c.txt": "new"}, remove=["b.txt", "never.txt"])
    assert names(tmp_path) == ["a.txt", "mine.txt", "sub", "sub/c.txt"]
    assert (tmp_path / "a.txt").read_text() == "new"
    assert (tmp_path / "mine.txt").read_text() == "old"


def test_a_disk_that_fails_during_the_rename_leaves_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    (tmp_path / "a.txt").write_text("old")
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        atomic.write_text(tmp_path / "a.txt", "new")
    with pytest.raises(OSError, match="No space"):
        atomic.write_files(tmp_path, {"a.txt": "new"})
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "out"
    for number in range(2):
        with atomic.replacing_folder(target) as draft:
            (draft / "sub").mkdir()
            (draft / "sub" / f"{number}.txt").write_text("x")
        assert [path.name for path in target.rglob("*.txt")] == [f"{number}.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_cannot_be_filled_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old.txt").write_text("old")
    with pytest.raises(OSError, match="full"), atomic.replacing_folder(tmp_path / "out") as draft:
        (draft / "new.txt").write_text("new")
        raise OSError("full")
    assert (tmp_path / "out" / "old.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_cannot_take_its_name_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old.txt").write_text("old")
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if (self / "new.txt").exists():
            raise OSError("busy")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="busy"), atomic.replacing_folder(tmp_path / "out") as draft:
        (draft / "new.txt").write_text("new")
    assert (tmp_path / "out" / "old.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]

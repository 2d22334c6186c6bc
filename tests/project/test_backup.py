"""A project as one file and back: nothing is lost, nothing half-written, nothing hostile let in."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import zipfile
from collections.abc import Callable
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelkit.errors import InputError, StoreError
from labelkit.geometry import Box
from labelkit.landmarks import Landmarks
from labelkit.project import Project
from labelkit.project.backup import backup, restore
from labelkit.scheme import Scheme

from .conftest import face_at, make_photo

Change = Callable[[dict[str, bytes], dict[str, Any]], None]


@pytest.fixture
def project(tmp_path: Path, ibug68: Scheme) -> Project:
    """A face that was labelled twice, a model, and much that is no part of a backup."""
    make_photo(tmp_path / "photos" / "a.png")
    project = Project.create(tmp_path / "work", tmp_path / "photos", ibug68)
    face = project.add_face("a.png", Box(5, 5, 60, 60, "user"), "ann")
    for author, shift in (("ann", 0.0), ("ben", 2.0)):
        project.annotate(face, Landmarks(ibug68, face_at(ibug68, shift)), author=author)
    (project.folder / "models" / "mine.safetensors").write_bytes(bytes(range(256)) * 9)
    for name in ("cache/x.jpg", "exports/y.txt", "users.json", "models/.labelkit-half"):
        (project.folder / name).write_bytes(b"secret")
    return project


@pytest.fixture
def packed(project: Project, tmp_path: Path) -> Path:
    return project.backup(tmp_path / "a.zip").path


def changed(packed: Path, change: Change, *, rehash: bool = True) -> Path:
    """A backup of other content, as somebody who means ill would make it."""
    with zipfile.ZipFile(packed) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    about = json.loads(files.pop("manifest.json"))
    change(files, about)
    if rehash:
        about["files"] = {
            name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in files.items()
        }
    other = packed.with_name("other.zip")
    with zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**files, "manifest.json": json.dumps(about).encode()}.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return other


def test_a_backup_holds_what_a_project_is_and_nothing_else(packed: Path) -> None:
    names = set(zipfile.ZipFile(packed).namelist())
    assert names == {
        "manifest.json",
        "labelkit.db",
        "labelkit.toml",
        "schemes/0001-ibug68.json",
        "models/mine.safetensors",
    }
    assert b"secret" not in packed.read_bytes()
    assert [path.name for path in packed.parent.iterdir() if path.name.startswith(".labelkit")] == []


def test_a_restored_project_has_every_revision_and_finds_its_photos(
    project: Project, packed: Path, tmp_path: Path
) -> None:
    report = restore(packed, tmp_path / "again")
    assert (report.photos, report.found, report.images) == (1, 1, tmp_path / "photos")
    with Project.open(tmp_path / "again") as again:
        (face,) = again.faces()
        assert [one.author for one in again.history(face)] == ["ann", "ben"]
        np.testing.assert_array_equal(again.landmarks(face).xy, project.landmarks(face).xy)
        assert again.scheme == project.scheme
        assert again.store.events() == project.store.events()
    assert (tmp_path / "again/models/mine.safetensors").read_bytes() == bytes(range(256)) * 9


def test_photos_that_are_elsewhere_are_told_and_found_by_relocate(packed: Path, tmp_path: Path) -> None:
    report = restore(packed, tmp_path / "far" / "away")
    assert (report.photos, report.found) == (1, 0)
    assert report.before == str(tmp_path / "photos")
    with Project.open(tmp_path / "far" / "away") as again:
        assert again.relocate(tmp_path / "photos").missing == ()


def test_what_is_being_written_at_the_same_time_is_in_it_whole_or_not_at_all(
    project: Project, packed: Path, tmp_path: Path, ibug68: Scheme
) -> None:
    (face,) = project.faces()
    with project.store.together():
        project.annotate(face, Landmarks(ibug68, face_at(ibug68, 5.0)), author="eve")
        report = backup(project.folder, tmp_path / "b.zip", project.images)
    restore(report.path, tmp_path / "again")
    with Project.open(tmp_path / "again") as again:
        assert [one.author for one in again.history(face)] == ["ann", "ben"]
    assert [one.author for one in project.history(face)] == ["ann", "ben", "eve"]


def test_a_later_backup_takes_the_place_of_an_earlier_one_and_of_nothing_else(
    project: Project, packed: Path, tmp_path: Path
) -> None:
    project.backup(packed)
    photo = tmp_path / "photos" / "a.png"
    before = photo.read_bytes()
    with pytest.raises(InputError, match="is no earlier backup"):
        project.backup(photo)
    assert photo.read_bytes() == before
    with pytest.raises(InputError, match="is a folder"):
        project.backup(tmp_path)


def test_a_damaged_database_is_no_backup(project: Project, tmp_path: Path) -> None:
    project.close()
    path = project.folder / "labelkit.db"
    with sqlite3.connect(path) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'annotations'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    with pytest.raises(StoreError, match=r"labelkit\.db: is damaged"):
        backup(project.folder, tmp_path / "b.zip", project.images)
    assert not (tmp_path / "b.zip").exists()


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_out_of_the_project_are_left_out_and_named(project: Project, tmp_path: Path) -> None:
    (tmp_path / "private").write_bytes(b"secret")
    (project.folder / "models" / "x.safetensors").symlink_to(tmp_path / "private")
    report = project.backup(tmp_path / "b.zip")
    assert report.outside == ("models/x.safetensors",)
    assert b"secret" not in report.path.read_bytes()


@pytest.mark.parametrize("place", ["filled", "file"])
def test_only_a_new_or_an_empty_folder_is_filled(packed: Path, tmp_path: Path, place: str) -> None:
    target = tmp_path / "there"
    if place == "file":
        target.write_text("mine")
    else:
        target.mkdir()
        (target / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="into a new or an empty folder"):
        restore(packed, target)
    assert (target if place == "file" else target / "mine.txt").read_text() == "mine"


def test_an_empty_folder_will_do(packed: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert restore(packed, tmp_path / "empty").files == 4
    Project.open(tmp_path / "empty").close()


def test_no_flipped_byte_goes_unnoticed(packed: Path, tmp_path: Path) -> None:
    whole = packed.read_bytes()
    for place in np.random.default_rng(0).integers(0, len(whole), 60):
        packed.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        problem = ""
        try:
            restore(packed, tmp_path / "x")
        except InputError as error:
            problem = str(error)
        if problem:
            assert str(packed) in problem
            assert "\n" not in problem
            assert not (tmp_path / "x").exists()
            continue
        # What a ZIP file says of dates and rights counts for nothing here: the content is whole.
        with Project.open(tmp_path / "x") as again:
            assert len(again.history(next(again.faces()))) == 2
        (tmp_path / "x").rename(tmp_path / f"x{place}")
    packed.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"a\.zip: "):
        restore(packed, tmp_path / "x")


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/etc/evil",
        "models/../../evil",
        "models\\..\\evil",
        "C:/evil",
        "models/a:b",
        "users.json",
        "cache/x",
        "labelkit.db/x",
        "models/",
        "models//x",
        "models/./x",
    ],
)
def test_no_name_leads_out_of_the_new_folder(packed: Path, tmp_path: Path, name: str) -> None:
    def add(files: dict[str, bytes], about: dict[str, Any]) -> None:
        files[name] = b"evil"

    with pytest.raises(InputError, match=r"does not belong into a project|is damaged"):
        restore(changed(packed, add), tmp_path / "x")
    assert not (tmp_path / "x").exists()
    assert not list(tmp_path.rglob("evil"))


def _drop_database(files: dict[str, bytes], about: dict[str, Any]) -> None:
    del files["labelkit.db"]


def _other_database(files: dict[str, bytes], about: dict[str, Any]) -> None:
    files["labelkit.db"] = b"SQLite format 3\0" + bytes(4096)


def _odd_settings(files: dict[str, bytes], about: dict[str, Any]) -> None:
    files["labelkit.toml"] = b"version = 7\n"


def _other_kind(files: dict[str, bytes], about: dict[str, Any]) -> None:
    about["kind"] = "holiday photos"


def _newer(files: dict[str, bytes], about: dict[str, Any]) -> None:
    about["version"] = 2


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (_drop_database, r"labelkit\.db is missing"),
        (_other_database, "holds no project that can be opened"),
        (_odd_settings, "holds no project that can be opened"),
        (_other_kind, "is no labelkit backup"),
        (_newer, "update labelkit"),
    ],
)
def test_what_is_no_project_is_refused_and_leaves_nothing(
    packed: Path, tmp_path: Path, change: Change, problem: str
) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(InputError, match=problem):
        restore(changed(packed, change), tmp_path / "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*before, "other.zip"])


def test_a_file_that_swells_is_not_unpacked(packed: Path, tmp_path: Path) -> None:
    def swell(files: dict[str, bytes], about: dict[str, Any]) -> None:
        files["models/mine.safetensors"] = bytes(50_000_000)

    with pytest.raises(InputError, match="its size is not that of the manifest"):
        restore(changed(packed, swell, rehash=False), tmp_path / "x")


def test_a_clock_that_stands_anywhere_makes_backups_all_the_same(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime(1970, 1, 1, 0, 0, 5, tzinfo=tz)

    monkeypatch.setattr("labelkit.project.backup.datetime", Stopped)
    monkeypatch.setattr("labelkit.project.keeping.datetime", Stopped)
    monkeypatch.chdir(tmp_path)
    first, second = (project.backup().path for _ in range(2))
    assert first != second, "an earlier backup of this second stays"
    for number, file in enumerate((first, second)):
        assert restore(file, tmp_path / f"again-{number}").photos == len(project.store.images())


def test_a_manifest_that_cannot_be_unpacked_is_named(tmp_path: Path) -> None:
    file = tmp_path / "odd.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", "x" * 1000)
    damaged = bytearray(file.read_bytes())
    damaged[30 + len("manifest.json")] = 0xFF  # the first byte of what is packed
    file.write_bytes(damaged)
    with pytest.raises(
        InputError, match=r"odd\.zip: is no labelkit backup \(manifest\.json is missing or damaged\)"
    ):
        restore(file, tmp_path / "new")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("manifest.json", "{}")
    with pytest.raises(InputError, match="its manifest is packed in another way"):
        restore(file, tmp_path / "new")


def test_a_table_of_contents_that_leads_before_the_file_is_named(packed: Path, tmp_path: Path) -> None:
    content = bytearray(packed.read_bytes())
    end = content.rindex(b"PK\x05\x06")
    content[end + 16 : end + 20] = b"\xd7\x1b\xfa\xff"
    packed.write_bytes(content)
    with pytest.raises(InputError, match="is no labelkit backup"):
        restore(packed, tmp_path / "new")
    assert not (tmp_path / "new").exists()

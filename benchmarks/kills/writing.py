"""Victims that write files: exports of several formats, backups, and projects that are restored."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

from kills import checks, made
from kills.processes import Line
from kills.victim import Problem, Round, Victim

from labelkit.formats import read
from labelkit.landmarks import Face
from labelkit.project import Project
from labelkit.project.backup import restore
from labelkit.project.side import SIDE, read_side

AUTHOR = "ann"

#: What is exported, as which format, and whether it is a folder.
_OUT = {
    "list.txt": ("wflw", False),
    "points": ("300w", True),
    "faces.json": ("coco", False),
    "faces.csv": ("csv", False),
    "faces.parquet": ("parquet", False),
    "parts": ("wflw", True),
}


class Export(Victim):
    """A correction, then an export in every format over the one before, one of them split."""

    name, share, span = "export", 110, 0.5

    def prepare(self, home: Path) -> None:
        made.project(home, 0)

    def work(self, home: Path, number: int, line: Line) -> None:
        with Project.open(home / "work") as project:
            while True:
                number += 1
                project.annotate(Face(made.names()[0]), made.points(number), author=AUTHOR)
                for name, (kind, _) in _OUT.items():
                    split = "60/20/20" if name == "parts" else None
                    project.export(kind, home / "work" / "exports" / name, split=split)
                    line.say(f"{name} {number}")

    def judge(self, home: Path, project: Project, said: list[str]) -> Iterator[Problem]:
        newest = dict.fromkeys(_OUT, 0) | {name: int(n) for name, n in (line.split() for line in said)}
        for name, (kind, folder) in _OUT.items():
            out = home / "work" / "exports" / name
            if out.exists():
                yield from (
                    ("half_written", f"{name}: {text}") for text in _wrong(home, out, kind, newest[name])
                )
            elif newest[name] and not folder:
                # Between two renames a folder may be absent; a file that was there never is.
                yield "lost", f"{name} is absent"


def _wrong(home: Path, out: Path, kind: str, least: int) -> Iterator[str]:
    parts = [out] if out.name != "parts" else [out / f"{part}.txt" for part in ("train", "dev", "test")]
    found: dict[str, int | None] = {}
    count = 0
    for part in parts:
        if read_side(part) is None:
            yield f"{part.name}: no side file speaks of it"
        data = read(part, kind, made.SCHEME, images=home / "photos")
        count += len(data)
        found |= {one.image.path.name: made.value_of(one.landmarks.xy) for one in data}
    if count != made.FACES or sorted(found) != made.names():
        yield f"has {count} faces"
    first, *others = (found.get(name) for name in made.names())
    if first is None or first < least or set(others) != {0}:
        yield f"has the values {found}, where {least} was exported"
    if out.is_dir():
        told = json.loads((out / SIDE).read_text())["sha256"]
        there = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} - {SIDE}
        if there != set(told):
            yield f"holds {there ^ set(told)}"


class Backup(Victim):
    """A correction, then a backup, over an older one in turn."""

    name, share, span = "backup", 60, 0.3

    def prepare(self, home: Path) -> None:
        made.project(home, 0)

    def work(self, home: Path, number: int, line: Line) -> None:
        with Project.open(home / "work") as project:
            while True:
                number += 1
                project.annotate(Face(made.names()[0]), made.points(number), author=AUTHOR)
                project.backup(home / f"{number % 2}.zip")
                line.say(f"{number % 2}.zip {number}")

    def judge(self, home: Path, project: Project, said: list[str]) -> Iterator[Problem]:
        newest = {name: int(number) for name, number in (line.split() for line in said)}
        for name in ("0.zip", "1.zip"):
            if (home / name).exists():
                yield from _wrong_backup(home, home / name, newest.get(name, 0))
            elif name in newest:
                yield "lost", f"{name} is absent"


def _wrong_backup(home: Path, path: Path, least: int) -> Iterator[Problem]:
    with zipfile.ZipFile(path) as archive:
        told = json.loads(archive.read("manifest.json"))["files"]
        for name, about in told.items():
            if hashlib.sha256(archive.read(name)).hexdigest() != about["sha256"]:
                yield "half_written", f"{path.name}: {name}"
    again = home / "again"
    shutil.rmtree(again, ignore_errors=True)
    restore(path, again)
    yield from _wrong_project(again, least)
    shutil.rmtree(again)


def _wrong_project(folder: Path, least: int) -> Iterator[Problem]:
    with Project.open(folder) as project:
        yield from checks.consistent(project)
        first, *others = (made.value_of(project.landmarks(Face(name)).xy) for name in made.names())
        if first is None or first < least or set(others) != {0}:
            yield "half_written", f"{folder.name}: has the values {[first, *others]}, not {least}"
    yield from checks.whole_database(folder / "labelkit.db")


class Restore(Victim):
    """A backup is restored into new and into empty folders: each is a whole project, or none."""

    name, share = "restore", 60

    def prepare(self, home: Path) -> None:
        made.project(home, 0)
        with Project.open(home / "work") as project:
            (home / "work" / "models" / "mine.safetensors").write_bytes(bytes(range(256)) * 4000)
            project.backup(home / "backup.zip")

    def work(self, home: Path, number: int, line: Line) -> None:
        while True:
            number += 1
            target = home / f"restored-{number}"
            if number % 2:
                target.mkdir()
            restore(home / "backup.zip", target)
            line.say(str(number))

    def judge(self, home: Path, project: Project, said: list[str]) -> Iterator[Problem]:
        with zipfile.ZipFile(home / "backup.zip") as archive:
            told = json.loads(archive.read("manifest.json"))["files"]
        folders = {path.name.removeprefix("restored-"): path for path in home.glob("restored-*")}
        for line in said:
            if line not in folders:
                yield "lost", f"restored project {line}"
        for number, folder in folders.items():
            if number not in said and not any(folder.iterdir()):
                continue
            for name, about in told.items():
                content = folder / name
                if not content.is_file():
                    yield "half_written", f"{folder.name}: {name} is absent"
                elif (
                    hashlib.sha256(content.read_bytes()).hexdigest() != about["sha256"]
                    and name != "labelkit.db"
                ):
                    yield "half_written", f"{folder.name}: {name} is another"
            yield from _wrong_project(folder, 0)

    def before(self, home: Path, round_: Round) -> None:
        for folder in home.glob("restored-*"):
            shutil.rmtree(folder)
        round_.said.clear()

"""What processes do while their disk fills up, and what of it is lost: for `disk_full.py`."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from fake_model import Fake
from PIL import Image

from labelkit.dataset import Dataset, Sample
from labelkit.editor.session import EditSession
from labelkit.errors import LabelkitError
from labelkit.formats import read, write
from labelkit.geometry import Array, Box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks
from labelkit.prelabel import work as prelabelling
from labelkit.project import Project
from labelkit.project.editing import open_desk
from labelkit.scheme import load_scheme
from labelkit.scheme.edit import remove_points

PHOTOS = 12
SCHEME = load_scheme("ibug68")
FORMATS = {"wflw": "wflw.txt", "300w": "300w", "coco": "coco.json", "csv": "table.csv", "dlib": "dlib.xml"}

#: One piece of work: takes its number, returns what it acknowledges.
Work = Callable[[int], str]


def points(value: int) -> Array:
    """A face by which one can tell when it was stored."""
    return SCHEME.plane * 60 + (120 + value % 100 / 10, 100 + value // 100 / 10)


def prepare(folder: Path) -> None:
    """Small photos, and a face in each that somebody has annotated."""
    (folder / "photos").mkdir(parents=True)
    for number in range(PHOTOS):
        Image.new("RGB", (240, 200), (number, 90, 60)).save(folder / "photos" / f"{number}.png")
    with Project.create(folder / "work", folder / "photos", SCHEME, read=False) as project:
        for number in range(PHOTOS):
            face = project.add_face(f"{number}.png", Box(60, 40, 180, 160, "user"), "ann")
            project.annotate(face, points(0), author="ann")


# What processes do


def edit(project: Project, scratch: Path) -> Work:
    """Drags and accepted faces, sent until they are acknowledged, as a browser does."""
    traits: dict[str, Any] = {}
    session = EditSession(open_desk(project, "ann", project.faces()), traits.update)
    session.start()
    entries: list[dict[str, Any]] = []

    def send() -> None:
        session.receive(json.dumps({"client": "tab", "entries": entries}))
        done = traits.get("acknowledged", {}).get("tab", 0)
        entries[:] = [entry for entry in entries if entry["seq"] > done]

    def work(number: int) -> str:
        if not entries:
            about = {"seq": number, "id": f"{os.getpid()}/{number}", "key": session.current}
            after = {"xy": {"30": [number, 7]}, "state": {"30": 1}}
            said = {"id": about["id"], "label": "drag", "before": {"xy": {"30": [0, 0]}}, "after": after}
            told: dict[str, Any] = {"type": "edit", "edit": said}
            if number % 3 == 0:
                told = {"type": "command", "command": {"name": "accept"}}
            entries.append({**about, **told, "scheme": session._sheets[session.current].scheme_revision})
        waiting = str(entries[0]["id"])
        send()
        if entries:
            raise LabelkitError(str(traits["status"]["problem"]))
        return waiting

    return work


def lost_edits(folder: Path, said: list[str]) -> list[str]:
    """Entries that are not known, and edits that are in no journal."""
    with closing(sqlite3.connect(folder / "work" / "labelkit.db")) as connection:
        known = {row[0] for row in connection.execute("SELECT id FROM editor_entries")}
        edits = connection.execute("SELECT edit FROM journal_entries WHERE kind = 'edit'")
        ids = {json.loads(row[0])["id"] for row in edits}
    return [one for one in said if one not in known or (int(one.split("/")[1]) % 3 and one not in ids)]


def import_(project: Project, scratch: Path) -> Work:
    def work(number: int) -> str:
        photos = [ImageFile(project.images / f"{i}.png") for i in range(PHOTOS)]
        faces = tuple(Sample(photo, None, Landmarks(SCHEME, points(number))) for photo in photos)
        write(Dataset(faces, SCHEME, project.images), scratch / "labels.csv", "csv")
        report = project.import_annotations(scratch / "labels.csv", author="importer")
        return f"{number} {report.added + report.unchanged}"

    return work


def lost_imports(folder: Path, said: list[str]) -> list[str]:
    """Imports that count fewer faces than the file had and kept none of them for a reason."""
    with Project.open(folder / "work") as project:
        known = {tuple(one.landmarks.xy[0]) for face in project.faces() for one in project.history(face)}
    numbers = [tuple(map(int, line.split())) for line in said]
    return [f"{n}" for n, count in numbers if count == PHOTOS and tuple(points(n)[0]) not in known]


def prelabel(project: Project, scratch: Path) -> Work:
    """A new photo's face, predicted; a model in this process."""

    def work(number: int) -> str:
        name = f"new-{os.getpid()}-{number}.png"
        try:
            Image.new("RGB", (240, 200), (number % 250, 9, 6)).save(project.images / name)
        except OSError as error:
            (project.images / name).unlink(missing_ok=True)
            raise OSError(error.errno, os.strerror(error.errno or 0), name) from error
        project.scan(read=False)
        model = Fake(f"fake@{number}")
        assert prelabelling.prelabel(project.store, project.images, model, model.id).faces
        return name

    return work


def lost_predictions(folder: Path, said: list[str]) -> list[str]:
    with Project.open(folder / "work") as project:
        there = {face.image: project.landmarks(face) for face in project.faces()}
    return [name for name in said if name not in there or not there[name].present.all()]


def export(project: Project, scratch: Path) -> Work:
    def work(number: int) -> str:
        kind = list(FORMATS)[number % len(FORMATS)]
        project.export(kind, project.folder / "exports" / FORMATS[kind])
        return kind

    return work


def lost_exports(folder: Path, said: list[str]) -> list[str]:
    """Exports that are not whole, or not there though they were acknowledged."""
    place, lost = folder / "work" / "exports", []
    for kind, name in FORMATS.items():
        out = place / name
        side = out / "labelkit.json" if kind == "300w" else place / f"{name}.labelkit.json"
        if not out.exists():
            lost += [f"{kind} is absent"] if kind in said else []
            continue
        if len(read(out, kind, SCHEME, images=folder / "photos")) != PHOTOS:
            lost.append(f"{kind} is not whole")
        for file, digest in json.loads(side.read_text())["sha256"].items():
            found = out / file if out.is_dir() else out
            if hashlib.sha256(found.read_bytes()).hexdigest() != digest:
                lost.append(f"{kind}: {file} is another than its side file says")
    return lost


def backup(project: Project, scratch: Path) -> Work:
    """A comment, then a backup, which must hold it."""

    def work(number: int) -> str:
        face = next(project.faces())
        event = project.comment(face, f"comment {number}", "ann")
        project.backup(project.folder / "exports" / "all.zip")
        return str(event.id)

    return work


def lost_backups(folder: Path, said: list[str]) -> list[str]:
    file = folder / "work" / "exports" / "all.zip"
    if not file.exists():
        return ["the backup is absent"] if said else []
    with tempfile.TemporaryDirectory() as name, zipfile.ZipFile(file) as archive:
        archive.extract("labelkit.db", name)
        with closing(sqlite3.connect(Path(name, "labelkit.db"))) as connection:
            newest = connection.execute("SELECT max(id) FROM events").fetchone()[0] or 0
    return [one for one in said if int(one) > newest]


def scheme(project: Project, scratch: Path) -> Work:
    def work(number: int) -> str:
        if len(project.scheme) == len(SCHEME):
            plan = project.plan_scheme_change(remove_points(project.scheme, [project.scheme.names[-1]]))
            return str(project.change_scheme(plan, "ann").revision.revision)
        return str(project.undo_scheme_change("ann").revision.revision)

    return work


def lost_schemes(folder: Path, said: list[str]) -> list[str]:
    with Project.open(folder / "work") as project:
        known = {one.revision for one in project.scheme_history()}
        whole = all(len(project.history(face)) == 1 for face in project.faces())
    for file in (folder / "work" / "schemes").iterdir():
        load_scheme(file)
    return [one for one in said if int(one) not in known] + ([] if whole else ["an annotation"])


ACTORS: dict[str, tuple[Callable[[Project, Path], Work], Callable[[Path, list[str]], list[str]]]] = {
    "edit": (edit, lost_edits),
    "import": (import_, lost_imports),
    "prelabel": (prelabel, lost_predictions),
    "export": (export, lost_exports),
    "backup": (backup, lost_backups),
    "scheme": (scheme, lost_schemes),
}

"""A project that somebody hands over: its database, its backup, and an editor's messages to it."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
import struct
import zipfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

from PIL import Image

from labelkit.dataset import Dataset, Sample
from labelkit.editor.session import EditSession
from labelkit.errors import LabelkitError
from labelkit.formats import write
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks, State
from labelkit.project import Project
from labelkit.project.backup import MANIFEST, backup, restore
from labelkit.project.editing import open_desk
from labelkit.store import Store, database
from labelkit.store.copying import copy_database

from .browser import Traits, outboxes
from .mutate import VALUES, tree
from .rules import Emptied, Target, check_line
from .schemes import SMALL

PHOTOS = ("a.png", "b.png", "c.png")

_engines: list[Any] = []
_engine = database._engine


def _one_of_many(*arguments: Any) -> Any:
    """An engine that knows the statements of those before: to put them together takes most of the time
    of a project that is opened for one input."""
    engine = _engine(*arguments)
    _engines.append(engine)
    first = _engines[0]
    engine.dialect = engine.pool._dialect = first.dialect
    engine._compiled_cache = first._compiled_cache
    del _engines[1:]
    return engine


database._engine = _one_of_many


def _project(folder: Path) -> None:
    """A project ``kept`` of three photos and faces with all that can be said about them."""
    root = folder / "photos"
    root.mkdir()
    for number, name in enumerate(PHOTOS):
        Image.new("RGB", (60, 50), (number, 100, 50)).save(root / name)
    points = SMALL.plane * 20 + 25
    samples = [
        Sample(
            ImageFile(root / name), Box(1, 2, 50, 45, "user", "x"), Landmarks(SMALL, points + i), {"pose": 1}
        )
        for i, name in enumerate(PHOTOS)
    ]
    labels = folder / "labels.csv"
    write(Dataset(tuple(samples), SMALL, root), labels, "csv")
    with Project.create(folder / "kept", root, SMALL) as project:
        project.scan()
        project.import_annotations(labels, "csv", author="ann", images=root)
        (first, second, third) = project.faces()
        project.annotate(first, Landmarks(SMALL, points + 2, State.CONFIRMED), author="bob")
        project.comment(first, "why", "bob", "a")
        project.send_back(second, "left eye", "bob")
        project.reject(third, "ann", "blurred")
        session = EditSession(open_desk(project, "ann"), lambda news: None)
        session.start()
        key = session.current
        session.receive(next(iter(outboxes(key))).decode())
        copy_database(project.store.path, folder / "base.db")
    shutil.copyfile(folder / "base.db", folder / "kept" / "labelkit.db")
    for name in ("labelkit.db-wal", "labelkit.db-shm"):
        (folder / "kept" / name).unlink(missing_ok=True)


def look(project: Project, part: int) -> None:
    """What the pages, the commands and an export read of a project; each may refuse it in one line.
    What takes longest is left to one of four inputs, by ``part``."""

    def told(work: Callable[[], object]) -> None:
        try:
            work()
        except LabelkitError as error:
            check_line(str(error))

    out = project.folder / "exports" / "out.csv"
    for work in (project.status, lambda: project.scheme, project.scheme_history, project.queue):
        told(work)
    faces: list[Any] = []
    told(lambda: faces.extend(project.faces()))
    for face in faces[:2]:
        for see in (project.landmarks, project.history, project.image):
            told(partial(see, face))
    if part == 0:
        told(lambda: project.export("csv", out, include_predicted=True))
    elif part == 1 and faces:
        told(lambda: _edited(project, faces[0]))
    elif part == 2:
        told(project.scan)


def _edited(project: Project, face: Any) -> None:
    desk = open_desk(project, "ann", [face])
    session = EditSession(desk, Traits())
    session.start(desk.key(face))


def _database(data: bytes, folder: Path) -> None:
    """``data`` says what is altered: JSON ``[[table, column, row, value], ...]``, else places and bytes."""
    with Emptied(folder):
        work = folder / "work"
        shutil.copytree(folder / "kept", work)
        place = work / "labelkit.db"
        try:
            changes = json.loads(data)
        except (ValueError, RecursionError):
            changes = None
        if isinstance(changes, list):
            _set(place, changes)
        else:
            _overwrite(place, data)
        with Project.open(work) as project:
            look(project, crc32(data) % 4)


def _overwrite(place: Path, data: bytes) -> None:
    """Pieces of three bytes that say where, one that says how many, and so many bytes."""
    with place.open("r+b") as file:
        size, at = place.stat().st_size, 0
        while at + 4 < len(data):
            where = int.from_bytes(data[at : at + 3], "little") % size
            count = data[at + 3] % 32
            if count == 31:
                file.truncate(max(where, 1))
            file.seek(where)
            file.write(data[at + 4 : at + 4 + count])
            at += 4 + count


def _set(place: Path, changes: list[Any]) -> None:
    """Values in rows, whatever the tables' own rules say."""
    base = sqlite3.connect(place)
    base.execute("PRAGMA ignore_check_constraints = ON")
    for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        base.execute(f'DROP TRIGGER "{name}"')
    columns = {
        table: [row[1] for row in base.execute(f'PRAGMA table_info("{table}")')]
        for (table,) in base.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        ).fetchall()
    }
    tables = sorted(columns)
    for change in changes[:8]:
        if (
            not isinstance(change, list)
            or len(change) != 4
            or not all(type(part) is int for part in change[:3])
        ):
            continue
        table = tables[change[0] % len(tables)]
        column = columns[table][change[1] % len(columns[table])]
        value = change[3] if isinstance(change[3], (int, float, str, type(None))) else json.dumps(change[3])
        if isinstance(value, str) and value.startswith("b:"):
            value = value[2:].encode("utf-8", "replace")  # type: ignore[assignment]
        try:
            base.execute(
                f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = '
                f'(SELECT rowid FROM "{table}" LIMIT 1 OFFSET {change[2] % 4})',
                (value,),
            )
        except (sqlite3.Error, OverflowError, UnicodeEncodeError):
            continue
    base.commit()
    base.close()


def _altered(data: bytes, random: Random, other: Callable[[bytes], bytes]) -> bytes:
    try:
        changes = json.loads(data)
        if not isinstance(changes, list):
            raise ValueError
    except (ValueError, RecursionError):
        return other(data)
    if random.random() < 0.3:
        return json.dumps(tree(changes, random)).encode()
    value = random.choice(
        (*VALUES, "b:", "b:abcdefgh", "b:" + "\x01" * 24, "ibug68", "..", "2026-13-45", "-1")
    )
    more = [random.randrange(40), random.randrange(16), random.randrange(4), value]
    return json.dumps([*changes, more] if random.random() < 0.5 and len(changes) < 4 else [more]).encode()


def _restore(data: bytes, folder: Path) -> None:
    with Emptied(folder):
        file = folder / "work.zip"
        file.write_bytes(data)
        try:
            restore(file, folder / "restored")
        except LabelkitError:
            assert not (folder / "restored").exists(), "a refused backup left something"
            raise
        with Project.open(folder / "restored") as project:
            assert project.status()


def _backups(folder: Path) -> Iterable[bytes]:
    with Emptied(folder):
        shutil.copytree(folder / "kept", folder / "work")
        schemes = folder / "work" / "schemes"
        schemes.mkdir(exist_ok=True)
        (schemes / "small.json").write_text(SMALL.to_json(), encoding="utf-8")
        backup(folder / "work", folder / "work.zip", folder / "photos")
        yield (folder / "work.zip").read_bytes()


_PLACES = (
    "../out.txt",
    "/tmp/out.txt",
    "schemes/../../out",
    "schemes/a.json",
    "models/a/b",
    "labelkit.db",
    "schemes\\a",
    "SCHEMES/a",
    "schemes/",
    "schemes",
    "labelkit.toml",
    "cache/x",
    "schemes/\u202ea",
    "schemes/con",
    "a" * 300,
    "labelkit.db-wal",
    "schemes/.hidden",
    "models/" + "b" * 250,
    "schemes/a\n",
    "",
    "manifest.json",
)


def _archive(data: bytes, random: Random, other: Callable[[bytes], bytes]) -> bytes:
    """Changes to what an archive holds, with a manifest that is about just that."""
    import hashlib

    if random.random() < 0.35:
        return other(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as old:
            files = {
                info.filename: (info, old.read(info))
                for info in old.infolist()[:20]
                if info.file_size < 1 << 22
            }
        about = json.loads(files.pop(MANIFEST, (None, b"{}"))[1])
    except Exception:  # noqa: BLE001 - whatever is no archive is changed as bytes
        return other(data)
    contents = {name: content for name, (_, content) in files.items()}
    _change(contents, random, other)
    listed = {n: {"size": len(c), "sha256": hashlib.sha256(c).hexdigest()} for n, c in contents.items()}
    if isinstance(about, dict):
        about["files"] = listed
        about = tree(about, random) if random.random() < 0.2 else about
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as new:
        for name, content in [*contents.items(), (MANIFEST, json.dumps(about).encode())]:
            info = zipfile.ZipInfo(name)
            info.compress_type = random.choice(
                (zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED)
            )
            info.external_attr = random.choice((0o600, 0o600, 0o120777, 0o40755)) << 16
            new.writestr(info, content)
    return out.getvalue()


def _change(contents: dict[str, bytes], random: Random, other: Callable[[bytes], bytes]) -> None:
    names = [*contents] or [""]
    name = random.choice(names)
    match random.randrange(5):
        case 0:
            contents.pop(name, None)
        case 1:
            contents[random.choice(_PLACES)] = contents.get(name, b"")[:2000]
        case 2:
            contents[name] = bytes(random.choice((0, 10, 1 << 20)))
        case 3 if name.endswith((".toml", ".json")):
            contents[name] = other(contents[name][:4000])
        case _:
            content = bytearray(contents.get(name, b"") or b"\0")
            for _ in range(random.choice((1, 3, 10))):
                content[random.randrange(min(len(content), random.choice((120, 1 << 20))))] = (
                    random.randrange(256)
                )
            contents[name] = bytes(content)


def _sent(data: bytes, folder: Path) -> None:
    """An outbox to a real project, sent twice."""
    with Emptied(folder):
        shutil.copytree(folder / "kept", folder / "work")
        with Project.open(folder / "work") as project:
            desk = open_desk(project, "ann", list(project.faces())[:2])
            session = EditSession(desk, Traits())
            session.start()
            text = data.decode("utf-8", "replace")
            session.receive(text)
            if crc32(data) % 4 == 0:  # its answer was lost
                session.receive(text)
                Store.open(project.store.path).close()


def _sent_seeds(folder: Path) -> Iterable[bytes]:
    with Project.open(folder / "kept") as project:
        key = str(project.find(next(iter(project.faces()))).id)
    return list(outboxes(key, PHOTOS[0]))


def _outbox(data: bytes, random: Random, other: Callable[[bytes], bytes]) -> bytes:
    from .mutate import json_values

    return json_values("1", "2", "3", "a", "take", "keep", "open", "add_face", "flag", "return")(
        data, random, other
    )


def _database_seeds(folder: Path) -> Iterable[bytes]:
    yield b"[]"
    yield b'[[3, 2, 0, "x"]]'
    yield struct.pack("<I", 16)[:3] + b"\x02\x01\x00"
    yield struct.pack("<I", 5000)[:3] + b"\x04\xff\xff\xff\xff"


TARGETS = (
    Target("database", _database, _database_seeds, _project, _altered, 0.2, 600),
    Target("restore", _restore, _backups, _project, _archive, 0.25, 120_000, "work.zip"),
    Target("editor-project", _sent, _sent_seeds, _project, _outbox, 0.2, 4096),
)

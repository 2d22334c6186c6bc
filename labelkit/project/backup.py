"""A project as one file, and back.

A backup is a ZIP file with ``labelkit.db``, ``labelkit.toml``, ``schemes/`` and ``models/`` as they
lie in the project's folder, and ``manifest.json``, which names each of them with its size and
SHA-256. Photos stay where they are; what can be made again (``cache/``, ``exports/``) is left out,
and so is ``users.json``, whose secrets do not belong into a file that is passed on.

The database is copied by SQLite itself, so that the copy is one moment of it, however many people
are at work.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

from labelkit import __version__
from labelkit.atomic import replacing, replacing_folder
from labelkit.drafts import UNFINISHED
from labelkit.errors import ImageError, InputError, LabelkitError
from labelkit.images import image_below
from labelkit.prelabel.files import database
from labelkit.project.folder import FOLDERS
from labelkit.project.photos import all_images
from labelkit.project.settings import FILE, read_settings
from labelkit.store import Store
from labelkit.store.copying import check_whole, copy_database

MANIFEST = "manifest.json"

#: What the manifest calls the file, and the version of its layout.
_KIND, _VERSION = "labelkit backup", 1

#: The folders that go along.
_KEPT = ("schemes", "models")

#: A manifest of more bytes is no manifest.
_LONGEST = 64 * 1024 * 1024

_PIECE = 1 << 20


@dataclass(frozen=True)
class BackupReport:
    """A backup: where it is, how many files and bytes the project had, and which ``outside`` links
    were left alone because they lead out of the project's folder."""

    path: Path
    files: int
    bytes: int
    outside: tuple[str, ...] = ()


@dataclass(frozen=True)
class RestoreReport:
    """A restored project: where it is, when it was saved, and how many of its ``photos`` are
    ``found`` below ``images``, where its settings look for them; ``before`` is where they were."""

    folder: Path
    saved: str
    files: int
    images: Path
    before: str
    photos: int
    found: int


@dataclass(frozen=True)
class _Entry:
    size: int
    sha256: str


def backup(folder: Path, out: Path, images: Path) -> BackupReport:
    """Write the project in ``folder``, whose photos are in ``images``, to the file ``out``.

    Raises `InputError` when ``out`` is there and is no earlier backup, and `StoreError` when the
    database is damaged; either way nothing is written.
    """
    _check_target(out)
    files, outside = _files(folder)
    entries: dict[str, _Entry] = {}
    with replacing(out) as draft, zipfile.ZipFile(draft, "w", strict_timestamps=False) as archive:
        with _moment(folder, draft) as moment:
            entries["labelkit.db"] = _put(archive, "labelkit.db", moment)
        for name, path in files.items():
            try:
                entries[name] = _put(archive, name, path)
            except FileNotFoundError:
                if name == FILE:
                    raise
                # A model that somebody has removed in this very moment.
        about = {
            "kind": _KIND,
            "version": _VERSION,
            "labelkit": __version__,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "images": str(images),
            "files": {name: {"size": one.size, "sha256": one.sha256} for name, one in entries.items()},
        }
        archive.writestr(MANIFEST, json.dumps(about, indent=1, ensure_ascii=False) + "\n")
    return BackupReport(out, len(entries), sum(one.size for one in entries.values()), tuple(outside))


def restore(file: Path, folder: Path) -> RestoreReport:
    """Make the project of the backup ``file`` again in ``folder``, which must be new or empty.

    Everything is compared with the manifest before anything is written, and the folder appears as
    a whole. Raises `InputError`, with nothing written, for what is no backup or is damaged.
    """
    _check_empty(folder)
    with _opened(file) as archive:
        about = _manifest(file, archive)
        entries = _entries(file, archive, about)
        _check_content(file, archive, entries)
        _check_room(file, folder, entries)
        with replacing_folder(folder) as draft:
            for name in entries:
                _take_out(archive, name, draft / name)
            for name in FOLDERS:
                (draft / name).mkdir(exist_ok=True)
            photos = _try(file, draft)
            if folder.exists():
                folder.rmdir()  # fails, with everything as it was, if somebody has put something there
    images = read_settings(folder).image_root(folder)
    found = sum(_is_there(images, name) for name in photos)
    saved, before = str(about.get("time", "")), str(about.get("images", ""))
    return RestoreReport(folder, saved, len(entries), images, before, len(photos), found)


# Writing


def _check_target(out: Path) -> None:
    if out.is_dir():
        raise InputError(f"{out}: is a folder, and a backup is a file")
    if out.exists() and out.stat().st_size:
        try:
            with _opened(out) as archive:
                _manifest(out, archive)
        except InputError as error:
            raise InputError(
                f"{out}: is there already and is no earlier backup; delete it or name a new file"
            ) from error


def _files(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """What goes along beside the database by its name in the backup, and the links that do not."""
    home = folder.resolve()
    found, outside = {FILE: folder / FILE}, []
    for kept in _KEPT:
        for place, folders, names in os.walk(folder / kept):
            folders.sort()
            for name in sorted(names):
                path = Path(place, name)
                if name.startswith(UNFINISHED):
                    continue
                own = path.relative_to(folder).as_posix()
                if not path.resolve().is_relative_to(home):
                    outside.append(own)
                elif path.is_file():
                    found[own] = path
    return found, outside


@contextmanager
def _moment(folder: Path, draft: Path) -> Iterator[Path]:
    """A copy of the database beside the draft, while the block lasts."""
    copy = draft.with_name(f"{draft.stem}-database.db")
    try:
        copy_database(database(folder), copy)
        check_whole(copy, database(folder))
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _zip_time(now: datetime) -> tuple[int, int, int, int, int, int]:
    """A moment as ZIP files tell it, who know of no other years: a computer's clock may stand anywhere."""
    year = min(max(now.year, 1980), 2107)
    return year, now.month, now.day, now.hour, now.minute, now.second


def _put(archive: zipfile.ZipFile, name: str, path: Path) -> _Entry:
    digest, size = hashlib.sha256(), 0
    info = zipfile.ZipInfo(name, _zip_time(datetime.now().astimezone()))
    # Weights are as good as random numbers, and packing them only takes time.
    packed = not name.endswith(".safetensors")
    info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    info.external_attr = 0o600 << 16
    with path.open("rb") as source, archive.open(info, "w", force_zip64=True) as target:
        while piece := source.read(_PIECE):
            digest.update(piece)
            size += len(piece)
            target.write(piece)
    return _Entry(size, digest.hexdigest())


# Reading: whatever a file says is checked, since anybody may have made it.


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    # RuntimeError asks for a password, NotImplementedError is about ways of packing that we never use.
    damage = (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError)
    try:
        archive = zipfile.ZipFile(file)
    except FileNotFoundError as error:
        raise InputError(f"{file}: there is no such file") from error
    except (*damage, ValueError) as error:  # names in its table of contents that are no text
        raise InputError(f"{file}: is no labelkit backup, or is damaged ({error})") from error
    with archive:
        try:
            yield archive
        except damage as error:
            raise InputError(f"{file}: is no labelkit backup, or is damaged ({error})") from error


def _manifest(file: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    try:
        info = archive.getinfo(MANIFEST)
        if info.file_size > _LONGEST:
            raise ValueError("its manifest is too long")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError("its manifest is packed in another way")
        with archive.open(info) as content:
            about = json.loads(content.read(_LONGEST))
        if not isinstance(about, dict) or about["kind"] != _KIND:
            raise ValueError("its manifest is of another kind")
    except (KeyError, ValueError, RecursionError, OSError, zlib.error) as error:
        problem = error.args[0] if type(error) is ValueError else f"{MANIFEST} is missing or damaged"
        raise InputError(f"{file}: is no labelkit backup ({problem})") from error
    if about.get("version") != _VERSION:
        wrote = str(about.get("labelkit", "another labelkit"))[:40]
        raise InputError(f"{file}: is a backup of another layout, by labelkit {wrote}; update labelkit")
    return about


def _entries(file: Path, archive: zipfile.ZipFile, about: Mapping[str, Any]) -> dict[str, _Entry]:
    """What the manifest names, which is exactly what the file holds, and nothing of it elsewhere."""
    names = archive.namelist()
    try:
        entries = {
            str(name): _Entry(int(one["size"]), str(one["sha256"])) for name, one in about["files"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(f"{file}: is damaged (its manifest lists no files)") from error
    if sorted(names) != sorted([*entries, MANIFEST]):
        raise InputError(f"{file}: is damaged (it holds other files than its manifest lists)")
    for name in entries:
        if not _is_ours(name):
            raise InputError(f"{file}: {name[:80]!r} does not belong into a project; nothing was written")
    missing = {FILE, "labelkit.db"} - entries.keys()
    if missing:
        raise InputError(f"{file}: is damaged ({min(missing)} is missing)")
    return entries


def _is_ours(name: str) -> bool:
    """Whether a project has a file of this name, whatever system it is read on."""
    if name in (FILE, "labelkit.db"):
        return True
    parts = PurePosixPath(name).parts
    plain = not set(name) & set('\\:\0*?"<>|') and "//" not in name and not name.endswith("/")
    return len(parts) > 1 and parts[0] in _KEPT and plain and not {".", ".."} & set(name.split("/"))


def _check_content(file: Path, archive: zipfile.ZipFile, entries: Mapping[str, _Entry]) -> None:
    for name, entry in entries.items():
        # Before it is unpacked: a few bytes can stand for any number of others.
        if archive.getinfo(name).file_size != entry.size:
            raise InputError(f"{file}: {name} is damaged (its size is not that of the manifest)")
        digest = hashlib.sha256()
        try:
            for piece in _pieces(archive, name):
                digest.update(piece)
        except Exception as error:  # zlib's, lzma's and zipfile's own have no base in common
            raise InputError(f"{file}: {name} is damaged ({error}); nothing was written") from error
        if digest.hexdigest() != entry.sha256:
            raise InputError(f"{file}: {name} is damaged (its SHA-256 is not that of the manifest)")


def _check_room(file: Path, folder: Path, entries: Mapping[str, _Entry]) -> None:
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    needed = sum(entry.size for entry in entries.values())
    if needed > shutil.disk_usage(place).free:
        raise InputError(
            f"{folder}: the disk is too full for {file}, which needs {needed / 1e6:,.1f} MB there"
        )


def _check_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = "holds something already" if folder.is_dir() else "is a file"
        raise InputError(f"{folder}: {what}; a backup is restored into a new or an empty folder")


def _take_out(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as target:
        for piece in _pieces(archive, name):
            target.write(piece)


def _pieces(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    content: IO[bytes]
    with archive.open(name) as content:
        while piece := content.read(_PIECE):
            yield piece


def _try(file: Path, folder: Path) -> list[str]:
    """The photos of the project in ``folder``; `InputError` where it cannot be opened."""
    try:
        read_settings(folder)
        with Store.open(database(folder)) as store:
            return [image.path for image in all_images(store)]
    except LabelkitError as error:
        problem = str(error).rpartition(": ")[2]
        raise InputError(f"{file}: holds no project that can be opened ({problem})") from error


def _is_there(images: Path, name: str) -> bool:
    try:
        return image_below(images, name).path.is_file()
    except ImageError:
        return False

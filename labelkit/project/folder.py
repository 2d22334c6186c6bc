"""A project's folder: what lies where, how it comes to be, and who may change photos at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from labelkit.atomic import write_text
from labelkit.errors import InputError
from labelkit.prelabel.files import database
from labelkit.project.settings import Settings, write_settings
from labelkit.scheme import Scheme
from labelkit.store import SchemeRevision, Store
from labelkit.store.database import in_one_line

#: Beside the settings and the database. Photos are not looked for in there.
FOLDERS = ("schemes", "models", "exports", "cache")

#: How long an import waits for another one, in seconds.
_WAIT = 600.0


def create_folder(folder: Path, settings: Settings, scheme: Scheme, author: str) -> None:
    """Make a project; it is one from the moment its database is there, which comes last.

    ``folder`` may hold other files (the photos, say). Raises `InputError` when it holds a project,
    of which nothing is touched.
    """
    if database(folder).exists():
        raise InputError(f"{folder}: is a labelkit project already; nothing was changed")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file, not a folder")
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    write_settings(folder, settings)
    with Store.create(database(folder), scheme, author) as store:
        keep_scheme(folder, store.scheme_revision())


def keep_scheme(folder: Path, revision: SchemeRevision) -> Path:
    """Put a copy of a scheme revision into ``schemes/``, for people and for other programs; the
    project itself reads the database."""
    path = scheme_path(folder, revision)
    write_text(path, revision.scheme.to_json())
    return path


def scheme_path(folder: Path, revision: SchemeRevision) -> Path:
    """Where the copy of a scheme revision lies."""
    return folder / "schemes" / f"{revision.revision:04d}-{revision.scheme.name}.json"


@contextmanager
def one_at_a_time(folder: Path, wait: float = _WAIT) -> Iterator[None]:
    """A block that only one process at a time may be in: those that decide by what is there which
    photos and faces are new. The system ends the turn of a process that is killed.

    Raises `InputError` when the turn does not come within ``wait`` seconds.
    """
    place = folder / "cache" / "turn.db"
    place.parent.mkdir(exist_ok=True)
    # SQLite's own lock: it is the same on all systems, and dies with its process.
    with in_one_line(place):
        turn = sqlite3.connect(place, timeout=wait, isolation_level=None)
    with closing(turn):
        try:
            turn.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:  # no room, or not ours to write
                with in_one_line(place):
                    raise
            raise InputError(
                f"{folder}: another process is importing or scanning photos; try again when it is done "
                f"({error})"
            ) from error
        yield

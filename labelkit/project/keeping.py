"""The part of `Project` that keeps what was done: who did it, faces that come back, and backups."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelkit.errors import InputError, StoreError
from labelkit.landmarks import Face
from labelkit.project.backup import BackupReport, backup
from labelkit.store import LogEntry, StoredFace

if TYPE_CHECKING:
    import pandas as pd

    from labelkit.project.settings import Settings
    from labelkit.store import Store

#: A span of time in words, and its units.
_SPAN = re.compile(r"(\d{1,6})\s*(m|h|d|w)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

_log = logging.getLogger("labelkit")


def person(author: str | None) -> str:
    """``author``, or who is logged in to this computer."""
    if author is not None:
        return author
    try:
        return getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"


def moment(since: datetime | str) -> datetime:
    """A moment as people write it: a date, a date and time, or how long ago it is ("90m", "12h", "3d",
    "2w"). Without a time zone it is meant to be local. Raises `InputError`."""
    if isinstance(since, datetime):
        return since.astimezone(UTC)
    span = _SPAN.fullmatch(since.strip())
    try:
        if span is not None:
            return datetime.now(UTC) - timedelta(**{_UNITS[span[2]]: int(span[1])})
        return datetime.fromisoformat(since.strip()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{since[:40]!r} is no moment: write a date (2026-03-01), a time (2026-03-01T14:30), or how "
            "long ago it is (90m, 12h, 3d, 2w)"
        ) from error


class KeepingCalls:
    """Calls on a project that lose nothing of it."""

    folder: Path
    settings: Settings
    store: Store

    def log_entries(
        self,
        *,
        face: Face | None = None,
        person: str | None = None,
        since: datetime | str | None = None,
        limit: int | None = None,
    ) -> list[LogEntry]:
        """Who did what, when and to which face, as in `log`, as values."""
        face_id = None if face is None else self._known(face).id
        start = None if since is None else moment(since)
        return self.store.log(face_id=face_id, author=person, since=start, limit=limit)

    def log(
        self,
        *,
        face: Face | None = None,
        person: str | None = None,
        since: datetime | str | None = None,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """Who did what, when and to which face, as a table for pandas, the oldest first.

            project.log(person="ann", since="7d")

        Annotations, states, comments, notes, boxes, changes of the scheme, imports, exports, the start
        and the end of prelabelling and training. Columns: ``time`` (UTC), ``person`` (empty where it
        was nobody in particular), ``what``, ``image`` and ``face`` (its number in the photo, from 0),
        ``text``, ``before`` and ``after``. ``since`` is a moment, a date, or a span such as "12h" or
        "3d"; of more than ``limit`` entries the newest are given. No call changes or removes an entry.
        Raises `InputError` for an unknown face, or a moment that is none.
        """
        import pandas as pd

        found = self.log_entries(face=face, person=person, since=since, limit=limit)
        rows = [
            (one.time, one.author, one.what, one.image, one.index, one.text, one.before, one.after)
            for one in found
        ]
        names = ("time", "person", "what", "image", "face", "text", "before", "after")
        table = pd.DataFrame(rows, columns=pd.Index(names))
        return table.astype({"time": "datetime64[us, UTC]", "face": "Int64"})

    def restore_face(self, face: Face, author: str) -> StoredFace:
        """Bring back a face that was taken away (rejected), with all that was known about it, to the
        state that it had before. Raises `InputError` for a face that is not rejected."""
        return self.store.restore_face(self._known(face).id, author)

    def _known(self, face: Face) -> StoredFace:
        found = self.store.find_face(face.image, face.index)
        if found is None:
            raise InputError(f"{face.image}: the project has no face {face.index + 1} in it")
        return found

    def backup(self, out: str | Path | None = None, *, author: str | None = None) -> BackupReport:
        """Write settings, database, schemes and models to one file, while people go on working.

        ``out`` is by default a new file in the present folder, named by project and time. Photos stay
        where they are, and are found again by `relocate`; passwords are not in the file. `labelkit
        restore`, or `labelkit.project.backup.restore`, makes a project of it. Raises `InputError` when
        ``out`` is there and is no earlier backup, `StoreError` when the database is damaged.
        """
        images = self.settings.image_root(self.folder)
        report = backup(self.folder, Path(out) if out is not None else self._backup_name(), images)
        self._note("backup", person(author), report.path.name)
        return report

    def _note(self, kind: str, author: str, text: str, details: Mapping[str, Any] | None = None) -> None:
        """Record what has been written elsewhere, where the project can be written: who saves labels from a
        full disk is to be told of success."""
        if self.store.read_only:
            return
        try:
            self.store.record(kind, author, text, details)
        except StoreError as error:
            _log.warning("the %s is there, but could not be recorded: %s", kind, error)

    def _backup_name(self) -> Path:
        stem = self.folder.resolve().name or "project"
        path = Path(f"{stem}-{datetime.now(UTC):%Y%m%d-%H%M%S}.backup.zip")
        number = 1
        while path.exists():  # within a second, or where the clock was set back
            number += 1
            path = path.with_name(f"{stem}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{number}.backup.zip")
        return path

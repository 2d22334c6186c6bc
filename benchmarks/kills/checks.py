"""What must hold of a project after a kill, whatever it was doing."""

from __future__ import annotations

import shutil
import sqlite3
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

from kills.victim import Problem

from labelkit.drafts import UNFINISHED
from labelkit.project import Project
from labelkit.project.folder import FOLDERS
from labelkit.store import FaceState, JobState

#: SQLite's WAL: a header, then frames of a header and a page; the index beside it says, at this byte,
#: how many frames may have been copied into the database, hence are on the disk for certain.
_WAL_HEADER, _FRAME_HEADER, _BACKFILLED_AT = 32, 24, 128

#: The salt of the WAL, in its own header and in the index: they differ for a moment while it begins anew.
_SALT, _SALT_OF_INDEX = slice(16, 24), slice(32, 40)


def whole_database(path: Path) -> Iterator[Problem]:
    """SQLite's own checks."""
    with closing(sqlite3.connect(path)) as connection:
        for check in ("integrity_check", "foreign_key_check"):
            found = connection.execute(f"PRAGMA {check}").fetchall()
            if found not in ([("ok",)], []):
                yield "unopenable", f"{path.name}: {check} says {found[:3]}"


def consistent(project: Project) -> Iterator[Problem]:
    """What no kill may do to a database, whatever of it is there."""
    states: Counter[str] = Counter()
    for face in project.faces():
        known = project.find(face)
        states[known.state.value] += 1
        revisions = [one.revision for one in project.history(face)]
        if revisions != list(range(1, known.revision + 1)):
            yield "unopenable", f"{face}: has revisions {revisions}, and says {known.revision}"
        project.landmarks(face)
    counted = {state.value: count for state, count in project.store.count_by_state().items() if count}
    if counted != dict(states):
        yield "unopenable", f"faces are counted as {counted}, and are {dict(states)}"
    for open_ in project.store.journal.unfinished():
        project.store.journal.read(open_.face_id, open_.session)
    history = project.scheme_history()
    if [one.revision for one in history] != list(range(1, len(history) + 1)):
        yield "unopenable", f"the scheme has revisions {[one.revision for one in history]}"
    project.log_entries(limit=50)
    list(project.faces(FaceState.DONE))


def nobody_at_work(project: Project) -> Iterator[Problem]:
    """No job says that it runs: nobody is alive who could end it."""
    for job in project.store.jobs.list():
        if job.state is JobState.RUNNING:
            yield "stuck", f"{job.kind} {job.id} runs as process {job.pid}, which was killed"


def no_drafts(folder: Path) -> Iterator[Problem]:
    """Nothing is left of killed writers once the project has been opened."""
    for place in (folder, *(folder / name for name in FOLDERS)):
        for path in place.glob(f"{UNFINISHED}*"):
            yield "left_behind", str(path.relative_to(folder))


def status(folder: Path) -> Iterator[Problem]:
    """``labelkit status``, as somebody would ask for it."""
    command = [sys.executable, "-c", "from labelkit.cli import main; main()", "status", str(folder), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        yield "unopenable", f"labelkit status: {done.stderr.strip()[-300:]}"


def torn(folder: Path, copy: Path, random: Random) -> bool:
    """Copy a killed project as a power cut could have left it: with the end of its WAL missing, or
    zeros there. Whether there was anything to tear.

    What SQLite has begun to copy into the database was brought to the disk before: no power cut
    takes that away.
    """
    wal = folder / "labelkit.db-wal"
    size = wal.stat().st_size if wal.exists() else 0
    if size <= _WAL_HEADER:
        return False
    data = wal.read_bytes()
    page = struct.unpack(">I", data[8:12])[0]
    index = (folder / "labelkit.db-shm").read_bytes()
    if index[_SALT_OF_INDEX] != data[_SALT]:
        return False
    safe = struct.unpack("=I", index[_BACKFILLED_AT : _BACKFILLED_AT + 4])[0]
    first = _WAL_HEADER + safe * (page + _FRAME_HEADER) if safe else 0
    if first >= size:
        return False
    at = random.randrange(first, size)
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for name in ("labelkit.toml", "labelkit.db"):
        shutil.copyfile(folder / name, copy / name)
    zeros = bytes(size - at) if random.random() < 0.3 else b""
    (copy / wal.name).write_bytes(data[:at] + zeros)
    return True

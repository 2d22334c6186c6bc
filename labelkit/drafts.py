"""Files and folders that are still being written: their names, and what becomes of those whose writer
was killed.

A draft is called ``.labelkit-PLACE-PID-RANDOM``. PLACE stands for the system in which the writer's
process has that number: one start of one computer and, in a container, that container. So whoever is in
the same place can ask whether the writer is still alive; elsewhere (a network drive) nobody can, and
only a draft that has not grown for a day is taken for abandoned.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path

#: How the names of files and folders begin that are still being written.
UNFINISHED = ".labelkit-"

#: How the folder ends in whose place a draft is about to come: it holds the old one under its own name.
BEFORE = "-before"

#: A draft of another place that has not grown for so many seconds is abandoned.
_DAY = 24 * 3600.0

#: Any draft, what SQLite and others put beside it included; those of earlier releases name no writer.
_NAME = re.compile(r"\.labelkit-(?:(?P<place>[0-9a-f]{8})-(?P<pid>[0-9]{1,9})-)?[0-9a-f]{16}(?![0-9a-f]).*")

#: What tells starts of one computer and containers apart on Linux.
_BOOT, _PIDS = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")


def new_name(suffix: str = "") -> str:
    """A name for a draft of this process that no other has."""
    return f"{UNFINISHED}{_place()}-{os.getpid()}-{secrets.token_hex(8)}{suffix}"


#: The folders that this process has looked through.
_swept: set[Path] = set()


def sweep_once(folder: Path) -> None:
    """As `sweep`, the first time that this process is about to write into ``folder``: a large one takes
    its time."""
    if folder not in _swept and not folder.name.startswith(UNFINISHED):
        _swept.add(folder)
        sweep(folder)


def sweep(folder: Path) -> None:
    """Delete the drafts in ``folder`` that nobody can be writing any more. A folder that was about to be
    replaced when its writer was killed gets its name back. Never fails: what cannot be deleted stays."""
    with suppress(OSError):
        with os.scandir(folder) as entries:  # a large folder is quicker without a path for every file
            found = [folder / entry.name for entry in entries if entry.name.startswith(UNFINISHED)]
        for path in found:
            if _is_abandoned(path):
                _remove(path)


def _is_abandoned(path: Path) -> bool:
    match = _NAME.fullmatch(path.name)
    if match is None:
        return False
    if match["place"] == _place() and os.name != "nt":  # Windows: signal 0 is Ctrl-C there
        return not _alive(int(match["pid"]))
    return _age(path) > _DAY


def _age(path: Path) -> float:
    """For how many seconds a file or folder has not grown, by the clock of the drive on which it lies:
    that of another computer may be wrong, and so may ours."""
    newest = path.stat().st_mtime
    for place, folders, files in os.walk(path):
        newest = max([newest, *(Path(place, name).lstat().st_mtime for name in (*folders, *files))])
    probe = path.parent / new_name()
    try:
        probe.touch()
        return probe.stat().st_mtime - newest
    finally:
        probe.unlink(missing_ok=True)


def _remove(path: Path) -> None:
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    if path.name.endswith(BEFORE):
        for old in path.iterdir():
            target = path.parent / old.name
            if not target.exists():
                with suppress(OSError):  # somebody was quicker
                    old.rename(target)
    shutil.rmtree(path, ignore_errors=True)


@cache
def _place() -> str:
    """Where process numbers mean the same."""
    told = [socket.gethostname()]
    with suppress(OSError):
        told += [_BOOT.read_text(encoding="ascii").strip(), str(_PIDS.readlink())]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:8]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True

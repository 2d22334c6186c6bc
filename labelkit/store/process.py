"""Long work on a project in a process of its own: started, followed and stopped from here."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Self

from labelkit.errors import InputError, LabelkitError, StoreError
from labelkit.store.database import is_full
from labelkit.store.store import Store
from labelkit.store.values import Job, JobState

#: How often a running job is asked how far it is, in seconds.
_LOOK = 0.2

#: How long a process that was asked to stop is given to finish what it holds.
_GRACE = 60.0

#: By how much a job stands back where the cores do not suffice: people who label go before it.
_NICER = 5

_log = logging.getLogger("labelkit.store")


def database(folder: Path) -> Path:
    """The database of the project in ``folder``."""
    return folder / "labelkit.db"


def report_path(folder: Path, kind: str, job: int) -> Path:
    """What a finished job did, as JSON."""
    return folder / "cache" / f"{kind}-{job}.json"


def log_path(folder: Path, kind: str, job: int) -> Path:
    """What the job's process said."""
    return folder / "cache" / f"{kind}-{job}.log"


def give_up(store: Store, job: Job, error: Exception) -> None:
    """Write down, for the user and in one line, why this process ends its job; where the disk has no room
    even for that, into the job's log."""
    if isinstance(error, LabelkitError):
        said = str(error)
    elif isinstance(error, OSError) and error.strerror:
        said = f"{error.filename or store.path.parent}: {error.strerror}"
    else:
        _log.error("a job failed", exc_info=error)
        said = f"{type(error).__name__}: {error} (details in the log beside the report)"
    try:
        store.jobs.fail(job, said)
    except StoreError as problem:
        _log.error("%s (%s)", said, problem)


class ChildJob:
    """A job that runs in a process of its own.

    ``begin`` starts it, ``follow`` follows it to its end. The process belongs to no terminal: Ctrl-C
    reaches only who waits, who then asks the process to stop, and it keeps what is done. ``kind`` is
    the job's, ``what`` says in words what goes on.
    """

    kind: ClassVar[str]
    what: ClassVar[str]

    def __init__(self, folder: Path, store: Store, job: Job, process: subprocess.Popen[bytes]) -> None:
        self._folder, self._store, self._process = folder, store, process
        self.job = job

    @classmethod
    def begin(cls, folder: Path, store: Store, arguments: Mapping[str, Any], child: Sequence[str]) -> Self:
        """Start a job on the project in ``folder``; ``child`` is what Python is to run, and is told the
        folder and the job.

        Raises `InputError` when one of its kind is running already.
        """
        cls.refuse_second(folder, store)
        job = store.jobs.add(cls.kind, arguments)
        log = log_path(folder, cls.kind, job.id)
        log.parent.mkdir(exist_ok=True)
        command = [sys.executable, *child, str(folder.absolute()), str(job.id)]
        with log.open("wb") as out:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),  # Windows
            )
        _stand_back(process.pid)
        return cls(folder, store, job, process)

    @classmethod
    def refuse_second(cls, folder: Path, store: Store) -> None:
        """Raises `InputError` when one of its kind is running already."""
        busy = store.jobs.running(cls.kind)
        if busy:
            raise InputError(
                f"{folder}: {cls.what} runs already (job {busy[0].id}, process {busy[0].pid}); "
                "see labelkit status"
            )

    def follow(self, tell: Callable[[Job], None]) -> dict[str, Any]:
        """Follow the job to its end, telling of it several times a second; returns its report.

        Raises `InputError` with the job's own line where it failed. Ctrl-C (KeyboardInterrupt)
        stops the job, waits until what is done is kept, and is raised again.
        """
        try:
            while self._process.poll() is None:
                tell(self._store.jobs.get(self.job.id))
                time.sleep(_LOOK)
        except KeyboardInterrupt:
            self.stop()
            raise
        self.job = self._store.jobs.get(self.job.id)
        tell(self.job)
        return self._report()

    def stop(self) -> None:
        """Ask the job to stop, and wait until it has; what is done is kept."""
        try:
            self.job = self._store.jobs.cancel(self.job.id)
        except StoreError:  # nothing can be written: a signal asks as well
            self._process.terminate()
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _report(self) -> dict[str, Any]:
        path = report_path(self._folder, self.kind, self.job.id)
        if self.job.state is JobState.FAILED:
            raise InputError(self.job.message)
        if self._process.returncode != 0 and is_full(self._folder):
            raise StoreError(
                self._folder,
                f"the disk is full; what {self.what} had done is kept, and running it again goes on",
            )
        if self._process.returncode != 0 or not path.is_file():
            raise LabelkitError(
                f"{self.what} ended before its time (exit status {self._process.returncode}); what was "
                f"done is kept, and running it again goes on; its last words are in "
                f"{log_path(self._folder, self.kind, self.job.id)}"
            )
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {**report, "problems": tuple(report["problems"])}


def _stand_back(pid: int) -> None:
    """Lower the priority of a process that has just begun: threads take that of who starts them."""
    if not hasattr(os, "setpriority"):
        return
    with suppress(OSError):  # it has ended already
        os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, pid) + _NICER)

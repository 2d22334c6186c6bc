"""Starts the process that prelabels a project, and follows it. Loads no torch."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelkit.errors import InputError, LabelkitError
from labelkit.prelabel.files import log_path, report_path
from labelkit.progress import told
from labelkit.store import Job, JobState, Store

KIND = "prelabel"

#: The process that does the work, and is told the folder and the job.
CHILD = ("-m", "labelkit.prelabel.child")

#: How often a running job is asked how far it is, in seconds.
_LOOK = 0.2

#: How long a process that was asked to stop is given to finish the photos that it holds.
_GRACE = 60.0


@dataclass(frozen=True)
class PrelabelReport:
    """What a prelabelling did.

    ``photos`` were dealt with, ``faces`` got a prediction of ``model``, ``found`` of them are new;
    in ``no_face`` photos nobody was found. ``problems`` names what was left out. ``cancelled``:
    it was stopped before the end; the same call goes on where it ended. ``terms`` are those of
    the model's weights.
    """

    job: int
    model: str
    terms: str
    photos: int
    faces: int
    found: int
    no_face: int
    problems: tuple[str, ...]
    cancelled: bool


class Prelabelling:
    """A job that runs in a process of its own.

    ``start`` begins it, ``wait`` follows it to its end. The process belongs to no terminal: Ctrl-C
    reaches only who waits, who then asks the process to stop, and it keeps what is done.
    """

    def __init__(self, folder: Path, store: Store, job: Job, process: subprocess.Popen[bytes]) -> None:
        self._folder, self._store, self._process = folder, store, process
        self.job = job

    @classmethod
    def start(
        cls,
        folder: Path,
        store: Store,
        arguments: Mapping[str, Any],
        child: Sequence[str] = CHILD,
    ) -> Prelabelling:
        """Start a job on the project in ``folder``; ``arguments`` are ``images`` (the image root),
        ``model``, ``device``, ``only``, ``flip`` and ``passes``. ``child`` is what Python is to run.

        Raises `InputError` when one is running already.
        """
        busy = [job for job in store.jobs.list(KIND) if job.state is JobState.RUNNING]
        if busy:
            raise InputError(
                f"{folder}: prelabelling runs already (job {busy[0].id}, process {busy[0].pid}); "
                "see labelkit status"
            )
        job = store.jobs.add(KIND, arguments)
        log = log_path(folder, job.id)
        log.parent.mkdir(exist_ok=True)
        command = [sys.executable, *child, str(folder.absolute()), str(job.id)]
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        return cls(folder, store, job, process)

    def wait(self, heard: Callable[[Job], None] | None = None) -> PrelabelReport:
        """Follow the job to its end; ``heard`` is told of it several times a second, without it a
        notebook shows a bar.

        Raises `InputError` with the job's own line where it failed. Ctrl-C (KeyboardInterrupt)
        stops the job, waits until what is done is kept, and is raised again.
        """
        with _listener(heard) as tell:
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
        self.job = self._store.jobs.cancel(self.job.id)
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _report(self) -> PrelabelReport:
        path = report_path(self._folder, self.job.id)
        if self.job.state is JobState.FAILED:
            raise InputError(self.job.message)
        if self._process.returncode != 0 or not path.is_file():
            raise LabelkitError(
                f"prelabelling ended before its time (exit status {self._process.returncode}); what was "
                f"done is kept, and running it again goes on; its last words are in "
                f"{log_path(self._folder, self.job.id)}"
            )
        data = json.loads(path.read_text(encoding="utf-8"))
        data["problems"] = tuple(data["problems"])
        return PrelabelReport(job=self.job.id, **data)


@contextmanager
def _listener(heard: Callable[[Job], None] | None) -> Iterator[Callable[[Job], None]]:
    if heard is not None:
        yield heard
        return
    with told(None, "photos") as count:

        def tell(job: Job) -> None:
            if job.total is not None:
                count(job.done, job.total)

        yield tell

"""Long work in processes of their own, which report through the store."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from labelkit.errors import InputError
from labelkit.store import tables
from labelkit.store.checks import checked_object, checked_text
from labelkit.store.part import Part
from labelkit.store.tables import jobs
from labelkit.store.values import Job, JobState

#: A running job that has not been heard of for so long is taken to be interrupted.
SILENCE = timedelta(seconds=60)

#: A process needs less than this to take on the job for which it was started, unless whoever started
#: it was killed before.
_STARTING = timedelta(minutes=5)

#: Within so many seconds a job that is alive is heard of.
_NEXT_BEAT = 2.5

#: The states in which nobody works on a job that is not done.
_IDLE = (JobState.WAITING, JobState.INTERRUPTED, JobState.CANCELLED, JobState.FAILED)


class Jobs(Part):
    """The jobs of a store."""

    def add(self, kind: str, arguments: Mapping[str, Any]) -> Job:
        """A new job, waiting to be started. ``arguments`` is a JSON object."""
        row = {
            "kind": checked_text(kind, "a kind of job"),
            "arguments": checked_object(arguments, "the arguments of a job"),
            "state": JobState.WAITING.value,
            "created": tables.now(),
        }
        with self._database.write() as connection:
            job_id = connection.execute(insert(jobs), row).lastrowid
            return _get(connection, job_id)

    def start(self, job_id: int) -> Job:
        """This process takes on a job that is waiting, interrupted, cancelled or failed.

        Raises `InputError` when another process runs it, or when it is done.
        """
        self._hear_out(jobs.c.id == job_id)
        with self._database.write() as connection:
            job = _get(connection, job_id)
            if job.state not in _IDLE:
                who = f" by process {job.pid}" if job.state == JobState.RUNNING else ""
                raise InputError(f"job {job_id} cannot be started: it is {job.state.value}{who}")
            moment = tables.now()
            values = {
                "state": JobState.RUNNING.value,
                "attempt": job.attempt + 1,
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "cancel": 0,
                "message": "",
                "started": moment,
                "heartbeat": moment,
                "finished": None,
            }
            return _set(connection, job_id, values)

    def beat(
        self, job: Job, done: int | None = None, total: int | None = None, message: str | None = None
    ) -> Job:
        """Report that ``job`` (as `start` gave it) is alive, and how far it is.

        To be called at least every few seconds. The result's ``cancel`` says whether to stop.
        Raises `InputError` when another process has taken the job over in the meantime.
        """
        told = {"done": done, "total": total, "message": message}
        return self._report(job, {key: value for key, value in told.items() if value is not None})

    def finish(self, job: Job, message: str = "") -> Job:
        """The work is done, or, when it was asked to stop before, ended as cancelled."""
        return self._report(job, {"state": JobState.DONE.value, "message": message})

    def fail(self, job: Job, message: str) -> Job:
        """The work has failed; ``message`` is one line for the user."""
        return self._report(job, {"state": JobState.FAILED.value, "message": message})

    def cancel(self, job_id: int) -> Job:
        """Ask a running job to stop; one that nobody runs is cancelled at once."""
        with self._database.write() as connection:
            job = _get(connection, job_id)
            if job.state == JobState.RUNNING:
                return _set(connection, job_id, {"cancel": 1})
            if job.state in (JobState.WAITING, JobState.INTERRUPTED):
                return _set(connection, job_id, {"state": JobState.CANCELLED.value, "finished": tables.now()})
            return job

    def get(self, job_id: int) -> Job:
        """The job with this id; `InputError` when there is none."""
        with self._database.read() as connection:
            return _get(connection, job_id)

    def list(self, kind: str | None = None, limit: int = 100) -> list[Job]:
        """The newest jobs first, of one kind where that is given."""
        query = select(jobs).order_by(jobs.c.id.desc()).limit(limit)
        if kind is not None:
            query = query.where(jobs.c.kind == kind)
        with self._database.read() as connection:
            return [_job(row) for row in connection.execute(query)]

    def running(self, kind: str) -> Sequence[Job]:
        """The jobs of a kind at which somebody is at work."""
        self._hear_out(jobs.c.kind == kind)
        return [job for job in self.list(kind) if job.state is JobState.RUNNING]

    def _hear_out(self, wanted: ColumnElement[bool]) -> None:
        """Wait for the next beat of jobs that seem silent though their process may be there: the clock may
        have been set since the last one."""
        query = select(jobs).where(wanted, jobs.c.state == JobState.RUNNING.value)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        if any(_is_silent(row) and not _is_gone(row) for row in rows):
            time.sleep(_NEXT_BEAT)

    def _report(self, job: Job, values: dict[str, Any]) -> Job:
        moment = tables.now()
        if "message" in values:
            checked_text(values["message"], "a message")
        with self._database.write() as connection:
            newest = connection.execute(select(jobs).where(jobs.c.id == job.id)).one()
            if (newest.attempt, newest.state) != (job.attempt, JobState.RUNNING):
                raise InputError(f"job {job.id} is no longer in the hands of this process")
            if values.get("state") == JobState.DONE and newest.cancel:
                values["state"] = JobState.CANCELLED.value
            if "state" in values:
                values["finished"] = moment
            return _set(connection, job.id, {"heartbeat": moment, **values})


def _set(connection: Connection, job_id: int, values: Mapping[str, Any]) -> Job:
    connection.execute(update(jobs).where(jobs.c.id == job_id).values(**values))
    return _get(connection, job_id)


def _get(connection: Connection, job_id: int) -> Job:
    row = connection.execute(select(jobs).where(jobs.c.id == job_id)).one_or_none()
    if row is None:
        raise InputError(f"the project has no job {job_id}")
    return _job(row)


def _job(row: Row[Any]) -> Job:
    return Job(
        row.id,
        row.kind,
        row.arguments,
        _state(row),
        row.attempt,
        row.done,
        row.total,
        row.message,
        row.pid,
        bool(row.cancel),
        row.created,
        row.heartbeat,
        row.started,
        row.finished,
    )


def _state(row: Row[Any]) -> JobState:
    state = JobState(row.state)
    if state == JobState.WAITING:
        never = abs(tables.now() - row.created) > _STARTING
        return JobState.INTERRUPTED if never else state
    if state != JobState.RUNNING:
        return state
    return JobState.INTERRUPTED if _is_silent(row) or _is_gone(row) else state


def _is_silent(row: Row[Any]) -> bool:
    # A beat that is yet to come is one from before the clock was set back.
    silence: timedelta = abs(tables.now() - row.heartbeat)
    return silence > SILENCE


def _is_gone(row: Row[Any]) -> bool:
    return row.host == socket.gethostname() and not _alive(row.pid)


def _alive(pid: int) -> bool:
    if os.name == "nt":  # signal 0 is Ctrl-C there: only silence tells
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

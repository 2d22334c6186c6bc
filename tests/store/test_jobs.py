from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from labelkit.errors import InputError
from labelkit.store import Job, JobState, Store, tables
from labelkit.store import jobs as calls
from labelkit.store.tables import jobs


def pretend(store: Store, job: Job, **values: object) -> None:
    """As if another process had written this."""
    with store._database.write() as connection:
        connection.execute(update(jobs).where(jobs.c.id == job.id).values(**values))


def gone() -> int:
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_job_reports_how_far_it_is(store: Store) -> None:
    waiting = store.jobs.add("prelabel", {"model": "base", "faces": [1, 2]})
    assert (waiting.state, waiting.attempt, waiting.arguments) == (
        JobState.WAITING,
        0,
        {"model": "base", "faces": [1, 2]},
    )
    job = store.jobs.start(waiting.id)
    assert (job.state, job.attempt) == (JobState.RUNNING, 1)
    store.jobs.beat(job, 3, 10, "3 of 10")
    beat = store.jobs.beat(job)
    assert (beat.done, beat.total, beat.message, beat.cancel) == (3, 10, "3 of 10", False)
    done = store.jobs.finish(job, "all well")
    assert (done.state, done.message, done.done) == (JobState.DONE, "all well", 3)
    assert done.finished is not None
    assert store.jobs.get(job.id) == done


def test_jobs_are_listed_the_newest_first(store: Store) -> None:
    ids = [store.jobs.add(kind, {}).id for kind in ("train", "prelabel", "train")]
    assert [job.id for job in store.jobs.list()] == ids[::-1]
    assert [job.id for job in store.jobs.list("train")] == [ids[2], ids[0]]
    assert [job.id for job in store.jobs.list(limit=1)] == [ids[2]]
    with pytest.raises(InputError, match="no job 9"):
        store.jobs.get(9)


def test_a_running_job_is_asked_to_stop(store: Store) -> None:
    job = store.jobs.start(store.jobs.add("prelabel", {}).id)
    assert store.jobs.cancel(job.id).state == JobState.RUNNING
    assert store.jobs.beat(job).cancel
    stopped = store.jobs.finish(job, "3 of 10")
    assert (stopped.state, stopped.message) == (JobState.CANCELLED, "3 of 10")
    again = store.jobs.start(job.id)
    assert (again.state, again.attempt, again.cancel) == (JobState.RUNNING, 2, False)
    assert store.jobs.fail(again, "no such model").message == "no such model"


def test_a_job_that_nobody_runs_is_cancelled_at_once(store: Store) -> None:
    waiting = store.jobs.add("prelabel", {})
    assert store.jobs.cancel(waiting.id).state == JobState.CANCELLED
    done = store.jobs.finish(store.jobs.start(store.jobs.add("prelabel", {}).id))
    assert store.jobs.cancel(done.id) == done


def test_a_job_whose_process_never_began_does_not_wait_for_ever(store: Store) -> None:
    job = store.jobs.add("prelabel", {})
    pretend(store, job, created=datetime.now(UTC) - timedelta(minutes=4))
    assert store.jobs.get(job.id).state == JobState.WAITING
    pretend(store, job, created=datetime.now(UTC) - timedelta(minutes=6))
    assert store.jobs.get(job.id).state == JobState.INTERRUPTED
    assert store.jobs.start(job.id).state == JobState.RUNNING, "it was slow, no more"


def test_one_process_at_a_time_works_on_a_job(store: Store) -> None:
    job = store.jobs.start(store.jobs.add("prelabel", {}).id)
    with pytest.raises(InputError, match="it is running by process"):
        store.jobs.start(job.id)
    store.jobs.finish(job)
    with pytest.raises(InputError, match="it is done"):
        store.jobs.start(job.id)
    with pytest.raises(InputError, match="no longer in the hands"):
        store.jobs.beat(job)


def test_a_job_whose_process_is_gone_is_interrupted_and_can_be_resumed(store: Store) -> None:
    job = store.jobs.start(store.jobs.add("prelabel", {}).id)
    store.jobs.beat(job, done=5)
    pretend(store, job, pid=gone())
    assert store.jobs.get(job.id).state == JobState.INTERRUPTED
    resumed = store.jobs.start(job.id)
    assert (resumed.state, resumed.attempt, resumed.done) == (JobState.RUNNING, 2, 5)
    with pytest.raises(InputError, match="no longer in the hands"):
        store.jobs.beat(job)
    assert store.jobs.beat(resumed, done=6).done == 6


def test_a_process_on_another_machine_is_known_by_its_heartbeat_alone(store: Store) -> None:
    job = store.jobs.start(store.jobs.add("prelabel", {}).id)
    pretend(store, job, pid=gone(), host="another")
    assert store.jobs.get(job.id).state == JobState.RUNNING
    pretend(store, job, heartbeat=datetime.now(UTC) - timedelta(minutes=5))
    assert store.jobs.get(job.id).state == JobState.INTERRUPTED
    assert store.jobs.cancel(job.id).state == JobState.CANCELLED


def test_a_clock_that_is_set_leaves_no_job_alive_for_ever_nor_takes_one_for_dead(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = store.jobs.start(store.jobs.add("prelabel", {}).id)
    waited: list[float] = []

    def beating(seconds: float) -> None:
        waited.append(seconds)
        store.jobs.beat(job)

    monkeypatch.setattr(calls.time, "sleep", beating)
    for jump in (timedelta(days=-1), timedelta(days=365)):
        with monkeypatch.context() as patch:
            patch.setattr(tables, "now", lambda jump=jump: datetime.now(UTC) + jump)
            assert [one.id for one in store.jobs.running("prelabel")] == [job.id]
            with pytest.raises(InputError, match="cannot be started: it is running"):
                store.jobs.start(job.id)
        store.jobs.beat(job)
    assert len(waited) == 2
    # One that does not beat any more, on a machine of which nothing else is known.
    monkeypatch.setattr(calls.time, "sleep", waited.append)
    pretend(store, job, host="another", heartbeat=datetime.now(UTC) + timedelta(days=365))
    assert store.jobs.running("prelabel") == []
    assert store.jobs.start(job.id).attempt == 2

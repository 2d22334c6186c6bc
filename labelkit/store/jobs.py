"""Long work in processes of their own, which report through the store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from labelkit.store.values import Job

#: A running job that has not been heard of for so long is taken to be interrupted.
SILENCE = timedelta(seconds=60)


class Jobs:
    """The jobs of a store."""

    def add(self, kind: str, arguments: Mapping[str, Any]) -> Job:
        """A new job, waiting to be started. ``arguments`` is a JSON object."""
        raise NotImplementedError

    def start(self, job_id: int) -> Job:
        """This process takes on a job that is waiting, interrupted, cancelled or failed.

        Raises `InputError` when another process runs it, or when it is done.
        """
        raise NotImplementedError

    def beat(
        self, job: Job, done: int | None = None, total: int | None = None, message: str | None = None
    ) -> Job:
        """Report that ``job`` (as `start` gave it) is alive, and how far it is.

        To be called at least every few seconds. The result's ``cancel`` says whether to stop.
        Raises `InputError` when another process has taken the job over in the meantime.
        """
        raise NotImplementedError

    def finish(self, job: Job, message: str = "") -> Job:
        """The work is done, or, when it was asked to stop before, ended as cancelled."""
        raise NotImplementedError

    def fail(self, job: Job, message: str) -> Job:
        """The work has failed; ``message`` is one line for the user."""
        raise NotImplementedError

    def cancel(self, job_id: int) -> Job:
        """Ask a running job to stop; one that nobody runs is cancelled at once."""
        raise NotImplementedError

    def get(self, job_id: int) -> Job:
        """The job with this id; `InputError` when there is none."""
        raise NotImplementedError

    def list(self, kind: str | None = None, limit: int = 100) -> list[Job]:
        """The newest jobs first, of one kind where that is given."""
        raise NotImplementedError

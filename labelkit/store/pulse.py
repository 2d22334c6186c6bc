"""What a process at work tells the store about its job, and hears from there."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType

from labelkit.errors import LabelkitError, StoreError
from labelkit.store.store import Store
from labelkit.store.values import Job

#: How often the job is told that we are alive.
_BEAT = 1.0

_log = logging.getLogger("labelkit.store")


class Pulse(threading.Thread):
    """Reports a job's progress every second, however long a single piece of it takes, and hears
    whether to stop; ``with Pulse(store, job) as pulse``."""

    def __init__(self, store: Store, job: Job) -> None:
        super().__init__(daemon=True, name="labelkit-pulse")
        self._store, self._job = store, job
        self._done: tuple[int, int] | None = None
        self._message: str | None = None
        self._over = threading.Event()
        self.stop = threading.Event()

    def __enter__(self) -> Pulse:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self.join()
        self._tell()

    def heard(self, done: int, total: int) -> bool:
        """Takes the progress; says whether to stop."""
        self._done = (done, total)
        return self.stop.is_set()

    def say(self, message: str) -> None:
        """What is going on, for whoever watches."""
        self._message = message

    def stop_on_signals(self) -> None:
        """Whoever interrupts or ends the process asks it to stop. Other threads than the main one hear
        of no signal: there it does nothing."""
        if threading.current_thread() is not threading.main_thread():
            return

        def stop(number: int, frame: FrameType | None) -> None:
            self.stop.set()

        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, stop)

    def run(self) -> None:
        while not self._over.wait(_BEAT):
            self._tell()

    def _tell(self) -> None:
        done, total = self._done or (None, None)
        try:
            job = self._store.jobs.beat(self._job, done, total, self._message)
        except StoreError as error:  # the disk is full, or somebody is busy: the next beat may do
            _log.warning("%s", error)
            return
        except LabelkitError as error:  # taken over by another process
            _log.error("%s", error)
            self.stop.set()
            return
        if job.cancel:
            self.stop.set()

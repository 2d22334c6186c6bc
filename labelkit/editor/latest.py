"""Work in a thread of which only the newest matters.

While somebody drags a point, questions come faster than a slow machine answers them. Whoever asks
here waits for nothing: what is not begun yet is replaced by what comes after it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Generic, TypeVar

_log = logging.getLogger("labelkit")

T = TypeVar("T")


@lru_cache(maxsize=4)
def worker(name: str) -> ThreadPoolExecutor:
    """The one thread of that name, shared by everybody in the process; started when first used."""
    return ThreadPoolExecutor(1, thread_name_prefix=f"labelkit-{name}")


class Latest(Generic[T]):
    """Runs ``work`` in ``pool`` on the newest item that `give` was handed, one at a time.

    An item that is begun is finished. Between two items of one owner others have their turn. What
    ``work`` raises is logged; the next item is worked on all the same.
    """

    def __init__(self, pool: ThreadPoolExecutor, work: Callable[[T], None]) -> None:
        self._pool, self._work = pool, work
        self._lock = threading.Lock()
        self._waiting: list[T] = []
        self._busy = False

    def give(self, item: T) -> None:
        """Work on ``item`` soon, and on nothing that is still waiting."""
        with self._lock:
            self._waiting = [item]
            if self._busy:
                return
            self._busy = True
        self._pool.submit(self._turn)

    def _turn(self) -> None:
        with self._lock:
            (item,), self._waiting = self._waiting, []
        try:
            self._work(item)
        except Exception:  # noqa: BLE001 - a thread has nobody above it who would say so
            _log.exception("a question of the scheme studio failed")
        with self._lock:
            self._busy = bool(self._waiting)
            if not self._busy:
                return
        self._pool.submit(self._turn)

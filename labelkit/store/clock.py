"""A clock for what lasts some minutes and ends by itself, which nobody sets.

The computer's own clock is set: by hand, by the network after a start with an empty battery, or by a
day where the date was wrong. What is to last three minutes would then end at once, or be held for a
year.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

from labelkit.store import tables

#: By how many seconds the computer's clock may differ from one look to the next without having been set.
_SLACK = 2.0

#: Goes on and on, whatever time it is.
_ticks = time.monotonic


class Clock:
    """The present moment. Where the computer's clock has been set it goes on as before, and believes that
    only after ``delay`` seconds: what others wrote before it was set has ended by then."""

    def __init__(self, delay: float) -> None:
        self._delay, self._lock = delay, threading.Lock()
        self._ahead: float | None = None  # of the computer's time before its ticks, in seconds
        self._doubted: tuple[float, float] | None = None  # since when, and how far ahead that is

    def now(self) -> datetime:
        """The moment in UTC."""
        with self._lock:
            ticks = _ticks()
            ahead = tables.now().timestamp() - ticks
            if self._ahead is None or abs(ahead - self._ahead) < _SLACK:
                self._ahead, self._doubted = ahead, None
            elif self._doubted is None or abs(ahead - self._doubted[1]) > _SLACK:
                self._doubted = ticks, ahead
            elif ticks - self._doubted[0] > self._delay:
                self._ahead, self._doubted = ahead, None
            return datetime.fromtimestamp(self._ahead + ticks, UTC)

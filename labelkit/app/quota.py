"""How much browsers may send to one server."""

from __future__ import annotations

import shutil
import time
from collections import deque
from pathlib import Path

#: The largest file that is taken, in bytes.
LARGEST = 512 * 1024 * 1024

#: So many files are taken at the same time, and so many from all people within an hour.
AT_ONCE, AN_HOUR = 12, 50_000

#: Less than so many bytes stay free on no disk: the labels need room, too.
SPARE = 512 * 1024 * 1024


class Uploads:
    """What is being sent to one server, and what was sent in the last hour."""

    def __init__(self) -> None:
        self._running, self._begun = 0, deque[float]()

    def begin(self, folder: Path, size: int) -> tuple[int, str] | None:
        """Why no file of ``size`` bytes (0 for unknown) is taken into ``folder`` now, with the status;
        None when it is, which `end` has to follow."""
        now = time.monotonic()
        while self._begun and now - self._begun[0] > 3600:
            self._begun.popleft()
        if size > LARGEST:
            return 413, f"Too large: at most {LARGEST // 2**20} MB"
        if self._running >= AT_ONCE or len(self._begun) >= AN_HOUR:
            return 429, "Too many files at once; try again later"
        if shutil.disk_usage(folder).free < SPARE + size:
            return 507, "The disk is nearly full"
        self._running += 1
        self._begun.append(now)
        return None

    def end(self) -> None:
        self._running -= 1

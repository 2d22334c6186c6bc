"""What a running process needs: memory, threads, open files and processor time (Linux)."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

#: Seconds between two looks.
_LOOK = 1.0

#: So many minutes at the end are looked at for growth, each by its median.
_LAST = 3

#: Threads and files that may be left: pools keep some of them.
_SPARE = 24

#: By what share of what it was under load memory may be larger when all have left.
_GROWTH = 0.05


class Watch(threading.Thread):
    """Follows a process that works in ``folder`` until `end`; `gone` says that from now on nobody works."""

    def __init__(self, pid: int, folder: Path) -> None:
        super().__init__(daemon=True)
        self._pid, self._wal = pid, next(folder.glob("*.db")).with_suffix(".db-wal")
        self._over = threading.Event()
        self._began, self._left = time.monotonic(), 0.0
        self._first, self._spent = self._look(), self._seconds()
        self._seen: list[tuple[float, dict[str, float]]] = []
        self._cpu = 0.0

    def run(self) -> None:
        while not self._over.wait(_LOOK):
            with suppress(OSError):
                self._seen.append((time.monotonic(), self._look()))

    def gone(self) -> None:
        """All have left."""
        self._left = time.monotonic()
        self._cpu = 100 * (self._seconds() - self._spent) / (self._left - self._began)

    def end(self) -> dict[str, Any]:
        """What was seen: MB of memory at the start, in each minute (median), and after all had left; its
        growth over the last minutes in percent, None for a run that was too short to tell; the share of
        one core; and, in words, what was ``kept`` after all had left."""
        last = self._look()
        self._over.set()
        self.join()
        minutes = self._minutes("memory")
        growth = None
        if len(minutes) > _LAST:
            growth = round(100 * (minutes[-1] / minutes[-1 - _LAST] - 1), 1)
        return {
            "memory_mb": {"start": self._first["memory"], "minutes": minutes, "after": last["memory"]},
            "growth_percent": growth,
            "core_percent": round(self._cpu, 1),
            "threads": [self._first["threads"], self._most("threads"), last["threads"]],
            "files": [self._first["files"], self._most("files"), last["files"]],
            "wal_mb": self._most("wal"),
            "kept": self._kept(last, minutes),
        }

    def _kept(self, last: dict[str, float], minutes: list[float]) -> list[str]:
        kept = [
            f"{last[name]:.0f} {name} after all had left"
            for name in ("threads", "files")
            if last[name] > self._first[name] + _SPARE
        ]
        if minutes and last["memory"] > (1 + _GROWTH) * minutes[-1]:
            kept.append(f"{last['memory']} MB of memory after all had left")
        return kept

    def _minutes(self, name: str) -> list[float]:
        found: dict[int, list[float]] = {}
        for when, seen in self._seen:
            if when < self._left:
                found.setdefault(int((when - self._began) // 60), []).append(seen[name])
        whole = [sorted(values) for values in found.values() if len(values) > 30 / _LOOK]
        return [values[len(values) // 2] for values in whole]

    def _most(self, name: str) -> float:
        return max(seen[name] for _, seen in self._seen)

    def _look(self) -> dict[str, float]:
        place = Path("/proc", str(self._pid))
        pages = int((place / "statm").read_text().split()[1])
        return {
            "memory": round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1),
            "threads": len(list((place / "task").iterdir())),
            "files": len(list((place / "fd").iterdir())),
            "wal": round(self._wal.stat().st_size / 1e6, 2) if self._wal.exists() else 0.0,
        }

    def _seconds(self) -> float:
        """Processor time that the process itself has used."""
        fields = Path("/proc", str(self._pid), "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

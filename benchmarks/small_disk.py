"""A disk that can be filled and emptied: a tmpfs of a few MB where one may be mounted (root on Linux), else
a limit to the size of files."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Tmpfs:
    """A small file system of its own, which a file fills."""

    kind = "tmpfs"

    def __init__(self, place: Path) -> None:
        self.filler = place / "filler"

    def fill(self, pid: int, spare: int) -> None:
        with self.filler.open("ab", buffering=0) as file:
            piece = bytes(4096)
            try:
                while True:
                    file.write(piece)
            except OSError:
                pass
            file.truncate(max(0, file.tell() - spare))

    def free(self, pid: int) -> None:
        self.filler.unlink(missing_ok=True)


class Limit:
    """No file may grow beyond a few KB, for one process."""

    kind = "limit"

    def fill(self, pid: int, spare: int) -> None:
        _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (spare // 4, most))

    def free(self, pid: int) -> None:
        _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))


@contextmanager
def disk(megabytes: int) -> Iterator[tuple[Path, Tmpfs | Limit]]:
    """A folder, and what fills its disk."""
    with tempfile.TemporaryDirectory() as name:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", name]
        may = os.geteuid() == 0 and shutil.which("mount") is not None
        if not may or subprocess.run(mount, capture_output=True, check=False).returncode:
            yield Path(name), Limit()
            return
        try:
            yield Path(name), Tmpfs(Path(name))
        finally:
            subprocess.run(["umount", "-l", name], check=False)

"""Processes to be killed, and processes that look at what is left of their work.

Both are forks, so that a round costs no imports; whoever forks never computes, so that it has no
threads that a fork would lose. What looks is a fork as well: a crash or a hang there is a finding.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

#: How long a process may take to look at a project, in seconds.
PATIENCE = 300

#: Linux's number for "orphans become my children": else some containers keep the dead for ever.
_PR_SET_CHILD_SUBREAPER = 36


class Line:
    """The victim's end of the line: what it says is heard, whatever becomes of it afterwards."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def say(self, text: str) -> None:
        """A line, in one piece or not at all: it is much shorter than the socket's buffer."""
        self._end.sendall(f"{text}\n".encode())

    def heard(self) -> Iterator[str]:
        """What the other side says, line by line."""
        with self._end.makefile("r", encoding="utf-8") as lines:
            for line in lines:
                yield line.rstrip("\n")


class Child:
    """A process that does ``work`` and can be spoken with; its errors go to the file ``log``."""

    def __init__(self, work: Callable[[Line], None], log: Path) -> None:
        mine, its = socket.socketpair()
        self.began, self.log = time.monotonic(), log
        self.pid = os.fork()
        if self.pid == 0:
            mine.close()
            _behave(log)
            try:
                work(Line(its))
            except BaseException:  # noqa: BLE001 - told through the log, and by the exit code
                traceback.print_exc()
            finally:
                os._exit(1)
        its.close()
        mine.setblocking(False)
        self._mine, self._rest = mine, b""
        self.said: list[str] = []

    def listen(self, until: float) -> bool:
        """Hear what is said until there is something, or until that moment (`time.monotonic`);
        whether there was."""
        wait = max(0.0, until - time.monotonic())
        if not select.select([self._mine], [], [], wait)[0]:
            return False
        try:
            piece = self._mine.recv(1 << 16)
        except (BlockingIOError, ConnectionResetError):
            return False
        if not piece:
            time.sleep(min(wait, 0.01))  # it has hung up
            return False
        *lines, self._rest = (self._rest + piece).split(b"\n")
        self.said += [line.decode() for line in lines]
        return bool(lines)

    def tell(self, text: str) -> None:
        """Say a line to it."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self._mine.setblocking(True)
            self._mine.sendall(f"{text}\n".encode())
            self._mine.setblocking(False)

    def alive(self) -> bool:
        """Whether it is still there; one that has ended stays to be waited for."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def end(self) -> None:
        """Take leave of one that was killed; raises `SystemExit` where it ended by itself."""
        _, status = os.waitpid(self.pid, 0)
        while self.listen(time.monotonic()):
            pass
        self._mine.close()
        if not os.WIFSIGNALED(status):
            words = self.log.read_text(errors="replace") if self.log.exists() else ""
            raise SystemExit(f"the victim ended by itself (last said {self.said[-1:]}):\n{words[-4000:]}")


def _behave(log: Path) -> None:
    """Leave the keyboard to the parent, and write to a file."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    sys.stdout = sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 - for as long as it lives


def asked(question: Callable[[], Any], patience: float = PATIENCE, quiet: bool = True) -> Any:
    """The answer (JSON) of a process of its own, of which nothing else is heard if ``quiet``; raises
    `RuntimeError` with its last words where it gives none."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        signal.alarm(int(patience))
        if quiet:
            _behave(Path(os.devnull))
        try:
            answer = {"answer": question()}
        except BaseException:  # noqa: BLE001 - handed on as text
            answer = {"problem": traceback.format_exc()}
        try:
            with os.fdopen(writer, "w") as pipe:
                json.dump(answer, pipe)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    _, status = os.waitpid(pid, 0)
    if not text:
        raise RuntimeError(f"no answer within {patience:.0f} s (wait status {status})")
    found = json.loads(text)
    if "problem" in found:
        raise RuntimeError(found["problem"])
    return found["answer"]


def adopt_orphans() -> None:
    """Let processes whose parent is killed become our children, so that their end can be waited for."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def bury(pids: list[int], patience: float = 60.0) -> list[int]:
    """Wait for the end of these processes, orphans that became our children; those still there after
    ``patience`` seconds."""
    until = time.monotonic() + patience
    left = list(pids)
    while left and time.monotonic() < until:
        left = [pid for pid in left if not _gone(pid)]
        time.sleep(0.01 if left else 0)
    return left


def _gone(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:  # somebody else's, or nobody's any more
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False


def children(pid: int) -> list[int]:
    """The processes that this one has started and that have not ended; Linux only, none elsewhere."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            # Behind the name, which may hold anything: the state and the parent.
            state, parent = place.read_text().rpartition(")")[2].split()[:2]
        except (OSError, ValueError):  # it has ended meanwhile
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(place.parent.name))
    return sorted(found)

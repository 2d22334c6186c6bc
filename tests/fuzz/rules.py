"""What may come of an input: a value, or one line of labelkit's own that says what is wrong.

Anything else is a *finding*: another exception, a numpy warning about numbers, a message that no line of a
terminal can hold, much time or memory, a file opened, written or removed outside of the folder that the
input was given, a program or a connection started.
"""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelkit.errors import LabelkitError

#: Seconds of the processor, and bytes of memory beyond what was taken before, that one input may cost.
MOST_SECONDS, MOST_MEMORY = 3.0, 200 << 20

#: The longest message.
LONGEST = 1500

_REPOSITORY = Path(__file__).resolve().parents[2]

#: Where any process reads: its programs, the system's tables.
_READABLE = (
    *(str(Path(place).resolve()) for place in {sys.prefix, sys.base_prefix, *sys.path[1:]} if place),
    *(str(_REPOSITORY / part) for part in ("labelkit", "schemes", "tests", "benchmarks", ".venv")),
    *("/dev/", "/proc/", "/sys/", "/usr/", "/lib", "/etc/localtime", "/etc/mime.types"),
)

#: Events that nothing here has a reason for: `sys.addaudithook` names them.
_NEVER = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect", "pickle.find_class"}

_CHANGES = {"os.rename": 2, "os.remove": 1, "os.mkdir": 1, "os.rmdir": 1, "os.symlink": 2, "os.link": 2}


@dataclass(frozen=True)
class Target:
    """Something that takes what somebody else has made.

    ``run(data, folder)`` hands it over and uses what comes of it; `LabelkitError` is fine. ``folder`` is
    prepared once by ``prepare`` and kept; what ``run`` adds it removes again (`Emptied`). ``seeds`` are
    inputs to begin with, ``mutate(data, random, other)`` changes one so that it stays near to something
    meant; None leaves that to libFuzzer. ``share`` is how many of a run's inputs it gets, compared with
    others. ``longest`` is the longest input in bytes; ``names_file``: messages name the input's file.
    """

    name: str
    run: Callable[[bytes, Path], None]
    seeds: Callable[[Path], Iterable[bytes]]
    prepare: Callable[[Path], None] = lambda folder: None
    mutate: Callable[..., bytes] | None = None
    share: float = 1.0
    longest: int = 8192
    names_file: str = ""


@dataclass(frozen=True)
class Finding:
    """What should not have come of an input: its ``kind``, where it was seen, and the whole story."""

    kind: str
    where: str
    story: str

    @property
    def signature(self) -> str:
        return f"{self.kind}: {self.where}"


class Watch:
    """Tells what a process opens, writes and starts while an input is handed over."""

    def __init__(self) -> None:
        self._home = self._beside = ""
        self._seen: list[str] = []
        sys.addaudithook(self._heard)

    @contextlib.contextmanager
    def over(self, folder: Path) -> Iterator[list[str]]:
        self._home, self._beside, self._seen = str(folder), str(folder.parent), []
        try:
            yield self._seen
        finally:
            self._home = ""

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._home:
            return
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, (str, bytes, os.PathLike)):
                self._opened(os.fsdecode(path), bool((flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)))
        elif event in _CHANGES:
            for path in arguments[: _CHANGES[event]]:
                if isinstance(path, (str, bytes, os.PathLike)):
                    self._opened(os.fsdecode(path), True)
        elif event in _NEVER:
            self._seen.append(f"{event} {arguments}"[:300])

    def _opened(self, path: str, changed: bool) -> None:
        place = os.path.normpath(Path.cwd() / path)
        beside = place.startswith(self._beside)  # where a way out of the folder leads first
        if place.startswith(self._home) or place == os.devnull:
            return
        if changed or beside or not place.startswith(_READABLE):
            self._seen.append(f"{'changes' if changed else 'opens'} {place}"[:300])


class _Logged(logging.Handler):
    """Keeps what labelkit logs with a traceback: an exception that somebody caught for want of better."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[Finding] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self.errors.append(_unexpected(record.exc_info[1]))


@contextlib.contextmanager
def _logging() -> Iterator[list[Finding]]:
    """Hear labelkit's log, and keep it from the terminal."""
    log, heard = logging.getLogger("labelkit"), _Logged()
    before = log.propagate
    log.addHandler(heard)
    log.propagate = False
    try:
        yield heard.errors
    finally:
        log.removeHandler(heard)
        log.propagate = before


_watch: Watch | None = None


def check(target: Target, data: bytes, folder: Path) -> Finding | None:
    """Hand ``data`` to a target in its prepared folder; what should not have come of it, or None."""
    global _watch  # noqa: PLW0603 - a hook stays for as long as the process lives
    if _watch is None:
        _watch = Watch()
    before, began = _peak(), time.process_time()
    problem: Finding | None = None
    with _watch.over(folder) as seen, _logging() as logged, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Pillow's about damage
        warnings.simplefilter("error", RuntimeWarning)
        try:
            target.run(data, folder)
        except LabelkitError as error:
            problem = _told(error, target.names_file)
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            problem = _unexpected(error)
        taken, used = time.process_time() - began, _peak() - before
    if problem is None and logged:
        problem = logged[0]
    if problem is None and seen:
        problem = Finding("outside", seen[0].split()[0], "; ".join(seen))
    if problem is None and taken > MOST_SECONDS:
        problem = Finding("slow", target.name, f"{taken:.1f} s of the processor")
    if problem is None and used > MOST_MEMORY:
        problem = Finding("memory", target.name, f"{used >> 20} MB for {len(data)} bytes")
    return problem


def _peak() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def check_line(text: str) -> None:
    """Raise AssertionError for what is no line that a terminal can show."""
    odd = [letter for letter in text if not letter.isprintable()]
    assert not odd, f"holds {odd[0]!r}, which is no letter: {text[:200]!r}"
    assert len(text) <= LONGEST, f"has {len(text)} letters: {text[:200]!r}"
    assert text.strip(), "says nothing"


def _told(error: LabelkitError, name: str) -> Finding | None:
    """What is wrong with an error of labelkit's own, if anything."""
    story = f"{type(error).__name__}: {str(error)[:400]!r}"
    try:
        check_line(str(error))
        assert name in str(error), f"does not name the file {name}"
    except AssertionError as wrong:
        return Finding("message", _place(error), f"{story} {wrong}")
    return None


def _unexpected(error: Exception) -> Finding:
    story = "".join(traceback.format_exception(error)[-12:])
    return Finding(type(error).__name__, _place(error), story)


def _place(error: BaseException) -> str:
    """The innermost line of labelkit's or of these tests' from which an error came."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/labelkit/" in frame.filename or "/tests/fuzz/" in frame.filename]
    frame = (own or list(frames) or [None])[-1]
    return "nowhere" if frame is None else f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"


class Emptied:
    """Removes what a block has added to a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        self._known = set(self._folder.iterdir())

    def __exit__(self, *_: object) -> None:
        for path in set(self._folder.iterdir()) - self._known:
            remove(path)


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it."""
    if path.is_dir() and not path.is_symlink():
        for one in path.iterdir():
            remove(one)
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def prepared(target: Target) -> Iterator[Path]:
    """A folder for a target's inputs, in memory where the system has such a place."""
    memory = Path("/dev/shm")
    place = str(memory) if memory.is_dir() and os.access(memory, os.W_OK) else None
    before = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=place) as name:
        folder = Path(name, "here").resolve()
        folder.mkdir()
        target.prepare(folder)
        os.chdir(folder)  # where relative names lead
        try:
            yield folder
        finally:
            os.chdir(before)

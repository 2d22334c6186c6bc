"""How far long work is: a bar in a notebook, lines elsewhere.

Whatever takes long tells a function ``heard(done, total)``. In a notebook, where nobody gave one,
that is a bar of ipywidgets, which leaves one line of text when it is done: a saved notebook then
says what happened, and holds no dead widget. The command line draws its own bars. What whoever works
here ought to know once, such as the terms of a model, is said by `say_once`.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

#: Told how many of how many are done.
Heard = Callable[[int, int], None]

_log = logging.getLogger("labelkit")
_said: set[str] = set()

#: Seconds after which something is shown at all.
_PATIENCE = 0.5


class _Teller(Protocol):
    #: Seconds between two moves.
    pause: float

    def move(self, text: str, done: int, total: int) -> None: ...

    def end(self, text: str) -> None: ...


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    shell = sys.modules.get("IPython")
    return shell is not None and hasattr(shell.get_ipython(), "kernel")


def say_once(text: str, about: str = "") -> None:
    """Say a line the first time in this process: below the cell of a notebook, elsewhere as a warning of
    the log ``labelkit``. ``about`` is what must not have been told yet, by default the line itself."""
    if (about or text) in _said:
        return
    _said.add(about or text)
    if in_notebook():
        from IPython.display import display

        display({"text/plain": text}, raw=True)  # type: ignore[no-untyped-call]  # it has no types
    else:
        _log.warning("%s", text)


@contextmanager
def show_progress(what: str) -> Iterator[Heard]:
    """Show how far work on ``what`` (photos, faces, ...) is: call the result with how many of how many.

    In a notebook a bar with an estimate, elsewhere a line on stderr every ten seconds. At the end,
    also of work that was interrupted, one line says how far it came. Of work that takes less than
    half a second nothing is shown.
    """
    count = _Count(what, _NotebookBar if in_notebook() else _Lines)
    try:
        yield count
    finally:
        count.end()


@contextmanager
def told(heard: Heard | None, what: str) -> Iterator[Heard]:
    """``heard`` itself; where it is None a bar in a notebook, and nothing elsewhere."""
    if heard is not None:
        yield heard
    elif in_notebook():
        with show_progress(what) as bar:
            yield bar
    else:
        yield _unheard


def _unheard(done: int, total: int) -> None:
    pass


class _Count:
    """What has been heard, in words; tells no more often than can be read."""

    def __init__(self, what: str, make: Callable[[], _Teller]) -> None:
        self._what, self._make = what, make
        self._begun = self._moved = time.monotonic()
        self._done = self._total = 0
        self._teller: _Teller | None = None

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        self._done, self._total = done, total
        if now - self._moved < (_PATIENCE if self._teller is None else self._teller.pause):
            return
        if self._teller is None:
            self._teller = self._make()
        self._moved = now
        self._teller.move(self._text(now), done, total)

    def end(self) -> None:
        if self._teller is not None:
            seconds = time.monotonic() - self._begun
            self._teller.end(f"{self._counted()} in {_clock(seconds)}")

    def _counted(self) -> str:
        return f"{self._done} of {self._total} {self._what}"

    def _text(self, now: float) -> str:
        if not 0 < self._done < self._total:
            return self._counted()
        left = (now - self._begun) * (self._total - self._done) / self._done
        return f"{self._counted()}, about {_clock(left)} left"


class _Lines:
    """One line after another on stderr."""

    pause = 10.0

    def move(self, text: str, done: int, total: int) -> None:
        sys.stderr.write(f"{text}\n")

    def end(self, text: str) -> None:
        sys.stderr.write(f"{text}\n")


class _NotebookBar:
    """A bar with text, in place of which a line is left."""

    pause = 0.1

    def __init__(self) -> None:
        # Only here, in a kernel, where both are at hand.
        from IPython.display import display
        from ipywidgets import HTML, HBox, IntProgress

        self._bar, self._label = IntProgress(layout={"width": "40%"}), HTML()
        self._box = HBox([self._bar, self._label])
        self._place: Any = display(self._box, display_id=True)  # type: ignore[no-untyped-call]  # it has no types

    def move(self, text: str, done: int, total: int) -> None:
        self._bar.max, self._bar.value, self._label.value = total, done, text

    def end(self, text: str) -> None:
        self._place.update({"text/plain": text}, raw=True)
        for widget in (self._bar, self._label, self._box):
            widget.close()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"

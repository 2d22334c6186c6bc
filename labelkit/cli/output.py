"""What commands print, and the options that several of them have."""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

#: Resolve sys.stdout and sys.stderr anew each time, as tests and notebooks exchange them.
STDOUT, STDERR = Console(highlight=False), Console(stderr=True, highlight=False)

#: Neither line ends nor the codes that move a cursor belong into a line.
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")

#: How many lines of one kind are printed before "and N more".
MOST_LINES = 20

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
ModelName = Annotated[str, typer.Option("--model", help="A model's name (labelkit models list) or file.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.")]
SchemeName = Annotated[
    str, typer.Option("--scheme", help="A scheme's name (labelkit scheme list) or .json file.")
]
Flip = Annotated[
    bool, typer.Option("--flip", help="Average with the mirrored photo: slower, a little better.")
]
Passes = Annotated[
    int | None,
    typer.Option(
        "--passes",
        min=1,
        max=5,
        help="How often each face is cut out anew; by default once for boxes around landmarks, else twice.",
    ),
]


def say(text: str) -> None:
    """A line for stdout, never broken to fit the window: it may be a path."""
    STDOUT.print(_printable(text), markup=False, soft_wrap=True)


def note(text: str) -> None:
    """A line for stderr."""
    STDERR.print(_printable(text), markup=False, soft_wrap=True)


def complain(problem: str) -> None:
    """The one line of a command that failed."""
    note(f"labelkit: {' '.join(problem.split())}")


def note_all(lines: Sequence[str], most: int = MOST_LINES) -> None:
    """Lines for stderr, the first of them where there are many."""
    for line in lines[:most]:
        note(line)
    if len(lines) > most:
        note(f"... and {len(lines) - most} more")


def say_json(value: object) -> None:
    """The JSON of a command, NaN and infinity as null."""
    # Not through rich, which would break long lines.
    typer.echo(json.dumps(_finite(value), indent=1, allow_nan=False))


def listen() -> None:
    """Send what the library logs (a model's terms, say) to stderr."""
    log = logging.getLogger("labelkit")
    if not any(isinstance(handler, _Notes) for handler in log.handlers):
        log.addHandler(_Notes())


@contextmanager
def photo_bar(total: int) -> Iterator[Progress]:
    """A progress bar over photos, with an estimate; silent where nobody watches."""
    with _bar() as progress:
        progress.add_task("photos", total=total)
        yield progress


@contextmanager
def counting_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar over things whose number is not known before: call the result with how many of
    how many are done. It shows itself with the first of them."""
    with _bar() as progress:
        task = progress.add_task(what, total=None, visible=False)

        def heard(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, visible=True)

        yield heard


def _bar() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("about"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=STDERR, transient=True, disable=not STDERR.is_terminal)


def count(number: int, what: str) -> str:
    """``1 face``, ``2 faces``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def shown(path: Path) -> str:
    """A path as short as it can be written from here."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


class _Notes(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        note(self.format(record))


def _printable(text: str) -> str:
    """File names may hold bytes that are no text, which a terminal would refuse, and control
    characters, which it would obey."""
    return (
        _CONTROLS.sub(lambda found: repr(found[0])[1:-1], text).encode("utf-8", "backslashreplace").decode()
    )


def _finite(value: object) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return value if isinstance(value, (str, int, bool, type(None))) else str(value)

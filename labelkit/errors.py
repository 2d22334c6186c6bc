"""The exceptions of labelkit.

    LabelkitError
    ├── InputError              something that was given to us is wrong (exit code 1)
    │   ├── FormatError         an annotation file; knows the file and the line
    │   ├── ImageError          a picture that cannot be decoded
    │   ├── SchemeError         a scheme file, or an edit that would break a scheme
    │   ├── BoxError            a face box from which no crop can be made
    │   └── CheckpointError     a model file
    ├── StoreError              the project's database cannot be read or written
    └── UnavailableError        a part that is not installed, not cached or not reachable

Every message is one line that says which file is meant and what is wrong with it, so
that a command can print it as it is: whatever a hostile file put into it (`one_line`).
"""

from __future__ import annotations

import re
from pathlib import Path

#: The longest message, in characters: two paths and a sentence.
LONGEST = 1200


def printable(text: str) -> str:
    """Prose as one line that every terminal can show: line breaks and tabs become blanks, and all else is
    spelt as by `one_line`."""
    return _spelt(" ".join(re.split(r"[\r\n\t]", text)))


def one_line(text: str) -> str:
    """``text`` as one line that every terminal can show; of a very long one the middle is left out.

    Line breaks, which may be a file's name, and what steers a terminal, turns the direction of writing
    or is half a character are spelt as in Python (``\\n``, ``\\x1b``).
    """
    text = _spelt(text)
    if len(text) > LONGEST:
        half = LONGEST // 2 - 2
        text = f"{text[:half]} .. {text[-half:]}"
    return text


def _spelt(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )


class LabelkitError(Exception):
    """Base of everything that labelkit raises on purpose."""

    def __init__(self, message: str = "") -> None:
        super().__init__(one_line(message))


class InputError(LabelkitError, ValueError):
    """Something that was given to labelkit is wrong."""


class FormatError(InputError):
    """An annotation file breaks the rules of its format.

    ``path`` and ``line`` (1-based, None where the whole file is meant) say where;
    ``problem`` is the sentence without them.
    """

    def __init__(self, path: str | Path, problem: str, line: int | None = None) -> None:
        self.path = Path(path)
        self.line = line
        self.problem = one_line(problem)
        where = f"{path}:{line}" if line is not None else f"{path}"
        super().__init__(f"{where}: {problem}")


class ImageError(InputError):
    """A picture cannot be read; ``path`` says which, ``problem`` why."""

    def __init__(self, path: str | Path, problem: str) -> None:
        self.path = Path(path)
        self.problem = one_line(problem)
        super().__init__(f"{path}: {problem}")


class SchemeError(InputError):
    """A scheme is inconsistent, unknown or cannot be edited in this way."""


class BoxError(InputError):
    """A box says too little about where the face is."""


class CheckpointError(InputError):
    """A model file is damaged, of another kind, or does not fit its card."""


class StoreError(LabelkitError):
    """A project's database cannot be read or written; ``path`` says which, ``problem`` why."""

    def __init__(self, path: str | Path, problem: str) -> None:
        self.path = Path(path)
        self.problem = one_line(problem)
        super().__init__(f"{path}: {problem}")


class UnavailableError(LabelkitError):
    """A part is missing here; the message says how to get it."""

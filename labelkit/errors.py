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
that a command can print it as it is.
"""

from __future__ import annotations

from pathlib import Path


class LabelkitError(Exception):
    """Base of everything that labelkit raises on purpose."""


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
        self.problem = problem
        where = f"{path}:{line}" if line is not None else f"{path}"
        super().__init__(f"{where}: {problem}")


class ImageError(InputError):
    """A picture cannot be read; ``path`` says which, ``problem`` why."""

    def __init__(self, path: str | Path, problem: str) -> None:
        self.path = Path(path)
        self.problem = problem
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
        self.problem = problem
        super().__init__(f"{path}: {problem}")


class UnavailableError(LabelkitError):
    """A part is missing here; the message says how to get it."""

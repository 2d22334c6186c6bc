"""What annotation files of plain text share: lines and numbers."""

from __future__ import annotations

import re
from pathlib import Path

from labelkit.errors import FormatError, InputError

#: Bounded, so that a line of a million digits is not taken for a number.
_NUMBER = re.compile(
    r"[+-]?(?:\d{1,40}\.?\d{0,40}|\.\d{1,40})(?:e[+-]?\d{1,4})?|[+-]?(?:nan|inf(?:inity)?)", re.I | re.A
)

#: How much of a file is looked at to tell its format.
_GLANCE = 1 << 20


def read_lines(path: Path) -> list[str]:
    """The lines of a text file, without their ends (LF, CRLF or CR) and without a byte-order mark.

    Raises `FormatError` for what is no text in UTF-8. Only those three end a line: names of
    photos may hold what else Unicode calls a line break.
    """
    return read_text(path).replace("\r\n", "\n").replace("\r", "\n").split("\n")


def read_text(path: Path) -> str:
    """A text file as it is, without a byte-order mark; raises `FormatError` for what is no text
    in UTF-8."""
    if path.is_dir():
        raise FormatError(path, "is a folder, not a file")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise FormatError(path, f"cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise FormatError(path, f"is not text in UTF-8 (byte {error.start})") from error
    if "\0" in text:
        raise FormatError(path, "is not text: it holds zero bytes")
    return text


def glance(path: Path) -> str:
    """The beginning of a file as text, whatever it holds, to tell its format; "" for a folder.

    Raises `InputError` where it cannot be read.
    """
    if path.is_dir():
        return ""
    try:
        with path.open("rb") as file:
            return file.read(_GLANCE).decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def first_lines(path: Path) -> list[str]:
    """The first twenty lines of a file that are not blank, as `glance` sees them."""
    return [line for line in glance(path).splitlines() if line.strip()][:20]


def is_number(token: str) -> bool:
    """Whether the token is a decimal number, NaN or infinity (stricter than ``float``, which
    takes 1_000 and digits of all scripts)."""
    return _NUMBER.fullmatch(token) is not None


def write_number(value: float) -> str:
    """``value`` with six decimals at most, without trailing zeros."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def brief(text: str) -> str:
    """A quoted piece of a file for a message of one line."""
    return repr(text if len(text) <= 80 else f"{text[:77]}...")

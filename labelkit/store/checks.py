"""What comes from outside, checked before it goes into the database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from labelkit.errors import InputError

#: The longest note, comment or name, in characters; the longest JSON object in characters.
MAX_TEXT = 100_000
MAX_JSON = 1_000_000


def checked_text(value: str, what: str) -> str:
    """``value`` itself; `InputError` when it is too long or holds half a character."""
    if not isinstance(value, str):
        raise InputError(f"{what} is a text, not {type(value).__name__}")
    if len(value) > MAX_TEXT:
        raise InputError(f"{what} has {len(value)} characters; at most {MAX_TEXT} can be stored")
    _check_encodable(value, what)
    return value


def checked_object(value: Mapping[str, Any], what: str) -> dict[str, Any]:
    """``value`` as a dictionary; `InputError` when it is no JSON object or too large."""
    try:
        text = json.dumps(dict(value), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{what} cannot be written as JSON ({error})") from error
    if len(text) > MAX_JSON:
        raise InputError(f"{what} has {len(text)} characters; at most {MAX_JSON} can be stored")
    _check_encodable(text, what)
    return dict(value)


def checked_path(path: str) -> str:
    """A path relative to the image root; `InputError` when it is not, or leads out of it."""
    checked_text(path, "a photo's path")
    parts = path.split("/")
    if "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise InputError(f"{path!r} is no path inside the image root, such as 'folder/photo.jpg'")
    return path


def _check_encodable(value: str, what: str) -> None:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"{what} {value[:60]!r} holds a character that cannot be stored") from error

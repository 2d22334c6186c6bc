"""Scheme files: the built-in ones by name, others by path.

`Scheme.to_json` writes their text.
"""

from __future__ import annotations

import json
import operator
import os
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from labelkit.errors import SchemeError
from labelkit.scheme.scheme import Curve, Point, Scheme


def builtin_schemes() -> list[str]:
    """The names of the schemes that come with labelkit, sorted."""
    return sorted(path.stem for path in _builtin_folder().glob("*.json"))


def scheme_schema() -> str:
    """The JSON Schema of scheme files, as text: what editors and scripts check them with."""
    return (_builtin_folder() / "schema" / "scheme.schema.json").read_text(encoding="utf-8")


def load_scheme(scheme: str | Path | Scheme) -> Scheme:
    """A built-in scheme by its name, or a scheme file by its path.

    Raises `SchemeError` with the file's name when there is no such scheme or the file
    breaks the rules.
    """
    if isinstance(scheme, Scheme):
        return scheme
    if isinstance(scheme, str) and scheme in builtin_schemes():
        place = _builtin_folder() / f"{scheme}.json"
        return _builtin(place, place.stat().st_mtime_ns)
    path = Path(scheme)
    if path.suffix != ".json" and not _exists(path):
        known = ", ".join(builtin_schemes())
        raise SchemeError(
            f"no scheme is called {str(scheme)!r}; built in are {known}; else give a .json file"
        )
    return read_scheme(path)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have: too long, or with a zero byte
        return False


@lru_cache(maxsize=32)
def _builtin(path: Path, changed: int) -> Scheme:
    """A built-in scheme as its file was at the time ``changed``: readers ask for all of them, often."""
    return read_scheme(path)


def read_scheme(path: Path) -> Scheme:
    """The scheme in a JSON file; raises `SchemeError` naming the file."""
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))  # some editors write a mark first
    except OSError as error:
        raise SchemeError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise SchemeError(f"{path}: is not JSON ({error})") from error
    try:
        return scheme_from_dict(data)
    except SchemeError as error:
        raise SchemeError(f"{path}: {error}") from error


def scheme_from_dict(data: Any) -> Scheme:
    """A scheme from what its JSON file holds; raises `SchemeError`."""
    if not isinstance(data, dict):
        raise SchemeError("a scheme is a JSON object")
    try:
        return Scheme(
            name=data["name"],
            points=tuple(_point(number, entry) for number, entry in enumerate(data["points"])),
            mirror=tuple((_index(i), _index(j)) for i, j in data.get("mirror", [])),
            curves=tuple(
                Curve(
                    _text(c["name"]),
                    tuple(_index(i) for i in c["points"]),
                    bool(c.get("closed", False)),
                )
                for c in data.get("curves", [])
            ),
            normalizers={_text(k): _ends(v) for k, v in data.get("normalizers", {}).items()},
            version=_text(data.get("version", "1")),
            **{key: _text(data.get(key, "")) for key in ("title", "description", "source")},
        )
    except KeyError as error:
        raise SchemeError(f"the entry {error} is missing") from error
    except SchemeError:
        raise
    except (TypeError, ValueError, AttributeError) as error:
        raise SchemeError(f"an entry has the wrong form ({error})") from error


def _point(number: int, entry: Mapping[str, Any]) -> Point:
    try:
        return Point(
            _text(entry["name"]),
            float(entry["x"]),
            float(entry["y"]),
            _text(entry.get("group", "")),
            _text(entry.get("definition", "")),
        )
    except KeyError as error:
        raise SchemeError(f"point {number} has no {error}") from error
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        raise SchemeError(f"point {number} has the wrong form ({error})") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    value.encode()  # JSON can spell half a character (a lone surrogate), which no file can hold
    return value


def _index(value: Any) -> int:
    if isinstance(value, bool):  # which Python takes for 0 and 1, and numpy for a mask
        raise TypeError(f"{value} is no number of a point")
    return operator.index(value)


def _ends(value: Sequence[Any]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    first, second = (
        (_index(end),) if isinstance(end, int) else tuple(_index(i) for i in end) for end in value
    )
    return first, second


@cache
def _builtin_folder() -> Path:
    """``schemes/`` inside the installed package, or beside it in an editable install."""
    inside = Path(str(resources.files("labelkit"))) / "schemes"
    return inside if inside.is_dir() else Path(os.path.realpath(__file__)).parents[2] / "schemes"

"""The side file of an export: a JSON file that says whose labels the files beside it hold.

It names the exported files with their SHA-256, so that it is not believed about a file that has
been changed since. While a file is replaced, its side file says under "before" what it said about the
old one: whichever of the two is found after a kill, it is known whose labels they are.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelkit.errors import SchemeError
from labelkit.scheme import Scheme
from labelkit.scheme.files import scheme_from_dict

#: The side file of an export that is a folder; that of a file has the file's name before it.
SIDE = "labelkit.json"

#: Under which a side file has what it said about the file that is being replaced.
BEFORE = "before"

#: Between a photo's name and a face's number, where faces are listed.
_FACE = ", face "


@dataclass(frozen=True)
class Side:
    """What a side file says about an export: its ``scheme``, and the photos, as the files name them,
    in which there are faces that nobody has confirmed."""

    scheme: Scheme
    predicted: frozenset[str]


def side_path(out: Path, whole: bool) -> Path:
    """Where the side file of the export ``out`` lies; ``whole``: the export is a folder."""
    return out / SIDE if whole else out.with_name(f"{out.name}.{SIDE}")


def face_name(image: str, index: int) -> str:
    """How a face is listed: its photo's name and its number there, from 1."""
    return f"{image}{_FACE}{index + 1}"


def digests(place: Path, name: str) -> dict[str, str]:
    """SHA-256 of a file under the name ``name``, or of every file in a folder by its path there."""
    files = {name: place}
    if place.is_dir():
        files = {
            file.relative_to(place).as_posix(): file for file in sorted(place.rglob("*")) if file.is_file()
        }
    return {name: _digest(file) for name, file in files.items()}


def read_side(path: Path) -> Side | None:
    """What a side file says about the annotation file or folder ``path``, which may be a part of a
    split; None without one, and for one that is damaged or speaks of other content."""
    beside = [] if path.is_dir() else [side_path(path, False)]
    for place in [*beside, path / SIDE, path.parent / SIDE]:
        try:
            told = _about(path, place)
            if told is not None:
                predicted = frozenset(str(face).rpartition(_FACE)[0] for face in told["predicted"])
                return Side(scheme_from_dict(told["scheme"]), predicted)
        except (OSError, ValueError, TypeError, AttributeError, LookupError, RecursionError, SchemeError):
            continue
    return None


def standing(path: Path) -> dict[str, Any] | None:
    """What the side file of the exported file ``path`` says of it as it is; None where there is neither,
    and for one that is damaged or speaks of other content."""
    try:
        return _about(path, side_path(path, False)) if path.is_file() else None
    except (OSError, ValueError, TypeError, AttributeError, LookupError, RecursionError):
        return None


def _about(path: Path, place: Path) -> dict[str, Any] | None:
    """What the side file ``place`` says of ``path``, or said before it; None where it is about neither."""
    told: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    for one in (told, told.get(BEFORE)):
        if one is not None and _is_about(path, one["sha256"], part=place.parent != path):
            return {key: value for key, value in one.items() if key != BEFORE}
    return None


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _is_about(path: Path, told: dict[str, Any], part: bool) -> bool:
    """Whether a file, a whole folder or, with ``part``, a folder of a split is as it was exported."""
    found = digests(path, path.name)
    if path.is_dir():
        start = f"{path.name}/" if part else ""
        found = {f"{start}{name}": digest for name, digest in found.items() if part or name != SIDE}
        told = {name: digest for name, digest in told.items() if name.startswith(start)}
        return bool(found) and found == told
    return all(told.get(name) == digest for name, digest in found.items())

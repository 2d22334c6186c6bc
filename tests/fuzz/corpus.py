"""The inputs that are kept: a ZIP file for every target, with a line of JSON for each input.

As members of their own they would take three times the room.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).with_name("corpus")

_MEMBER = "inputs.jsonl"

#: How the names begin of inputs of which something was found once: they stay, whatever else is kept.
FOUND = "found-"

#: What a target may keep besides: so many inputs, so many bytes of them, and none larger than this.
_INPUTS, _BYTES, _LARGEST = 80, 40_000, 14_000


def read(name: str) -> dict[str, bytes]:
    """The inputs kept of a target, by their names."""
    try:
        with zipfile.ZipFile(FOLDER / f"{name}.zip") as archive:
            lines = archive.read(_MEMBER).decode().splitlines()
    except FileNotFoundError:
        return {}
    return {member: base64.b64decode(data) for member, data in map(json.loads, lines)}


def write(name: str, inputs: Iterable[bytes], found: Iterable[bytes] = ()) -> dict[str, int]:
    """Keep inputs of a target, the smallest first, as many as there is room for, beside those of which
    something was ``found``, now or before; says how many."""
    FOLDER.mkdir(exist_ok=True)
    kept = {member: data for member, data in read(name).items() if member.startswith(FOUND)}
    kept |= {f"{FOUND}{_digest(data)}": data for data in found}
    room, left = _INPUTS, _BYTES
    for data in sorted(inputs, key=lambda one: (len(one), one)):
        room, left = room - 1, left - len(data)
        if room < 0 or left < 0 or len(data) > _LARGEST:
            break
        kept[_digest(data)] = data
    lines = [json.dumps([member, base64.b64encode(data).decode()]) for member, data in sorted(kept.items())]
    info = zipfile.ZipInfo(_MEMBER)  # of 1980: the file changes with its inputs alone
    info.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(FOLDER / f"{name}.zip", "w") as archive:
        archive.writestr(info, "\n".join(lines), compresslevel=9)
    return {"inputs": len(kept), "bytes": (FOLDER / f"{name}.zip").stat().st_size}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]

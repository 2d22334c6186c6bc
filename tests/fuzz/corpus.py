"""The inputs that are kept: a ZIP file for every target, of which each member is one input."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).with_name("corpus")

#: What a target may keep: so many inputs, so many bytes of them, and none larger than this.
_INPUTS, _BYTES, _LARGEST = 80, 40_000, 9_000


def read(name: str) -> dict[str, bytes]:
    """The inputs kept of a target, by their hashes."""
    try:
        with zipfile.ZipFile(FOLDER / f"{name}.zip") as archive:
            return {info.filename: archive.read(info) for info in archive.infolist()}
    except FileNotFoundError:
        return {}


def write(name: str, inputs: Iterable[bytes]) -> dict[str, int]:
    """Keep inputs of a target, the smallest first, as many as there is room for; says how many."""
    FOLDER.mkdir(exist_ok=True)
    kept: dict[str, bytes] = {}
    for data in sorted(inputs, key=lambda one: (len(one), one)):
        if len(kept) == _INPUTS or len(data) > _LARGEST or sum(map(len, kept.values())) + len(data) > _BYTES:
            break
        kept[hashlib.sha256(data).hexdigest()[:16]] = data
    with zipfile.ZipFile(FOLDER / f"{name}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for digest in sorted(kept):
            info = zipfile.ZipInfo(digest)  # of 1980: the file changes with its inputs alone
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, kept[digest])
    return {"inputs": len(kept), "bytes": (FOLDER / f"{name}.zip").stat().st_size}

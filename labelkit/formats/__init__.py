"""Annotation files: one module per format, each with ``read`` and ``write``.

A format's module describes it first: its layout, its pixel base and axis order, and what it
cannot hold. In memory everything is a `Dataset` in the conventions of `labelkit.geometry`; each
format converts at its own border. Nothing is clamped, and writing is atomic.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from labelkit.dataset import Dataset
from labelkit.errors import InputError
from labelkit.formats import aflw, coco, cofw, csvfile, dlib, lapa, merl, parquet, pts, wflw
from labelkit.formats.writing import WriteReport
from labelkit.scheme import Scheme

__all__ = [
    "FORMATS",
    "Format",
    "WriteReport",
    "find_format",
    "guess_format",
    "read",
    "register_format",
    "write",
]

#: The group of entry points under which installed packages name formats of their own.
ENTRY_POINTS = "labelkit.formats"

_log = logging.getLogger("labelkit.formats")


@dataclass(frozen=True)
class Format:
    """How a format is called, and how it is read and written.

    ``read(path, *, scheme, images, strict)`` gives a `Dataset`, ``write(dataset, path, *, images)``
    a `WriteReport`; ``looks_like(path)`` says whether a file or folder could be of this format, by
    its name and what it begins with; ``folder`` whether it is written as a folder of files;
    ``subsets`` which parts of a published data set ``read`` takes as its argument ``subset``.
    """

    name: str
    title: str
    read: Callable[..., Dataset]
    write: Callable[..., WriteReport]
    looks_like: Callable[[Path], bool]
    also: tuple[str, ...] = ()
    folder: bool = False
    subsets: tuple[str, ...] = ()

    def photo_root(self, path: Path) -> Path:
        """The folder in which a reader of ``path`` looks for the photos if it is not told."""
        return path if self.folder else path.parent


#: By the name that commands and scripts use. Of several formats that a file could be of, the first
#: is guessed: those that can be told for certain stand before those that ask for little.
FORMATS = {
    entry.name: entry
    for entry in (
        Format(
            "merl",
            "MERL-RAV .pts, with what hides a point",
            merl.read,
            merl.write,
            merl.looks_like,
            also=("merl-rav",),
            folder=True,
        ),
        Format(
            "300w",
            "300-W .pts, one face a file",
            pts.read,
            pts.write,
            pts.looks_like,
            also=("300-w", "pts", "ibug"),
            folder=True,
            subsets=tuple(pts.SUBSETS),
        ),
        Format(
            "parquet",
            "our own table as Parquet, without loss",
            parquet.read,
            parquet.write,
            parquet.looks_like,
        ),
        Format("csv", "our own table as CSV, without loss", csvfile.read, csvfile.write, csvfile.looks_like),
        Format("coco", "COCO keypoints, one JSON file", coco.read, coco.write, coco.looks_like),
        Format("dlib", "dlib's imglab XML", dlib.read, dlib.write, dlib.looks_like, also=("imglab",)),
        Format("cofw", "COFW .mat, faces and photos in one file", cofw.read, cofw.write, cofw.looks_like),
        Format("aflw", "AFLW-19 .mat", aflw.read, aflw.write, aflw.looks_like, also=("aflw19",)),
        Format(
            "lapa",
            "LaPa and JD-106 .txt, one face a photo",
            lapa.read,
            lapa.write,
            lapa.looks_like,
            also=("jd106", "jd-106"),
            folder=True,
        ),
        Format(
            "wflw",
            "WFLW list, one face a line",
            wflw.read,
            wflw.write,
            wflw.looks_like,
            subsets=(*wflw.SPLITS, *wflw.SUBSETS),
        ),
    )
}


def read(
    path: str | Path,
    format: str | None = None,  # noqa: A002  (contract: lk.read(..., format="wflw"))
    scheme: str | Path | Scheme | None = None,
    strict: bool = False,
    images: str | Path | None = None,
    subset: str | None = None,
) -> Dataset:
    """The faces in an annotation file or folder; photos are looked for, not opened.

    ``format`` is told by the file where it is None, and the scheme by the number or the names of points.
    ``images`` is the folder to which the photos' names are relative, by default that of the
    annotations. ``subset`` is a part of a published data set, as "challenge" of 300-W or "largepose"
    of WFLW. What cannot be read is left out and named in the data set's ``report``, or, with
    ``strict``, raises `FormatError` at once. Raises `InputError` where the format is unknown or has not
    this subset, `FormatError` where the file as a whole is not of that format.
    """
    chosen = find_format(format) if format is not None else guess_format(path)
    if subset is not None and not chosen.subsets:
        raise InputError(f"the format {chosen.name} has no subsets")
    part = {"subset": subset} if subset is not None else {}
    return chosen.read(path, scheme=scheme, images=images, strict=strict, **part)


def write(
    dataset: Dataset,
    path: str | Path,
    format: str,  # noqa: A002  (contract: lk.write(..., format="wflw"))
    images: str | Path | None = None,
) -> WriteReport:
    """Write faces as an annotation file or folder; the report says what it could not hold.

    ``images`` is the folder to which the photos are named, by default that of the data set.
    Raises `InputError`, with nothing written, where a face cannot be written in this format.
    """
    return find_format(format).write(dataset, path, images=images)


def register_format(entry: Format) -> None:
    """Make a format known by its name to `read`, `write`, the commands and the app of this process.

    It is guessed after those that are known already. A package that is installed registers its formats
    by an entry point of the group `ENTRY_POINTS` that names a `Format`. Raises `InputError` for a name
    with capitals, which nobody could ask for, and for one that another format has.
    """
    for name in (entry.name, *entry.also):
        if name != name.lower() or not name.strip():
            raise InputError(f"{name!r} is no name for a format: it is written in small letters")
        if any(name in (known.name, *known.also) for known in FORMATS.values()):
            raise InputError(f"there is a format called {name!r} already")
    FORMATS[entry.name] = entry


def find_format(name: str) -> Format:
    """The format of that name, in upper or lower case; raises `InputError`."""
    _register_installed()
    wanted = name.lower()
    for known in FORMATS.values():
        if wanted in (known.name, *known.also):
            return known
    raise InputError(f"{name!r} is no format we know; there are {', '.join(FORMATS)}")


def guess_format(path: str | Path) -> Format:
    """The format of a file or folder, by its name and by what it begins with.

    Raises `InputError` where that does not tell.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: there is no such file or folder")
    _register_installed()
    for known in FORMATS.values():
        if known.looks_like(path):
            return known
    raise InputError(f"{path}: cannot tell the format; name it, one of {', '.join(FORMATS)}")


@cache
def _register_installed() -> None:
    """Register what installed packages bring; one that cannot be loaded is named, and the rest goes on."""
    for point in metadata.entry_points(group=ENTRY_POINTS):
        try:
            register_format(point.load())
        except Exception as error:  # noqa: BLE001 - other people's code raises anything
            _log.warning("the format %s of %s cannot be used: %s", point.name, point.value, error)

"""What annotation files of plain text share: lines, numbers, names of photos, what gets lost.

Photos are named by their path relative to an *image root*, with "/" between folders. A name that
leads out of the root is refused: an annotation file that somebody sent must not make us open
whatever it likes.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from labelkit.dataset import Dataset, LeftOut, ReadReport, Sample
from labelkit.errors import FormatError, InputError
from labelkit.landmarks import Landmarks, State, Visibility
from labelkit.scheme import Scheme, builtin_schemes, load_scheme

#: Bounded, so that a line of a million digits is not taken for a number.
_NUMBER = re.compile(
    r"[+-]?(?:\d{1,40}\.?\d{0,40}|\.\d{1,40})(?:e[+-]?\d{1,4})?|[+-]?(?:nan|inf(?:inity)?)", re.I | re.A
)

#: Of several built-in schemes with one number of points, these are meant: merl68 has 68 too.
_USUAL = ("ibug68", "wflw98")


@dataclass(frozen=True)
class WriteReport:
    """What was written: how many faces, into which files, the image root to give when reading
    them, and what they could not hold (one sentence each)."""

    written: int
    files: tuple[Path, ...]
    images: Path
    losses: tuple[str, ...] = ()


@dataclass(frozen=True)
class FaceToWrite:
    """A face with complete landmarks, and its photo's name relative to the image root."""

    image: str
    sample: Sample
    landmarks: Landmarks


class LeftOutFaces:
    """Collects what cannot be read; a strict one raises the first instead."""

    def __init__(self, strict: bool) -> None:
        self._strict = strict
        self._found: list[LeftOut] = []

    def add(self, error: FormatError) -> None:
        if self._strict:
            raise error
        self._found.append(LeftOut(error.path, error.line, error.problem))

    def report(self, read: int) -> ReadReport:
        """In the order of the files and lines."""
        return ReadReport(read, tuple(sorted(self._found, key=lambda face: (face.path, face.line or 0))))


def read_lines(path: Path) -> list[str]:
    """The lines of a text file, without their ends (LF, CRLF or CR) and without a byte-order mark.

    Raises `FormatError` for what is no text in UTF-8. Only those three end a line: names of
    photos may hold what else Unicode calls a line break.
    """
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
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


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


def guess_scheme(counts: Counter[int]) -> tuple[Scheme | None, int]:
    """The scheme and number of points that a file is most likely about.

    ``counts`` says for how many faces each number of points was found. The most frequent wins; of
    equally frequent ones that of a built-in scheme, then the first. The scheme is None where no
    built-in one fits.
    """
    known = _builtin_by_count()
    count = max(counts, key=lambda n: (counts[n], n in known))
    return known.get(count), count


def known_counts() -> frozenset[int]:
    """The numbers of points that built-in schemes have."""
    return frozenset(_builtin_by_count())


def scheme_name(scheme: Scheme | None, count: int) -> str:
    """What landmarks are called whose scheme is not known: ``points<N>``."""
    return scheme.name if scheme is not None else f"points{count}"


def image_root(images: str | Path | None, default: Path) -> Path:
    """The folder to which names of photos are relative; raises `InputError` if there is none."""
    root = Path(images) if images is not None else default
    if not root.is_dir():
        raise InputError(f"{root}: there is no such folder of images")
    return root


def locate_image(root: Path, name: str) -> Path:
    """The path of the photo called ``name``; raises `InputError` where it is not there."""
    place = Path(os.path.normpath(root / name))
    if _leads_out(os.path.relpath(place, root)):
        raise InputError(f"image {brief(name)} lies outside of the folder {root}")
    try:
        there = place.is_file()
    except (OSError, ValueError):  # too long a name, for one
        there = False
    if not there:
        raise InputError(f"image {brief(name)} is missing in the folder {root}")
    return place


def root_to_write(dataset: Dataset, images: str | Path | None) -> Path:
    """``images``, else the data set's own root, else the deepest folder that holds all photos.

    Raises `InputError` when there is no face to write.
    """
    if not len(dataset):
        raise InputError("there is no face to write")
    if images is not None:
        return Path(images)
    if dataset.root is not None:
        return dataset.root
    return Path(os.path.commonpath([sample.image.path.absolute().parent for sample in dataset]))


def faces_to_write(dataset: Dataset, root: Path, what: str) -> list[FaceToWrite]:
    """The faces with their photos' names relative to ``root``.

    Raises `InputError`, naming the face, when a point is missing or a photo lies elsewhere.
    ``what`` is what is being written.
    """
    names = {image: _name_below(root, image.path, what) for image in dataset.by_image()}
    seen: Counter[str] = Counter()
    faces = []
    for sample in dataset:
        name = names[sample.image]
        seen[name] += 1
        faces.append(FaceToWrite(name, sample, _complete(sample, f"{name!r}, face {seen[name]}", what)))
    return faces


def lost_knowledge(landmarks: Sequence[Landmarks]) -> list[str]:
    """What formats lose that hold coordinates alone: one sentence each about visibility and
    state, where something was known."""
    losses = []
    visible = sum(bool((face.visibility != Visibility.UNKNOWN).any()) for face in landmarks)
    if visible:
        losses.append(f"which points are visible is lost ({visible} of {len(landmarks)} faces)")
    unconfirmed = sum(bool((face.state != State.CONFIRMED).any()) for face in landmarks)
    if unconfirmed:
        losses.append(f"which points nobody has confirmed is lost ({unconfirmed} of {len(landmarks)} faces)")
    return losses


def _builtin_by_count() -> dict[int, Scheme]:
    order = [name for name in _USUAL if name in builtin_schemes()]
    schemes: dict[int, Scheme] = {}
    for name in order + builtin_schemes():
        scheme = load_scheme(name)
        schemes.setdefault(len(scheme), scheme)
    return schemes


def _complete(sample: Sample, face: str, what: str) -> Landmarks:
    if sample.landmarks is None:
        raise InputError(
            f"{face}: has no landmarks, and {what} cannot hold a missing point; nothing was written"
        )
    missing = np.flatnonzero(~sample.landmarks.present)
    if len(missing):
        raise InputError(
            f"{face}: point {missing[0]} is missing, which {what} cannot hold; nothing was written"
        )
    return sample.landmarks


def _name_below(root: Path, path: Path, what: str) -> str:
    name = os.path.relpath(path, root)
    if _leads_out(name):
        raise InputError(f"{path}: lies outside of the image root {root}")
    name = PurePath(name).as_posix()
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"{name!r}: the name is not Unicode, and {what} is") from error
    if any(sign in name for sign in "\n\r\t"):
        raise InputError(f"{name!r}: {what} cannot hold a name with a line break or a tab")
    return name


def _leads_out(relative: str) -> bool:
    return PurePath(relative).parts[:1] == ("..",) or PurePath(relative).is_absolute()

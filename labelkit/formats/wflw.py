"""WFLW lists: one face a line (Wu et al. 2018, "Look at Boundary").

A line holds, separated by blanks,

    x0 y0 x1 y1 ...              2N coordinates (WFLW: N = 98)
    x_min y_min x_max y_max      a rectangle around the face
    pose expression illumination make-up occlusion blur    each 0 or 1
    the photo's path             the rest of the line: it may hold blanks

or, in the short form, the coordinates and the path alone. Pixels are **0-based**, x before y. The
path is relative to an image root: by default the folder in which the list lies, for lists of the
release the folder ``WFLW_images`` where that stands as it does there.

It cannot hold a missing point, which points are visible or confirmed, where a rectangle comes
from, further attributes, or the name of the scheme.

Reading
-------
*N* is that of the given scheme. Without one, each of the first 500 lines gives its opinion: its
leading numbers are a full form if six flags (0 or 1) stand where they belong, for the N of a
built-in scheme first; else they are the coordinates of a short form. The most frequent opinion
decides.

*Where the path begins* follows from N, since a path may begin with numbers itself: full form
first, then short form, and of both the one whose photo is there.

*The rectangle* becomes a box of kind ``user``, source "wflw": WFLW's own are a detector's or an
annotator's, looser than the points or tighter. One that is tight around the line's points, as
`write` makes it where no other box is known, is read as kind ``landmarks`` again, and so is a
missing one. A second line with the same photo and the same points is left out.

*The release* has two lists in full form, ``list_98pt_rect_attr_train.txt`` and ``..._test.txt``,
and in short form one for every `SUBSETS` of the test faces, ``list_98pt_test_largepose.txt`` and so
on. Of a folder with the release, or of its folder ``WFLW_annotations``, the two lists are read. The
names of lists give faces the attributes ``split``, "train" or "test", and ``subset``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import takewhile
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from labelkit import atomic
from labelkit.dataset import Attribute, Dataset, Sample
from labelkit.errors import FormatError, InputError
from labelkit.formats.plaintext import brief, first_lines, is_number, read_lines, write_number
from labelkit.formats.reading import (
    FacesRead,
    box_read,
    choose_scheme,
    image_root,
    known_counts,
    locate_image,
    scheme_name,
)
from labelkit.formats.writing import (
    FaceToWrite,
    WriteReport,
    faces_to_write,
    lost_knowledge,
    lost_origins,
    root_to_write,
)
from labelkit.geometry import tight_box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks
from labelkit.scheme import Scheme

#: In the order of the line.
ATTRIBUTES = ("pose", "expression", "illumination", "make_up", "occlusion", "blur")

#: The subsets of the test faces, and the attribute that makes a face one of them.
SUBSETS = {
    "largepose": "pose",
    "expression": "expression",
    "illumination": "illumination",
    "makeup": "make_up",
    "occlusion": "occlusion",
    "blur": "blur",
}
SPLITS = ("train", "test")

#: What the release calls its lists, where they stand in it, and the folder of its photos.
_OF_RELEASE = re.compile(r"list_\d+pt_(?:rect_attr_)?(train|test)(?:_([a-z]+))?\.txt")
_WHOLE = "list_98pt_rect_attr_{}.txt"
_PLACES = ("", "list_98pt_rect_attr_train_test", "WFLW_annotations/list_98pt_rect_attr_train_test")
_PHOTOS = "WFLW_images"

#: How many lines are asked how many points they have, where no scheme is given.
_VOTERS = 500


def read(
    path: str | Path,
    *,
    scheme: str | Path | Scheme | None = None,
    images: str | Path | None = None,
    strict: bool = False,
    subset: str | None = None,
) -> Dataset:
    """The faces of a list, or of the two lists of the release; photos are looked for, not opened.

    ``images`` is the image root; ``subset`` one of `SPLITS`, or of `SUBSETS` of the test faces.
    Raises `FormatError` for a file that is no such list, and with ``strict`` for the first bad
    line; otherwise the data set's report names the bad lines.
    """
    path = Path(path)
    if subset is not None and subset not in (*SPLITS, *SUBSETS):
        raise InputError(f"WFLW has no subset {subset!r}; it has {', '.join((*SPLITS, *SUBSETS))}")
    lists = _lists(path, subset) if path.is_dir() else [path]
    if subset in SPLITS and not all(_OF_RELEASE.fullmatch(file.name) for file in lists):
        raise FormatError(
            path, f"does not say which of its faces are for {subset}: it is no list of the release"
        )
    data = Dataset.concat([_read(file, scheme, images, strict) for file in lists])
    return data if subset is None else data.filter(partial(_belongs, subset))


def _belongs(subset: str, face: Sample) -> bool:
    if subset in SPLITS:
        return face.attributes["split"] == subset
    return face.attributes.get(SUBSETS[subset]) == 1 or face.attributes.get("subset") == subset


def _lists(folder: Path, subset: str | None) -> list[Path]:
    """The lists of the release that hold a subset."""
    splits = SPLITS if subset is None else ("train",) if subset == "train" else ("test",)
    names = [_WHOLE.format(split) for split in splits]
    for place in _PLACES:
        lists = [folder / place / name for name in names if (folder / place / name).is_file()]
        if lists:
            return lists
    raise FormatError(folder, f"is a folder without {' or '.join(names)}; name a list")


def _read(path: Path, scheme: str | Path | Scheme | None, images: str | Path | None, strict: bool) -> Dataset:
    lines = [(number, line) for number, line in enumerate(read_lines(path), 1) if line.strip()]
    split, subset = match.groups() if (match := _OF_RELEASE.fullmatch(path.name)) else (None, None)
    root = image_root(images, _photos_of_release(path) if split else path.parent)
    kind, count = _scheme_of(path, lines, scheme)
    faces = FacesRead(strict)
    seen: dict[tuple[Path, bytes], int] = {}
    known: dict[str, Attribute] = {
        name: value for name, value in (("split", split), ("subset", subset)) if value
    }
    for number, line in lines:
        with faces.entry(path, number):
            face = _face(line, count, scheme_name(kind, count), root)
            _check_new(face, number, seen)
            faces.append(replace(face, attributes={**face.attributes, **known}) if known else face)
    return faces.dataset(kind, root)


def _photos_of_release(path: Path) -> Path:
    """The folder of the photos that belong to a list of the release."""
    places = [folder / _PHOTOS for folder in path.absolute().parents[:3]]
    return next((place for place in places if place.is_dir()), path.parent)


def write(dataset: Dataset, path: str | Path, *, images: str | Path | None = None) -> WriteReport:
    """Write a list in the full form, photos relative to ``images``.

    A face without a box gets the tight box of its points, a missing attribute is written as 0.
    Raises `InputError`, with nothing written, for a face with a missing point, an attribute that
    is neither 0 nor 1, or a photo that cannot be named.
    """
    path = Path(path)
    if path.is_dir():
        raise FormatError(path, "is a folder; a WFLW list is a file")
    root = root_to_write(dataset, images)
    faces = faces_to_write(dataset, root, "a WFLW list")
    atomic.write_text(path, "".join(_line(face) for face in faces))
    return WriteReport(len(faces), (path,), root, tuple(_losses(faces)))


def looks_like(path: Path) -> bool:
    """Whether one of the first lines could be that of a WFLW list, or a folder holds its release."""
    if path.is_dir():
        return any((path / place / _WHOLE.format(split)).is_file() for place in _PLACES for split in SPLITS)
    return any(map(_could_be_face, first_lines(path)))


def _could_be_face(line: str) -> bool:
    """Whether a line holds numbers for some points, then a path."""
    numbers = len(_numbers(line.split()))
    return numbers >= 2 and len(line.split(maxsplit=numbers)) > numbers


def _scheme_of(
    path: Path, lines: Sequence[tuple[int, str]], scheme: str | Path | Scheme | None
) -> tuple[Scheme | None, int]:
    if not lines:
        raise FormatError(path, "is empty")
    known = known_counts()
    opinions = (count for _, line in lines[:_VOTERS] if (count := _opinion(line, known)))
    kind, count = choose_scheme(scheme, opinions)
    if not count:
        raise FormatError(path, "is no WFLW list: no line has coordinates and a path")
    return kind, count


def _opinion(line: str, known: frozenset[int]) -> int:
    """How many points a line seems to have; 0 where it looks like none of a list."""
    if not _could_be_face(line):
        return 0
    numbers = _numbers(line.split())
    for count in sorted(known, reverse=True):
        if _are_flags(numbers[2 * count + 4 : 2 * count + 10]):
            return count
    if len(numbers) > 10 and _are_flags(numbers[-6:]):
        return (len(numbers) - 10) // 2
    return len(numbers) // 2


def _face(line: str, count: int, scheme: str, root: Path) -> Sample:
    """The face of a line of ``count`` points; raises `InputError` saying what is wrong."""
    tokens, image = _split(line, count, root)
    flags = tokens[2 * count + 4 :]
    values = np.array(tokens, np.float64)
    if not np.isfinite(values).all():
        raise InputError(_not_finite(int(np.flatnonzero(~np.isfinite(values))[0]), count, tokens))
    xy = values[: 2 * count].reshape(count, 2)
    rectangle = values[2 * count : 2 * count + 4] if flags else None
    attributes: dict[str, Attribute] = {
        name: int(flag) for name, flag in zip(ATTRIBUTES, flags, strict=False)
    }
    return Sample(
        ImageFile(image), box_read(rectangle, xy, scheme, "wflw"), Landmarks(scheme, xy), attributes
    )


def _split(line: str, count: int, root: Path) -> tuple[list[str], Path]:
    """The numbers of a line and the photo that it names."""
    short, full = 2 * count, 2 * count + 10
    numbers = _numbers(line.split(maxsplit=full + 1)[: full + 1])
    problems = {}
    for used in (full, short):
        fields = line.split(maxsplit=used)
        if used > len(numbers) or len(fields) == used or not _has_form(numbers[:used], count):
            continue
        try:
            return fields[:used], locate_image(root, fields[used].strip())
        except InputError as error:
            problems[used] = error
    # More numbers than a form has may be points too many as well as the beginning of a path.
    raise problems.get(len(numbers)) or InputError(_wrong_count(line, numbers, count))


def _has_form(numbers: Sequence[str], count: int) -> bool:
    """Whether six flags end a full form, and none a short one: there they would be those of a
    full form with five points too few."""
    flags = _are_flags(numbers[-6:])
    return flags if len(numbers) > 2 * count else not (flags and count > 5)


def _wrong_count(line: str, numbers: Sequence[str], count: int) -> str:
    short, full = 2 * count, 2 * count + 10
    if len(line.split(maxsplit=len(numbers))) == len(numbers):
        return f"names no photo after its {len(numbers)} numbers"
    if len(numbers) == full and not _are_flags(numbers[-6:]):
        return f"has {brief(' '.join(numbers[-6:]))} where six attributes belong, each 0 or 1"
    if _are_flags(numbers[-6:]) and 10 < len(numbers) <= full:
        return f"has {len(numbers) - 10} coordinates before rectangle and attributes, not {short}"
    found = f"more than {full}" if len(numbers) > full else str(len(numbers))
    return f"has {found} numbers; {count} points are {short}, or {full} with rectangle and attributes"


def _numbers(tokens: Sequence[str]) -> list[str]:
    return list(takewhile(is_number, tokens))


def _are_flags(tokens: Sequence[str]) -> bool:
    return len(tokens) == 6 and all(token in ("0", "1") for token in tokens)


def _not_finite(index: int, count: int, tokens: Sequence[str]) -> str:
    what = f"point {index // 2}" if index < 2 * count else "the rectangle"
    return f"{what} has the coordinate {brief(tokens[index])}, which is not finite"


def _check_new(face: Sample, number: int, seen: dict[tuple[Path, bytes], int]) -> None:
    assert face.landmarks is not None
    first = seen.setdefault((face.image.path, face.landmarks.xy.tobytes()), number)
    if first != number:
        raise InputError(f"is the same face as line {first}")


def _line(face: FaceToWrite) -> str:
    if face.image != face.image.strip():
        raise InputError(f"{face.image!r}: a WFLW list cannot hold a name with a blank at its end")
    box = face.sample.box.xyxy if face.sample.box is not None else tight_box(face.landmarks.xy)
    numbers = [write_number(value) for value in [*_flat(face.landmarks.xy), *box]]
    flags = [_flag(face, name) for name in ATTRIBUTES]
    return " ".join([*numbers, *flags, face.image]) + "\n"


def _flat(values: ArrayLike) -> list[float]:
    return [float(value) for value in np.asarray(values, np.float64).ravel()]


def _flag(face: FaceToWrite, name: str) -> str:
    value = face.sample.attributes.get(name, 0)
    if value not in (0, 1):
        raise InputError(f"{face.image!r}: attribute {name!r} is {value!r}; a WFLW list holds 0 or 1")
    return str(int(value))


def _losses(faces: Sequence[FaceToWrite]) -> list[str]:
    losses = lost_knowledge([face.landmarks for face in faces])
    missing = {name for face in faces for name in ATTRIBUTES if name not in face.sample.attributes}
    if missing:
        share = sum(any(name not in face.sample.attributes for name in missing) for face in faces)
        named = ", ".join(name for name in ATTRIBUTES if name in missing)
        losses.append(f"unknown attributes are written as 0 ({share} of {len(faces)} faces: {named})")
    further = sorted({str(name) for face in faces for name in face.sample.attributes} - set(ATTRIBUTES))
    if further:
        losses.append(f"attributes that a WFLW list has no place for are lost: {', '.join(further)}")
    return losses + lost_origins(faces, "wflw")

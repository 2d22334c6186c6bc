"""300-W .pts files: one face a file (Sagonas et al. 2013).

    version: 1
    n_points:  68
    {
    89.062 205.418               x y of each point
    ...
    }

Pixels are **1-based**, x before y: the centre of the top-left pixel is (1, 1), so 1 is subtracted
on reading and added on writing. Files without the header, the points alone, are read too.

It cannot hold a missing point, a box, attributes, which points are visible or confirmed, or the
names of the scheme and of the photo.

Which photo
-----------
A file belongs to the photo with the same stem in the same folder below the image root: ``a.pts``
to ``a.jpg``. Where there is none, a number at the stem's end is taken for that of one of several
faces: ``a_2.pts`` belongs to ``a.jpg`` as well.

`write` mirrors the folders of the photos, writes ``a.pts`` for the only face of a photo and
``a_1.pts``, ``a_2.pts`` for several. Where two photos would want one name (``a.jpg`` and
``a.png``; two faces of ``a.jpg`` and a photo ``a_1.jpg``), all of these keep the suffix:
``a.jpg.pts``. Beside them lies ``images.tsv``: under the headings ``pts`` and ``image`` the
relative path of each file and of its photo, parted by a tab. Where there is such a list, `read`
goes by it. Photos are not copied: give the image root when reading.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from labelkit import atomic
from labelkit.dataset import Dataset, Sample
from labelkit.errors import FormatError, InputError
from labelkit.formats.plaintext import brief, is_number, read_lines, write_number
from labelkit.formats.reading import (
    FacesRead,
    choose_scheme,
    image_root,
    locate_image,
    scheme_name,
    tight,
)
from labelkit.formats.writing import (
    FaceToWrite,
    WriteReport,
    faces_to_write,
    lost_knowledge,
    root_to_write,
)
from labelkit.geometry import Array
from labelkit.images import SUFFIXES, ImageFile
from labelkit.landmarks import Landmarks
from labelkit.scheme import Scheme

#: The list that pairs files and photos, and its first line.
LIST = "images.tsv"
_HEADINGS = "pts\timage"


def read(
    path: str | Path,
    *,
    scheme: str | Path | Scheme | None = None,
    images: str | Path | None = None,
    strict: bool = False,
) -> Dataset:
    """The faces of a folder and the folders in it, sorted by path, or of a single file.

    ``images`` is the image root, by default the folder itself; photos are looked for, not opened.
    Without a scheme the most frequent number of points decides. Raises `FormatError` where there
    is no such file, and with ``strict`` for the first bad one; otherwise the data set's report
    names the bad ones. A box is the tight one of the points.
    """
    path = Path(path)
    alone = not path.is_dir()
    folder, files = (path.parent, [path]) if alone else (path, _walk(path))
    if not files:
        raise FormatError(path, "holds no .pts file")
    faces = FacesRead(strict or alone)
    shapes = _shapes(files, faces)
    kind, count = choose_scheme(scheme, map(len, shapes.values()))
    photos = _Photos(folder, image_root(images, folder), faces)
    for file, xy in shapes.items():
        with faces.entry(file):
            faces.append(_face(photos.of(file), xy, scheme_name(kind, count), count))
    for file in [] if alone else photos.without(files):
        faces.leave_out(FormatError(file, f"is missing, but {LIST} names it"))
    return faces.dataset(kind, photos.root)


def write(dataset: Dataset, path: str | Path, *, images: str | Path | None = None) -> WriteReport:
    """Write a folder with one file a face and ``images.tsv``, photos relative to ``images``.

    What an earlier `write` left in the folder is replaced; a folder that holds other .pts files
    is refused, since they may be somebody's work. Raises `InputError`, with nothing written, for
    that, for a face with a missing point or a photo that cannot be named.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise FormatError(path, "is a file; .pts files go into a folder")
    root = root_to_write(dataset, images)
    faces = faces_to_write(dataset, root, "a .pts file")
    names, unclear = _names(faces)
    old = _written_before(path) if path.is_dir() else set()
    texts = {name: _text(face.landmarks.xy) for name, face in zip(names, faces, strict=True)}
    rows = [f"{name}\t{face.image}" for name, face in zip(names, faces, strict=True)]
    texts[LIST] = "\n".join([_HEADINGS, *rows]) + "\n"
    # Compared without case, or on some systems a.pts would be removed for a former A.pts.
    new = {name.casefold() for name in names}
    atomic.write_files(path, texts, remove=[name for name in old if name.casefold() not in new])
    return WriteReport(len(faces), tuple(path / name for name in names), root, tuple(_losses(faces, unclear)))


def looks_like(path: Path) -> bool:
    """Whether this is a .pts file, or a folder that holds some in it or the folders in it."""
    return bool(_walk(path)) if path.is_dir() else path.suffix.lower() == ".pts"


def parse(path: Path) -> Array:
    """The points of a file, (N, 2) in our 0-based px; raises `FormatError` with the line."""
    lines = [(number, line.strip()) for number, line in enumerate(read_lines(path), 1) if line.strip()]
    if not lines:
        raise FormatError(path, "is empty")
    body, promised = _body(path, lines)
    points = [_point(path, number, line) for number, line in body]
    if promised is not None and promised != len(points):
        raise FormatError(path, f"says n_points: {promised}, but holds {len(points)} points")
    if not points:
        raise FormatError(path, "holds no point")
    return np.array(points, np.float64) - 1


def _body(path: Path, lines: list[tuple[int, str]]) -> tuple[list[tuple[int, str]], int | None]:
    """The lines of points, and how many the header says there are."""
    opening = [i for i, (_, line) in enumerate(lines) if line == "{"]
    if not opening and not lines[0][1].lower().startswith(("version", "n_points")):
        return lines, None
    if len(opening) != 1 or lines[-1][1] != "}":
        raise FormatError(path, "the points do not stand between one '{' and one '}'; is it cut off?")
    promised = None
    for number, line in lines[: opening[0]]:
        key, _, value = (part.strip() for part in line.partition(":"))
        if key == "n_points" and value.isdecimal() and len(value) < 10:
            promised = int(value)
        elif key != "version" or value not in ("1", "1.0"):
            raise FormatError(path, f"{brief(line)} is neither 'version: 1' nor 'n_points: N'", number)
    return lines[opening[0] + 1 : -1], promised


def _point(path: Path, number: int, line: str) -> tuple[float, float]:
    tokens = line.split()
    if len(tokens) != 2 or not all(is_number(token) for token in tokens):
        raise FormatError(path, f"{brief(line)} is no point: two numbers, x and y", number)
    x, y = map(float, tokens)
    if not np.isfinite([x, y]).all():
        raise FormatError(path, f"{brief(line)} is not finite", number)
    return x, y


def _shapes(files: Iterable[Path], faces: FacesRead) -> dict[Path, Array]:
    shapes: dict[Path, Array] = {}
    for file in files:
        with faces.entry(file):
            shapes[file] = parse(file)
    return shapes


def _face(photo: Path, xy: Array, scheme: str, count: int) -> Sample:
    if len(xy) != count:
        raise InputError(f"holds {len(xy)} points, {scheme} has {count}")
    landmarks = Landmarks(scheme, xy)
    return Sample(ImageFile(photo), tight(xy, scheme), landmarks)


def _walk(folder: Path) -> list[Path]:
    """The .pts files below a folder, sorted; links to folders are not followed."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder, onerror=_unreadable):
        folders[:] = [name for name in folders if not name.startswith(atomic.UNFINISHED)]
        found += [Path(place, name) for name in files if name.lower().endswith(".pts")]
    return sorted(file for file in found if not _is_apple_double(file))


def _is_apple_double(file: Path) -> bool:
    """Whether this is one of the files ``._a.pts`` that macOS leaves beside ``a.pts`` on foreign
    disks, with what they cannot hold and no points; photos may be called so, too."""
    if not file.name.startswith("._"):
        return False
    try:
        with file.open("rb") as content:
            return content.read(4) == b"\x00\x05\x16\x07"
    except OSError:
        return False  # whoever reads it will say so


def _unreadable(error: OSError) -> None:
    raise FormatError(error.filename, f"cannot be read ({error.strerror})") from error


class _Photos:
    """Which photo a .pts file belongs to."""

    def __init__(self, folder: Path, root: Path, faces: FacesRead) -> None:
        self.root = root
        self._folder = folder
        self._listed = _read_list(folder / LIST, faces)
        self._listings: dict[Path, dict[str, list[str]]] = {}

    def of(self, file: Path) -> Path:
        """Raises `InputError` where there is no photo, or more than one that it could be."""
        name = file.relative_to(self._folder)
        if name.as_posix() in self._listed:
            return locate_image(self.root, self._listed[name.as_posix()])
        place = self.root / name.parent
        if place not in self._listings:
            self._listings[place] = _images_by_stem(place)
        for stem in (name.stem, re.sub(r"_[0-9]+$", "", name.stem)):
            found = self._listings[place].get(stem, [])
            if len(found) > 1:
                raise InputError(f"could belong to {' or '.join(found)}")
            if found:
                return place / found[0]
        raise InputError(f"its image {brief(f'{name.stem}.*')} is missing in the folder {place}")

    def without(self, files: Iterable[Path]) -> list[Path]:
        """The files that the list names and that are not there."""
        there = {file.relative_to(self._folder).as_posix() for file in files}
        return [self._folder / name for name in self._listed if name not in there]


def _read_list(path: Path, faces: FacesRead) -> dict[str, str]:
    """Photos by file, of the list that `write` makes; empty where there is none, or one of
    somebody else's under the same name."""
    if not path.is_file():
        return {}
    headings, *lines = read_lines(path)
    if headings != _HEADINGS:
        return {}
    photos: dict[str, str] = {}
    for number, line in enumerate(lines, 2):
        file, tab, photo = line.partition("\t")
        if tab and photo and file not in photos:
            photos[file] = photo
        elif line:
            problem = f"{brief(line)} is no file and its photo, or stands twice"
            faces.leave_out(FormatError(path, problem, number))
    return photos


def _images_by_stem(folder: Path) -> dict[str, list[str]]:
    """The names of a folder's pictures by their stem, and by their whole name."""
    names: dict[str, list[str]] = {}
    for path in _images(folder):
        names.setdefault(path.stem, []).append(path.name)
        names.setdefault(path.name, []).append(path.name)
    return names


def _images(folder: Path) -> list[Path]:
    there = folder.iterdir() if folder.is_dir() else []
    return sorted(path for path in there if path.suffix.lower() in SUFFIXES)


def _names(faces: Sequence[FaceToWrite]) -> tuple[list[str], list[str]]:
    """A file name for every face, and the photos whose names had to keep their suffix."""
    count = Counter(face.image for face in faces)
    short = {image: _numbered(_stem(image), number) for image, number in count.items()}
    wanted = Counter(name.casefold() for names in short.values() for name in names)
    taken = {f"{_stem(image)}.pts".casefold() for image in [*count, *_neighbours(faces, count)]}
    unclear = [
        image
        for image, names in short.items()
        if any(wanted[name.casefold()] > 1 for name in names)
        or (count[image] > 1 and any(name.casefold() in taken for name in names))
    ]
    final = short | {image: _numbered(image, count[image]) for image in unclear}
    doubled = Counter(name.casefold() for names in final.values() for name in names).most_common(1)
    if doubled[0][1] > 1:
        problem = "would stand for the faces of two photos, even if only on disks that ignore case"
        raise InputError(f"{doubled[0][0]!r} {problem}; rename one of them")
    queues = {image: iter(names) for image, names in final.items()}
    return [next(queues[face.image]) for face in faces], unclear


def _numbered(stem: str, count: int) -> list[str]:
    return [f"{stem}.pts"] if count == 1 else [f"{stem}_{number}.pts" for number in range(1, count + 1)]


def _stem(image: str) -> str:
    return image.removesuffix(PurePosixPath(image).suffix)


def _neighbours(faces: Sequence[FaceToWrite], count: Mapping[str, int]) -> set[str]:
    """The pictures in the folders of photos with several faces, named as the photos are: a
    reader that goes by the stem would give ``a_1.pts`` to ``a_1.jpg``."""
    folders = {
        PurePosixPath(face.image).parent: face.sample.image.path.parent
        for face in faces
        if count[face.image] > 1
    }
    return {str(name / path.name) for name, folder in folders.items() for path in _images(folder)}


def _written_before(folder: Path) -> set[str]:
    """The .pts files that `write` left in a folder; raises `FormatError` where there are others."""
    listed = _read_list(folder / LIST, FacesRead(strict=False))
    there = {file.relative_to(folder).as_posix() for file in _walk(folder)}
    foreign = sorted(there - set(listed)) or ([LIST] if (folder / LIST).exists() and not listed else [])
    if foreign:
        problem = f"holds {brief(foreign[0])}, which is not of our making; choose another folder"
        raise FormatError(folder, problem)
    return there


def _text(xy: Array) -> str:
    points = [f"{write_number(x)} {write_number(y)}" for x, y in (xy + 1).tolist()]
    return "\n".join(["version: 1", f"n_points:  {len(xy)}", "{", *points, "}"]) + "\n"


def _losses(faces: Sequence[FaceToWrite], unclear: Sequence[str]) -> list[str]:
    losses = lost_knowledge([face.landmarks for face in faces])
    boxes = sum(
        face.sample.box not in (None, tight(face.landmarks.xy, face.landmarks.scheme)) for face in faces
    )
    if boxes:
        losses.append(f"the box is lost ({boxes} of {len(faces)} faces)")
    attributes = sorted({str(name) for face in faces for name in face.sample.attributes})
    if attributes:
        losses.append(f"attributes are lost: {', '.join(attributes)}")
    if unclear:
        losses.append(
            f"files of {len(unclear)} photos, such as {unclear[0]!r}, keep the photo's suffix since their "
            f"short names stand for others too; only {LIST} pairs them for other programs"
        )
    return losses

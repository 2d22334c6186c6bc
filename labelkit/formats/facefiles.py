"""What formats share that have one text file a face: which file belongs to which photo.

A file belongs to the photo with the same stem in the same folder below the image root: ``a.pts``
to ``a.jpg``. Where there is none, a number at the stem's end is taken for that of one of several
faces: ``a_2.pts`` belongs to ``a.jpg`` as well. A file may also be called by the whole name of the
photo: ``a.jpg.pts``. Some formats keep photos and files in two folders, such as ``images`` and
``landmarks``.

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
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from labelkit import atomic
from labelkit.dataset import Dataset, Sample
from labelkit.drafts import UNFINISHED
from labelkit.errors import FormatError, InputError
from labelkit.formats.plaintext import brief, read_lines
from labelkit.formats.reading import (
    FacesRead,
    choose_scheme,
    image_root,
    leads_out,
    locate_image,
    scheme_name,
    tight,
)
from labelkit.formats.writing import (
    FaceToWrite,
    WriteReport,
    faces_to_write,
    lost_attributes,
    root_to_write,
    said,
)
from labelkit.images import SUFFIXES, ImageFile
from labelkit.landmarks import Landmarks
from labelkit.scheme import Scheme, load_scheme

#: The list that pairs files and photos.
LIST = "images.tsv"


@dataclass(frozen=True)
class FaceFiles:
    """A format of one text file a face.

    ``suffix`` is that of the files, ``what`` what one is called. ``parse(path)`` gives the points
    of a file under a scheme's name that does not matter, ``text`` the file of points, ``losses``
    what that leaves out besides box and attributes; both know the name of a face's photo for their
    messages. ``usual`` is the scheme of files with as many points, where none is given.
    ``missing_points`` and ``several_faces`` say whether it can hold a face of which
    points are missing, and several faces of a photo. ``folders`` maps the name of a folder with
    files to that of the folder beside it with their photos.
    """

    suffix: str
    what: str
    parse: Callable[[Path], Landmarks]
    text: Callable[[FaceToWrite], str]
    losses: Callable[[Sequence[FaceToWrite]], list[str]]
    usual: str | None = None
    missing_points: bool = False
    several_faces: bool = True
    folders: Mapping[str, str] = field(default_factory=dict)

    @property
    def headings(self) -> str:
        """The first line of the list that pairs files and photos."""
        return f"{self.suffix[1:]}\timage"

    def walk(self, folder: Path) -> list[Path]:
        """The files below a folder, sorted; links to folders are not followed."""
        found: list[Path] = []
        for place, folders, files in os.walk(folder, onerror=_unreadable):
            folders[:] = [name for name in folders if not name.startswith(UNFINISHED)]
            found += [Path(place, name) for name in files if name.lower().endswith(self.suffix)]
        return sorted(file for file in found if not _is_apple_double(file))


def read(
    kind: FaceFiles,
    path: str | Path,
    *,
    scheme: str | Path | Scheme | None = None,
    images: str | Path | None = None,
    strict: bool = False,
    folders: Sequence[str] = (".",),
) -> Dataset:
    """The faces of a folder and the folders in it, sorted by path, of a single file, or of a list.

    A list is a .txt file (`read_list`). Of a folder only what lies in ``folders`` below it is read.
    Raises `FormatError` where there is no such file or folder, and with ``strict`` for the first
    bad file.
    """
    path = Path(path)
    is_list = path.suffix.lower() == ".txt" != kind.suffix and path.is_file()
    alone = not path.is_dir() and not is_list
    folder = path if path.is_dir() else path.parent
    faces = FacesRead(strict or alone)
    if path.is_dir():
        files = [file for part in folders for file in kind.walk(path / part)]
    else:
        files = read_list(path, kind.suffix, faces) if is_list else [path]
    if not files:
        raise FormatError(path, f"{'names' if is_list else 'holds'} no {kind.suffix} file")
    shapes = _shapes(kind, files, faces)
    chosen, count = _scheme_of(kind, scheme, shapes)
    photos = _Photos(kind, folder, images, faces)
    for file, points in shapes.items():
        with faces.entry(file):
            faces.append(_face(photos.of(file), points, scheme_name(chosen, count), count))
    for file in photos.without(files) if path.is_dir() and folders == (".",) else []:
        faces.leave_out(FormatError(file, f"is missing, but {LIST} names it"))
    return faces.dataset(chosen, photos.root)


def write(
    kind: FaceFiles, dataset: Dataset, path: str | Path, *, images: str | Path | None = None
) -> WriteReport:
    """Write a folder with one file a face and ``images.tsv``, photos relative to ``images``.

    What an earlier `write` left in the folder is replaced; a folder that holds other files of this
    suffix is refused, since they may be somebody's work. Raises `InputError`, with nothing
    written, for that, and for a face that the format cannot hold.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise FormatError(path, f"is a file; {kind.suffix} files go into a folder")
    root = root_to_write(dataset, images)
    faces = faces_to_write(dataset, root, kind.what, missing_points=kind.missing_points)
    if not kind.several_faces:
        _check_single(kind, faces)
    names, unclear = _names(kind, faces)
    old = _written_before(kind, path) if path.is_dir() else set()
    texts = {name: kind.text(face) for name, face in zip(names, faces, strict=True)}
    rows = [f"{name}\t{face.image}" for name, face in zip(names, faces, strict=True)]
    texts[LIST] = "\n".join([kind.headings, *rows]) + "\n"
    # Compared without case, or on some systems a.pts would be removed for a former A.pts.
    new = {name.casefold() for name in names}
    atomic.write_files(path, texts, remove=[name for name in old if name.casefold() not in new])
    losses = [*kind.losses(faces), *_losses(faces, unclear)]
    return WriteReport(len(faces), tuple(path / name for name in names), root, tuple(losses))


def read_list(path: Path, suffix: str, faces: FacesRead) -> list[Path]:
    """The files that a list names: one path a line, relative to the folder of the list.

    A line names a file with this suffix, or a photo, for the files of all its faces. Blank lines
    and those that begin with "#" say nothing. ``faces`` is told of lines that name no such file, or
    one outside of the folder.
    """
    found: dict[Path, None] = {}
    for number, line in enumerate(read_lines(path), 1):
        name = line.strip()
        if name and not name.startswith("#"):
            with faces.entry(path, number):
                found |= dict.fromkeys(files_of(path.parent, name, suffix))
    return list(found)


def files_of(folder: Path, name: str, suffix: str) -> list[Path]:
    """The files that a line of a list names; raises `InputError` where there are none."""
    place = Path(os.path.normpath(folder / name))
    if leads_out(os.path.relpath(place, folder)):
        raise InputError(f"{brief(name)} lies outside of the folder {folder}")
    try:
        there = [place] if place.suffix.lower() == suffix else _files_of_photo(place, suffix)
        there = [file for file in there if file.is_file()]
    except (OSError, ValueError):  # too long a name, for one
        there = []
    if not there:
        raise InputError(f"{brief(name)} has no {suffix} file in the folder {folder}")
    return there


def _files_of_photo(photo: Path, suffix: str) -> list[Path]:
    of_several = re.compile(re.escape(photo.stem) + "_[0-9]+" + re.escape(suffix))
    beside = sorted(photo.parent.glob(f"*{suffix}"))
    several = [file for file in beside if of_several.fullmatch(file.name)]
    return [photo.with_suffix(suffix), photo.with_name(photo.name + suffix), *several]


def _scheme_of(
    kind: FaceFiles, scheme: str | Path | Scheme | None, shapes: Mapping[Path, Landmarks]
) -> tuple[Scheme | None, int]:
    chosen, count = choose_scheme(scheme, map(len, shapes.values()))
    usual = load_scheme(kind.usual) if scheme is None and kind.usual is not None else None
    return (usual, count) if usual is not None and len(usual) == count else (chosen, count)


def _shapes(kind: FaceFiles, files: Iterable[Path], faces: FacesRead) -> dict[Path, Landmarks]:
    shapes: dict[Path, Landmarks] = {}
    for file in files:
        with faces.entry(file):
            shapes[file] = kind.parse(file)
    return shapes


def _face(photo: Path, points: Landmarks, scheme: str, count: int) -> Sample:
    if len(points) != count:
        raise InputError(f"holds {len(points)} points, {scheme} has {count}")
    landmarks = Landmarks(scheme, points.xy, visibility=points.visibility)
    return Sample(ImageFile(photo), tight(points.xy, scheme), landmarks)


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
    """Which photo a file belongs to."""

    def __init__(self, kind: FaceFiles, folder: Path, images: str | Path | None, faces: FacesRead) -> None:
        self._kind = kind
        self._folder = folder
        self.root = image_root(images, _beside(kind, folder) if images is None else folder)
        self._listed = _read_list(kind, folder, faces)
        self._listings: dict[Path, dict[str, list[str]]] = {}

    def of(self, file: Path) -> Path:
        """Raises `InputError` where there is no photo, or more than one that it could be."""
        name = file.relative_to(self._folder)
        if name.as_posix() in self._listed:
            return locate_image(self.root, self._listed[name.as_posix()])
        places = self._places(file)
        numbered = [re.sub(r"_[0-9]+$", "", name.stem)] if self._kind.several_faces else []
        for stem in (name.stem, *numbered):
            found = [place / photo for place in places for photo in self._named(place, stem)]
            if len(found) > 1:
                raise InputError(f"could belong to {' or '.join(photo.name for photo in found)}")
            if found:
                return found[0]
        raise InputError(f"its image {brief(f'{name.stem}.*')} is missing in the folder {places[0]}")

    def _places(self, file: Path) -> list[Path]:
        """The folders in which the photo of a file may lie."""
        place = self.root / file.parent.relative_to(self._folder)
        photos = self._kind.folders.get(file.parent.name)
        return list(dict.fromkeys([place, *([_beside(self._kind, place), place / photos] if photos else [])]))

    def _named(self, folder: Path, stem: str) -> list[str]:
        if folder not in self._listings:
            self._listings[folder] = _images_by_stem(folder)
        return self._listings[folder].get(stem, [])

    def without(self, files: Iterable[Path]) -> list[Path]:
        """The files that the list names and that are not there."""
        there = {file.relative_to(self._folder).as_posix() for file in files}
        return [self._folder / name for name in self._listed if name not in there]


def _beside(kind: FaceFiles, folder: Path) -> Path:
    """The folder of the photos that belong to a folder of files."""
    photos = kind.folders.get(folder.name)
    return folder.with_name(photos) if photos and folder.with_name(photos).is_dir() else folder


def _read_list(kind: FaceFiles, folder: Path, faces: FacesRead) -> dict[str, str]:
    """Photos by file, of the list that `write` makes; empty where there is none, or one of
    somebody else's under the same name."""
    path = folder / LIST
    if not path.is_file():
        return {}
    headings, *lines = read_lines(path)
    if headings != kind.headings:
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


def _check_single(kind: FaceFiles, faces: Sequence[FaceToWrite]) -> None:
    ((image, count),) = Counter(face.image for face in faces).most_common(1)
    if count > 1:
        raise InputError(f"{image!r}: has {count} faces, {kind.what} holds one a photo; nothing was written")


def _names(kind: FaceFiles, faces: Sequence[FaceToWrite]) -> tuple[list[str], list[str]]:
    """A file name for every face, and the photos whose names had to keep their suffix."""
    count = Counter(face.image for face in faces)
    short = {image: _numbered(kind, _stem(kind, image), number) for image, number in count.items()}
    wanted = Counter(name.casefold() for names in short.values() for name in names)
    taken = {
        f"{_stem(kind, image)}{kind.suffix}".casefold() for image in [*count, *_neighbours(faces, count)]
    }
    unclear = [
        image
        for image, names in short.items()
        if any(wanted[name.casefold()] > 1 for name in names)
        or (count[image] > 1 and any(name.casefold() in taken for name in names))
    ]
    final = short | {image: _numbered(kind, _folded(kind, image), count[image]) for image in unclear}
    doubled = Counter(name.casefold() for names in final.values() for name in names).most_common(1)
    if doubled[0][1] > 1:
        problem = "would stand for the faces of two photos, even if only on disks that ignore case"
        raise InputError(f"{doubled[0][0]!r} {problem}; rename one of them")
    queues = {image: iter(names) for image, names in final.items()}
    return [next(queues[face.image]) for face in faces], unclear


def _numbered(kind: FaceFiles, stem: str, count: int) -> list[str]:
    if count == 1:
        return [f"{stem}{kind.suffix}"]
    return [f"{stem}_{number}{kind.suffix}" for number in range(1, count + 1)]


def _stem(kind: FaceFiles, image: str) -> str:
    return _folded(kind, image).removesuffix(PurePosixPath(image).suffix)


def _folded(kind: FaceFiles, image: str) -> str:
    """A photo's name in the folder where its file stands."""
    path = PurePosixPath(image)
    files = {photos: files for files, photos in kind.folders.items()}.get(path.parent.name)
    return str(path.parent.with_name(files) / path.name) if files else image


def _neighbours(faces: Sequence[FaceToWrite], count: Mapping[str, int]) -> set[str]:
    """The pictures in the folders of photos with several faces, named as the photos are: a
    reader that goes by the stem would give ``a_1.pts`` to ``a_1.jpg``."""
    folders = {
        PurePosixPath(face.image).parent: face.sample.image.path.parent
        for face in faces
        if count[face.image] > 1
    }
    return {str(name / path.name) for name, folder in folders.items() for path in _images(folder)}


def _written_before(kind: FaceFiles, folder: Path) -> set[str]:
    """The files that `write` left in a folder; raises `FormatError` where there are others."""
    listed = _read_list(kind, folder, FacesRead(strict=False))
    there = {file.relative_to(folder).as_posix() for file in kind.walk(folder)}
    foreign = sorted(there - set(listed)) or ([LIST] if (folder / LIST).exists() and not listed else [])
    if foreign:
        problem = f"holds {brief(foreign[0])}, which is not of our making; choose another folder"
        raise FormatError(folder, problem)
    return there


def _losses(faces: Sequence[FaceToWrite], unclear: Sequence[str]) -> list[str]:
    boxes = sum(
        face.sample.box not in (None, tight(face.landmarks.xy, face.landmarks.scheme)) for face in faces
    )
    losses = said("the box is lost", boxes, len(faces)) + lost_attributes(faces)
    if unclear:
        losses.append(
            f"files of {len(unclear)} photos, such as {unclear[0]!r}, keep the photo's suffix since their "
            f"short names stand for others too; only {LIST} pairs them for other programs"
        )
    return losses

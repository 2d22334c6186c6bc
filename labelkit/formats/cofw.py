"""COFW .mat files: faces, their boxes and their photos in one file (Burgos-Artizzu et al. 2013).

A MATLAB file of version 7.3, which is HDF5. Training faces stand in ``IsTr``, ``bboxesTr`` and
``phisTr``, test faces in ``IsT``, ``bboxesT`` and ``phisT``:

    IsTr        a cell for every face, with its photo: uint8, height x width (x 3, RGB)
    bboxesTr    a row for every face: x y width height
    phisTr      a row for every face: 3N numbers (COFW: N = 29), first all x, then all y, then
                for every point 1 where something hides it, else 0

MATLAB stores arrays column by column. What it calls rows x columns, HDF5 calls columns x rows:
``phisTr`` of 1345 faces is an HDF5 array (87, 1345), a photo is one of (3, width, height), and a
cell is an object reference. Pixels are **1-based**, so 1 is subtracted on reading and added on
writing.

It cannot hold a missing point, names of photos, attributes, which points are confirmed, where a
box comes from, by what a point is hidden, or the name of the scheme.

Photos
------
Photos are inside the file, all others on this side are files. `read` therefore writes them to
the folder that ``images`` names, as ``0001.png`` and so on by the number of the face; one that is
there already and shows the same stays, one that shows something else is not overwritten. Without
``images`` it refuses. `write` decodes the photos one after the other and stores one that has
several faces once. It writes training faces, or test faces if the name of the file says "test".

A rectangle that is tight around the points is read as box of kind ``landmarks``, any other as kind
``user`` with source "cofw".
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labelkit import atomic
from labelkit.dataset import Dataset, Sample
from labelkit.errors import FormatError, ImageError, InputError
from labelkit.formats.extras import extra
from labelkit.formats.reading import FacesRead, box_read, choose_scheme, scheme_name
from labelkit.formats.writing import (
    FaceToWrite,
    WriteReport,
    faces_to_write,
    lost_attributes,
    lost_origins,
    lost_states,
    root_to_write,
    said,
)
from labelkit.geometry import Array, Box, tight_box
from labelkit.images import MAX_PIXELS, ImageFile
from labelkit.landmarks import Landmarks, Visibility
from labelkit.scheme import Scheme

_HIDDEN = (Visibility.OCCLUDED, Visibility.SELF_OCCLUDED)
_CHANGES = {
    Visibility.UNKNOWN: "points whose visibility is unknown are written as visible",
    Visibility.SELF_OCCLUDED: "points that the face itself hides are written as hidden by something else",
}

#: The letters at the end of the names of training and of test faces.
_PARTS = ("Tr", "T")

#: Where an HDF5 file may begin: MATLAB puts 512 bytes of its own before it.
_STARTS = (0, 512)
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_HEADER = b"MATLAB 7.3 MAT-file, written by labelkit"

_NO_MATLAB = "is no MATLAB file of version 7.3 (HDF5), or is cut short"

#: Bytes that a face and its photo take at most, besides the pixels: numbers and HDF5's own tables.
_FURTHER = 32_768

#: Photos get about 15 % smaller at zlib's usual level, which takes four times as long.
_COMPRESSION = 1

#: The most numbers that are read at once: a small file may claim to hold any number of them. And the most
#: bytes that HDF5's ways of packing make of one; what was never written takes no byte of the file at all.
_MOST, _PACKED = 1 << 26, 1032


def read(
    path: str | Path,
    *,
    scheme: str | Path | Scheme | None = None,
    images: str | Path | None = None,
    strict: bool = False,
) -> Dataset:
    """The faces of a file, training faces first; their photos are written to the folder ``images``.

    Raises `FormatError` for a file of another kind, `InputError` without ``images``, and with
    ``strict`` `FormatError` for the first bad face; otherwise the data set's report names the bad
    ones. Raises `UnavailableError` without h5py.
    """
    path = Path(path)
    faces = FacesRead(strict)
    with _opened(path) as file:
        parts = _parts(file, path)
        kind, count = choose_scheme(scheme, [part.count for part in parts for _ in range(len(part))])
        photos = _Photos(_folder(path, images))
        rows = [(part, row) for part in parts for row in range(len(part))]
        for face, (part, row) in enumerate(rows, 1):
            with faces.entry(path, name=f"face {face}"):
                landmarks = part.landmarks(row, scheme_name(kind, count), count)
                box = part.box(row, landmarks)
                faces.append(Sample(photos.extract(part.photo(row), face), box, landmarks))
    return faces.dataset(kind, photos.folder)


def write(dataset: Dataset, path: str | Path, *, images: str | Path | None = None) -> WriteReport:
    """Write a file with the faces and their photos; ``images`` is only looked at for messages.

    A face without a box gets the tight box of its points. The report's ``images`` is a folder
    beside the file, to which `read` may write the photos. Raises `InputError`, with nothing
    written, for a face with a missing point, `ImageError` for a photo that cannot be read and
    `OSError` for a disk that may be too full.
    """
    path = Path(path)
    if path.is_dir():
        raise FormatError(path, "is a folder; a COFW file is a file")
    h5py = extra("h5py", "a COFW file")
    faces = faces_to_write(dataset, root_to_write(dataset, images), "a COFW file", line_breaks=True)
    _check_room(path, faces)
    with atomic.replacing(path) as draft:
        with h5py.File(draft, "w", userblock_size=_STARTS[1]) as file:
            _write(file, faces, "T" if "test" in path.stem.lower() else "Tr")
        _write_header(draft)
    return WriteReport(len(faces), (path,), path.with_name(f"{path.stem}_images"), tuple(_losses(faces)))


def looks_like(path: Path) -> bool:
    """Whether this is an HDF5 file, as those of MATLAB 7.3 are."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            start = file.read(_STARTS[-1] + len(_SIGNATURE))
    except OSError:
        return False  # whoever reads it will say so
    return any(start[at:].startswith(_SIGNATURE) for at in _STARTS)


def _parts(file: Any, path: Path) -> list[_Part]:
    try:
        with _damage("its list of contents"):
            names = set(file)  # "in" would follow a link to another file
        parts = [_Part(file, letters) for letters in _PARTS if f"phis{letters}" in names]
    except InputError as error:
        raise FormatError(path, str(error)) from error
    if not parts:
        raise FormatError(path, "is no COFW file: it holds neither phisTr nor phisT")
    return parts


class _Part:
    """The training or the test faces of an open file; raises `InputError` for what is none."""

    def __init__(self, file: Any, letters: str) -> None:
        self._file = file
        self._rows = _numbers(file, f"phis{letters}")
        if self._rows.shape[1] % 3:
            raise InputError(f"phis{letters} has {self._rows.shape[1]} numbers a face, not 3 for every point")
        self.count = self._rows.shape[1] // 3
        self._photos = _cells(file, f"Is{letters}", len(self))
        self._boxes = _numbers(file, f"bboxes{letters}", (len(self), 4))

    def __len__(self) -> int:
        return len(self._rows)

    def landmarks(self, row: int, scheme: str, count: int) -> Landmarks:
        if self.count != count:
            raise InputError(f"has {self.count} points, {scheme} has {count}")
        x, y, hidden = self._rows[row].reshape(3, count)
        xy = np.stack([x, y], axis=1) - 1
        wrong = np.flatnonzero(~np.isfinite(xy).all(axis=1))
        if len(wrong):
            raise InputError(f"point {wrong[0]} has a coordinate that is not finite")
        if not np.isin(hidden, (0, 1)).all():
            raise InputError("holds other marks of hidden points than 0 and 1")
        visibility = np.where(hidden == 1, Visibility.OCCLUDED, Visibility.VISIBLE)
        return Landmarks(scheme, xy, visibility=visibility)

    def box(self, row: int, landmarks: Landmarks) -> Box | None:
        x, y, width, height = self._boxes[row]
        rectangle = np.array([x - 1, y - 1, x - 1 + width, y - 1 + height])
        return box_read(rectangle, landmarks.xy, landmarks.scheme, "cofw")

    def photo(self, row: int) -> Any:
        """The HDF5 array that holds a face's photo."""
        reference = self._photos[row]
        if not reference:
            raise InputError("has no photo")
        with _damage("its photo"):
            return _plain_array(self._file[reference], "its photo")


class _Photos:
    """Writes photos to a folder, each of them once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._written: dict[int, ImageFile] = {}

    def extract(self, cell: Any, face: int) -> ImageFile:
        """The photo of a cell as a file; raises `InputError` for what is no photo."""
        address = _address(cell)
        if address not in self._written:
            self._written[address] = self._extract(cell, self.folder / f"{face:04d}.png")
        return self._written[address]

    def _extract(self, cell: Any, path: Path) -> ImageFile:
        pixels = _pixels(cell)
        if path.exists():
            if not _shows(path, pixels):
                raise InputError(f"{path} is there already and shows another photo; give another folder")
            return ImageFile(path)
        with atomic.replacing(path) as draft:
            Image.fromarray(pixels).save(draft, format="PNG", compress_level=_COMPRESSION)
        return ImageFile(path)


def _folder(path: Path, images: str | Path | None) -> Path:
    if images is None:
        raise InputError(
            f"{path}: holds the photos inside; give a folder for images, to which they are written"
        )
    folder = Path(images)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; the photos inside {path} need a folder")
    return folder


def _shows(path: Path, pixels: NDArray[np.uint8]) -> bool:
    try:
        there = ImageFile(path).load()
    except ImageError:
        return False
    wanted = pixels if pixels.ndim == 3 else pixels[..., None]
    return there.shape[:2] == wanted.shape[:2] and bool((there == wanted).all())


def _pixels(cell: Any) -> NDArray[np.uint8]:
    """A photo, (H, W) or (H, W, 3)."""
    shape = cell.shape
    if cell.dtype != np.uint8 or not (len(shape) == 2 or (len(shape) == 3 and shape[0] == 3)):
        raise InputError(f"its photo is an array {shape} of {cell.dtype}, not uint8 of (3, width, height)")
    if not 0 < shape[-1] * shape[-2] <= MAX_PIXELS:
        raise InputError(f"its photo has {shape[-2]} x {shape[-1]} pixels")
    _check_stored(cell, "its photo")
    with _damage("its photo"):
        return np.ascontiguousarray(cell[()].T)


def _numbers(file: Any, name: str, shape: tuple[int, int] | None = None) -> Array:
    """A MATLAB matrix as rows x columns; raises `InputError` where it has not the shape."""
    data = _member(file, name)
    if len(data.shape) != 2 or data.dtype.kind not in "fiu" or not 0 < data.size <= _MOST:
        raise InputError(f"{name} is an array {data.shape} of {data.dtype}, not numbers for every face")
    if shape is not None and data.shape != shape[::-1]:
        raise InputError(f"{name} has {data.shape[1]} rows of {data.shape[0]}, not {shape[0]} of {shape[1]}")
    _check_stored(data, name)
    with _damage(name):
        return np.asarray(data[()].T, np.float64)


def _cells(file: Any, name: str, count: int) -> list[Any]:
    h5py = extra("h5py", "a COFW file")
    data = _member(file, name)
    if h5py.check_ref_dtype(data.dtype) is not h5py.Reference:
        raise InputError(f"{name} is no cell array of photos")
    if data.size != count:
        raise InputError(f"{name} has {data.size} photos for {count} faces")
    _check_stored(data, name)
    with _damage(name):
        return list(data[()].ravel())


def _member(file: Any, name: str) -> Any:
    h5py = extra("h5py", "a COFW file")
    link = file.get(name, getlink=True)
    if link is None:
        raise InputError(f"holds no {name}")
    if not isinstance(link, h5py.HardLink):
        raise InputError(f"{name} is a link, which may lead to another file")
    with _damage(name):
        return _plain_array(file[name], name)


def _plain_array(found: Any, name: str) -> Any:
    """Raises `InputError` for what is no array, or one whose numbers lie in other files: a file
    that somebody sent must not make us read whatever it likes."""
    h5py = extra("h5py", "a COFW file")
    if not isinstance(found, h5py.Dataset):
        raise InputError(f"{name} is no array")
    if found.external or found.is_virtual:
        raise InputError(f"{name} lies in another file")
    _ = found.dtype  # h5py makes it only now, and raises where numpy has no such number
    return found


def _check_stored(data: Any, name: str) -> None:
    """Raises `InputError` for an array of which the file can hold but a part."""
    with _damage(name):
        claimed, stored = data.size * data.dtype.itemsize, data.id.get_storage_size()
    if claimed > _PACKED * stored:
        raise InputError(f"{name} claims to be {claimed} bytes, of which the file holds {stored}")


def _address(cell: Any) -> int:
    with _damage("its photo"):
        return int(extra("h5py", "a COFW file").h5o.get_info(cell.id).addr)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    h5py = extra("h5py", "a COFW file")
    if path.is_dir():
        raise FormatError(path, "is a folder, not a file")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        reason = f"cannot be read ({os.strerror(error.errno)})" if error.errno else _NO_MATLAB
        raise FormatError(path, reason) from error
    with file:
        yield file


@contextmanager
def _damage(what: str) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # a damaged file makes h5py raise nearly anything
        raise InputError(f"{what} is damaged ({' '.join(str(error).split())})") from error


def _check_room(path: Path, faces: Sequence[FaceToWrite]) -> None:
    """Raise `OSError` unless the disk has room for the file with its photos uncompressed.

    HDF5 ends the whole process when it cannot write what it holds back until it closes a file.
    """
    sizes = [file.size for file in {face.sample.image for face in faces}]
    needed = sum(3 * width * height for width, height in sizes) + _FURTHER * (len(faces) + 1)
    folder = next(place for place in path.absolute().parents if place.is_dir())
    if shutil.disk_usage(folder).free < needed:
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: it may take {needed} bytes", str(path))


def _write(file: Any, faces: Sequence[FaceToWrite], letters: str) -> None:
    h5py = extra("h5py", "a COFW file")
    xy = np.stack([face.landmarks.xy for face in faces]) + 1
    hidden = np.stack([np.isin(face.landmarks.visibility, _HIDDEN) for face in faces])
    _write_array(file, f"phis{letters}", np.concatenate([xy[..., 0], xy[..., 1], hidden], axis=1))
    _write_array(file, f"bboxes{letters}", np.array([_xywh(face) for face in faces]))
    photos: dict[ImageFile, Any] = {}
    for face in faces:
        if face.sample.image not in photos:
            pixels = face.sample.image.load()
            cell = _write_array(
                file, f"#refs#/{len(photos):05d}", pixels, compression="gzip", compression_opts=_COMPRESSION
            )
            photos[face.sample.image] = cell.ref
    cells = np.array([[photos[face.sample.image] for face in faces]], h5py.ref_dtype)
    data = file.create_dataset(f"Is{letters}", data=cells, dtype=h5py.ref_dtype)
    data.attrs["MATLAB_class"] = np.bytes_("cell")


def _write_array(file: Any, name: str, values: NDArray[Any], **options: object) -> Any:
    stored = values if values.dtype == np.uint8 else values.astype(np.float64)
    data = file.create_dataset(name, data=np.ascontiguousarray(stored.T), **options)
    data.attrs["MATLAB_class"] = np.bytes_("uint8" if stored.dtype == np.uint8 else "double")
    return data


def _write_header(path: Path) -> None:
    """MATLAB opens no file without these 128 bytes: a text, the version, the order of bytes."""
    with path.open("r+b") as file:
        file.write(_HEADER.ljust(116) + bytes(8) + b"\x00\x02IM")


def _xywh(face: FaceToWrite) -> list[float]:
    box = face.sample.box.xyxy if face.sample.box is not None else tight_box(face.landmarks.xy)
    x0, y0, x1, y1 = box
    return [x0 + 1, y0 + 1, x1 - x0, y1 - y0]


def _losses(faces: Sequence[FaceToWrite]) -> list[str]:
    losses = ["the names of the photos are lost: they are numbered"]
    for visibility, change in _CHANGES.items():
        changed = sum(bool((face.landmarks.visibility == visibility).any()) for face in faces)
        losses += said(change, changed, len(faces))
    losses += lost_states([face.landmarks for face in faces])
    return losses + lost_attributes(faces) + lost_origins(faces, "cofw")

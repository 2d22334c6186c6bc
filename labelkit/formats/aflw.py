"""AFLW-19 .mat files: all faces of AFLW with 19 points each (Zhu et al. 2016, AFLWinfo_release.mat).

A MATLAB file of version 5, with a row for every face in

    nameList    a cell with the photo's path
    data        2N numbers (AFLW: N = 19): first all x, then all y
    mask_new    N marks: 1 where the point can be seen, 0 where not
    bbox        xmin xmax ymin ymax, in this order
    ra          the face's number, from 1, of every place in the order of training: the release
                trains on the first 20,000 and tests on the rest

Pixels are taken to be **1-based**, as MATLAB counts and as ``ra`` does, so 1 is subtracted on
reading and added on writing; the release itself does not say.

It cannot hold by what a point is hidden, which points are confirmed, where a box comes from,
attributes, or the name of the scheme.

Reading
-------
A point whose mark is 0 is not there (NaN): its numbers in ``data`` are a guess, or 0. The place
in ``ra``, from 1, becomes the attribute ``order``; faces of the release (24,386) also get
``split``, "train" or "test". A file without ``ra`` is read without both. The faces come in the
order of the file. A rectangle that is tight around the points is read as box of kind
``landmarks``, any other as kind ``user`` with source "aflw".

Writing
-------
A missing point is written as 0 0 with the mark 0. A face without a box gets the tight box of its
points. ``ra`` follows the attribute ``order`` where all faces have one, else the order of the
data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelkit import atomic
from labelkit.dataset import Attribute, Dataset, Sample
from labelkit.errors import FormatError, InputError
from labelkit.formats.extras import extra
from labelkit.formats.matlab import Held, read_variables
from labelkit.formats.plaintext import glance
from labelkit.formats.reading import (
    FacesRead,
    box_read,
    choose_scheme,
    image_root,
    locate_image,
    scheme_name,
)
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
from labelkit.geometry import Array, tight_box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks, Visibility
from labelkit.scheme import Scheme

_WHAT = "an AFLW-19 file"
_MATRICES = ("data", "mask_new", "bbox")

#: How many faces the release has, and how many of them are for training.
_RELEASE, _TRAINING = 24_386, 20_000

#: The most numbers that are read at once: a small file may claim to hold any number of them.
_MOST = 1 << 26


def read(
    path: str | Path,
    *,
    scheme: str | Path | Scheme | None = None,
    images: str | Path | None = None,
    strict: bool = False,
) -> Dataset:
    """The faces of a file; their photos are looked for, not opened.

    ``images`` is the image root (AFLW: the folder ``flickr``), by default that in which the file
    lies. Raises `FormatError` for a file of another kind, and with ``strict`` for the first bad
    face; otherwise the data XX"""
    path = Path(path)
    table = _Table(path)
    root = image_root(images, path.parent)
    kind, count = choose_scheme(scheme, [table.count] * len(table))
    if table.count != count:
        raise FormatError(path, f"has {table.count} points a face, {scheme_name(kind, count)} has {count}")
    faces = FacesRead(strict)
    for row in range(len(table)):
        with faces.entry(path, name=f"face {row + 1}"):
            photo = ImageFile(locate_image(root, table.name(row)))
            landmarks = table.landmarks(row, scheme_name(kind, count))
            box = box_read(table.boxes[row], landmarks.xy, landmarks.scheme, "aflw")
            faces.append(Sample(photo, box, landmarks, table.attributes(row)))
    return faces.dataset(kind, root)


def write(dataset: Dataset, path: str | Path, *, images: str | Path | None = None) -> WriteReport:
    """Write a file, photos relative to ``images``.

    Raises `InputError`, with nothing written, for a face without landmarks or without a point or
    box, or a photo that cannot be named; `UnavailableError` without scipy.
    """
    path = Path(path)
    if path.is_dir():
        raise FormatError(path, f"is a folder; {_WHAT} is a file")
    scipy = extra("scipy.io", _WHAT)
    root = root_to_write(dataset, images)
    faces = faces_to_write(dataset, root, _WHAT, missing_points=True, line_breaks=True)
    table = _columns(faces)
    with atomic.replacing(path) as draft:
        scipy.savemat(draft, table, do_compression=True, appendmat=False)
    return WriteReport(len(faces), (path,), root, tuple(_losses(faces)))


def looks_like(path: Path) -> bool:
    """Whether this is a file of MATLAB 5."""
    return glance(path).startswith("MATLAB 5.0 MAT-file")


class _Table:
    """The columns of a file, checked to fit together."""

    def __init__(self, path: Path) -> None:
        found = _load(path)
        self._names: NDArray[Any] = np.asarray(found["nameList"]).ravel()
        rows = len(self._names)
        data, self._mask, box = (_matrix(path, name, found[name], rows) for name in _MATRICES)
        self.count = data.shape[1] // 2
        if not self.count or data.shape[1] % 2 or self._mask.shape[1] != self.count or box.shape[1] != 4:
            shapes = ", ".join(f"{name} {np.shape(found[name])}" for name in _MATRICES)  # type: ignore[arg-type]
            raise FormatError(path, f"is no AFLW-19 file: its columns do not fit together ({shapes})")
        self._xy = data.reshape(rows, 2, self.count).transpose(0, 2, 1) - 1
        #: x0 y0 x1 y1 of every face.
        self.boxes = box[:, [0, 2, 1, 3]] - 1
        self._order = _order(path, found["ra"], rows) if "ra" in found else None

    def __len__(self) -> int:
        return len(self._names)

    def name(self, row: int) -> str:
        cell = self._names[row]
        while isinstance(cell, np.ndarray) and cell.size == 1:
            cell = cell.ravel()[0]
        if not isinstance(cell, str) or not cell:
            raise InputError("names no photo")
        return str(cell)

    def landmarks(self, row: int, scheme: str) -> Landmarks:
        mask = self._mask[row]
        if not np.isin(mask, (0, 1)).all():
            raise InputError("has other marks in mask_new than 0 and 1")
        seen = mask == 1
        wrong = np.flatnonzero(seen & ~np.isfinite(self._xy[row]).all(axis=1))
        if len(wrong):
            raise InputError(f"point {wrong[0]} has a coordinate that is not finite")
        xy = np.where(seen[:, None], self._xy[row], np.nan)
        return Landmarks(scheme, xy, visibility=np.where(seen, Visibility.VISIBLE, Visibility.UNKNOWN))

    def attributes(self, row: int) -> dict[str, Attribute]:
        if self._order is None:
            return {}
        order = int(self._order[row])
        split = {"split": "train" if order <= _TRAINING else "test"} if len(self) == _RELEASE else {}
        return {"order": order, **split}


def _load(path: Path) -> dict[str, Held]:
    """The columns of a file by their names."""
    if path.is_dir():
        raise FormatError(path, "is a folder, not a file")
    found = read_variables(path, ("nameList", *_MATRICES, "ra"), _MOST)
    for name in ("nameList", *_MATRICES):
        if name not in found:
            raise FormatError(path, f"is no AFLW-19 file: it holds no {name}")
    if not isinstance(found["nameList"], np.ndarray) or not found["nameList"].size:
        raise FormatError(path, "holds no face")
    return found


def _matrix(path: Path, name: str, found: Any, rows: int) -> Array:
    numbers = isinstance(found, np.ndarray) and found.dtype.kind in "fiub"
    if not numbers or found.ndim != 2 or len(found) != rows:
        what = f"an array {found.shape} of {found.dtype}" if isinstance(found, np.ndarray) else "no array"
        raise FormatError(path, f"{name} is {what}, not a row of numbers for each of {rows} faces")
    return np.asarray(found, np.float64)


def _order(path: Path, ra: Any, rows: int) -> NDArray[np.intp]:
    """For every face its place in ``ra``, from 1."""
    faces = _matrix(path, "ra", ra.reshape(-1, 1) if isinstance(ra, np.ndarray) else ra, rows).ravel()
    if not np.array_equal(np.sort(faces), np.arange(1, rows + 1)):
        raise FormatError(path, f"ra does not hold each number from 1 to {rows} once")
    return np.argsort(faces) + 1


def _columns(faces: Sequence[FaceToWrite]) -> dict[str, NDArray[Any]]:
    xy = np.stack([face.landmarks.xy for face in faces])
    there = np.asarray(np.isfinite(xy).all(axis=2))
    data = np.where(there[..., None], xy + 1, 0).transpose(0, 2, 1).reshape(len(faces), -1)
    names = np.empty((len(faces), 1), object)
    names[:, 0] = [face.image for face in faces]
    boxes: Array = np.array([_rectangle(face) for face in faces])[:, [0, 2, 1, 3]] + 1
    mask, order = there.astype(np.float64), _training_order(faces)
    return {"nameList": names, "data": data, "mask_new": mask, "bbox": boxes, "ra": order}


def _rectangle(face: FaceToWrite) -> tuple[float, float, float, float]:
    if face.sample.box is not None:
        return face.sample.box.xyxy
    if not face.landmarks.present.any():
        raise InputError(f"{face.image!r}: has neither a point nor a box; nothing was written")
    return tight_box(face.landmarks.xy)


def _training_order(faces: Sequence[FaceToWrite]) -> NDArray[np.float64]:
    places = [face.sample.attributes.get("order") for face in faces]
    order = np.arange(len(faces))
    if all(isinstance(place, int) for place in places):
        order = np.argsort(np.array(places, np.int64), kind="stable")
    return (order[:, None] + 1).astype(np.float64)


def _losses(faces: Sequence[FaceToWrite]) -> list[str]:
    hidden = sum(
        bool((face.landmarks.visibility[face.landmarks.present] != Visibility.VISIBLE).any())
        for face in faces
    )
    change = "points that are hidden, or of which that is unknown, are written as visible"
    return [
        *said(change, hidden, len(faces)),
        *lost_states([face.landmarks for face in faces]),
        *lost_attributes(faces, kept=("order",)),
        *lost_origins(faces, "aflw"),
    ]

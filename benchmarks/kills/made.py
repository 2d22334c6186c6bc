"""Small projects, with faces by which one can tell when they were stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from labelkit.dataset import Dataset, Sample
from labelkit.geometry import Array
from labelkit.images import ImageFile
from labelkit.landmarks import Face, Landmarks
from labelkit.project import Project
from labelkit.scheme import load_scheme

FACES = 8

SCHEME = load_scheme("ibug68")

#: The face of value 0, and how far the next one is from it: all are close enough to be the same face.
_BASE, _STEP = SCHEME.plane * 100 + 200, 0.01
_ROW = 1000


def names(count: int = FACES) -> list[str]:
    """The photos' names."""
    return [f"{number:03d}.png" for number in range(count)]


def points(value: int) -> Array:
    """The face of a value, (68, 2) image px."""
    return _BASE + np.array([value % _ROW, value // _ROW]) * _STEP


def value_of(xy: Array, rows: slice = slice(None)) -> int | None:
    """The value of a face, or of some of its points; None for points of different values or of none."""
    x, y = np.rint((xy - _BASE[rows])[0] / _STEP).astype(int)
    value = int(y) * _ROW + int(x)
    return value if np.allclose(xy, points(value)[rows], rtol=0, atol=1e-6) else None


def photos(folder: Path, count: int = FACES) -> Path:
    """A folder of photos that all differ."""
    folder.mkdir()
    for number, name in enumerate(names(count)):
        Image.new("RGB", (420, 420), (number % 256, 90, 40)).save(folder / name)
    return folder


def labels(folder: Path, value: int, count: int = FACES) -> Dataset:
    """A face of this value in every photo."""
    samples = [
        Sample(ImageFile(folder / name), None, Landmarks(SCHEME, points(value))) for name in names(count)
    ]
    return Dataset(tuple(samples), SCHEME, folder)


def project(home: Path, value: int | None = None) -> None:
    """A project in ``home/work`` with photos in ``home/photos``; with a face of ``value`` in each."""
    photos(home / "photos")
    with Project.create(home / "work", home / "photos", SCHEME) as made:
        if value is not None:
            from labelkit.formats import write

            write(labels(home / "photos", value), home / "labels.txt", "wflw", images=home / "photos")
            made.import_annotations(home / "labels.txt", author="me")


def values(project: Project, name: str) -> list[int | None]:
    """The values of every revision of the face in a photo, the oldest first."""
    if project.store.find_face(name) is None:
        return []
    return [value_of(one.landmarks.xy[: len(SCHEME)]) for one in project.history(Face(name))]

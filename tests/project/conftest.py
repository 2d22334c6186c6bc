"""Small projects: photos of a few bytes, and labels for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelkit.dataset import Dataset, Sample
from labelkit.formats import write
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks
from labelkit.project import Project
from labelkit.scheme import Scheme, load_scheme

NAMES = ("a.png", "b.png", "sub/c.png", "sub/d e.png")


def make_photo(path: Path, shade: int = 0) -> Path:
    """A picture of 80 x 80 px; each shade has its own content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (80, 80), (shade, 100, 50)).save(path)
    return path


def face_at(scheme: Scheme, shift: float = 0.0, size: float = 30.0) -> np.ndarray:
    """Points that look like the plane, somewhere on a photo."""
    return scheme.plane * size + (40 + shift, 40)


def labels(root: Path, scheme: Scheme, *faces: tuple[str, float], **attributes: int) -> Dataset:
    """A data set with a face at a shift for each (photo, shift)."""
    samples = [
        Sample(ImageFile(root / name), None, Landmarks(scheme, face_at(scheme, shift)), attributes)
        for name, shift in faces
    ]
    return Dataset(tuple(samples), scheme, root)


@pytest.fixture(scope="session")
def ibug68() -> Scheme:
    return load_scheme("ibug68")


@pytest.fixture(scope="session")
def wflw98() -> Scheme:
    return load_scheme("wflw98")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """The image root of four photos."""
    for shade, name in enumerate(NAMES):
        make_photo(tmp_path / "photos" / name, shade)
    return tmp_path / "photos"


@pytest.fixture
def project(tmp_path: Path, photos: Path, ibug68: Scheme) -> Iterator[Project]:
    with Project.create(tmp_path / "work", photos, ibug68) as project:
        yield project


@pytest.fixture
def wflw_list(tmp_path: Path, photos: Path, ibug68: Scheme) -> Path:
    """A WFLW list of the first three photos, with ibug68 points, beside the photos' folder."""
    path = photos / "list.txt"
    write(labels(photos, ibug68, *((name, 0.0) for name in NAMES[:3])), path, "wflw")
    return path

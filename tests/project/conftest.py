"""Small projects: photos of a few bytes, a model without a network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelkit.dataset import Dataset, Sample
from labelkit.formats import write
from labelkit.geometry import Box, Crop, Similarity
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks
from labelkit.prediction import Prediction
from labelkit.project import Project
from labelkit.scheme import Scheme, load_scheme

NAMES = ("a.png", "b.png", "sub/c.png", "sub/d e.png")


@dataclass
class Result:
    """What `predict_photos` gives for a photo."""

    boxes: tuple[Box, ...]
    predictions: list[Prediction]
    problem: str | None = None


@dataclass
class FakeModel:
    """Finds one face in every photo but those called ``nobody``, and lays the plane over it."""

    id: str = "fake@1"
    asked: list[str] = field(default_factory=list)

    def __call__(
        self, photos: Iterable[tuple[ImageFile, tuple[Box, ...] | None]], scheme: Scheme
    ) -> Iterator[Result]:
        for file, given in photos:
            self.asked.append(file.path.name)
            found = (Box(10, 10, 50, 60, "detector", "fake", 0.75),)
            boxes = (() if "nobody" in file.path.name else found) if given is None else given
            if not file.path.is_file():
                yield Result(boxes, [], f"{file.path}: there is no such file")
                continue
            yield Result(boxes, [self.said(box, scheme) for box in boxes])

    def said(self, box: Box, scheme: Scheme) -> Prediction:
        crop = Crop(Similarity(box.width, 0.0, *box.center))
        return Prediction(crop.points_to_image(scheme.plane), self.id, crop, scheme.name)


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

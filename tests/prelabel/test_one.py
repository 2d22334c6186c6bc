"""Single faces, placed by a model that has no network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from labelkit.errors import InputError
from labelkit.geometry import Box, Crop, Similarity
from labelkit.images import ImageFile
from labelkit.landmarks import Face, Landmarks, State
from labelkit.prediction import Prediction
from labelkit.prelabel.child import Loaded
from labelkit.prelabel.one import FacePlacer
from labelkit.scheme import Scheme, load_scheme
from labelkit.store import NewFace, NewImage, Store

SCHEME = load_scheme("ibug68")


@dataclass
class Result:
    boxes: tuple[Box, ...]
    predictions: list[Prediction]
    problem: str | None = None

    @property
    def looks(self) -> list[bytes]:
        return [b""] * len(self.predictions)


def lay(photos: Iterable[tuple[ImageFile, tuple[Box, ...] | None]], scheme: Scheme) -> Iterator[Result]:
    """The plane over every box; photos called ``broken`` cannot be read."""
    for file, boxes in photos:
        assert boxes is not None
        if "broken" in file.path.name:
            yield Result(boxes, [], f"{file.path}: is no picture")
            continue
        crops = [Crop(Similarity(box.width, 0.0, *box.center)) for box in boxes]
        found = [Prediction(c.points_to_image(scheme.plane), "fake@1", c, scheme.name) for c in crops]
        yield Result(boxes, found)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    (tmp_path / "models").mkdir()
    for name in ("a.png", "broken.png"):
        (tmp_path / name).write_bytes(b"a photo")
    with Store.create(tmp_path / "labelkit.db", SCHEME) as store:
        store.add_images(NewImage(name) for name in ("a.png", "broken.png"))
        yield store


@pytest.fixture
def loads() -> list[str]:
    return []


@pytest.fixture
def placer(store: Store, tmp_path: Path, loads: list[str]) -> FacePlacer:
    def load(folder: Path, name: str) -> Loaded:
        loads.append(name)
        return Loaded("fake@1", lay, {"name": "fake", "terms": "research"})

    return FacePlacer(store, tmp_path, tmp_path, lambda: "fake", load)


def boxed(store: Store, photo: str) -> Face:
    image = store.find_image(photo)
    assert image is not None
    (face,) = store.faces(store.add_faces([NewFace(image.id, Box(10, 10, 50, 60, "user"))]))
    return face.face


def test_a_face_gets_its_points_and_the_model_is_loaded_once(
    store: Store, placer: FacePlacer, loads: list[str], tmp_path: Path
) -> None:
    face = boxed(store, "a.png")
    assert loads == []
    placer(face)
    placer(face)
    assert loads == ["fake"]
    known = store.find_face(face.image, face.index)
    assert known is not None
    made = store.prediction(known.id)
    assert made is not None
    np.testing.assert_allclose(made.prediction.xy[30], SCHEME.plane[30] * 40 + (30, 35))
    assert json.loads((tmp_path / "models" / "fake@1.json").read_text())["terms"] == "research"


def test_what_is_confirmed_stays(store: Store, placer: FacePlacer) -> None:
    face = boxed(store, "a.png")
    known = store.find_face(face.image, face.index)
    assert known is not None
    states = np.full(68, State.PREDICTED)
    states[3] = State.CONFIRMED
    store.annotate(known.id, Landmarks("ibug68", SCHEME.plane * 20 + 30, states), "ann")
    placer(face)
    now = store.currents([known.id])[known.id]
    np.testing.assert_allclose(now.xy[3], SCHEME.plane[3] * 20 + 30)
    assert now.state[3] == State.CONFIRMED


def test_a_photo_that_cannot_be_read_is_named(store: Store, placer: FacePlacer) -> None:
    with pytest.raises(InputError, match=r"broken\.png: is no picture"):
        placer(boxed(store, "broken.png"))


def test_a_face_that_is_not_there_is_named(store: Store, placer: FacePlacer, loads: list[str]) -> None:
    with pytest.raises(InputError, match="no face 3 in it"):
        placer(Face("a.png", 2))

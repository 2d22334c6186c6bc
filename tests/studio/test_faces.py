"""With the bundled model, over the two portraits."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelkit.errors import InputError
from labelkit.geometry import Box
from labelkit.images import example_faces
from labelkit.models.predictor import LandmarkModel
from labelkit.models.registry import load_model
from labelkit.project import Project
from labelkit.scheme import load_scheme
from labelkit.studio.faces import (
    Example,
    ExampleRow,
    found_faces,
    framed,
    portraits,
    project_faces,
    variations,
)

SCHEME = load_scheme("ibug68")


@pytest.fixture(scope="module")
def model() -> LandmarkModel:
    return load_model("base", device="cpu")


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return list(portraits())


@pytest.fixture(scope="module")
def row(model: LandmarkModel, examples: list[Example]) -> ExampleRow:
    return ExampleRow(lambda: model, lambda: examples)


def test_two_portraits_fill_a_row_of_twelve(row: ExampleRow) -> None:
    gallery = row.gallery()
    assert len(gallery.faces) == 12
    assert len(gallery.backdrops) == 13
    assert len({face.data for face in gallery.faces}) == 12
    sizes = {Image.open(io.BytesIO(picture.data)).size for picture in gallery.faces}
    assert len(sizes) == 1


def test_points_are_shown_where_the_model_finds_them(row: ExampleRow) -> None:
    shown = row.place(SCHEME.plane)
    assert shown.shape == (12, 68, 2)
    assert shown.min() > 0
    assert shown.max() < 1
    # On every tile the eyes lie above the mouth, and the person's right eye left of the left one.
    right, left, mouth = shown[:, 36:42].mean(1), shown[:, 42:48].mean(1), shown[:, 48:60].mean(1)
    assert (right[:, 1] < mouth[:, 1]).all()
    assert (right[:, 0] < left[:, 0]).all()


def test_everything_is_prepared_once_whoever_asks(model: LandmarkModel, examples: list[Example]) -> None:
    loads: list[int] = []

    def load() -> LandmarkModel:
        loads.append(1)
        return model

    row = ExampleRow(load, lambda: examples[:1], count=2)
    threads = [threading.Thread(target=row.gallery) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == [1]
    assert len(row.live) == 2


def test_a_row_without_a_face_is_refused(model: LandmarkModel) -> None:
    with pytest.raises(InputError, match="no face was found"):
        ExampleRow(lambda: model, list).gallery()


def test_photos_that_cannot_be_read_or_show_nobody_are_left_out(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    nobody = np.full((80, 80, 3), 128, np.uint8)
    assert list(found_faces([broken, nobody, tmp_path / "missing.png"])) == []


def test_variations_differ_from_one_another_and_keep_the_face_in_the_crop(
    model: LandmarkModel, examples: list[Example]
) -> None:
    face = framed(model, examples[0])
    made = list(variations([face]))
    assert len(made) >= 6
    for changed in made:
        middle = changed.crop.to_image([0.0, 0.0])
        assert (middle > 0).all()
        assert (middle < (changed.image.shape[1], changed.image.shape[0])).all()
    assert len({changed.image.tobytes() for changed in [face, *made]}) == len(made) + 1


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    photos = tmp_path / "photos"
    photos.mkdir()
    for portrait in example_faces():
        (photos / portrait.path.name).write_bytes(portrait.path.read_bytes())
    with Project.create(tmp_path / "work", photos, "ibug68") as made:
        yield made


def test_a_projects_faces_come_first_without_those_that_are_none(project: Project) -> None:
    good = project.add_face("astronaut.png", Box(150, 80, 300, 260, "user"), "ann")
    bad = project.add_face("astronaut.png", Box(0, 300, 100, 400, "user"), "ann")
    project.reject(bad, "ann", "nobody")
    faces = list(project_faces(project))
    assert [(face.label, face.box) for face in faces] == [("astronaut.png", good.box)]
    assert faces[0].image.shape == (512, 512, 3)


def test_photos_in_which_nobody_has_searched_are_searched(project: Project) -> None:
    assert {face.label for face in project_faces(project)} == {"astronaut.png", "grace_hopper.jpg"}

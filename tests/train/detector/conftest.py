"""Made photos: the example portraits with a table of their boxes and five points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelkit.detect.network import FaceNetConfig
from labelkit.geometry import Similarity
from labelkit.images import example_faces, shrunk
from labelkit.scheme import load_scheme
from labelkit.train.detector.loop import DetectorRecipe
from labelkit.train.detector.scenes import Scene, SceneFace, SceneSet, five_points
from labelkit.train.detector.views import ViewConfig

HEADER = (
    "image,x0,y0,x1,y1,right_eye_x,right_eye_y,left_eye_x,left_eye_y,"
    "nose_x,nose_y,mouth_right_x,mouth_right_y,mouth_left_x,mouth_left_y"
)
ROW = "183,93,262,178,201,115,238,112,223,135,209,153,241,151"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A folder ``photos/train`` with one portrait and the table beside it."""
    folder = tmp_path / "photos" / "train"
    folder.mkdir(parents=True)
    Image.fromarray(example_faces()[0].load()).save(folder / "a.png")
    (folder.parent / "faces.csv").write_text(f"{HEADER}\ntrain/a.png,{ROW}\n")
    return folder


@pytest.fixture(scope="session")
def mean_face() -> SceneFace:
    """The mean face, 40 px wide eye to eye, about (100, 80)."""
    outline = Similarity(52.6, 0.0, 100.0, 80.0)(np.asarray(load_scheme("ibug68").plane))
    return SceneFace(outline, five_points(outline))


@pytest.fixture(scope="session")
def scene(mean_face: SceneFace) -> Scene:
    """A dark photo with a bright square over the box of the only face."""
    image = np.full((200, 240, 3), 20, np.uint8)
    low, high = mean_face.outline.min(axis=0), mean_face.outline.max(axis=0)
    (x0, y0), (x1, y1) = np.rint(low).astype(int), np.rint(high).astype(int)
    image[y0 : y1 + 1, x0 : x1 + 1] = 240
    return Scene(image, (mean_face,))


@pytest.fixture(scope="session")
def scenes(scene: Scene) -> SceneSet:
    portraits = [Scene(shrunk(file.load(), 200), scene.faces) for file in example_faces()]
    return SceneSet("made/train", (scene, *portraits), whole=True)


@pytest.fixture
def recipe() -> DetectorRecipe:
    """Small enough for a test."""
    network = FaceNetConfig(widths=(4, 8, 8, 8, 8), blocks=(0, 0, 0, 1), pyramid=8)
    return DetectorRecipe(network=network, views=ViewConfig(size=64), passes=8, batch=2, warmup=2, doubt=4)

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelkit.demo import run_demo
from labelkit.errors import InputError
from labelkit.formats import read
from labelkit.models.predictor import LandmarkModel
from labelkit.models.registry import list_models, load_model


@pytest.fixture(scope="module")
def base() -> LandmarkModel:
    if "base" not in list_models():
        pytest.skip("the bundled model base is not there yet")
    return load_model("base", device="cpu")


def test_both_schemes_are_exported_and_read_by_what_lies_beside_them(
    tmp_path: Path, base: LandmarkModel
) -> None:
    report = run_demo(base, tmp_path / "demo")
    for scheme, path in report.lists.items():
        listed = read(path, "wflw", scheme)
        filed = read(report.folders[scheme], "300w", scheme, images=report.photos)
        assert len(listed) == len(filed) == 2
        for first, second in zip(listed, filed, strict=True):
            assert first.landmarks is not None
            assert second.landmarks is not None
            np.testing.assert_allclose(first.landmarks.xy, second.landmarks.xy, atol=1e-3)
    with Image.open(report.sheet) as sheet:
        assert sheet.width == 2 * 400  # both schemes side by side


#: Pupils, left in the photo first, in px, read off an enlargement with a grid.
PUPILS = {
    "astronaut.png": [(203.0, 101.5), (246.5, 103.5)],
    "grace_hopper.jpg": [(222.5, 190.0), (305.5, 187.5)],
}


def test_the_eyes_of_both_portraits_are_found(tmp_path: Path, base: LandmarkModel) -> None:
    report = run_demo(base, tmp_path / "demo")
    eyes = {"ibug68": (slice(36, 42), slice(42, 48)), "wflw98": (slice(60, 68), slice(68, 76))}
    for scheme, (left, right) in eyes.items():
        faces = report.labels[scheme].by_photo()
        for photo, (face, *others) in faces.items():
            assert not others
            pupils = np.array(PUPILS[photo.path.name])
            found = [face.prediction.xy[part].mean(axis=0) for part in (left, right)]
            error = np.linalg.norm(found - pupils, axis=1).max()
            assert error < 0.15 * np.linalg.norm(pupils[1] - pupils[0]), (scheme, photo.path.name)


def test_a_folder_without_faces(tmp_path: Path, base: LandmarkModel) -> None:
    Image.new("RGB", (80, 60), "grey").save(tmp_path / "a.png")
    with pytest.raises(InputError, match="nobody was found"):
        run_demo(base, tmp_path / "demo", tmp_path)

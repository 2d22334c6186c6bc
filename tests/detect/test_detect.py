import numpy as np
import pytest

from labelkit.boxrules import BOX_RULES, landmark_box
from labelkit.detect import (
    Detector,
    FaceFinder,
    default_detector,
    detect_faces,
    detectors_available,
    own,
)
from labelkit.errors import InputError, UnavailableError
from labelkit.geometry import Box


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((9, 9), np.uint8),
        np.zeros((9, 9, 4), np.uint8),
        np.zeros((9, 9, 3)),
        np.zeros((0, 9, 3), np.uint8),
    ],
)
def test_only_rgb_arrays_are_taken(image):
    with pytest.raises(InputError, match="array \\(H, W, 3\\) of uint8"):
        detect_faces(image)


def test_a_detector_of_ones_own():
    class Everywhere:
        name = "everywhere"

        def detect(self, image):
            height, width = image.shape[:2]
            return [Box(-0.5, -0.5, width - 0.5, height - 0.5, "detector", self.name, 1.0)]

    assert isinstance(Everywhere(), Detector)
    boxes = detect_faces(np.zeros((4, 6, 3), np.uint8), Everywhere())
    assert boxes[0].xyxy == (-0.5, -0.5, 5.5, 3.5)
    assert landmark_box(boxes[0]).xyxy == boxes[0].xyxy


def test_the_default_is_our_own_and_made_once():
    assert isinstance(default_detector(), FaceFinder)
    assert default_detector() is default_detector()
    assert default_detector().name in BOX_RULES
    available = detectors_available()
    assert available["facefinder"] is None
    assert "no such YuNet file" in available["yunet"]


def test_missing_weights_are_said(monkeypatch, tmp_path):
    monkeypatch.setattr(own, "bundled_weights", lambda: tmp_path / "gone.safetensors")
    with pytest.raises(UnavailableError, match=r"gone\.safetensors: there is no such detector file"):
        FaceFinder()
    assert "no such detector file" in detectors_available()["facefinder"]

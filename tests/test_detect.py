import hashlib
import io
from urllib.error import URLError

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit import detect
from labelkit.boxrules import BOX_RULES, BoxRule, landmark_box
from labelkit.detect import (
    Detector,
    HaarCascades,
    YuNet,
    default_detector,
    detect_faces,
    detectors_available,
    download_yunet,
    suppressed,
    yunet_path,
)
from labelkit.errors import CheckpointError, InputError, UnavailableError
from labelkit.geometry import Box
from labelkit.images import ImageFile, example_faces, find_images, shrunk

# Tight boxes of the 68 points on the two portraits, read off the pictures.
PORTRAITS = {
    "astronaut.png": Box(183, 93, 262, 178),
    "grace_hopper.jpg": Box(170, 165, 357, 328),
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test sees a YuNet file that this machine happens to have, or leaves one behind."""
    monkeypatch.setenv("LABELKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(detect.YUNET_VARIABLE, raising=False)


@pytest.fixture(scope="module")
def haar():
    return HaarCascades()


def found(score, x=0.0, y=0.0, side=100.0, source="haar-frontal"):
    return Box(x, y, x + side, y + side, "detector", source, score)


@pytest.mark.parametrize("file", example_faces(), ids=lambda file: file.path.name)
def test_the_example_portraits_have_one_face_each(file, haar):
    boxes = haar.detect(file.load())
    hits = [landmark_box(box).iou(PORTRAITS[file.path.name]) for box in boxes]
    assert hits[0] >= 0.6
    assert [hit > 0.3 for hit in hits].count(True) == 1
    assert boxes[0].kind == "detector"
    assert boxes[0].source == "haar-frontal"
    assert 0.5 < boxes[0].score < 1


def test_boxes_are_in_pixels_of_the_image_that_was_given(haar):
    image = example_faces()[0].load()
    large = cv2.resize(image, None, fx=2, fy=2)
    small, big = landmark_box(haar.detect(image)[0]), landmark_box(haar.detect(large)[0])
    scaled = Box(*((np.array(small.xyxy) + 0.5) * 2 - 0.5))
    assert big.iou(scaled) > 0.85


def test_a_mirrored_image_has_the_mirrored_face(haar):
    image = example_faces()[1].load()
    box = landmark_box(haar.detect(image)[0])
    mirrored = landmark_box(haar.detect(np.ascontiguousarray(image[:, ::-1]))[0])
    assert mirrored.flipped(image.shape[1]).iou(box) > 0.8


@pytest.mark.parametrize("degrees", [-40, 40])
def test_a_leaning_face_is_found_where_nobody_stands_upright(haar, degrees):
    image = example_faces()[0].load()[:300, 60:360]
    corner = np.array([60, 0, 60, 0])
    face = Box(*(np.array(PORTRAITS["astronaut.png"].xyxy) - corner))
    turn = cv2.getRotationMatrix2D(face.center, degrees, 1)
    turned = cv2.warpAffine(image, turn, (300, 300), borderMode=cv2.BORDER_REPLICATE)
    best = haar.detect(turned)[0]
    assert best.source == "haar-leaning"
    assert landmark_box(best).iou(face) > 0.6


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 2), (300, 300)])
def test_nobody_is_an_empty_list(haar, shape):
    assert haar.detect(np.zeros((*shape, 3), np.uint8)) == []


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((9, 9), np.uint8),
        np.zeros((9, 9, 4), np.uint8),
        np.zeros((9, 9, 3)),
        np.zeros((0, 9, 3), np.uint8),
    ],
)
def test_only_rgb_arrays_are_taken(image, haar):
    with pytest.raises(InputError, match="array \\(H, W, 3\\) of uint8"):
        detect_faces(image, haar)


def test_the_windows_that_agree_are_in_the_score(haar):
    image = shrunk(example_faces()[0].load(), 448)
    counts = [haar.windows(box) for box in haar.candidates(image)]
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-6)
    assert min(counts) >= 1


def test_a_detector_of_ones_own():
    class Everywhere:
        name = "everywhere"

        def detect(self, image):
            height, width = image.shape[:2]
            return [Box(-0.5, -0.5, width - 0.5, height - 0.5, "detector", self.name, 1.0)]

    assert isinstance(Everywhere(), Detector)
    assert isinstance(HaarCascades(), Detector)
    boxes = detect_faces(np.zeros((4, 6, 3), np.uint8), Everywhere())
    assert boxes[0].xyxy == (-0.5, -0.5, 5.5, 3.5)
    assert landmark_box(boxes[0]).xyxy == boxes[0].xyxy


def test_suppression_keeps_the_best_box_of_every_face():
    best, same, inside, beside = found(0.9), found(0.8, 10, 10), found(0.7, 20, 50, 30), found(0.6, 140)
    assert suppressed([beside, inside, same, best]) == [best, beside]
    assert suppressed([]) == []


def test_suppression_compares_what_boxes_say_about_the_landmarks():
    frontal, profile = found(0.9), found(0.8, 5, 5, 115, "haar-profile")
    assert suppressed([profile, frontal]) == [frontal]
    assert suppressed([profile, frontal], same=1.0) == [frontal, profile]


boxes = st.builds(
    lambda x, y, w, h, source: Box(x, y, x + w, y + h, "detector", source, 0.5),
    *[st.floats(-500, 500)] * 2,
    *[st.floats(1, 500)] * 2,
    st.sampled_from(["haar-frontal", "haar-profile", "yunet"]),
)


@given(boxes, st.integers(1, 2000))
def test_rules_are_mirror_symmetric(box, width):
    other = {"haar-profile": "haar-profile-mirrored"}.get(box.source, box.source)
    flipped = box.flipped(width)
    mirrored = Box(*flipped.xyxy, "detector", other, box.score)
    np.testing.assert_allclose(landmark_box(mirrored).xyxy, landmark_box(box).flipped(width).xyxy, atol=1e-9)


@given(boxes, st.floats(-100, 100), st.floats(0.1, 10))
def test_rules_go_along_with_shift_and_scale(box, shift, scale):
    moved = Box(*(np.array(box.xyxy) * scale + shift), "detector", box.source)
    expected = np.array(landmark_box(box).xyxy) * scale + shift
    np.testing.assert_allclose(landmark_box(moved).xyxy, expected, atol=1e-6)


def test_a_rule_by_hand():
    box = BoxRule(0.1, -0.2, 0.5, 2.0)(Box(0, 0, 100, 50, "detector", "x", 0.3))
    assert box == Box(35, -35, 85, 65, "landmarks", "ibug68", 0.3)


def test_boxes_of_landmarks_users_and_unknown_detectors_are_tight_already():
    tight = Box(1, 2, 3, 4, "landmarks", "wflw98")
    assert landmark_box(tight) is tight
    for box in (
        Box(1, 2, 3, 4, "user"),
        Box(1, 2, 3, 4, "user", "haar-frontal"),
        Box(1, 2, 3, 4, "detector", "of my own"),
        Box(1, 2, 3, 4, "detector"),
    ):
        assert landmark_box(box) == Box(1, 2, 3, 4, "landmarks", "ibug68")


def test_every_cascade_has_a_rule():
    assert {cascade.source for cascade in detect._CASCADES} <= set(BOX_RULES)


def test_the_default_is_haar_and_made_once():
    assert default_detector().name == "haar"
    assert default_detector() is default_detector()
    assert detectors_available()["haar"] is None
    assert "no such YuNet file" in detectors_available()["yunet"]


def test_missing_cascades_are_said(monkeypatch, tmp_path):
    monkeypatch.setattr(cv2.data, "haarcascades", str(tmp_path))
    with pytest.raises(UnavailableError, match="came without haarcascade_frontalface"):
        HaarCascades()
    assert "install opencv-python-headless below 5" in detectors_available()["haar"]


def test_opencv_without_its_data_module(monkeypatch):
    monkeypatch.delattr(cv2, "data")
    with pytest.raises(UnavailableError, match="came without"):
        HaarCascades()


def test_a_yunet_file_that_is_none(tmp_path):
    with pytest.raises(UnavailableError, match="no such YuNet file"):
        default_detector(tmp_path / "none.onnx")
    file = tmp_path / "text.onnx"
    file.write_text("no network")
    with pytest.raises(CheckpointError, match="is not a YuNet file"):
        YuNet(file)


def test_the_variable_names_a_yunet_file(monkeypatch, tmp_path):
    monkeypatch.setenv(detect.YUNET_VARIABLE, str(tmp_path / "mine.onnx"))
    with pytest.raises(UnavailableError, match=r"mine\.onnx"):
        default_detector()


class FakeYN:
    """What `cv2.FaceDetectorYN` promises, for a network that sees what it is told."""

    def __init__(self, rows):
        self.rows, self.size = rows, None

    def setInputSize(self, size):  # noqa: N802
        self.size = tuple(size)

    def detect(self, image):
        assert self.size == (image.shape[1], image.shape[0])
        self.pixel = image[0, 0].tolist()
        return 1, self.rows


def fake_yunet(monkeypatch, tmp_path, rows):
    network = FakeYN(rows)
    monkeypatch.setattr(cv2.FaceDetectorYN, "create", lambda *arguments: network)
    (tmp_path / "yunet.onnx").touch()
    return YuNet(tmp_path / "yunet.onnx"), network


def test_yunet_maps_its_boxes_back(monkeypatch, tmp_path):
    rows = np.zeros((2, 15), np.float32)
    rows[:, :4], rows[:, 14] = [[10, 20, 30, 40], [200, 20, 30, 40]], [0.7, 0.9]
    yunet, network = fake_yunet(monkeypatch, tmp_path, rows)
    image = np.zeros((640, 1280, 3), np.uint8)
    image[..., 0] = 255
    best, second = yunet.detect(image)
    assert network.size == (640, 320)
    assert network.pixel == [0, 0, 255]
    assert best.score == pytest.approx(0.9)
    # Twice the size: the left edge of pixel 10, at 9.5, is that of pixel 20.
    assert second.xyxy == (19.5, 39.5, 79.5, 119.5)
    assert (second.kind, second.source) == ("detector", "yunet")


def test_yunet_finds_nobody(monkeypatch, tmp_path):
    yunet, _ = fake_yunet(monkeypatch, tmp_path, None)
    assert yunet.detect(np.zeros((9, 9, 3), np.uint8)) == []


def serve(monkeypatch, data):
    calls = []

    def urlopen(url, timeout):
        calls.append((url, timeout))
        if isinstance(data, Exception):
            raise data
        return io.BytesIO(data)

    monkeypatch.setattr(detect.urllib.request, "urlopen", urlopen)
    return calls


def test_yunet_is_downloaded_once(monkeypatch):
    calls = serve(monkeypatch, b"the network")
    monkeypatch.setattr(detect, "YUNET_SHA256", hashlib.sha256(b"the network").hexdigest())
    assert download_yunet() == download_yunet() == yunet_path()
    assert yunet_path().read_bytes() == b"the network"
    assert calls == [(detect.YUNET_URL, 10.0)]
    assert [path.name for path in yunet_path().parent.iterdir()] == [yunet_path().name]


@pytest.mark.parametrize("answer", [b"<html>", URLError("no network"), TimeoutError("timed out")])
def test_a_failed_download_leaves_nothing(monkeypatch, answer):
    serve(monkeypatch, answer)
    with pytest.raises(UnavailableError, match=r"^https://media\.githubusercontent\.com/.*: (cannot|gave)"):
        download_yunet()
    assert not yunet_path().exists()


def test_the_labelled_faces_of_real_photos_are_found(shared_data, haar):
    """At least 21 of the 24 faces of ``photos``: the bar of the first release."""
    hits = 0
    for path in find_images(shared_data / "photos"):
        points = np.loadtxt(path.with_suffix(".pts")) - 1
        face = Box.around(points, "ibug68")
        hits += any(landmark_box(box).iou(face) >= 0.4 for box in haar.detect(ImageFile(path).load()))
    assert hits >= 21

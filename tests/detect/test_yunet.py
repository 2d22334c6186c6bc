import hashlib
import io
from urllib.error import URLError

import cv2
import numpy as np
import pytest

from labelkit.detect import default_detector, yunet
from labelkit.detect.yunet import YuNet, download_yunet, yunet_path
from labelkit.errors import CheckpointError, UnavailableError


def test_a_yunet_file_that_is_none(tmp_path):
    with pytest.raises(UnavailableError, match="no such YuNet file"):
        default_detector(tmp_path / "none.onnx")
    file = tmp_path / "text.onnx"
    file.write_text("no network")
    with pytest.raises(CheckpointError, match="is not a YuNet file"):
        YuNet(file)


def test_the_variable_names_a_yunet_file(monkeypatch, tmp_path):
    monkeypatch.setenv(yunet.YUNET_VARIABLE, str(tmp_path / "mine.onnx"))
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
    detector, network = fake_yunet(monkeypatch, tmp_path, rows)
    image = np.zeros((640, 1280, 3), np.uint8)
    image[..., 0] = 255
    best, second = detector.detect(image)
    assert network.size == (640, 320)
    assert network.pixel == [0, 0, 255]
    assert best.score == pytest.approx(0.9)
    # Twice the size: the left edge of pixel 10, at 9.5, is that of pixel 20.
    assert second.xyxy == (19.5, 39.5, 79.5, 119.5)
    assert (second.kind, second.source) == ("detector", "yunet")


def test_yunet_finds_nobody(monkeypatch, tmp_path):
    detector, _ = fake_yunet(monkeypatch, tmp_path, None)
    assert detector.detect(np.zeros((9, 9, 3), np.uint8)) == []


def serve(monkeypatch, data):
    calls = []

    def urlopen(url, timeout):
        calls.append((url, timeout))
        if isinstance(data, Exception):
            raise data
        return io.BytesIO(data)

    monkeypatch.setattr(yunet.urllib.request, "urlopen", urlopen)
    return calls


def test_yunet_is_downloaded_once(monkeypatch):
    calls = serve(monkeypatch, b"the network")
    monkeypatch.setattr(yunet, "YUNET_SHA256", hashlib.sha256(b"the network").hexdigest())
    assert download_yunet() == download_yunet() == yunet_path()
    assert yunet_path().read_bytes() == b"the network"
    assert calls == [(yunet.YUNET_URL, 10.0)]
    assert [path.name for path in yunet_path().parent.iterdir()] == [yunet_path().name]


@pytest.mark.parametrize("answer", [b"<html>", URLError("no network"), TimeoutError("timed out")])
def test_a_failed_download_leaves_nothing(monkeypatch, answer):
    serve(monkeypatch, answer)
    with pytest.raises(UnavailableError, match=r"^https://media\.githubusercontent\.com/.*: (cannot|gave)"):
        download_yunet()
    assert not yunet_path().exists()

"""YuNet (Wu et al. 2023), a face detector of the OpenCV Zoo, for those who have its file."""

from __future__ import annotations

import hashlib
import os
import threading
import urllib.request
from pathlib import Path

import cv2
import numpy as np

from labelkit.atomic import replacing
from labelkit.detect.boxes import checked, suppressed, to_image
from labelkit.errors import CheckpointError, UnavailableError
from labelkit.geometry import Box
from labelkit.images import RGBImage, shrunk

YUNET_URL = (
    "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/"
    "models/face_detection_yunet/face_detection_yunet_2023mar.onnx"
)
#: Size and checksum as the Git LFS pointer in opencv/opencv_zoo gives them.
YUNET_SIZE = 232_589
YUNET_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"

#: Names a YuNet file that is used before any other.
YUNET_VARIABLE = "LABELKIT_YUNET"


class YuNet:
    """YuNet (Wu et al. 2023) through OpenCV, from an ONNX file of the OpenCV Zoo.

    Raises `UnavailableError` when there is no such file, `CheckpointError` when OpenCV cannot
    read it.
    """

    name = "yunet"

    def __init__(self, onnx_path: str | Path, min_score: float = 0.6, side: int = 640) -> None:
        path = Path(onnx_path)
        if not path.is_file():
            raise UnavailableError(f"{path}: there is no such YuNet file")
        try:
            self._network = cv2.FaceDetectorYN.create(str(path), "", (side, side), min_score)
        except cv2.error as error:
            problem = f"is not a YuNet file that OpenCV {cv2.__version__} reads"
            raise CheckpointError(f"{path}: {problem}") from error
        self._side = side
        self._lock = threading.Lock()  # the size of the input is set before every image

    def detect(self, image: RGBImage) -> list[Box]:
        """Faces in (H, W, 3) uint8 RGB, best first."""
        small = cv2.cvtColor(shrunk(checked(image), self._side), cv2.COLOR_RGB2BGR)
        with self._lock:
            self._network.setInputSize(small.shape[1::-1])
            _, found = self._network.detect(small)
        # Rows of x, y, width, height, five points, score; None for nobody.
        rows = np.zeros((0, 15)) if found is None else np.asarray(found, np.float64)
        return suppressed(
            Box(*to_image(row[:4], small.shape, image.shape), "detector", self.name, float(row[14]))
            for row in rows
            if row[2:4].min() > 0
        )


def cache_folder() -> Path:
    """Where downloads are kept: ``LABELKIT_CACHE``, else ``labelkit`` in the user's cache folder."""
    given = os.environ.get("LABELKIT_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    return Path(given) if given else Path(base) / "labelkit"


def yunet_path() -> Path:
    """Where `download_yunet` puts the file, and where it is looked for."""
    return cache_folder() / Path(YUNET_URL).name


def download_yunet(timeout: float = 10.0) -> Path:
    """Fetches YuNet from the OpenCV Zoo into the cache, unless it is there; returns its path.

    Raises `UnavailableError` when the network does not allow it or the file is not the one whose
    checksum is known; nothing is left behind then.
    """
    target = yunet_path()
    if target.is_file() and _is_yunet(target.read_bytes()):
        return target
    try:
        with urllib.request.urlopen(YUNET_URL, timeout=timeout) as answer:
            data = answer.read(YUNET_SIZE + 1)
    except (OSError, ValueError) as error:
        raise UnavailableError(f"{YUNET_URL}: cannot be fetched ({error})") from error
    if not _is_yunet(data):
        raise UnavailableError(f"{YUNET_URL}: gave another file than expected ({len(data)} bytes)")
    with replacing(target) as draft:
        draft.write_bytes(data)
    return target


def _is_yunet(data: bytes) -> bool:
    return hashlib.sha256(data).hexdigest() == YUNET_SHA256

"""Face boxes in photos: YuNet where its file is at hand, else OpenCV's Haar cascades.

A detector is anything with a ``name`` and a ``detect(image)`` (`Detector`). Its boxes frame the
face in its own way; `boxrules.landmark_box` says what that means for the landmarks. An image in
which nobody is found gives an empty list.
"""

from __future__ import annotations

import hashlib
import math
import os
import threading
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelkit.atomic import replacing
from labelkit.boxrules import landmark_box
from labelkit.errors import CheckpointError, InputError, LabelkitError, UnavailableError
from labelkit.geometry import Box, Similarity, resize_points
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

#: Two boxes are of the same face when they share more than this of the smaller one.
SAME_FACE = 0.5

_Edges = tuple[float, float, float, float]


@runtime_checkable
class Detector(Protocol):
    """Whatever finds faces."""

    @property
    def name(self) -> str: ...

    def detect(self, image: RGBImage) -> list[Box]:
        """The faces in an image (H, W, 3) of uint8 RGB: boxes of kind ``detector`` in image px,
        with a score from 0 to 1, best first."""
        ...


@dataclass(frozen=True)
class _Cascade:
    """One of OpenCV's cascades and how it is run: chosen on ``scenes/dev``, where 94.7 % of the
    labelled faces are found with 0.32 other boxes a photo (benchmarks/fit_box_rules.py)."""

    source: str
    file: str
    mirrored: bool
    side: int  # the longer side, in px, of the copy that is searched
    step: float  # from one size of face to the next
    smallest: int  # the smallest face, in px of that copy
    neighbours: int  # more windows than this must agree
    half: float  # of the boxes on which this many windows agree, half are labelled faces


_CASCADES = (
    _Cascade("haar-frontal", "haarcascade_frontalface_alt2.xml", False, 448, 1.1, 30, 2, 3.25),
    _Cascade("haar-profile", "haarcascade_profileface.xml", False, 320, 1.2, 24, 1, 1.65),
    _Cascade("haar-profile-mirrored", "haarcascade_profileface.xml", True, 320, 1.2, 24, 1, 1.65),
)


#: By how much the image is turned where nobody is found, in radians: 30 degrees.
_LEANING = math.pi / 6


class HaarCascades:
    """OpenCV's bundled cascades (Viola and Jones 2001): frontal, and profile on the image and on
    its mirror image; where they find nobody, frontal once more on the image turned to either side.

    The score is n / (n + half), n being the number of windows that agree on a box: roughly the
    share of such boxes that are faces. Raises `UnavailableError` when OpenCV came without the
    cascades' files.
    """

    name = "haar"

    def __init__(self) -> None:
        self._classifiers = {cascade.file: _classifier(cascade.file) for cascade in _CASCADES}
        self._lock = threading.Lock()  # a classifier keeps the image it works on

    def detect(self, image: RGBImage) -> list[Box]:
        """Faces in (H, W, 3) uint8 RGB, best first, one box each."""
        return suppressed(self.candidates(image) or self._leaning(image))

    def candidates(self, image: RGBImage) -> list[Box]:
        """What every cascade found, before boxes of the same face are put together."""
        grey = _grey(image)
        return [box for cascade in _CASCADES for box in self._search(cascade, grey)]

    def _leaning(self, image: RGBImage) -> list[Box]:
        """Frontal faces in the image turned by `_LEANING`, brought back as tight boxes."""
        grey = _grey(image)
        boxes = []
        for angle in (-_LEANING, _LEANING):
            turn = _turn_about_centre(angle, grey.shape)
            turned = cast(NDArray[np.uint8], cv2.warpAffine(grey, turn.matrix, grey.shape[::-1]))
            found = self._search(_CASCADES[0], turned)
            boxes += [_turned_back(landmark_box(box), turn.inverse()) for box in found]
        return boxes

    def windows(self, box: Box) -> float:
        """How many windows agreed on a box of this detector: the score, undone."""
        half = next(cascade.half for cascade in _CASCADES if cascade.source == box.source)
        score = box.score or 0.0
        return half * score / (1 - score)

    def _search(self, cascade: _Cascade, grey: NDArray[np.uint8]) -> list[Box]:
        small = shrunk(grey, cascade.side)
        with self._lock:
            found, counts = self._classifiers[cascade.file].detectMultiScale2(
                np.ascontiguousarray(small[:, ::-1]) if cascade.mirrored else small,
                scaleFactor=cascade.step,
                minNeighbors=cascade.neighbours,
                minSize=(cascade.smallest, cascade.smallest),
            )
        boxes = []
        for rectangle, count in zip(found, counts, strict=True):
            edges = _to_image(rectangle, small.shape, grey.shape)
            box = Box(*edges, "detector", cascade.source, float(count / (count + cascade.half)))
            boxes.append(box.flipped(grey.shape[1]) if cascade.mirrored else box)
        return boxes


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
        small = cv2.cvtColor(shrunk(_checked(image), self._side), cv2.COLOR_RGB2BGR)
        with self._lock:
            self._network.setInputSize(small.shape[1::-1])
            _, found = self._network.detect(small)
        # Rows of x, y, width, height, five points, score; None for nobody.
        rows = np.zeros((0, 15)) if found is None else np.asarray(found, np.float64)
        return suppressed(
            Box(*_to_image(row[:4], small.shape, image.shape), "detector", self.name, float(row[14]))
            for row in rows
            if row[2:4].min() > 0
        )


def detect_faces(image: RGBImage, detector: Detector | None = None) -> list[Box]:
    """The faces in an image (H, W, 3) of uint8 RGB, best first; empty where nobody is found.

    Without a detector, `default_detector` decides. Raises `InputError` for an array of another
    kind.
    """
    return (detector or default_detector()).detect(_checked(image))


def default_detector(yunet: str | Path | None = None) -> Detector:
    """YuNet from the file ``yunet``, from the one that ``LABELKIT_YUNET`` names or from the
    cache (`download_yunet` puts it there), in this order; else the Haar cascades."""
    given = yunet or os.environ.get(YUNET_VARIABLE)
    cached = yunet_path()
    return _loaded(Path(given) if given else cached if cached.is_file() else None)


def detectors_available() -> dict[str, str | None]:
    """For every detector None when it can be used, else what is missing."""
    given = os.environ.get(YUNET_VARIABLE)
    return {
        "yunet": _problem(lambda: YuNet(given or yunet_path())),
        "haar": _problem(HaarCascades),
    }


def suppressed(boxes: Iterable[Box], same: float = SAME_FACE) -> list[Box]:
    """Non-maximum suppression: best first, without those that share more than ``same`` of the
    smaller box with a better one.

    Boxes are compared by what they say about the landmarks, because detectors frame a face
    differently; by the smaller one, because cascades also find faces in chins and cheeks.
    """
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda box: -(box.score or 0)):
        if all(_shared(landmark_box(box), landmark_box(other)) <= same for other in kept):
            kept.append(box)
    return kept


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


@lru_cache(maxsize=4)
def _loaded(yunet: Path | None) -> Detector:
    return HaarCascades() if yunet is None else YuNet(yunet)


def _classifier(file: str) -> cv2.CascadeClassifier:
    path = Path(getattr(getattr(cv2, "data", None), "haarcascades", ""), file)
    classifier = cv2.CascadeClassifier(str(path)) if path.is_file() else cv2.CascadeClassifier()
    if classifier.empty():
        raise UnavailableError(
            f"OpenCV {cv2.__version__} came without {file}: install opencv-python-headless below 5, "
            f"or give a YuNet file in {YUNET_VARIABLE}"
        )
    return classifier


def _checked(image: RGBImage) -> RGBImage:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise InputError(f"an image is an array (H, W, 3) of uint8, not {image.shape} of {image.dtype}")
    return image


def _grey(image: RGBImage) -> NDArray[np.uint8]:
    return cast(NDArray[np.uint8], cv2.cvtColor(_checked(image), cv2.COLOR_RGB2GRAY))


def _turn_about_centre(angle: float, shape: tuple[int, ...]) -> Similarity:
    """Turns an image of ``shape`` by ``angle`` (clockwise, radians) about its own centre."""
    centre = np.array([shape[1] - 1, shape[0] - 1]) / 2
    turn = Similarity(math.cos(angle), math.sin(angle), 0.0, 0.0)
    tx, ty = centre - turn(centre)
    return replace(turn, tx=float(tx), ty=float(ty))


def _turned_back(box: Box, back: Similarity) -> Box:
    """The tight box of a face of which ``box`` is the tight box where it stands upright: that of
    the ellipse in ``box``, since the corners of a box around a face are empty."""
    x, y = back(box.center)
    half_w = math.hypot(back.a * box.width, back.b * box.height) / 2
    half_h = math.hypot(back.b * box.width, back.a * box.height) / 2
    edges = (float(x - half_w), float(y - half_h), float(x + half_w), float(y + half_h))
    return Box(*edges, "detector", "haar-leaning", box.score)


def _to_image(rectangle: ArrayLike, small: tuple[int, ...], full: tuple[int, ...]) -> _Edges:
    """x, y, width, height in an image of the shape ``small`` as x0, y0, x1, y1 in one of the
    shape ``full``: the rectangle begins at the outer edge of pixel x, half a pixel before its
    centre."""
    x, y, width, height = np.asarray(rectangle, np.float64)
    x0, x1 = resize_points([x - 0.5, x + width - 0.5], full[1] / small[1])
    y0, y1 = resize_points([y - 0.5, y + height - 0.5], full[0] / small[0])
    return float(x0), float(y0), float(x1), float(y1)


def _shared(first: Box, second: Box) -> float:
    """The part of the smaller box that lies in the other one, 0 to 1."""
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    smaller = min(first.width * first.height, second.width * second.height)
    return max(width, 0) * max(height, 0) / smaller


def _problem(detector: Callable[[], Detector]) -> str | None:
    try:
        detector()
    except LabelkitError as error:
        return str(error)
    return None

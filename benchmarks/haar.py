"""OpenCV's Haar cascades as a detector of labelkit: what its own detector is compared with.

Until labelkit had one, these found the faces. The constants were chosen on ``scenes/dev`` and the
rules that go with their boxes are still in `labelkit.boxrules`, for projects that hold such boxes.
OpenCV 5 came without the cascades' files.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from labelkit.boxrules import landmark_box
from labelkit.detect.boxes import suppressed, to_image
from labelkit.errors import UnavailableError
from labelkit.geometry import Box, Similarity
from labelkit.images import RGBImage, shrunk


@dataclass(frozen=True)
class _Cascade:
    """One of OpenCV's cascades and how it is run: chosen on ``scenes/dev``, where 94.7 % of the
    labelled faces are found at an IoU of 0.4, with 0.32 other boxes a photo."""

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
            edges = to_image(rectangle, small.shape, grey.shape)
            box = Box(*edges, "detector", cascade.source, float(count / (count + cascade.half)))
            boxes.append(box.flipped(grey.shape[1]) if cascade.mirrored else box)
        return boxes


def _classifier(file: str) -> cv2.CascadeClassifier:
    path = Path(getattr(getattr(cv2, "data", None), "haarcascades", ""), file)
    classifier = cv2.CascadeClassifier(str(path)) if path.is_file() else cv2.CascadeClassifier()
    if classifier.empty():
        raise UnavailableError(f"OpenCV {cv2.__version__} came without {file}: it takes a version below 5")
    return classifier


def _grey(image: RGBImage) -> NDArray[np.uint8]:
    return cast(NDArray[np.uint8], cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))


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

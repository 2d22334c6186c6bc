"""Face boxes in photos: YuNet where its file is at hand, else the detector that comes with labelkit.

A detector is anything with a ``name`` and a ``detect(image)`` (`Detector`). Its boxes frame the
face in its own way; `boxrules.landmark_box` says what that means for the landmarks. An image in
which nobody is found gives an empty list.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Protocol, runtime_checkable

from labelkit.detect.boxes import checked, suppressed
from labelkit.detect.own import FaceFinder
from labelkit.detect.yunet import YUNET_VARIABLE, YuNet, cache_folder, download_yunet, yunet_path
from labelkit.errors import LabelkitError
from labelkit.geometry import Box
from labelkit.images import RGBImage

__all__ = [
    "YUNET_VARIABLE",
    "Detector",
    "FaceFinder",
    "YuNet",
    "cache_folder",
    "default_detector",
    "detect_faces",
    "detectors_available",
    "download_yunet",
    "suppressed",
    "yunet_path",
]


@runtime_checkable
class Detector(Protocol):
    """Whatever finds faces."""

    @property
    def name(self) -> str:
        """What its boxes say as their ``source``; `boxrules` goes by it."""
        ...

    def detect(self, image: RGBImage) -> list[Box]:
        """The faces in an image (H, W, 3) of uint8 RGB: boxes of kind ``detector`` in image px,
        with a score from 0 to 1, best first."""
        ...


def detect_faces(image: RGBImage, detector: Detector | None = None) -> list[Box]:
    """The faces in an image (H, W, 3) of uint8 RGB, best first; empty where nobody is found.

    Without a detector, `default_detector` decides. Raises `InputError` for an array of another
    kind.
    """
    return (detector or default_detector()).detect(checked(image))


def default_detector(yunet: str | Path | None = None) -> Detector:
    """YuNet from the file ``yunet``, from the one that ``LABELKIT_YUNET`` names or from the
    cache (`download_yunet` puts it there), in this order; else our own `FaceFinder`."""
    given = yunet or os.environ.get(YUNET_VARIABLE)
    cached = yunet_path()
    return _loaded(Path(given) if given else cached if cached.is_file() else None)


def detectors_available() -> dict[str, str | None]:
    """For every detector None when it can be used, else what is missing."""
    given = os.environ.get(YUNET_VARIABLE)
    return {
        "yunet": _problem(lambda: YuNet(given or yunet_path())),
        FaceFinder.name: _problem(FaceFinder),
    }


@lru_cache(maxsize=4)
def _loaded(yunet: Path | None) -> Detector:
    return FaceFinder() if yunet is None else YuNet(yunet)


def _problem(detector: Callable[[], Detector]) -> str | None:
    try:
        detector()
    except LabelkitError as error:
        return str(error)
    return None

"""Our own face detector: `FaceNet` with the weights that come with the package.

Its box is the tight box of the 68 points of `ibug68`, so that no rule stands between it and the
landmark network. ``labelkit fit detector`` trains one.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from importlib import resources
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from labelkit.detect.boxes import checked, suppressed
from labelkit.errors import CheckpointError, UnavailableError
from labelkit.geometry import Array, Box, freeze
from labelkit.images import RGBImage, shrunk
from labelkit.progress import say_once

if TYPE_CHECKING:
    from labelkit.detect.network import FaceNet, FaceNetConfig

#: The longer side, in px, of the copies that are searched: the coarse one for faces that are larger
#: than any in training.
SIDES = (640, 160)

#: Boxes of a better score are kept. Chosen on ``scenes/dev`` (benchmarks/detector.py).
MIN_SCORE = 0.55

#: Candidates of cells overlap; those that share more than this with the best are averaged into it.
_SAME_BOX = 0.6

#: Images are filled up to a multiple of this, the largest stride.
_MULTIPLE = 32

_Values = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class FoundFace:
    """A face's ``box`` and its ``points`` (5, 2) in image px: eye centres, nose tip, mouth corners,
    the person's right first."""

    box: Box
    points: Array


class FaceFinder:
    """The detector that comes with labelkit; finds faces leaning by up to 60 degrees.

    ``network`` is another file of ``labelkit fit detector``, or a folded network that is at hand. Raises
    `UnavailableError` where there is no such file, `CheckpointError` where it holds something else.
    """

    name = "facefinder"

    def __init__(self, network: FaceNet | str | Path | None = None, min_score: float = MIN_SCORE) -> None:
        if network is None or isinstance(network, (str, Path)):
            network = load_network(Path(network) if network is not None else bundled_weights())
        self._network, self._min_score = network, min_score

    def detect(self, image: RGBImage) -> list[Box]:
        """Faces in (H, W, 3) uint8 RGB, best first."""
        return [face.box for face in self.faces(image)]

    def faces(self, image: RGBImage) -> list[FoundFace]:
        """The same with five points each; raises `InputError` for an array of another kind."""
        checked(image)
        parts: list[tuple[_Values, _Values]] = []
        for side in SIDES:
            small = shrunk(image, side)
            if parts and small.shape == image.shape:
                break  # nothing was shrunk: it has been searched
            scores, shapes = self._search(small)
            factors = np.array(image.shape[1::-1]) / small.shape[1::-1]
            parts.append((scores, (shapes + 0.5) * factors - 0.5))
        scores, shapes = (np.concatenate(column) for column in zip(*parts, strict=True))
        faces = {face.box: face for face in starmap(self._face, merged(scores, shapes))}
        return [faces[box] for box in suppressed(faces)]

    def _search(self, image: RGBImage) -> tuple[_Values, _Values]:
        """Scores (K,) and shapes (K, 7, 2), two corners and five points, in px of ``image``."""
        import torch

        from labelkit.detect.network import normalize

        height, width = (math.ceil(side / _MULTIPLE) * _MULTIPLE for side in image.shape[:2])
        with torch.inference_mode():
            pixels = torch.zeros(1, 3, height, width).contiguous(memory_format=torch.channels_last)
            there = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
            pixels[0, :, : image.shape[0], : image.shape[1]] = normalize(there)
            answers = self._network(pixels)
            scores = answers.logits[0].sigmoid()
            chosen = scores > self._min_score
            corners = answers.boxes[0, chosen].unflatten(1, (2, 2))
            shapes = torch.cat([corners, answers.points[0, chosen]], dim=1)
        return scores[chosen].numpy(), shapes.numpy()

    def _face(self, score: float, shape: Array) -> FoundFace:
        (x0, y0), (x1, y1) = shape[:2].tolist()
        return FoundFace(Box(x0, y0, x1, y1, "detector", self.name, score), freeze(shape[2:]))


def merged(scores: _Values, shapes: _Values) -> list[tuple[float, Array]]:
    """One shape (7, 2) for every bunch of boxes, best first: the mean of those that share
    more than `_SAME_BOX` with the best one, weighted by their scores."""
    order = np.argsort(-scores, kind="stable")
    weights: Array = scores[order].astype(np.float64)
    sorted_shapes: Array = shapes[order].astype(np.float64)
    left = np.ones(len(order), bool)
    found = []
    for first in range(len(order)):
        if left[first]:
            same = left & (_overlap(sorted_shapes[first], sorted_shapes) > _SAME_BOX)
            mean = np.average(sorted_shapes[same], axis=0, weights=weights[same])
            found.append((float(weights[first]), mean))
            left &= ~same
    return found


def bundled_weights() -> Path:
    """The file that comes with the package."""
    return Path(str(resources.files("labelkit"))) / "models" / "weights" / "detector.safetensors"


def load_network(path: Path) -> FaceNet:
    """The network in a file, ready for use."""
    if not path.is_file():
        raise UnavailableError(f"{path}: there is no such detector file")
    from labelkit.checkpoint import load_checkpoint
    from labelkit.detect.network import FaceNet, FaceNetConfig
    from labelkit.nn.loading import filled, shown

    tensors, card = load_checkpoint(path)
    if card.get("kind") != "detector":
        raise CheckpointError(f"{path}: holds {shown(card.get('kind'))}, not a face detector")
    try:
        config = FaceNetConfig.from_dict(card.get("architecture"))
        network = filled(lambda: FaceNet(config).fold(), tensors)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    if card.get("terms"):
        say_once(f"face detector: {card['terms']}")
    return network.requires_grad_(False).eval()


def save_network(path: Path, network: FaceNet, config: FaceNetConfig, card: dict[str, Any]) -> str:
    """Write a folded network in fp16 with its card; returns the content hash."""
    tensors = {name: value.half() for name, value in network.state_dict().items()}
    from labelkit.checkpoint import save_checkpoint

    return save_checkpoint(path, tensors, {"kind": "detector", "architecture": asdict(config), **card})


def _overlap(one: Array, many: Array) -> Array:
    """Intersection over union of a shape's box with those of (K, 7, 2)."""
    low, high = np.maximum(one[0], many[:, 0]), np.minimum(one[1], many[:, 1])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    areas = np.prod(one[1] - one[0]) + np.prod(many[:, 1] - many[:, 0], axis=1)
    return np.asarray(shared / (areas - shared))

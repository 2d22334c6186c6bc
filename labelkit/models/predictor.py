"""A trained TUFA network as the `Model` that the rest of labelkit talks to."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labelkit.boxrules import landmark_box
from labelkit.errors import BoxError, InputError, UnavailableError
from labelkit.geometry import Array, Box, Crop
from labelkit.models.refiner import Refiner
from labelkit.models.tufa import TUFA, Memory
from labelkit.models.tuned import PointHeads
from labelkit.nn.normalize import normalize
from labelkit.prediction import BoxLike, Prediction
from labelkit.sampling import sample_crop
from labelkit.scheme import Scheme, load_scheme

Precision = Literal["auto", "bf16", "fp16", "fp32"]
Image = NDArray[np.uint8]

#: A scheme whose own box on the plane is smaller than this says too little about the face.
SMALLEST_PLANE_BOX = 0.5


class Placed(NamedTuple):
    """``points`` (N, 2) and ``anchors`` (A, 2) of one face, in units of its crop."""

    points: Array
    anchors: Array


class LandmarkModel:
    """Places the points of any scheme on faces.

    ``card`` is the checkpoint's; ``offsets`` its semantic alignment offsets (N, 2) by
    dataset; ``heads`` what it was fine-tuned to, which goes by places on the plane and is used
    wherever one of them is asked for; ``refiner`` its refinement head. Predictions of a model without one
    carry no spread: ``cov`` and ``confidence`` are NaN.
    """

    def __init__(
        self,
        network: TUFA,
        card: dict[str, Any],
        offsets: dict[str, Array],
        device: torch.device,
        precision: Precision = "auto",
        heads: PointHeads | None = None,
        refiner: Refiner | None = None,
    ) -> None:
        self.refiner = refiner
        self.heads = heads.to(device) if heads is not None else None
        self.network = network.eval().to(device)
        self.card, self.offsets, self.device = card, offsets, device
        self.size: int = card["architecture"]["size"]
        self.dtype = _dtype(precision, device)
        if device.type == "cpu":
            self.network = self.network.to(memory_format=torch.channels_last)

    @property
    def name(self) -> str:
        """The name in the model's card."""
        return str(self.card["name"])

    @property
    def id(self) -> str:
        """Name and content hash, and those of the refinement head where there is one:
        ``base@0123456789ab+refine@0123456789ab``."""
        return self.id_of(refine=True)

    def id_of(self, refine: bool) -> str:
        """What predictions say that made them, with or without the refinement head."""
        own = f"{self.name}@{str(self.card['hash'])[:12]}"
        return f"{own}+{self.refiner.id}" if refine and self.refiner is not None else own

    @property
    def terms(self) -> str:
        """On what terms the weights may be used, those of the refinement head among them."""
        cards = [self.card, *([self.refiner.card] if self.refiner is not None else [])]
        return "; ".join(dict.fromkeys(str(card["terms"]) for card in cards if card.get("terms")))

    def with_network(self, network: TUFA, heads: PointHeads | None) -> LandmarkModel:
        """The same model with these weights and heads; its card, hence its id, is still the old one."""
        other = copy.copy(self)
        other.network, other.heads = network, heads.to(self.device) if heads is not None else None
        other.refiner = None  # it was made for the old weights, and knows nothing of the heads
        return other

    def predict(
        self,
        images: Sequence[Image],
        boxes: Sequence[BoxLike],
        scheme: Scheme | str,
        *,
        passes: int | None = None,
        flip: bool = False,
        dataset: str | None = None,
        refine: bool = True,
        batch: int = 16,
    ) -> list[Prediction]:
        """One prediction per face; ``images`` RGB uint8 (H, W, 3), one per box.

        A plain tuple is the tight box of the scheme's own landmarks. ``passes`` is how
        often the crop is cut: once, or again from the points that the pass before found;
        None means once for boxes of kind ``landmarks``, twice for a detector's or user's.
        ``flip`` averages with the mirrored image. ``dataset`` asks for the points as a
        trained dataset means them, by adding its offsets A to the plane. ``refine`` hands the
        points to the refinement head, where the model has one: better points, with their spread.
        Raises `BoxError` for a box from which the face cannot be placed.
        """
        scheme = load_scheme(scheme)
        if len(images) != len(boxes):
            raise InputError(f"{len(images)} images for {len(boxes)} boxes")
        wanted = [passes or default_passes(box) for box in boxes]
        crops = [first_crop(box, scheme) for box in boxes]
        plane = self.prompts(scheme, dataset)
        found = [Placed(np.empty((0, 2)), np.empty((0, 2)))] * len(images)
        for number in range(max(wanted, default=0)):
            turn = [i for i in range(len(images)) if wanted[i] > number]
            for some in _chunks(turn, batch):
                points, anchors = self.place([images[i] for i in some], [crops[i] for i in some], plane, flip)
                for row, i in enumerate(some):
                    found[i] = Placed(points[row], anchors[row])
                    if number + 1 < wanted[i]:
                        crops[i] = self.next_crop(crops[i], points[row], anchors[row], plane)
        told: list[Prediction] = []
        for some in _chunks(range(len(images)), batch):
            mine = [crops[i] for i in some]
            told += self.told(
                [images[i] for i in some], mine, [found[i] for i in some], plane, scheme, flip, refine
            )
        return told

    def told(
        self,
        images: Sequence[Image],
        crops: Sequence[Crop],
        found: Sequence[Placed],
        plane: Array,
        scheme: Scheme,
        flip: bool = False,
        refine: bool = True,
    ) -> list[Prediction]:
        """The predictions of one batch from what was placed in its crops; ``images`` are looked at only
        to ``refine``."""
        ident = self.id_of(refine)
        if not refine or self.refiner is None or not found:
            placed = [crop.points_to_image(face.points) for crop, face in zip(crops, found, strict=True)]
            return [Prediction(xy, ident, crop, scheme.name) for xy, crop in zip(placed, crops, strict=True)]
        points, anchors = (
            np.stack([face.points for face in found]),
            np.stack([face.anchors for face in found]),
        )
        better = self.refiner.refine(images, crops, points, anchors, plane, flip)
        return [
            Prediction(face.xy, ident, crop, scheme.name, face.cov, face.confidence)
            for face, crop in zip(better, crops, strict=True)
        ]

    def prompts(self, scheme: Scheme, dataset: str | None = None) -> Array:
        """Where on the plane the network is asked, (N, 2); raises `InputError` for a
        dataset that the checkpoint holds no offsets of, or of another scheme."""
        if dataset is None:
            return scheme.plane
        if dataset not in self.offsets or len(self.offsets[dataset]) != len(scheme):
            raise InputError(
                f"model {self.name!r} holds no offsets of {dataset!r} for {scheme.name!r}; "
                f"it has {', '.join(self.offsets) or 'none'}"
            )
        return scheme.plane + self.offsets[dataset]

    def place(
        self, images: Sequence[Image], crops: Sequence[Crop], plane: Array, flip: bool = False
    ) -> tuple[Array, Array]:
        """Points (B, N, 2) and anchors (B, A, 2) in crop units for one batch of crops."""
        samples = [sample_crop(image, crop, self.size) for image, crop in zip(images, crops, strict=True)]
        pixels, valid = np.stack([s[0] for s in samples]), np.stack([s[1] for s in samples])
        return self.place_pixels(pixels, valid, plane, flip)

    @torch.inference_mode()
    def place_pixels(
        self, pixels: Image, valid: NDArray[np.bool_], plane: Array, flip: bool = False
    ) -> tuple[Array, Array]:
        """As `place`, from sampled crops: ``pixels`` (B, S, S, 3), ``valid`` (B, S, S)."""
        images, inside = self._inputs(pixels, valid)
        points, anchors = self._run(images, inside, plane)
        if flip:
            # The mirrored plane asks the mirrored face for the same points, so no mirror
            # table is needed and the average is symmetric for any scheme.
            mirrored, mirrored_anchors = self._run(images.flip(3), inside.flip(3), plane * (-1, 1))
            points = (points + mirrored * (-1, 1)) / 2
            anchors = (anchors + mirrored_anchors[:, self._anchor_mirror()] * (-1, 1)) / 2
        return points, anchors

    @torch.inference_mode()
    def remember(self, pixels: Image, valid: NDArray[np.bool_]) -> Memory:
        """What the network knows of sampled crops (as in `place_pixels`) before anybody asks
        for a point: while only the plane changes, it can be kept."""
        return self._memory(*self._inputs(pixels, valid))

    @torch.inference_mode()
    def recall(self, memory: Memory, plane: Array) -> Array:
        """Points (B, N, 2) in crop units for the plane points (N, 2), from what was kept."""
        batch = len(memory.image[0].keys)
        prompts = torch.tensor(plane, dtype=torch.float32, device=self.device).expand(batch, -1, -1)
        own = self.heads.at(plane) if self.heads is not None else None
        with self._autocast():
            return _numpy(self.network.decode(memory, prompts, own=own)[-1])

    @torch.inference_mode()
    def read(self, pixels: Image, valid: NDArray[np.bool_], plane: Array, mirrored: bool = False) -> Tensor:
        """What the network's head reads of plane points (N, 2) before the last step, (B, N, C) float32:
        for fitting heads of single points. ``mirrored`` looks at the mirrored crops."""
        images, inside = self._inputs(pixels, valid)
        if mirrored:
            images, inside = images.flip(3), inside.flip(3)
        memory = self._memory(images, inside)
        prompts = torch.tensor(plane, dtype=torch.float32, device=self.device).expand(len(pixels), -1, -1)
        with self._autocast():
            return self.network.read(memory, prompts).float()

    def next_crop(self, crop: Crop, points: Array, anchors: Array, plane: Array) -> Crop:
        """The crop of the least-squares similarity to what was found in ``crop``.

        The anchors spread over the whole face whatever the scheme is, so they decide where
        there are any.
        """
        source, found = (self.anchors, anchors) if len(self.anchors) else (plane, points)
        return Crop.from_landmarks(source, crop.points_to_image(found))

    @property
    def anchors(self) -> Array:
        """The network's anchors on the plane, (A, 2)."""
        return np.asarray(self.network.anchors.cpu().numpy(), np.float64)

    def network_rate(
        self,
        points: int,
        batch: int = 16,
        seconds: float = 2.0,
        *,
        passes: int = 1,
        flip: bool = False,
        refine: bool = True,
    ) -> float:
        """Faces a second of the network alone, on made-up crops already in memory; its refinement head
        is part of it where there is one. ``passes``, ``flip`` and ``refine`` as in `predict`."""
        rng = np.random.default_rng(0)
        plane = rng.uniform(-0.6, 0.6, (points, 2))
        pixels, valid = _made_up(rng, batch, self.size)
        head = self.refiner if refine else None
        closer = _made_up(rng, batch, head.size) if head is not None else None
        start, anchors = (np.tile(places, (batch, 1, 1)) for places in (plane, self.anchors))
        times: list[float] = []
        while len(times) < 4 or sum(times) < seconds:
            started = time.perf_counter()
            for _ in range(passes):
                self.place_pixels(pixels, valid, plane, flip)
            if head is not None and closer is not None:
                head.refine_pixels(*closer, plane, start, anchors, flip)
            times.append(time.perf_counter() - started)
        return batch / float(np.median(times[1:]))

    def _inputs(self, pixels: Image, valid: NDArray[np.bool_]) -> tuple[Tensor, Tensor]:
        inside = torch.from_numpy(valid).to(self.device)[:, None].float()
        images = torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2).float() / 255
        return normalize(images, inside), inside

    def _memory(self, images: Tensor, valid: Tensor) -> Memory:
        if self.device.type == "cpu":
            images = images.contiguous(memory_format=torch.channels_last)
        with self._autocast():
            return self.network.encode(images, valid)

    def _run(self, images: Tensor, valid: Tensor, plane: Array) -> tuple[Array, Array]:
        memory = self._memory(images, valid)
        points = self.recall(memory, plane)
        anchors = points[:, :0] if memory.anchor_points is None else _numpy(memory.anchor_points[-1])
        return points, anchors

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.dtype is torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def _anchor_mirror(self) -> NDArray[np.intp]:
        """For every anchor the anchor at its mirrored place."""
        mirrored = self.anchors * (-1, 1)
        distance = np.abs(mirrored[:, None] - self.anchors[None]).sum(axis=2)
        return np.asarray(distance.argmin(axis=1)) if len(distance) else np.empty(0, np.intp)


def _made_up(rng: np.random.Generator, batch: int, size: int) -> tuple[Image, NDArray[np.bool_]]:
    """Crops of noise, (B, S, S, 3), and where they lie on their photos, (B, S, S): everywhere."""
    pixels = rng.integers(0, 256, (batch, size, size, 3), dtype=np.uint8)
    return pixels, np.ones(pixels.shape[:3], np.bool_)


def first_crop(box: BoxLike, scheme: Scheme) -> Crop:
    """The upright crop that a box alone gives (DESIGN, section 4).

    Raises `BoxError` when the box belongs to a scheme that is too small on the plane.
    """
    known = landmark_box(box if isinstance(box, Box) else Box(*box, kind="landmarks", source=scheme.name))
    owner = scheme if known.source in (None, scheme.name) else load_scheme(str(known.source))
    x0, y0, x1, y1 = owner.plane_box
    if min(x1 - x0, y1 - y0) < SMALLEST_PLANE_BOX:
        raise BoxError(
            f"the points of scheme {owner.name!r} cover too little of the face for their box to place it; "
            "give a face box: Box(..., kind='user'), or of kind 'detector'"
        )
    return Crop.from_box(known, owner.plane_box)


def default_passes(box: BoxLike) -> int:
    """A box of unknown habits is only a start; one around true landmarks is not."""
    return 2 if isinstance(box, Box) and box.kind != "landmarks" else 1


def choose_device(device: str) -> torch.device:
    """``auto`` takes CUDA, then MPS, then the CPU; raises `UnavailableError` for a device
    that is not there."""
    mps = torch.backends.mps.is_available()
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if mps else "cpu")
    kind = device.split(":")[0]
    if kind not in ("cpu", "cuda", "mps"):
        raise InputError(f"no device is called {device!r}: auto, cpu, cuda, cuda:N or mps")
    if (kind == "cuda" and not torch.cuda.is_available()) or (kind == "mps" and not mps):
        raise UnavailableError(f"the device {device!r} was asked for, but torch finds none here")
    return torch.device(device)


def _dtype(precision: Precision, device: torch.device) -> torch.dtype:
    if precision == "auto":
        if device.type == "cpu" and not _quick_bf16():
            return torch.float32
        return torch.float16 if device.type == "mps" else torch.bfloat16
    try:
        return {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[precision]
    except KeyError:
        raise InputError(f"no precision is called {precision!r}: auto, bf16, fp16 or fp32") from None


def _quick_bf16() -> bool:
    """Whether this CPU multiplies bf16; where torch comes without oneDNN nobody can be asked."""
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _chunks(items: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (items[i : i + size] for i in range(0, len(items), size))


def _numpy(tensor: Tensor) -> Array:
    return tensor.float().cpu().numpy().astype(np.float64)

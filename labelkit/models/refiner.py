"""A trained refinement head behind the model for which it was made: better points, and their spread."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labelkit.calibration import Calibration, Readout
from labelkit.checkpoint import load_checkpoint, save_checkpoint
from labelkit.errors import CheckpointError
from labelkit.geometry import PLANE_IOD, Array, Crop, Similarity
from labelkit.models.build import DSLPTConfig, build_dslpt
from labelkit.models.dslpt import DSLPT
from labelkit.models.heads import head_files, head_of, made_for
from labelkit.models.tuned import RefinedHeads, answered
from labelkit.nn.loading import filled, shown
from labelkit.nn.normalize import normalize
from labelkit.sampling import sample_crop

#: What the card of a refinement head calls it.
KIND = "dslpt"

#: How wide the edge of the window is, within which less and less of a step is taken, in its units.
_EDGE = 0.1

#: How the tensors are called that were fine-tuned to a scheme.
_TUNED = "tuned."

Image = NDArray[np.uint8]

_log = logging.getLogger("labelkit")
_skipped: set[Path] = set()


class Refinement(NamedTuple):
    """``xy`` (N, 2) image px, ``cov`` (N, 2, 2) px², ``confidence`` (N,)."""

    xy: Array
    cov: Array
    confidence: Array


class Look(NamedTuple):
    """What a head makes of windows: ``step`` and ``variance`` (B, N, 2) in their units, and ``read``
    (B, N, C + 2), from what the step was read and the step: what heads of single points read."""

    step: Array
    variance: Array
    read: Tensor


class Refiner:
    """Refines points on crops of the photo that it cuts itself, around the anchors that the model found.

    The crop shows a fixed window of the plane, whatever is asked for, so that points do not move when
    others are added. ``heads`` is what it was fine-tuned to, which goes by places on the plane.
    """

    def __init__(
        self,
        network: DSLPT,
        card: Mapping[str, Any],
        device: torch.device,
        dtype: torch.dtype,
        heads: RefinedHeads | None = None,
    ) -> None:
        self.heads = heads.to(device) if heads is not None else None
        self.network = network.eval().to(device)
        self.card, self.device, self.dtype = card, device, dtype
        config = DSLPTConfig.from_dict(card["architecture"])
        self.size, self.window = config.size, config.window
        self.blend = blend_of(card)
        told = card.get("readout")
        self.readout = Readout.from_dict(told) if told is not None else None
        known = card.get("calibration")
        self.calibration = Calibration.from_dict(known) if known is not None else None
        if device.type == "cpu":
            self.network = self.network.to(memory_format=torch.channels_last)

    @property
    def id(self) -> str:
        """Name and content hash."""
        return f"{self.card['name']}@{str(self.card['hash'])[:12]}"

    def taken(self, plane: Array) -> Array:
        """How much of its step is taken at plane points (N, 2), (N,): at the edge of the window less and
        less, and nothing of it outside, where the head sees nothing."""
        x, y, half = self.window
        far = np.abs((plane - (x, y)) / half).max(axis=1)
        return np.asarray(self.blend * np.clip((1 - far) / _EDGE, 0.0, 1.0))

    def with_heads(self, heads: RefinedHeads | None) -> Refiner:
        """The same network with these heads; its card, hence its id, is still the old one."""
        other = copy.copy(self)
        other.heads = heads.to(self.device) if heads is not None else None
        return other

    def crop(self, crop: Crop, anchors: Array) -> Crop:
        """The window's crop, from the anchors (A, 2) as found in ``crop``, in its units."""
        plane = self.network.anchors.double().cpu().numpy()
        fitted = Similarity.fit(plane, crop.points_to_image(anchors))
        x, y, half = self.window
        return Crop(fitted.after(Similarity(half, 0.0, x, y)))

    def refine(
        self,
        images: Sequence[Image],
        crops: Sequence[Crop],
        points: Array,
        anchors: Array,
        plane: Array,
        flip: bool = False,
    ) -> list[Refinement]:
        """Points (B, N, 2) and anchors (B, A, 2), as the model found them in its ``crops`` and in their
        units, for the places ``plane`` (N, 2). ``flip`` averages with the mirrored crop."""
        own, pixels, valid, start, around = self._cut(images, crops, points, anchors)
        xy, variance = self.refine_pixels(pixels, valid, plane, start, around, flip)
        return [
            self._told(crop, found, spread, plane)
            for crop, found, spread in zip(own, xy, variance, strict=True)
        ]

    def refine_pixels(
        self,
        pixels: Image,
        valid: NDArray[np.bool_],
        plane: Array,
        start: Array,
        anchors: Array,
        flip: bool = False,
    ) -> tuple[Array, Array]:
        """Points and variances (B, N, 2) from sampled windows: ``pixels`` (B, S, S, 3) and ``valid``
        (B, S, S), with the points ``start`` and the ``anchors`` in units of the window."""
        xy, variance = self._run(pixels, valid, plane, start, anchors)
        if not flip:
            return xy, variance
        other, more = self._run(*self.mirrored(pixels, valid, plane, start, anchors))
        return (xy + other * (-1, 1)) / 2, (variance + more) / 2

    def mirrored(
        self, pixels: Image, valid: NDArray[np.bool_], plane: Array, start: Array, anchors: Array
    ) -> tuple[Image, NDArray[np.bool_], Array, Array, Array]:
        """The same for the mirrored photos, all in the order of the arguments; as in `refine_pixels`."""
        mirror = np.array([-1.0, 1.0])
        return (
            np.ascontiguousarray(pixels[:, :, ::-1]),
            np.ascontiguousarray(valid[:, :, ::-1]),
            plane * mirror,
            start * mirror,
            anchors[:, self._anchor_mirror()] * mirror,
        )

    @torch.inference_mode()
    def looks(
        self, image: Image, crop: Crop, points: Array, anchors: Array, plane: Array
    ) -> tuple[Array, list[Array]]:
        """Which point looks at which patches, on one face; the arguments are those of `refine`.

        Returns where the patches of the anchors and then those of the points begin, (A + N, 2) in image
        px, and for every stage and layer in turn the weights (A + N, A + N), means over the heads: each
        row is a point, and sums to 1 over what it takes in.
        """
        own, pixels, valid, start, around = self._cut([image], [crop], points[None], anchors[None])
        images, inside = self._inputs(pixels, valid)
        heard: list[Array] = []
        with self._autocast():
            self.network.refine(
                self.network.look(images, inside),
                self._tensor(plane)[None],
                self._tensor(start),
                self._tensor(around),
                lambda stage, layer, weights: heard.append(_numpy(weights[0].mean(0))),
            )
        return own[0].points_to_image(np.concatenate([around[0], start[0]])), heard

    def _cut(
        self, images: Sequence[Image], crops: Sequence[Crop], points: Array, anchors: Array
    ) -> tuple[list[Crop], Image, NDArray[np.bool_], Array, Array]:
        """The windows' crops, their pixels, where they lie on the photos, and points and anchors in
        their units."""
        own = [self.crop(crop, found) for crop, found in zip(crops, anchors, strict=True)]
        samples = [sample_crop(image, crop, self.size) for image, crop in zip(images, own, strict=True)]
        to_own = [b.to_image.inverse().after(a.to_image) for a, b in zip(crops, own, strict=True)]
        start, around = (
            np.stack([move(p) for move, p in zip(to_own, some, strict=True)]) for some in (points, anchors)
        )
        return own, np.stack([s[0] for s in samples]), np.stack([s[1] for s in samples]), start, around

    def _told(self, crop: Crop, xy: Array, variance: Array, plane: Array) -> Refinement:
        """One face's points out of its crop, with the spread that can be believed."""
        cov, sure = self.believed(variance, plane)
        return Refinement(crop.points_to_image(xy), crop.covariances_to_image(cov), sure)

    def believed(self, variance: Array, plane: Array) -> tuple[Array, Array]:
        """Covariances (..., N, 2, 2) in units of the window and confidence (..., N), of variances
        (..., N, 2) as they come from the network."""
        unit = PLANE_IOD / self.window[2]
        more = (self.heads.spread_at(plane) ** 2)[:, None, None] if self.heads is not None else 1.0
        if self.calibration is None:
            return variance[..., None] * np.eye(2) * more, np.full(variance.shape[:-1], np.nan)
        cov = self.calibration.cov(np.sqrt(variance) / unit, plane) * more
        return cov * unit**2, self.calibration.confidence(cov)

    def _run(
        self, pixels: Image, valid: NDArray[np.bool_], plane: Array, start: Array, anchors: Array
    ) -> tuple[Array, Array]:
        """Points and variances (B, N, 2) in units of the window."""
        found = self.look(pixels, valid, plane, start, anchors)
        xy = start + self.taken(plane)[:, None] * found.step
        own = self.heads.at(plane) if self.heads is not None else None
        if own is not None:
            xy = xy + _numpy(answered(found.read, own))
        return xy, found.variance

    @torch.inference_mode()
    def look(
        self, pixels: Image, valid: NDArray[np.bool_], plane: Array, start: Array, anchors: Array
    ) -> Look:
        """What the network makes of sampled windows, as in `refine_pixels`, before anything is believed."""
        images, inside = self._inputs(pixels, valid)
        prompts = self._tensor(plane).expand(len(pixels), -1, -1)
        with self._autocast():
            found = self.network(images, prompts, self._tensor(start), self._tensor(anchors), inside)
        count = len(self.network.anchors)
        assert found.read is not None  # a network says from what it read
        step = found.xy[-1, -1, :, count:].float() - self._tensor(start)
        read = torch.cat([found.read[:, count:].float(), step], dim=2)
        if found.spread is None:
            return Look(_numpy(step), np.full(start.shape, np.nan), read)
        spread = _numpy(found.spread[-1, -1, :, count:])
        if self.readout is not None:
            unit = PLANE_IOD / self.window[2]
            spread = unit * self.readout.spread(spread / unit, _numpy(found.read[:, count:]))
        return Look(_numpy(step), spread**2, read)

    def _inputs(self, pixels: Image, valid: NDArray[np.bool_]) -> tuple[Tensor, Tensor]:
        inside = torch.from_numpy(valid).to(self.device)[:, None].float()
        images = torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2).float() / 255
        images = normalize(images, inside)
        if self.device.type == "cpu":
            images = images.contiguous(memory_format=torch.channels_last)
        return images, inside

    def _tensor(self, values: Array) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=self.device)

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.dtype is torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def _anchor_mirror(self) -> NDArray[np.intp]:
        """For every anchor the anchor at its mirrored place."""
        places = self.network.anchors.double().cpu().numpy()
        distance = np.abs((places * (-1, 1))[:, None] - places[None]).sum(axis=2)
        return np.asarray(distance.argmin(axis=1))


def save_refiner(
    path: Path,
    network: Mapping[str, Tensor],
    card: Mapping[str, Any],
    heads: RefinedHeads | None = None,
) -> str:
    """Write a head in fp16 with its card; returns the content hash."""
    tensors = {name: value.half() if value.is_floating_point() else value for name, value in network.items()}
    if heads is not None:
        tensors |= {
            f"{_TUNED}places": torch.tensor(heads.places).half(),
            f"{_TUNED}weights": heads.weights.half(),
            f"{_TUNED}spread": torch.tensor(heads.spread).half(),
        }
    if any(not torch.isfinite(t).all() for t in tensors.values() if t.is_floating_point()):
        raise CheckpointError(f"{path}: not written, a weight does not fit into 16 bits")
    return save_checkpoint(path, tensors, {"kind": KIND, **card})


def load_refiner(path: Path, base: Mapping[str, Any], device: torch.device, dtype: torch.dtype) -> Refiner:
    """The head in a file, for the model with the card ``base``; raises `CheckpointError` for a file that
    is damaged, of another kind, or made for another model."""
    tensors, card = load_checkpoint(path)
    if card.get("kind") != KIND or not isinstance(card.get("architecture"), dict):
        raise CheckpointError(f"{path}: holds {shown(card.get('kind'))}, not a refinement head")
    if not made_for(card, base):
        raise CheckpointError(f"{path}: was made for another model than {shown(base.get('name'))}")
    weights = {k: v for k, v in tensors.items() if not k.startswith(_TUNED)}
    try:
        config = DSLPTConfig.from_dict(card["architecture"])
        network = filled(lambda: build_dslpt(config), weights)
        heads = _tuned(tensors, config)
        refiner = Refiner(network, card, device, dtype, heads)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    if refiner.readout is not None and len(refiner.readout.weights) != config.dim:
        raise CheckpointError(f"{path}: the readout of its spread does not fit its network")
    return refiner


def _tuned(tensors: Mapping[str, Tensor], config: DSLPTConfig) -> RefinedHeads | None:
    """What the head was fine-tuned to; raises `CheckpointError` where that does not fit its network."""
    known = [tensors.get(f"{_TUNED}{name}") for name in ("places", "weights", "spread")]
    places, weights, spread = known
    if places is None and weights is None and spread is None:
        return None
    if places is None or weights is None or spread is None:
        raise CheckpointError("a part of the heads of its points is missing")
    count = len(weights)
    wanted = ((count, 2), (count, config.dim + 3, 2), (count,))
    if tuple(tuple(tensor.shape) for tensor in (places, weights, spread)) != wanted or not (spread > 0).all():
        raise CheckpointError("the heads of its points do not fit its network")
    return RefinedHeads(places.double().numpy(), weights.float(), spread.double().numpy())


def refiner_beside(
    path: Path, base: Mapping[str, Any], device: torch.device, dtype: torch.dtype
) -> Refiner | None:
    """The head of the model in the file ``path``, as `head_of` finds it; None where it has none.

    One that lies there and was made for another model is left alone, which is said once.
    """
    found = head_of(path, base)
    if found is not None:
        return load_refiner(found, base, device, dtype)
    for other in head_files(path):
        if other not in _skipped:
            _skipped.add(other)
            _log.warning("%s was made for another model than %s and is not used", other, base.get("name"))
    return None


def blend_of(card: Mapping[str, Any]) -> float:
    """How much of a head's step is taken, 0 to 1: model and head err differently, so that a place
    between their answers may be better than either. Raises `CheckpointError`."""
    blend = card.get("blend", 1.0)
    if isinstance(blend, bool) or not isinstance(blend, (int, float)) or not 0 <= blend <= 1:
        raise CheckpointError(f"the head takes {shown(blend)} of its steps, which is no share")
    return float(blend)


def _numpy(tensor: Tensor) -> Array:
    return tensor.float().cpu().numpy().astype(np.float64)

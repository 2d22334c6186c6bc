"""Which cells should say what: targets of a batch of canvases, and the loss against them.

A face belongs to the maps whose cells suit its size, there to the cells near its centre. Around
those, and at maps that nearly suit it, cells are left alone, and so are all cells on a face that is
ignored. Every other cell should say that there is no face; where the background is not sure
(`views`), cells that insist on a face count little: it may be somebody whom nobody labelled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

from labelkit.detect.network import Answers, overlap

#: Sizes of faces, in px, for the maps of stride 8, 16 and 32: they overlap.
RANGES = {8: (0.0, 46.0), 16: (32.0, 110.0), 32: (78.0, 1e9)}

#: Cells within this share of a face's side from its centre are its own, out to `_NEAR` times as
#: far nobody's.
_RADIUS, _NEAR = 0.18, 1.8

#: A size that is out of a map's range by less than this factor is left alone there.
_MARGIN = 1.35

#: From which score on an unsure cell begins to be believed, and where it is; it then counts little.
_DOUBT, _BELIEF, _LITTLE = 0.4, 0.75, 0.1


@dataclass(frozen=True)
class Targets:
    """Per cell of B images: ``face`` (B, K) True where a face is to be found, its ``boxes``
    (B, K, 4) and ``points`` (B, K, 5, 2); ``counts`` (B, K) False where a cell is left alone;
    ``sure`` (B, K) where background is surely background."""

    face: Tensor
    boxes: Tensor
    points: Tensor
    counts: Tensor
    sure: Tensor

    def to(self, device: torch.device) -> Targets:
        return Targets(*(getattr(self, field.name).to(device) for field in fields(self)))


def assign(boxes: Tensor, wanted: Tensor, centres: Tensor, strides: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Which face each of K cells has, for the G faces of one image: ``face`` (K,), its
    index (K,), and ``counts`` (K,)."""
    if not len(boxes):
        nothing = torch.zeros(len(centres), dtype=torch.long)
        return nothing.bool(), nothing, ~nothing.bool()
    sides = (boxes[:, 2:] - boxes[:, :2]).prod(1).sqrt()
    away = (centres[:, None] - (boxes[:, :2] + boxes[:, 2:]) / 2).abs().amax(-1)  # (K, G)
    radius = torch.maximum(_RADIUS * sides, 0.6 * strides[:, None])
    low, high = torch.zeros_like(strides)[:, None], torch.zeros_like(strides)[:, None]
    for stride, (smallest, largest) in RANGES.items():
        low[strides == stride], high[strides == stride] = smallest, largest
    fits = (sides >= low) & (sides < high)
    nearly = (sides >= low / _MARGIN) & (sides < high * _MARGIN)
    own = fits & (away <= radius) & wanted
    inside = ((centres[:, None] >= boxes[:, :2]) & (centres[:, None] <= boxes[:, 2:])).all(-1)
    alone = (nearly & (away <= _NEAR * radius)) | (inside & ~wanted)
    index = torch.where(own, away, torch.inf).argmin(1)
    face = own.any(1)
    return face, index, face | ~alone.any(1)


def targets(
    views: Sequence[tuple[Tensor, Tensor, Tensor, Tensor]], centres: Tensor, strides: Tensor
) -> Targets:
    """The targets of canvases given as ``boxes`` (G, 4), ``points`` (G, 5, 2), ``wanted`` (G,) and
    ``strict`` (S, S)."""
    columns, rows = centres.round().long().T
    parts = []
    for boxes, points, wanted, strict in views:
        face, index, counts = assign(boxes, wanted, centres, strides)
        if len(boxes):
            own = boxes[index], points[index]
        else:
            own = torch.zeros(len(centres), 4), torch.zeros(len(centres), 5, 2)
        parts.append((face, *own, counts, strict[rows, columns]))
    return Targets(*(torch.stack(column) for column in zip(*parts, strict=True)))


def detection_loss(answers: Answers, wanted: Targets, doubtful: bool) -> Tensor:
    """Score, box and points, per cell that has a face.

    The score's target is the overlap of the cell's own box with the face (Li et al. 2020, quality
    focal loss), so that the best-placed box wins; the box is judged by its distance-IoU (Zheng
    et al. 2020), points by their distance in sides of the face. With ``doubtful``, cells that are
    not sure are nearly let off where they believe in a face.
    """
    face = wanted.face
    count = face.sum().clamp(min=1)
    boxes, true = answers.boxes[face], wanted.boxes[face]
    shared = overlap(boxes, true)
    quality = torch.zeros_like(answers.logits)
    quality[face] = shared.detach()
    score = answers.logits.sigmoid()
    focal = (score - quality).abs().square()
    cross = F.binary_cross_entropy_with_logits(answers.logits, quality, reduction="none")
    belief = ((score.detach() - _DOUBT) / (_BELIEF - _DOUBT)).clamp(0, 1) * float(doubtful)
    weight = wanted.counts * torch.where(face | wanted.sure, 1.0, 1 - (1 - _LITTLE) * belief)
    scores = (focal * cross * weight).sum() / count
    placed = (1 - shared + _far(boxes, true)).sum() / count
    sides = (true[:, 2:] - true[:, :2]).prod(-1).sqrt()
    off = (answers.points[face] - wanted.points[face]) / sides[:, None, None]
    points = F.smooth_l1_loss(off, torch.zeros_like(off), beta=0.05, reduction="sum") / (10 * count)
    return scores + placed + 2 * points


def _far(first: Tensor, second: Tensor) -> Tensor:
    """The distance-IoU's penalty: centres' distance over the diagonal of the box around both."""
    low = torch.minimum(first[:, :2], second[:, :2])
    high = torch.maximum(first[:, 2:], second[:, 2:])
    middle = (first[:, :2] + first[:, 2:] - second[:, :2] - second[:, 2:]) / 2
    return middle.square().sum(-1) / (high - low).square().sum(-1).clamp(min=1e-6)

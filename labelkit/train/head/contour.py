"""Which vertices the labelled points of a face stand for, given how the head is turned.

The points along the jaw are labelled where the cheek ends in the photo, not at a fixed place of
the skin. Each has a row of vertices that runs through it from the front of the face to its back;
the one that lies farthest outwards in the view is its place (Zhu et al. 2015, "High-fidelity
pose and expression normalization").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labelkit.train.head.model import Floats, HeadModel, Ints

#: How far a row reaches from its point, as a share of the distance of the outer eye corners:
#: towards the viewer, away from the viewer, and inwards.
FRONT, BACK, INWARDS = 0.7, 0.15, 0.6

#: The jaw of `ibug68`: its first points.
JAW = 17


@dataclass(frozen=True, eq=False)
class Contour:
    """``rows`` (JAW, n), candidates per jaw point, filled up with the point's own vertex;
    ``outwards`` (JAW, 3), unit vectors across the jaw in the neutral head's frame."""

    rows: Ints
    outwards: Floats

    def choose(self, candidates: NDArray[np.floating], rotation: NDArray[np.floating]) -> Ints:
        """The place in its row of each jaw point, (B, JAW), for heads turned by ``rotation``
        (B, 3, 3) whose candidates lie at ``candidates`` (B, JAW, n, 2) in the image."""
        direction = np.einsum("bij,kj->bki", rotation[:, :2], self.outwards)
        reach = np.einsum("bkni,bki->bkn", candidates, direction)
        return np.asarray(reach.argmax(axis=2), np.intp)


def find_contour(head: HeadModel) -> Contour:
    """The rows of a head: the section by the plane that holds the point, the direction of view
    and the direction outwards."""
    places = head.neutral[head.landmarks[:JAW]]
    outwards = head.normals(head.neutral[None], head.landmarks[:JAW])[0] * (1, 1, 0)
    outwards = outwards / np.linalg.norm(outwards, axis=1, keepdims=True)
    along = np.stack([-outwards[:, 1], outwards[:, 0]], axis=1)
    offset = head.neutral[None] - places[:, None]
    out = np.einsum("kvi,ki->kv", offset, outwards)
    in_section = abs(np.einsum("kvi,ki->kv", offset[..., :2], along)) < head.edge / 2
    depth = offset[..., 2]
    near = (out > -INWARDS * head.eyes) & (depth < FRONT * head.eyes) & (depth > -BACK * head.eyes)
    found = [np.flatnonzero(row) for row in in_section & near]
    rows = np.repeat(head.landmarks[:JAW, None], max(map(len, found)) + 1, axis=1)
    for row, vertices in zip(rows, found, strict=True):
        row[1 : len(vertices) + 1] = vertices
    return Contour(rows, outwards.astype(np.float32))

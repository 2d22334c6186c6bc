"""Which vertices of a turned head the head itself hides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labelkit.train.head.model import HeadModel, Ints

#: A vertex whose normal is turned further from the viewer than this cosine lies on or behind the
#: outline.
GRAZING = 0.15

#: Side of a cell of the depth buffer, and how much nearer than a vertex what covers it lies, as
#: shares of the distance of the outer eye corners. On a slope, cells hold such differences too.
CELL, GAP = 0.06, 0.12


def self_occluded(
    head: HeadModel, turned: NDArray[np.floating], chosen: Ints, scale: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Whether the vertices ``chosen`` (n,) of heads are hidden by the head, (B, n).

    ``turned`` (B, V, 3): places in the image and depths in the same unit, of which ``scale`` (B,)
    go to one unit of the head. A vertex is hidden that looks away, or before which the mesh lies
    in a depth buffer.
    """
    away = head.normals(turned, chosen)[..., 2] < GRAZING
    unit = head.eyes * np.asarray(scale)[:, None]
    return np.asarray(away | _covered(head, turned, chosen, unit))


def _covered(
    head: HeadModel, turned: NDArray[np.floating], chosen: Ints, unit: NDArray[np.floating]
) -> NDArray[np.bool_]:
    # Middles of triangles close the buffer where vertices are far apart.
    middles = turned[:, head.triangles].mean(axis=2)
    surface = np.concatenate([turned, middles], axis=1)
    low = surface[..., :2].min(axis=1, keepdims=True)
    cells = ((surface[..., :2] - low) / (CELL * unit[..., None])).astype(np.intp)
    width, height = cells.reshape(-1, 2).max(axis=0) + 1
    index = (np.arange(len(turned))[:, None] * height + cells[..., 1]) * width + cells[..., 0]
    nearest = np.full(len(turned) * height * width, -np.inf)
    np.maximum.at(nearest, index.ravel(), surface[..., 2].ravel())
    before = nearest[index[:, chosen]] - turned[:, chosen, 2]
    return np.asarray(before > GAP * unit)

"""Labelled faces turned further to the side than they were photographed.

Photos of strongly turned faces are rare. A head that is fitted to a face says how far each of its
pixels lies from the camera, so that the photo can be drawn as it would look from a little further
round, with what is around the face drawn along (Zhu et al. 2016, "Face alignment across large
poses", section 4). Faces are only turned further away from the camera: the side that would come
into view of a face that is turned back was never seen.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

from labelkit.train.head.contour import JAW, find_contour
from labelkit.train.head.dense import HALF
from labelkit.train.head.fit import Array, HeadFit, fit_heads
from labelkit.train.head.model import HeadModel
from labelkit.train.pack import FacePack

#: By how many degrees faces are turned, and beyond which turn to the side none is brought.
LEAST, MOST, FURTHEST = 10.0, 30.0, 55.0

#: How far around the head the surroundings are drawn along, as a share of the picture's side.
REACH = 0.16

#: Samples of the picture per pixel and axis when it is drawn anew: fewer leave gaps where it stretches.
_FINE = 2

_CHUNK = 64


def turned_faces(pack: FacePack, head: HeadModel, seed: int = 0) -> FacePack:
    """The faces of a pack labelled in `ibug68`, each turned further by 10 to 30 degrees to the side
    that it looks to. Faces to which the head fits badly, or that would be turned too far, are left
    out. Labels keep their distance from the head; those of the jaw slide to its new outline."""
    labels = pack.points.double().cpu().numpy()
    fit = fit_heads(head, labels)
    random = np.random.default_rng(seed)
    side = np.where(fit.yaw == 0, 1.0, np.sign(fit.yaw))
    turn = side * random.uniform(LEAST, MOST, len(fit))
    good = np.flatnonzero((fit.error < HALF) & (np.abs(fit.yaw + turn) < FURTHEST))
    after = turned_fit(head, fit, turn)
    points = labels + after.placed - fit.placed
    images = np.empty((len(good), *pack.images.shape[1:]), np.uint8)
    for first in range(0, len(good), _CHUNK):
        some = good[first : first + _CHUNK]
        vertices = head.vertices(fit.coefficients[some])
        before, moved = (_rows(one, some).turned(vertices) for one in (fit, after))
        for place, (row, old, new) in enumerate(zip(some, before, moved, strict=True), first):
            picture = pack.images[row].permute(1, 2, 0).cpu().numpy()
            images[place] = draw_turned(picture, head, old, new).transpose(2, 0, 1)
    rows = torch.from_numpy(good)
    return replace(
        pack,
        images=torch.from_numpy(images),
        bounds=pack.bounds[rows],
        points=torch.from_numpy(points[good].astype(np.float32)),
        dense=None,
    )


def with_turned(pack: FacePack, head: HeadModel, seed: int = 0) -> FacePack:
    """The pack and after its faces those that `turned_faces` makes of them."""
    more = turned_faces(replace(pack, dense=None), head, seed)
    return replace(
        pack,
        images=torch.cat([pack.images, more.images]),
        bounds=torch.cat([pack.bounds, more.bounds]),
        points=torch.cat([pack.points, more.points]),
        dense=None,
    )


def turned_fit(head: HeadModel, fit: HeadFit, degrees: Array) -> HeadFit:
    """The heads turned about their own vertical axis by ``degrees`` (B,), with the places of the
    labelled points in that view."""
    angle = np.radians(degrees)
    turn = np.zeros((len(fit), 3, 3))
    turn[:, 0, 0] = turn[:, 2, 2] = np.cos(angle)
    turn[:, 0, 2], turn[:, 2, 0], turn[:, 1, 1] = np.sin(angle), -np.sin(angle), 1.0
    # Turned in the camera's frame, a nodding head stays at its height in the picture.
    after = replace(fit, rotation=turn @ fit.rotation)
    contour = find_contour(head)
    width = contour.rows.shape[1]
    chosen = np.concatenate([contour.rows.ravel(), head.landmarks[JAW:]])
    flat = after.turned(head.vertices(fit.coefficients, chosen))[..., :2]
    rows = flat[:, : JAW * width].reshape(len(fit), JAW, width, 2)
    picks = contour.choose(rows, after.rotation)
    jaw = np.take_along_axis(rows, picks[..., None, None], axis=2)[:, :, 0]
    return replace(after, placed=np.concatenate([jaw, flat[:, JAW * width :]], axis=1))


def draw_turned(
    picture: NDArray[np.uint8], head: HeadModel, before: Array, after: Array
) -> NDArray[np.uint8]:
    """The picture (S, S, 3) with the head moved from vertices ``before`` to ``after`` (V, 3), both
    in units in which the picture is [-1, 1]²; the nearest surface covers the others."""
    size = len(picture)
    move, depth = _movement(head, before, after, size)
    steps = (np.arange(_FINE * size) + 0.5) / _FINE - 0.5
    source = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    fine = cv2.resize(np.dstack([move, depth]), None, fx=_FINE, fy=_FINE, interpolation=cv2.INTER_LINEAR)
    fine = fine.reshape(-1, 3)
    target = np.rint(source + fine[:, :2]).astype(np.intp)
    inside = ((target >= 0) & (target < size)).all(axis=1)
    # What is nearest is written last.
    order = np.flatnonzero(inside)[np.argsort(fine[inside, 2], kind="stable")]
    origin = np.full((size, size, 2), np.nan, np.float32)
    cells = target[order]
    origin[cells[:, 1], cells[:, 0]] = source[order] + (cells - source[order] - fine[order, :2])
    # The median takes away single pixels of a surface that shows through another.
    columns, rows = cv2.split(cv2.medianBlur(_stretched(origin), 5))
    drawn = cv2.remap(picture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(drawn, np.uint8)


def _stretched(origin: NDArray[np.float32]) -> NDArray[np.float32]:
    """``origin`` (S, S, 2) with its gaps (NaN) filled along the rows, evenly from end to end: what
    came into view is drawn from what was beside it."""
    size = len(origin)
    there = np.isfinite(origin[..., 0])
    steps = np.broadcast_to(np.arange(size), there.shape)
    left = np.maximum.accumulate(np.where(there, steps, -1), axis=1)
    right = np.minimum.accumulate(np.where(there, steps, size)[:, ::-1], axis=1)[:, ::-1]
    left, right = np.where(left < 0, right, left), np.where(right >= size, left, right)
    row = np.arange(size)[:, None]
    # A row of which nothing is left keeps its own pixels.
    bare = ~there.any(axis=1)
    left[bare] = right[bare] = steps[bare]
    origin[bare] = np.stack([steps, np.broadcast_to(row, there.shape)], axis=-1)[bare]
    share = (steps - left) / np.maximum(right - left, 1)
    mixed = origin[row, left] * (1 - share[..., None]) + origin[row, right] * share[..., None]
    return np.asarray(mixed, np.float32)


def _movement(head: HeadModel, before: Array, after: Array, size: int) -> tuple[Array, Array]:
    """How far every pixel moves (S, S, 2), in pixels, and how near it is (S, S)."""
    corners = np.concatenate([before, before[head.triangles].mean(axis=1)])
    ends = np.concatenate([after, after[head.triangles].mean(axis=1)])
    cells = np.floor((corners[:, :2] + 1) * size / 2).astype(np.intp)
    inside = np.flatnonzero(((cells >= 0) & (cells < size)).all(axis=1))
    order = inside[np.argsort(corners[inside, 2], kind="stable")]
    columns, rows = cells[order].T
    values = np.full((size, size, 3), np.nan)
    shift = (ends[order, :2] - corners[order, :2]) * size / 2
    values[rows, columns] = np.column_stack([shift, corners[order, 2]])
    # Vertices leave gaps of a pixel or two within the head.
    known = cv2.morphologyEx(np.isfinite(values[..., 0]).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((7, 7)))
    far, nearest = distance_transform_edt(np.isnan(values[..., 0]), return_indices=True)
    filled = values[nearest[0], nearest[1]]
    filled = gaussian_filter(filled, (1, 1, 0))
    around = gaussian_filter(filled, (size * REACH / 4, size * REACH / 4, 0))
    outside = (known == 0)[..., None]
    fade = np.exp(-((far / (size * REACH)) ** 2))[..., None]
    move = np.where(outside, around[..., :2] * fade, filled[..., :2])
    # The surroundings lie behind the whole head.
    depth = np.where(outside[..., 0], filled[..., 2].min() - 1, filled[..., 2])
    return move, depth


def _rows(fit: HeadFit, rows: NDArray[np.intp]) -> HeadFit:
    return replace(fit, rotation=fit.rotation[rows], scale=fit.scale[rows], shift=fit.shift[rows])

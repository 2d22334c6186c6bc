"""Hundreds of labelled points per face, from a head fitted to its few.

A point of the skin has one place on the plane and, on each face, one in the photo: where the
fitted head has it, corrected by what the labels nearby say. That correction is a Gaussian process
over the plane (Rasmussen and Williams 2006, section 2.2) through the gaps between labels and
head, and it fades a little way from them. It makes dense points and labels one map of the plane.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from labelkit.errors import InputError
from labelkit.geometry import Array
from labelkit.scheme import Scheme
from labelkit.train.head.fit import HeadFit, fit_heads
from labelkit.train.head.model import HeadModel, Ints
from labelkit.train.head.plane import plane_places, spread_out
from labelkit.train.head.visible import self_occluded
from labelkit.train.pack import DensePoints, FacePack

#: Dense points held per face; training draws some of them at every step.
ANCHORS = 500

#: No dense point lies nearer than this to a left-out point, in plane units.
CLEARANCE = 0.05

#: How far a label's gap carries, in plane units, and the variance of labels relative to gaps.
REACH, NOISE = 0.2, 0.2

#: Mean distance of labels and head, as shares of the IOD: where a face counts half, and beyond
#: which it gives no dense points.
HALF, POOR = 0.03, 0.055

_CHUNK = 64


@dataclass(frozen=True, eq=False)
class Anchors:
    """The dense points of a head: ``vertices`` (K,), their places ``plane`` (K, 2), and the
    points of `ibug68` that may be ``seen``, indices."""

    head: HeadModel
    scheme: Scheme
    vertices: Ints
    plane: Array
    seen: Ints


@dataclass(frozen=True, eq=False)
class DenseFaces:
    """``points`` (B, K, 2) in the frame of the labels; ``self_occluded`` (B, K), hidden by the
    head itself; ``quality`` (B,), 1 for a perfect fit and 0 for one that is too poor."""

    points: Array
    self_occluded: NDArray[np.bool_]
    quality: Array


def choose_anchors(
    head: HeadModel, scheme: Scheme, left_out: tuple[int, ...] = (), count: int = ANCHORS
) -> Anchors:
    """About ``count`` points over the plane, symmetric, and none near those ``left_out``."""
    places = plane_places(head, scheme, left_out)
    for index in left_out:
        near = np.linalg.norm(places - scheme.plane[index], axis=1) < CLEARANCE
        places[near | near[head.mirror]] = np.nan
    seen = np.setdiff1d(np.arange(len(scheme)), left_out)
    vertices = spread_out(places, head.mirror, count, scheme.plane[seen])
    return Anchors(head, scheme, vertices, places[vertices], seen)


def dense_faces(anchors: Anchors, points: Array, fit: HeadFit | None = None) -> DenseFaces:
    """The anchors on faces (B, 68, 2), NaN "not there", to which the head is fitted unless
    ``fit`` says how."""
    if fit is None:
        fit = fit_heads(anchors.head, points, anchors.seen)
    head = anchors.head
    found = corrections(anchors, points, fit)
    hidden = np.empty(found.shape[:2], bool)
    for first in range(0, len(fit), _CHUNK):
        rows = slice(first, first + _CHUNK)
        turned = fit[rows].turned(head.vertices(fit.coefficients[rows]))
        found[rows] += turned[:, anchors.vertices, :2]
        hidden[rows] = self_occluded(head, turned, anchors.vertices, fit.scale[rows])
    with np.errstate(over="ignore"):
        quality = np.where(fit.error < POOR, 1 / (1 + (fit.error / HALF) ** 2), 0.0)
    return DenseFaces(found, hidden, quality)


def corrections(anchors: Anchors, points: Array, fit: HeadFit) -> Array:
    """How far labels (B, 68, 2) draw the anchors from where the head has them, (B, K, 2).

    A jaw point's gap is that at the place to which it slid. The vertex of its own may be hidden
    far behind the outline, and its gap would push the cheek beyond it.
    """
    seen = anchors.seen
    gaps = np.nan_to_num(points[:, seen] - fit.placed[:, seen])
    return np.asarray(_carrier(anchors.scheme.plane[seen], anchors.plane) @ gaps)


def with_dense(pack: FacePack, anchors: Anchors) -> FacePack:
    """The pack with dense points.

    They count as much as the fit is good, and nothing where the head hides them (a label on the
    outline of a turned face means the outline, not the skin behind it), outside the photo, or on
    a face that does not fit. Raises `InputError` for a pack of another scheme.
    """
    if pack.scheme != anchors.scheme:
        raise InputError(
            f"dataset {pack.name!r} is labelled in {pack.scheme.name}; "
            f"the head is fitted to {anchors.scheme.name}"
        )
    faces = dense_faces(anchors, pack.points.double().cpu().numpy())
    points = torch.from_numpy(faces.points.astype(np.float32)).to(pack.points.device)
    low, high = pack.bounds[:, None, :2], pack.bounds[:, None, 2:]
    inside = ((points > low) & (points < high)).all(-1)
    visible = inside & ~torch.from_numpy(faces.self_occluded).to(inside.device)
    quality = torch.from_numpy(faces.quality.astype(np.float32)).to(inside.device)
    plane = torch.tensor(anchors.plane, dtype=torch.float32, device=inside.device)
    return replace(pack, dense=DensePoints(plane, points.nan_to_num(), visible * quality[:, None]))


def _carrier(labelled: Array, asked: Array) -> Array:
    """Weights (K, n) that carry gaps at places (n, 2) of the plane to others (K, 2)."""

    def alike(a: Array, b: Array) -> Array:
        square = ((a[:, None] - b[None]) ** 2).sum(axis=2)
        return np.asarray(np.exp(-square / (2 * REACH**2)))

    system = alike(labelled, labelled) + NOISE * np.eye(len(labelled))
    return np.asarray(np.linalg.solve(system, alike(labelled, asked)).T)

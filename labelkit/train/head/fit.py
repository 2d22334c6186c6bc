"""The head fitted to labelled faces, many at once.

Gauss-Newton over pose (rotation, scale, shift), identity and expression, with Gaussian priors on
the coefficients. Jaw points slide along the contour as the view turns (`contour.py`) and count
across it more than along it. Labels far from the head lose their weight (Geman and McClure).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelkit.errors import InputError
from labelkit.geometry import PLANE_IOD
from labelkit.scheme import Scheme, load_scheme
from labelkit.train.head.contour import JAW, Contour, find_contour
from labelkit.train.head.model import HeadModel, Ints

Array = NDArray[np.float64]

#: Fewer points than this say too little about a head.
FEWEST = 20

_CHUNK = 128

#: The arrays of a `HeadFit`.
_PER_FACE = ("coefficients", "rotation", "scale", "shift", "placed", "residual", "error")


@dataclass(frozen=True)
class FitOptions:
    """``noise`` of a label as a share of the IOD; ``robust``, in noises, where a label begins to
    lose weight; ``expression``, the spread of its coefficients; ``across`` and ``along``, the
    weights of a jaw point across and along the jaw; ``distance`` of the camera in units of the
    head (inf: no perspective)."""

    noise: float = 0.015
    robust: float = 3.0
    expression: float = 0.4
    across: float = 1.0
    along: float = 0.5
    distance: float = 60.0
    rounds: int = 10


@dataclass(frozen=True, eq=False)
class HeadFit:
    """Fitted heads, in the frame of the labels.

    ``coefficients`` (B, C); ``rotation`` (B, 3, 3); ``scale`` (B,), label units per head unit;
    ``shift`` (B, 2); ``distance``, that of the camera; ``placed`` (B, 68, 2), where the head has
    the labelled points; ``residual`` (B, 68), their distance from the labels as a share of the
    IOD, NaN where there is no label or it took no part; ``error`` (B,), its mean, inf where there
    was too little to fit.
    """

    coefficients: Array
    rotation: Array
    scale: Array
    shift: Array
    distance: float
    placed: Array
    residual: Array
    error: Array

    def __len__(self) -> int:
        return len(self.error)

    def __getitem__(self, rows: slice) -> HeadFit:
        return replace(self, **{name: getattr(self, name)[rows] for name in _PER_FACE})

    @property
    def yaw(self) -> Array:
        """Turn to the side in degrees, (B,), positive where the face looks to the viewer's right."""
        return np.asarray(np.degrees(np.arctan2(self.rotation[:, 0, 2], self.rotation[:, 2, 2])))

    def turned(self, vertices: NDArray[np.floating]) -> Array:
        """Vertices (B, n, 3) of the heads: their place in the image and, in the same unit, their
        depth (larger is nearer), (B, n, 3)."""
        flat, depth, grown = _view(vertices, self.rotation, self.distance)
        size = self.scale[:, None, None]
        return np.concatenate(
            [size * flat * grown[..., None] + self.shift[:, None], size * depth[..., None]], axis=2
        )


def fit_heads(
    head: HeadModel,
    points: ArrayLike,
    seen: ArrayLike | None = None,
    options: FitOptions | None = None,
    scheme: Scheme | None = None,
) -> HeadFit:
    """Fit the head to faces (B, 68, 2) labelled in `ibug68`; NaN is "not there".

    Only the points ``seen`` (indices, by default all) take part. Raises `InputError` for another
    number of points. Faces too poor to fit come back with ``error`` inf.
    """
    scheme = load_scheme("ibug68") if scheme is None else scheme
    faces = np.array(points, np.float64)
    if faces.ndim != 3 or faces.shape[1:] != (len(head.landmarks), 2):
        raise InputError(f"the head is fitted to faces of {len(head.landmarks)} points, not to {faces.shape}")
    unseen = np.ones(len(head.landmarks), bool)
    unseen[slice(None) if seen is None else np.asarray(seen, np.intp)] = False
    faces[:, unseen] = np.nan
    contour = find_contour(head)
    fits = [
        _fit_some(head, contour, faces[i : i + _CHUNK], scheme, options or FitOptions())
        for i in range(0, max(len(faces), 1), _CHUNK)
    ]
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(fit, name) for fit in fits]) for name in _PER_FACE
    }
    return replace(fits[0], **joined)


def _fit_some(
    head: HeadModel, contour: Contour, faces: Array, scheme: Scheme, options: FitOptions
) -> HeadFit:
    there = np.isfinite(faces).all(axis=2)
    enough = there.sum(axis=1) >= FEWEST
    # What cannot be fitted is replaced by the mean face and thrown away afterwards.
    labels = np.where(enough[:, None, None], faces, scheme.plane)
    there |= ~enough[:, None]
    labels, centre, iod = _normalized(labels, there, scheme)
    solver = _Solver(head, contour, labels, there, options)
    for number in range(options.rounds):
        solver.step(robust=number >= 2)
    placed = solver.placed()
    residual = np.linalg.norm(placed - labels, axis=2)
    residual[~there | ~enough[:, None]] = np.nan
    error = np.full(len(faces), np.inf)
    error[enough] = np.nanmean(residual[enough], axis=1)
    error[~np.isfinite(error)] = np.inf
    return HeadFit(
        solver.coefficients,
        solver.rotation,
        solver.scale * iod,
        solver.shift * iod[:, None] + centre[:, 0],
        options.distance,
        placed * iod[:, None, None] + centre,
        residual,
        error,
    )


def _normalized(labels: Array, there: NDArray[np.bool_], scheme: Scheme) -> tuple[Array, Array, Array]:
    """Faces in units of their IOD about their centre; missing points are 0. The IOD is that of
    the similarity from the plane, which no single label decides."""
    share = (there / there.sum(axis=1, keepdims=True))[..., None]
    labels = np.where(there[..., None], labels, 0.0)
    centre = (share * labels).sum(axis=1, keepdims=True)
    plane = scheme.plane - (share * scheme.plane).sum(axis=1, keepdims=True)
    z, w = plane @ (1, 1j), (labels - centre) @ (1, 1j)
    weight = share[..., 0]
    factor = (weight * z.conj() * w).sum(axis=1) / (weight * abs(z) ** 2).sum(axis=1)
    iod = np.maximum(abs(factor) * PLANE_IOD, np.finfo(np.float64).tiny)
    moved = np.where(there[..., None], (labels - centre) / iod[:, None, None], 0.0)
    return moved, centre, iod


class _Solver:
    """The unknowns of a chunk of faces, and one step towards their best values."""

    def __init__(
        self,
        head: HeadModel,
        contour: Contour,
        labels: Array,
        there: NDArray[np.bool_],
        options: FitOptions,
    ) -> None:
        self.head, self.contour, self.labels, self.options = head, contour, labels, options
        self.whitening = _whitening(labels, there, options)
        width = contour.rows.shape[1]
        self.vertices = np.concatenate([contour.rows.ravel(), head.landmarks[JAW:]])
        self.fixed = JAW * width + np.arange(len(head.landmarks) - JAW)
        self.neutral = head.neutral[self.vertices].astype(np.float64)
        # Vertices first: a face's own are picked by row.
        self.shapes = head.shapes[:, self.vertices].transpose(1, 2, 0).copy()
        count, expressions = len(labels), len(head.shapes) - head.identities
        self.spread = np.concatenate([np.ones(head.identities), np.full(expressions, options.expression)])
        self.coefficients = np.zeros((count, len(head.shapes)))
        self.rotation, self.scale, self.shift = _first_pose(
            head.neutral[head.landmarks].astype(np.float64), labels, there
        )

    def step(self, robust: bool) -> None:
        """One Gauss-Newton step for every face."""
        rows = self._rows()
        flat, jacobian = self._linearized(rows)
        gap = np.einsum("bnij,bnj->bni", self.whitening, flat - self.labels)
        jacobian = np.einsum("bnij,bnjc->bnic", self.whitening, jacobian)
        if robust:
            length = np.linalg.norm(gap, axis=2) / self.options.robust
            trust = 1 / (1 + length**2)  # the square root of the weight
            gap, jacobian = gap * trust[..., None], jacobian * trust[..., None, None]
        count, points = gap.shape[:2]
        self._move(
            self._solve(
                gap.reshape(count, 2 * points), jacobian.reshape(count, 2 * points, jacobian.shape[3])
            )
        )

    def placed(self) -> Array:
        """Where the head has the labelled points, (B, 68, 2)."""
        vertices = self._positions(self._rows())
        return self._flat(vertices)

    def _rows(self) -> Ints:
        """Rows of ``self.vertices`` that the labels stand for in this view, (B, 68)."""
        count, width = len(self.labels), self.contour.rows.shape[1]
        sliding = JAW * width
        moved = self.coefficients @ self.shapes[:sliding].reshape(sliding * 3, -1).T
        flat = self._flat(self.neutral[:sliding] + moved.reshape(count, sliding, 3))
        chosen = self.contour.choose(flat.reshape(count, JAW, width, 2), self.rotation)
        fixed = np.broadcast_to(self.fixed, (count, len(self.fixed)))
        return np.concatenate([chosen + np.arange(JAW) * width, fixed], axis=1)

    def _positions(self, rows: Ints) -> Array:
        moved = self.shapes[rows] @ self.coefficients[:, None, :, None]
        return np.asarray(self.neutral[rows] + moved[..., 0])

    def _flat(self, vertices: Array) -> Array:
        flat, _, grown = _view(vertices, self.rotation, self.options.distance)
        return np.asarray(self.scale[:, None, None] * flat * grown[..., None] + self.shift[:, None])

    def _linearized(self, rows: Ints) -> tuple[Array, Array]:
        """Places (B, 68, 2) and their derivatives (B, 68, 2, 6 + C) by turn, logarithm of the
        scale, shift and coefficients."""
        turned = self._positions(rows) @ self.rotation.transpose(0, 2, 1)
        grown = 1 / (1 - turned[..., 2] / self.options.distance)
        size = self.scale[:, None] * grown
        offset = size[..., None] * turned[..., :2]
        camera = np.zeros((*size.shape, 2, 3))
        camera[..., 0, 0] = camera[..., 1, 1] = size
        camera[..., 2] = offset * grown[..., None] / self.options.distance
        derivative = np.empty((*size.shape, 2, 6 + len(self.spread)))
        derivative[..., :3] = camera @ -_cross(turned)
        derivative[..., 3] = offset
        derivative[..., 4:6] = np.eye(2)
        by_vertex = camera @ self.rotation[:, None]
        derivative[..., 6:] = by_vertex.astype(np.float32) @ self.shapes[rows]
        return offset + self.shift[:, None], derivative

    def _solve(self, gap: Array, jacobian: Array) -> Array:
        """The step (B, 6 + C) of the ridge problem. Expressions lie in [0, 1]: one that stands at
        a bound and is pushed over it does not move."""
        normal = jacobian.transpose(0, 2, 1) @ jacobian
        slope = (jacobian.transpose(0, 2, 1) @ gap[..., None])[..., 0]
        strength = 1 / self.spread**2
        slope[:, 6:] += strength * self.coefficients
        diagonal = np.arange(normal.shape[1])
        normal[:, diagonal[6:], diagonal[6:]] += strength
        held = np.zeros(slope.shape, bool)
        first = 6 + self.head.identities
        expression = self.coefficients[:, self.head.identities :]
        push = slope[:, first:]
        held[:, first:] = ((expression <= 0) & (push > 0)) | ((expression >= 1) & (push < 0))
        normal[held[:, :, None] | held[:, None, :]] = 0
        normal[:, diagonal, diagonal] += np.where(held, 1.0, 1e-9)
        return np.asarray(-np.linalg.solve(normal, np.where(held, 0, slope)[..., None])[..., 0])

    def _move(self, step: Array) -> None:
        self.rotation = _rotations(step[:, :3]) @ self.rotation
        self.scale = self.scale * np.exp(np.clip(step[:, 3], -0.5, 0.5))
        self.shift = self.shift + step[:, 4:6]
        self.coefficients = self.coefficients + step[:, 6:]
        expression = self.coefficients[:, self.head.identities :]
        np.clip(expression, 0, 1, out=expression)


def _view(vertices: NDArray[np.floating], rotation: Array, distance: float) -> tuple[Array, Array, Array]:
    """Turned vertices (B, n, 2), their depth (B, n) and how much nearness enlarges them (B, n)."""
    turned = vertices @ rotation.transpose(0, 2, 1)
    return turned[..., :2], turned[..., 2], 1 / (1 - turned[..., 2] / distance)


def _whitening(labels: Array, there: NDArray[np.bool_], options: FitOptions) -> Array:
    """Symmetric matrices (B, 68, 2, 2) that turn a gap into noises; 0 where no label is."""
    count = len(labels)
    matrices = np.broadcast_to(np.eye(2), (count, labels.shape[1], 2, 2)).copy()
    ends = np.clip(np.arange(JAW)[:, None] + (-1, 1), 0, JAW - 1)
    along = labels[:, ends[:, 1]] - labels[:, ends[:, 0]]
    length = np.linalg.norm(along, axis=2, keepdims=True)
    along = np.divide(along, length, out=np.zeros_like(along), where=length > 0)
    outer = along[..., :, None] * along[..., None, :]
    matrices[:, :JAW] = options.across * np.eye(2) + (options.along - options.across) * outer
    return np.asarray(matrices * there[..., None, None] / options.noise)


def _first_pose(shape: Array, labels: Array, there: NDArray[np.bool_]) -> tuple[Array, Array, Array]:
    """Rotation, scale and shift of the neutral head (N, 3) from the best affine camera."""
    homogeneous = np.concatenate([shape, np.ones((len(shape), 1))], axis=1)
    weighted = homogeneous * there[..., None]
    normal = weighted.transpose(0, 2, 1) @ homogeneous
    # Depth is the least certain: a little ridge keeps flat sets of points from inventing it.
    normal[:, 2, 2] += 0.02 * normal[:, 0, 0]
    camera = np.linalg.solve(normal, weighted.transpose(0, 2, 1) @ labels).transpose(0, 2, 1)
    u, sizes, vt = np.linalg.svd(camera[..., :3], full_matrices=False)
    rows = u @ vt
    rotation = np.concatenate([rows, np.cross(rows[:, 0], rows[:, 1])[:, None]], axis=1)
    return rotation, sizes.mean(axis=1), camera[..., 3]


def _cross(vectors: Array) -> Array:
    """Matrices (..., 3, 3) with [v]× w = v × w."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    o = np.zeros_like(x)
    return np.stack([o, -z, y, z, o, -x, -y, x, o], axis=-1).reshape(*vectors.shape, 3)


def _rotations(turns: Array) -> Array:
    """Rotations (B, 3, 3) by the vectors (B, 3) (Rodrigues), at most half a radian."""
    angle = np.linalg.norm(turns, axis=1)[:, None, None]
    skew = _cross(turns) / np.maximum(angle, 1e-12)
    angle = np.minimum(angle, 0.5)
    return np.asarray(np.eye(3) + np.sin(angle) * skew + (1 - np.cos(angle)) * (skew @ skew))

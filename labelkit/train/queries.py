"""Which plane points a face is asked for in training, and the right answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Generator, Tensor

from labelkit.scheme import Curve, Scheme
from labelkit.train.pack import DensePoints


@dataclass(frozen=True)
class Queries:
    """``prompts`` and ``targets`` (B, Q, 2) in plane and crop units; ``there`` (B, Q) is
    False where the answer is unknown (the target is then the prompt); ``weights`` (B, Q) say
    how much each counts."""

    prompts: Tensor
    targets: Tensor
    there: Tensor
    weights: Tensor


class QuerySampler:
    """Draws annotated points and, between them, points of the scheme's curves.

    Sixty-eight places are soon known by heart; a place between two neighbours on a curve
    is asked for with the same Catmull-Rom weights on the plane and in the photo, so that
    the plane means something along whole curves. Points in ``left_out`` are never asked
    for, nor is any curve piece that their places would enter.
    """

    def __init__(self, scheme: Scheme, left_out: tuple[int, ...] = ()) -> None:
        self.allowed = torch.tensor([i for i in range(len(scheme)) if i not in left_out])
        pieces = [piece for curve in scheme.curves for piece in _pieces(curve)]
        kept = [piece for piece in pieces if not set(piece) & set(left_out)]
        self.pieces = torch.tensor(kept, dtype=torch.long).reshape(-1, 4)

    def draw(self, prompts: Tensor, points: Tensor, own: int, between: int, generator: Generator) -> Queries:
        """``own`` annotated points per face and ``between`` curve points.

        ``prompts`` (N, 2) or (B, N, 2) are the dataset's plane positions (offsets
        included); ``points`` (B, N, 2) the true ones in crop units.
        """
        count, device = len(points), points.device
        order = torch.rand(count, len(self.allowed), generator=generator).argsort(dim=1)
        chosen = self.allowed[order[:, :own]].to(device)
        weights = torch.ones(*chosen.shape, 1, device=device)
        asked, answers = _blend(prompts, points, chosen[..., None], weights)
        if between and len(self.pieces):
            pick = torch.randint(len(self.pieces), (count, between), generator=generator)
            t = torch.rand(count, between, generator=generator)
            pieces, mix = self.pieces[pick].to(device), _catmull_rom(t).to(device)
            more_asked, more_answers = _blend(prompts, points, pieces, mix)
            asked = torch.cat([asked, more_asked], dim=1)
            answers = torch.cat([answers, more_answers], dim=1)
        there = answers.isfinite().all(-1)
        targets = torch.where(there[..., None], answers, asked.detach())
        return Queries(asked, targets, there, there.to(targets.dtype))


def draw_dense(dense: DensePoints, count: int, weight: float, generator: Generator) -> Queries:
    """``count`` dense points per face among those whose answer is known; each counts ``weight``
    times what it counts by itself. ``dense`` holds ``plane`` (B, K, 2) and, in crop units,
    ``points`` (B, K, 2)."""
    known = dense.weights > 0
    order = torch.rand(dense.weights.shape, generator=generator).to(known.device) * known
    chosen = order.topk(min(count, order.shape[1]), dim=1).indices
    pairs = chosen[..., None].expand(-1, -1, 2)
    asked, answers = dense.plane.gather(1, pairs), dense.points.gather(1, pairs)
    there = known.gather(1, chosen)
    targets = torch.where(there[..., None], answers, asked)
    return Queries(asked, targets, there, weight * dense.weights.gather(1, chosen))


def append_queries(first: Queries, more: Queries) -> Queries:
    """More queries for the same faces."""
    return Queries(
        *(torch.cat([getattr(first, f.name), getattr(more, f.name)], dim=1) for f in fields(first))
    )


def join_queries(parts: Sequence[Queries]) -> Queries:
    """Datasets may have different numbers of points: shorter rows are filled up."""
    width = max(part.prompts.shape[1] for part in parts)

    def fill(tensor: Tensor) -> Tensor:
        missing = width - tensor.shape[1]
        return torch.cat([tensor, tensor.new_zeros(len(tensor), missing, *tensor.shape[2:])], dim=1)

    return Queries(*(torch.cat([fill(getattr(p, f.name)) for p in parts]) for f in fields(Queries)))


def nearest_points(anchors: Tensor, plane: object) -> Tensor:
    """The index of the scheme's point at every anchor, (A,)."""
    points = torch.tensor(plane, dtype=torch.float32, device=anchors.device)
    return torch.cdist(anchors, points).argmin(dim=1)


def _blend(prompts: Tensor, points: Tensor, indices: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted sums over the last axis of ``indices`` (B, Q, K), for plane and face."""
    rows = torch.arange(len(points), device=points.device)[:, None, None]
    plane = prompts.expand(len(points), -1, -1)
    mix = weights[..., None]
    return (plane[rows, indices] * mix).sum(2), (points[rows, indices] * mix).sum(2)


def _pieces(curve: Curve) -> list[tuple[int, int, int, int]]:
    """The four control points of every piece of a curve; an open curve repeats its ends."""
    p = curve.points
    if curve.closed:
        return [(p[i - 1], p[i], p[(i + 1) % len(p)], p[(i + 2) % len(p)]) for i in range(len(p))]
    padded = (p[0], *p, p[-1])
    return [(padded[i], padded[i + 1], padded[i + 2], padded[i + 3]) for i in range(len(p) - 1)]


def _catmull_rom(t: Tensor) -> Tensor:
    """Weights (..., 4) of the four control points at t in [0, 1] (Catmull and Rom, 1974)."""
    t2, t3 = t * t, t * t * t
    return 0.5 * torch.stack(
        [-t3 + 2 * t2 - t, 3 * t3 - 5 * t2 + 2, -3 * t3 + 4 * t2 + t, t3 - t2],
        dim=-1,
    )

"""What a wrong answer costs."""

from __future__ import annotations

from torch import Tensor

from labelkit.train.queries import Queries


def point_loss(answers: Tensor, targets: Tensor, there: Tensor, every_layer: bool) -> Tensor:
    """Mean L1 distance per face, (B,), in crop units (TUFA, Eq. 6.12).

    ``answers`` (layers, B, Q, 2); ``targets`` (B, Q, 2); ``there`` (B, Q). The paper looks
    at the last layer; ``every_layer`` averages over all of them, as DETR does.
    """
    judged = answers if every_layer else answers[-1:]
    errors = (judged - targets).abs().mean(-1).mean(0) * there
    return errors.sum(1) / there.sum(1).clamp(min=1)


def query_loss(answers: Tensor, queries: Queries, every_layer: bool) -> Tensor:
    """`point_loss` of the answers to drawn queries, (B,)."""
    return point_loss(answers, queries.targets, queries.there, every_layer)

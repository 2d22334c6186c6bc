"""What a wrong answer costs."""

from __future__ import annotations

import torch
from torch import Tensor

from labelkit.train.queries import Queries


def point_loss(answers: Tensor, targets: Tensor, weights: Tensor, every_layer: bool) -> Tensor:
    """Weighted mean L1 distance per face, (B,), in crop units (TUFA, Eq. 6.12).

    ``answers`` (layers, B, Q, 2); ``targets`` (B, Q, 2); ``weights`` (B, Q), or whether
    an answer is known. A face without any costs nothing. The paper looks
    at the last layer; ``every_layer`` averages over all of them, as DETR does.
    """
    judged = answers if every_layer else answers[-1:]
    errors = (judged - targets).abs().mean(-1).mean(0) * weights
    total = weights.sum(1)
    return errors.sum(1) / torch.where(total > 0, total, 1)


def query_loss(answers: Tensor, queries: Queries, every_layer: bool) -> Tensor:
    """`point_loss` of the answers to drawn queries, (B,)."""
    return point_loss(answers, queries.targets, queries.weights, every_layer)

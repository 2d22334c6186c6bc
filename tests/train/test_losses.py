from __future__ import annotations

import pytest
import torch

from labelkit.train.losses import point_loss, query_loss
from labelkit.train.queries import Queries


def test_mean_absolute_error_of_the_last_layer_or_of_all() -> None:
    targets = torch.zeros(1, 2, 2)
    there = torch.ones(1, 2, dtype=torch.bool)
    answers = torch.stack([torch.full((1, 2, 2), 3.0), torch.tensor([[[0.1, 0.3], [0.2, -0.6]]])])
    assert point_loss(answers, targets, there, every_layer=False).item() == pytest.approx(0.3)
    assert point_loss(answers, targets, there, every_layer=True).item() == pytest.approx((3 + 0.3) / 2)


def test_unknown_answers_do_not_count() -> None:
    answers = torch.tensor([[[[0.1, 0.1], [9.0, 9.0]], [[0.5, 0.5], [0.7, 0.7]]]])
    there = torch.tensor([[True, False], [False, False]])
    found = point_loss(answers, torch.zeros(2, 2, 2), there, every_layer=True)
    assert found.tolist() == pytest.approx([0.1, 0.0])


def test_queries_bring_their_targets() -> None:
    there = torch.ones(1, 1, dtype=torch.bool)
    queries = Queries(torch.ones(1, 1, 2), torch.full((1, 1, 2), 0.5), there, torch.full((1, 1), 0.2))
    assert query_loss(torch.zeros(2, 1, 1, 2), queries, every_layer=True).tolist() == [0.5]


def test_weights_say_how_much_a_point_counts() -> None:
    answers = torch.tensor([[[[0.1, 0.1], [0.9, 0.9]], [[0.4, 0.4], [0.7, 0.7]]]])
    weights = torch.tensor([[1.0, 0.25], [0.1, 0.0]])
    found = point_loss(answers, torch.zeros(2, 2, 2), weights, every_layer=False)
    assert found.tolist() == pytest.approx([(0.1 + 0.25 * 0.9) / 1.25, 0.4])

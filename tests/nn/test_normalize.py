from __future__ import annotations

import pytest
import torch

from labelkit.nn.normalize import normalize


def test_imagenet_statistics_and_zero_in_the_padding() -> None:
    images = torch.full((1, 3, 2, 2), 0.5)
    valid = torch.ones(1, 1, 2, 2)
    valid[0, 0, 1, 1] = 0
    found = normalize(images, valid)
    expected = [(0.5 - m) / s for m, s in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))]
    assert found[0, :, 0, 0].tolist() == pytest.approx(expected, rel=1e-5)
    assert found[0, :, 1, 1].tolist() == [0, 0, 0]

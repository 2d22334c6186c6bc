"""A small landmark model with random weights: fresh heads start at zero and would hide every mistake."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from labelkit.models.build import build_tufa
from labelkit.models.predictor import LandmarkModel
from labelkit.models.tufa import TUFA
from labelkit.train.recipes import load_recipe


def _network() -> TUFA:
    torch.manual_seed(0)
    network = build_tufa(load_recipe("tiny").network).eval()
    for head in (network.head, network.pose):
        if head is not None:
            nn.init.normal_(head[-1].weight, std=0.02)
    nn.init.normal_(network.padding)
    return network


@pytest.fixture(scope="session")
def network() -> TUFA:
    return _network()


@pytest.fixture(scope="session")
def model() -> LandmarkModel:
    card = {
        "name": "made",
        "hash": "0123456789abcdef",
        "architecture": load_recipe("tiny").network.to_dict(),
    }
    offsets = {"mine": np.full((68, 2), 0.05)}
    return LandmarkModel(_network(), card, offsets, torch.device("cpu"), "fp32")

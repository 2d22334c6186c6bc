"""Made faces: dots on a plain ground, which are where the labels say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from labelkit.scheme import Scheme, load_scheme
from labelkit.train.pack import MARGIN, FacePack
from labelkit.train.recipes import Recipe, load_recipe

MakePack = Callable[..., FacePack]


@pytest.fixture(scope="session")
def ibug68() -> Scheme:
    return load_scheme("ibug68")


@pytest.fixture(scope="session")
def make_pack() -> MakePack:
    """``make_pack(scheme, faces, name=, size=, spread=, dots=, seed=)``."""

    def make(
        scheme: Scheme,
        faces: int,
        name: str = "",
        size: int = 96,
        spread: float = 0.05,
        dots: bool = True,
        seed: int = 0,
    ) -> FacePack:
        rng = np.random.default_rng(seed)
        images = np.full((faces, 3, size, size), 90, np.uint8)
        points = np.empty((faces, len(scheme), 2))
        y, x = np.mgrid[:size, :size]
        for i in range(faces):
            scale, angle = 1 + rng.uniform(-spread, spread), rng.uniform(-spread, spread) * 3
            turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            points[i] = scheme.plane / MARGIN @ turn.T + rng.uniform(-spread, spread, 2)
            for at in (points[i] + 1) * size / 2 - 0.5 if dots else []:
                near = (x - at[0]) ** 2 + (y - at[1]) ** 2 < 4
                images[i][:, near] = 255
        bounds = torch.tensor([[-1.0, -1.0, 1.0, 1.0]]).repeat(faces, 1)
        return FacePack(
            name or scheme.name,
            scheme,
            torch.from_numpy(images),
            bounds,
            torch.tensor(points, dtype=torch.float32),
        )

    return make


@pytest.fixture(scope="session")
def tiny() -> Recipe:
    """Smaller still than the recipe of that name: 32 px, a batch of 4, 8 steps."""
    recipe = load_recipe("tiny")
    network = replace(recipe.network, size=32, dim=16, layers=1, hidden=32)
    return replace(recipe, network=network, passes=32, batch=4, warmup=8, own=8, between=4)

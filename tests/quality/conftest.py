"""Made faces: the plane turned, bent and drawn with a trembling hand, anywhere on a photo."""

from __future__ import annotations

import numpy as np
import pytest

from labelkit.geometry import Array
from labelkit.scheme import Scheme, load_scheme


def make_faces(scheme: Scheme, count: int, seed: int = 0, noise: float = 0.008) -> Array:
    """Shapes (count, N, 2) in px: bent by up to a tenth of a plane unit in three ways, scaled,
    turned and shifted."""
    rng = np.random.default_rng(seed)
    x, y = scheme.plane.T
    bends = np.stack(
        [
            np.stack([y * y, 0 * y], 1),
            np.stack([0 * x, x * x], 1),
            np.stack([0 * x, np.maximum(y - 0.4, 0)], 1),
        ]
    )
    shapes = scheme.plane + np.einsum("mk,knc->mnc", rng.normal(0, 0.1, (count, 3)), bends)
    shapes = shapes + rng.normal(0, noise, shapes.shape)
    turn = rng.uniform(60, 200, count) * np.exp(1j * rng.uniform(-0.4, 0.4, count))
    placed = (shapes[..., 0] + 1j * shapes[..., 1]) * turn[:, None] + (300 + 200j)
    return np.stack([placed.real, placed.imag], axis=2)


@pytest.fixture(scope="session")
def ibug68() -> Scheme:
    return load_scheme("ibug68")

"""A small scheme, a small project, and ways to fill it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from labelkit.geometry import Box, Crop, Similarity
from labelkit.landmarks import Landmarks, State
from labelkit.prediction import Prediction
from labelkit.scheme import Point, Scheme
from labelkit.scheme.change import SchemeChange
from labelkit.store import NewFace, NewImage, Store

BOX = Box(10, 20, 110, 140, "user", "somebody", None)


def made_scheme(*names: str, name: str = "made") -> Scheme:
    """Points in a row."""
    return Scheme(name, tuple(Point(one, i / 10, 0.0) for i, one in enumerate(names)))


class Maker:
    """Fills a store with as little ado as possible."""

    box = BOX

    def __init__(self, store: Store) -> None:
        self.store = store

    def faces(self, count: int = 1, box: Box | None = BOX) -> list[int]:
        """New faces, one per new photo."""
        known = self.store.count_images().total
        ids = self.store.add_images([NewImage(f"{known + i}.jpg") for i in range(count)])
        return self.store.add_faces([NewFace(image, box) for image in ids])

    def landmarks(self, value: float = 1.0, state: State = State.CONFIRMED) -> Landmarks:
        """Every point of the present scheme at (value, value)."""
        scheme = self.store.scheme()
        return Landmarks(scheme, np.full((len(scheme), 2), value), state)

    def change(self, *names: str, lineage: tuple[int, ...]) -> SchemeChange:
        """From the present scheme to one of points of these names."""
        return SchemeChange(self.store.scheme(), made_scheme(*names), lineage)

    def prediction(self, value: float = 5.0, model: str = "base@1") -> Prediction:
        scheme = self.store.scheme()
        crop = Crop(Similarity(50.0, 1.0, 60.0, 70.0))
        return Prediction(np.full((len(scheme), 2), value), model, crop, scheme.name)


@pytest.fixture
def scheme() -> Scheme:
    return made_scheme("a", "b", "c")


@pytest.fixture
def store(tmp_path: Path, scheme: Scheme) -> Iterator[Store]:
    with Store.create(tmp_path / "labelkit.db", scheme, "founder") as store:
        yield store


@pytest.fixture
def make(store: Store) -> Maker:
    return Maker(store)

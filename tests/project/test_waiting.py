"""The queue over a project's database: its orders, and what others have open."""

from __future__ import annotations

import numpy as np
import pytest

from labelkit.errors import InputError
from labelkit.geometry import Box, Crop, Similarity
from labelkit.landmarks import Face
from labelkit.prediction import Prediction
from labelkit.project import Project, waiting
from labelkit.queue import WAYS, signature
from labelkit.store import NewFace, NewImage, NewPrediction


@pytest.fixture
def full(project: Project) -> Project:
    """Twelve predicted faces: ten frames of a film that the model doubts most, and two others."""
    scheme, store = project.scheme, project.store
    names = [*(f"film/{number:02}.png" for number in range(10)), "alone.png", "other.png"]
    images = store.add_images([NewImage(name) for name in names])
    ids = store.add_faces([NewFace(image, Box(10, 10, 60, 60, "user")) for image in images])
    crop = Crop(Similarity(100.0, 0.0, 150.0, 150.0))
    new = []
    for place, face in enumerate(ids):
        bend = 0.001 * place if place < 10 else 0.2 * place
        plane = scheme.plane + np.stack([bend * scheme.plane[:, 1] ** 2, np.zeros(68)], axis=1)
        cov = np.full(68, 0.01)
        cov[:8] = 30.0
        made = Prediction(
            crop.points_to_image(plane), "m@1", crop, scheme.name, cov[:, None, None] * np.eye(2)
        )
        new.append(NewPrediction(face, made, 0.9 - 0.01 * place, signature(made, scheme)))
    store.put_predictions(new)
    return project


def names(project: Project, limit: int | None = None, **how: object) -> list[str]:
    return [item.face.image for item in project.queue(limit, **how)]  # type: ignore[arg-type]


def test_a_film_does_not_fill_the_first_page(full: Project) -> None:
    assert names(full, 3) == ["film/00.png", "alone.png", "other.png"]
    assert names(full, 3, order="worst") == ["film/00.png", "film/01.png", "film/02.png"]
    assert sorted(names(full)) == sorted(names(full, order="worst"))


def test_the_reason_names_the_part_and_the_length(full: Project) -> None:
    # A spread of 30 px² each way: the mean error is sqrt(30 pi / 2).
    assert full.queue(1)[0].reason == "right jaw, 8 points, about 7 px"


def test_random_goes_by_its_seed_and_oldest_by_what_was_added_first(full: Project) -> None:
    assert names(full, order="random", seed=1) == names(full, order="random", seed=1)
    assert names(full, order="random", seed=1) != names(full, order="random", seed=2)
    assert names(full, order="oldest") == [*(f"film/{n:02}.png" for n in range(10)), "alone.png", "other.png"]
    with pytest.raises(InputError, match="'quick' is no order of the queue; there are uncertain, teaching"):
        full.queue(order="quick")  # type: ignore[arg-type]


@pytest.mark.parametrize("way", WAYS)
def test_every_order_holds_whoever_waits_and_nobody_else(full: Project, way: str) -> None:
    full.reject(Face("film/04.png"), "ann")
    found = names(full, order=way)
    assert len(found) == len(set(found)) == 11
    assert "film/04.png" not in found
    assert names(full, 4, order=way) == found[:4]


def test_what_somebody_has_open_others_are_not_given(full: Project) -> None:
    first = full.queue(1)[0]
    full.store.leases.take([full.find(first.face).id], "ann")
    assert first.face.image not in names(full, author="bob")
    assert names(full, 1, author="ann") == [first.face.image]
    everything = full.queue()
    assert everything[0].reason == "ann has it open; right jaw, 8 points, about 7 px"


def test_blocks_follow_one_another_and_no_face_is_lost(
    full: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "BLOCK", 5)
    assert sorted(names(full)) == sorted(names(full, order="oldest"))

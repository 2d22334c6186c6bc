from __future__ import annotations

import numpy as np
import pytest

from labelkit.geometry import PLANE_IOD, Array, Crop, Similarity
from labelkit.images import RGBImage
from labelkit.models import ambiguity
from labelkit.models.ambiguity import ambiguity_map, jittered, wandering
from labelkit.models.predictor import LandmarkModel

IMAGE = np.random.default_rng(0).integers(0, 256, (120, 110, 3), dtype=np.uint8)
CROP = Crop(Similarity(40.0, 3.0, 55.0, 60.0))
PLANE = np.array([[-0.4, -0.1], [0.0, 0.2], [0.3, 0.5]])


class Follows:
    """Finds every plane point at the same place of the photo, whatever the crop; points below
    y = 0.4 at the same place of the crop instead, so that they go where the crop goes."""

    size = 32

    def place_pixels(self, pixels: RGBImage, valid: Array, plane: Array) -> tuple[Array, Array]:
        crops = jittered(CROP)
        # The mirrored plane is told by its sign: this model sees no pixels.
        sign = 1.0 if np.sign(plane[0, 0]) == np.sign(PLANE[0, 0]) else -1.0
        steady = [crop.points_to_crop(CROP.points_to_image(plane * (sign, 1))) * (sign, 1) for crop in crops]
        found = np.stack(steady)
        loose = plane[:, 1] > 0.4
        found[:, loose] = plane[loose]
        return found, np.empty((len(crops), 0, 2))


def test_what_stays_on_the_photo_does_not_wander_and_what_goes_with_the_crop_does() -> None:
    found = wandering(Follows(), IMAGE, CROP, PLANE)  # type: ignore[arg-type]
    places = np.stack([crop.points_to_image(PLANE[2]) for crop in jittered(CROP)])
    spread = np.sqrt(((places - places.mean(axis=0)) ** 2).sum(axis=1).mean())
    assert found[:2] == pytest.approx(0.0, abs=1e-9)
    assert found[2] == pytest.approx(spread / (CROP.pixels_per_unit * PLANE_IOD))


def test_crops_are_the_same_every_time_and_begin_with_the_given_one() -> None:
    first, again = jittered(CROP), jittered(CROP)
    assert first == again
    assert first[0] == CROP
    assert len(set(first)) == ambiguity.CROPS


def test_a_mirrored_face_has_the_mirrored_map(model: LandmarkModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a crop as it is; jittered crops are not each other's mirror images."""
    monkeypatch.setattr(ambiguity, "CROPS", 1)
    straight = wandering(model, IMAGE, CROP, PLANE)
    image = np.ascontiguousarray(IMAGE[:, ::-1])
    mirrored = wandering(model, image, CROP.flipped(IMAGE.shape[1]), PLANE * (-1, 1))
    assert straight.min() > 0
    assert mirrored == pytest.approx(straight, abs=2e-3)


def test_the_map_is_the_mean_over_faces(model: LandmarkModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ambiguity, "COLUMNS", 3)
    monkeypatch.setattr(ambiguity, "ROWS", 4)
    heard: list[tuple[int, int]] = []
    other = IMAGE[::-1].copy()
    found = ambiguity_map(model, [IMAGE, other], [CROP, CROP], heard=lambda *n: heard.append(n))
    _, y0, x1, _ = found.edges
    corner = np.array([[x1, y0]])
    apart = [wandering(model, image, CROP, corner)[0] for image in (IMAGE, other)]
    assert found.wander.shape == (4, 3)
    assert found.wander[0, 2] == pytest.approx(np.mean(apart), rel=1e-3)
    assert heard == [(1, 2), (2, 2)]

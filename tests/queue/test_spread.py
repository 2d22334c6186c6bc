from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit.geometry import Crop, Similarity
from labelkit.prediction import Prediction
from labelkit.queue import BYTES, Look, signature, spread_out
from labelkit.queue.likeness import squared_distances
from labelkit.sampling import LOOK_BYTES, look
from labelkit.scheme import Scheme, load_scheme

CROP = Crop(Similarity(50, 20, 100, 80))
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def ibug68() -> Scheme:
    return load_scheme("ibug68")


def seen(scheme: Scheme, bend: float = 0.0, picture: int = 0, points: slice = slice(None)) -> bytes:
    """A face whose lower half is pulled to the side by ``bend``, before a made picture."""
    plane = scheme.plane + np.stack([bend * scheme.plane[:, 1] ** 2, np.zeros(len(scheme))], axis=1)
    xy = np.full((len(scheme), 2), np.nan)
    xy[points] = CROP.points_to_image(plane)[points]
    pixels = np.random.default_rng(picture).integers(0, 256, (16, 16, 3), np.uint8)
    made = signature(Prediction(xy, "m@1", CROP, scheme.name), scheme, look(pixels))
    assert made is not None
    return made


def test_a_signature_has_its_length_and_none_is_made_without_points(ibug68: Scheme) -> None:
    assert len(seen(ibug68)) == BYTES
    nothing = Prediction(np.full((68, 2), np.nan), "m@1", CROP, "ibug68")
    assert signature(nothing, ibug68) is None


def test_what_is_bent_or_looks_otherwise_is_further_away(ibug68: Scheme) -> None:
    faces = [seen(ibug68), seen(ibug68, 0.05), seen(ibug68, 0.3), seen(ibug68, 0.0, picture=1)]
    same, little, much, other = squared_distances(faces)[0]
    assert same == pytest.approx(0, abs=1e-9)
    assert 0 < little < 0.5 < much
    assert other > 2  # pictures of noise have nothing in common: 2 / 0.8²


def test_another_scheme_or_missing_points_give_nearly_the_same_bend(ibug68: Scheme) -> None:
    wflw98 = load_scheme("wflw98")
    whole, other, part = seen(ibug68, 0.2), seen(wflw98, 0.2), seen(ibug68, 0.2, points=slice(17, 68))
    assert squared_distances([whole, other])[0, 1] < 0.1
    assert squared_distances([whole, part])[0, 1] < 0.5


def test_light_and_contrast_do_not_count() -> None:
    pixels = np.kron(RNG.integers(40, 240, (8, 8, 1), np.uint8), np.ones((4, 4, 3), np.uint8))
    darker = (pixels // 2 + 10).astype(np.uint8)
    first, second = (np.frombuffer(look(one), np.int8).astype(int) for one in (pixels, darker))
    assert len(first) == LOOK_BYTES
    assert np.abs(first - second).max() <= 3
    assert np.frombuffer(look(np.full((8, 8, 3), 90, np.uint8)), np.int8).tolist() == [0] * LOOK_BYTES


def test_faces_that_are_the_same_do_not_stand_in_a_row(ibug68: Scheme) -> None:
    clip = [Look(0.9 - i / 1000, f"clip/{i:03}.jpg", None, seen(ibug68, i / 1000)) for i in range(10)]
    rest = [Look(0.5 - i / 100, f"{i}/a.jpg", None, seen(ibug68, 0.1 * i, picture=i)) for i in range(1, 11)]
    order = spread_out([*clip, *rest])
    assert sorted(order) == list(range(20))
    assert order[0] == 0  # the most doubted of all
    assert sum(place < 10 for place in order[:8]) <= 2


def test_one_sequence_or_person_makes_more_alike(ibug68: Scheme) -> None:
    bends = (0.0, 0.2, 0.24)

    def order(*names: str, people: tuple[str | None, ...] = (None, None, None)) -> list[int]:
        return spread_out(
            [
                Look(score, name, person, seen(ibug68, bend))
                for name, person, bend, score in zip(names, people, bends, (0.9, 0.62, 0.6), strict=True)
            ]
        )

    assert order("a.jpg", "b.jpg", "c.jpg")[1] == 2  # a little further from the first
    apart = ("a1.jpg", "b.jpg", "a2.jpg")
    assert order(*apart)[1] == 1
    assert order("a.jpg", "b.jpg", "c.jpg", people=("ann", None, "ann"))[1] == 1
    assert order("a1.jpg", "b.jpg", "a99.jpg")[1] == 2  # too far from one another for one sequence


@given(st.lists(st.none() | st.floats(0, 1), max_size=30))
def test_without_signatures_the_doubt_alone_counts(scores: list[float | None]) -> None:
    order = spread_out([Look(score, "a.jpg") for score in scores])
    key = [(scores[i] is None, -max(scores[i] or 0, 1e-6), i) for i in order]
    assert key == sorted(key)


def test_a_signature_of_another_length_counts_as_none(ibug68: Scheme) -> None:
    assert np.isinf(squared_distances([seen(ibug68), b"old", None])[0, 1:]).all()

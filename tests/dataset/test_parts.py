"""Parts share no photo and no person, have the sizes asked for, and are the same everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit.dataset.parts import divide, shares_of
from labelkit.errors import InputError

NAMES = st.integers(0, 12).map(str)
RATIOS = st.lists(st.floats(0.05, 100), min_size=1, max_size=4)


@given(st.lists(st.tuples(NAMES, NAMES), max_size=40), RATIOS, st.integers(0, 5), st.booleans())
def test_no_photo_and_no_person_is_in_two_parts(
    faces: list[tuple[str, str]], ratios: list[float], seed: int, by_person: bool
) -> None:
    photos, persons = [photo for photo, _ in faces], [person for _, person in faces]
    part = divide(photos, persons if by_person else None, shares_of(ratios), seed)
    assert part.shape == (len(faces),)
    assert ((part >= 0) & (part < len(ratios))).all()
    for names in (photos, persons) if by_person else (photos,):
        assert len(set(zip(names, part.tolist(), strict=True))) == len(set(names))


@given(st.lists(st.integers(1, 6), min_size=1, max_size=40), RATIOS, st.integers(0, 5))
def test_no_photo_is_better_off_in_another_part(sizes: list[int], ratios: list[float], seed: int) -> None:
    photos = [str(number) for number, size in enumerate(sizes) for _ in range(size)]
    wanted = shares_of(ratios) * len(photos)
    part = divide(photos, None, shares_of(ratios), seed)
    found = np.bincount(part, minlength=len(ratios))
    for number, size in enumerate(sizes):
        for other in range(len(ratios)):
            moved = found.copy()
            moved[part[photos.index(str(number))]] -= size
            moved[other] += size
            assert np.abs(moved - wanted).sum() >= np.abs(found - wanted).sum() - 1e-6


@given(st.integers(1, 200), RATIOS)
def test_single_faces_are_divided_to_within_one(count: int, ratios: list[float]) -> None:
    part = divide([str(i) for i in range(count)], None, shares_of(ratios), 0)
    assert (np.abs(np.bincount(part, minlength=len(ratios)) - shares_of(ratios) * count) < 1).all()


def test_the_order_of_the_faces_does_not_matter() -> None:
    photos = [f"{i % 37}.jpg" for i in range(100)]
    shares = shares_of((80, 10, 10))
    part = dict(zip(photos, divide(photos, None, shares, 0).tolist(), strict=True))
    again = dict(zip(photos[::-1], divide(photos[::-1], None, shares, 0).tolist(), strict=True))
    assert part == again


def test_the_same_names_give_the_same_parts_everywhere() -> None:
    """What a release divides, the next one must divide in the same way."""
    part = divide(list("abcdefghijkl"), None, shares_of((3, 1)), 0)
    assert "".join(map(str, part)) == "001101000000"


def test_another_seed_gives_other_parts() -> None:
    photos = [str(i) for i in range(200)]
    first, second = (divide(photos, None, shares_of((1, 1)), seed) for seed in (0, 1))
    assert 50 < (first != second).sum() < 150


def test_most_faces_stay_when_faces_are_added() -> None:
    photos = [str(i) for i in range(1100)]
    before, after = (divide(photos[:count], None, shares_of((80, 10, 10)), 0) for count in (1000, 1100))
    assert (before != after[:1000]).mean() < 0.1


def test_persons_who_share_a_photo_stay_together() -> None:
    photos = ["a", "a", "b", "b", "c", "d"]
    persons = ["1", "2", "2", "3", "3", "4"]
    part = divide(photos, persons, shares_of((1, 1)), 0)
    assert len(set(part[:5].tolist())) == 1
    assert part[5] != part[0]


@pytest.mark.parametrize(
    "ratios", [(), (1, 0), (1, -1), (1, float("nan")), (float("inf"), 1), ((1, 2), (3, 4))]
)
def test_ratios_are_positive_numbers(ratios: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="is no way to divide: positive numbers"):
        shares_of(ratios)


def test_ratios_need_not_sum_to_one() -> None:
    np.testing.assert_allclose(shares_of((80, 10, 10)), [0.8, 0.1, 0.1])

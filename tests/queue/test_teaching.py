from __future__ import annotations

import numpy as np
import pytest

from labelkit.geometry import Crop, Similarity
from labelkit.prediction import Prediction
from labelkit.queue import Look, signature, speak_for_others
from labelkit.scheme import load_scheme

CROP = Crop(Similarity(50, 20, 100, 80))
SCHEME = load_scheme("ibug68")


def face(bend: float, name: str = "a.jpg", score: float | None = 0.5) -> Look:
    """A face whose lower half is pulled to the side by ``bend``."""
    plane = SCHEME.plane + np.stack([bend * SCHEME.plane[:, 1] ** 2, np.zeros(len(SCHEME))], axis=1)
    xy = CROP.points_to_image(plane)
    return Look(score, name, None, signature(Prediction(xy, "m@1", CROP, SCHEME.name), SCHEME))


def test_the_middle_of_the_largest_group_comes_first_and_the_other_is_heard_soon() -> None:
    many = [face(0.01 * i) for i in range(-4, 5)]
    few = [face(0.6 + 0.01 * i) for i in range(3)]
    order = speak_for_others([*few, *many])
    assert sorted(order) == list(range(12))
    assert order[0] == 3 + 4  # between all the others of its group
    assert any(place < 3 for place in order[1:4])


def test_an_odd_face_waits_however_much_it_is_doubted() -> None:
    faces = [face(1.5, score=1.0), *(face(0.02 * i, score=0.1) for i in range(6))]
    assert speak_for_others(faces)[0] != 0
    assert speak_for_others([face(1.5, score=0.0), *faces[1:]]) == speak_for_others(faces)


def test_what_has_been_corrected_need_not_be_said_again() -> None:
    faces = [face(0.0), face(0.01), face(0.02), face(0.6), face(0.61)]
    assert speak_for_others(faces)[0] == 1
    assert speak_for_others(faces, [face(0.01), face(0.0), face(0.02)])[0] in (3, 4)


def test_a_corrected_frame_speaks_for_its_film_more_than_for_other_photos() -> None:
    faces = [face(0.3, "film2.jpg"), face(-0.3, "b.jpg")]
    assert speak_for_others(faces, [face(0.0, "film1.jpg")]) == [1, 0]
    assert speak_for_others(faces[::-1], [face(0.0, "film1.jpg")]) == [0, 1]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_faces_of_which_nothing_is_known_keep_their_order(count: int) -> None:
    assert speak_for_others([Look(None, "a.jpg")] * count, [Look(None, "b.jpg")]) == list(range(count))

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit.geometry import Box, Crop, Similarity
from labelkit.landmarks import Face
from labelkit.prediction import Prediction
from labelkit.queue import ORDER, QueueItem, Waiting, by_doubt, reason, score, shuffled

CROP = Crop(Similarity(100, 0, 50, 50))
STATES = [*ORDER, "done", "reviewed", "rejected", "skipped", "no face"]


def prediction(confidence: list[float] | None = None) -> Prediction:
    return Prediction(np.zeros((2, 2)), "m@1", CROP, "two", confidence=confidence)


def waiting(name: str, state: str = "predicted", score: float | None = None, note: str = "") -> Waiting:
    return Waiting(Face(f"{name}.jpg"), state, score, note, "m@1", "left jaw, 2 points")


def names(items: list[QueueItem]) -> list[str]:
    return [item.face.image.removesuffix(".jpg") for item in items]


def test_returned_then_uncertain_then_begun_then_todo() -> None:
    faces = [
        waiting("todo", "todo"),
        waiting("sure", score=0.1),
        waiting("begun", "in progress"),
        waiting("unsure", score=0.9),
        waiting("done", "done", 1.0),
        waiting("back", "returned", 0.0, "the chin is off"),
    ]
    items = by_doubt(faces)
    assert names(items) == ["back", "unsure", "sure", "begun", "todo"]
    assert items[0].reason == "returned: the chin is off"


def test_what_nothing_is_known_of_comes_after_what_is_sure() -> None:
    items = by_doubt([waiting("unknown"), waiting("second"), waiting("sure", score=0.0)])
    assert names(items) == ["sure", "unknown", "second"]


@given(
    st.lists(st.tuples(st.sampled_from(STATES), st.none() | st.floats(0, 1))).map(
        lambda rows: [waiting(str(i), state, value) for i, (state, value) in enumerate(rows)]
    )
)
def test_the_order_is_total_and_stable(faces: list[Waiting]) -> None:
    items = by_doubt(faces)
    assert sorted(names(items)) == sorted(
        face.face.image.removesuffix(".jpg") for face in faces if face.state in ORDER
    )
    by_name = {face.face.image: (number, face) for number, face in enumerate(faces)}

    def key(item: QueueItem) -> tuple[int, bool, float, int]:
        number, face = by_name[item.face.image]
        return (ORDER.index(face.state), face.score is None, -(face.score or 0), number)

    assert [key(item) for item in items] == sorted(key(item) for item in items)


def test_the_models_word_counts_before_the_detectors() -> None:
    box = Box(0, 0, 1, 1, "detector", "haar", 0.3)
    assert score(prediction([0.5, 1.0]), box) == pytest.approx(0.25)
    assert score(prediction(), box) == pytest.approx(0.7)
    assert score(prediction(), None) is None
    assert score(prediction(), Box(0, 0, 1, 1, "user")) is None


def test_the_reason_says_what_the_score_comes_from() -> None:
    face = Face("a.jpg")
    assert reason(Waiting(face, "predicted", 0.25, "", "m@1", "left jaw, 2 points")) == "left jaw, 2 points"
    by_detector = reason(Waiting(face, "predicted", 0.7, "", "m@1"))
    assert by_detector == "the face detector's doubt (m gives none)"
    unknown = reason(Waiting(face, "predicted", None, "new points", "m@1"))
    assert unknown == "new points; m does not say how sure it is"
    assert reason(Waiting(face, "predicted", None, "imported")) == "imported"
    shared = Waiting(face, "returned", None, "chin", shape="left and right swapped", held="ann")
    assert reason(shared) == "ann has it open; left and right swapped; returned: chin"


def test_a_shuffle_depends_on_the_seed_alone_and_keeps_its_order_when_faces_go() -> None:
    ids = list(range(1, 500))
    first = shuffled(ids, 3).tolist()
    assert sorted(first) == ids
    assert first == shuffled(ids[::-1], 3).tolist()
    assert first != shuffled(ids, 4).tolist()
    left = [one for one in ids if one % 3]
    assert shuffled(left, 3).tolist() == [one for one in first if one % 3]


def test_a_shuffle_is_no_order_in_disguise() -> None:
    places = np.array([shuffled(range(1, 300), seed).tolist().index(7) for seed in range(200)])
    # Uniform on 0 to 298: the mean of 200 has a standard deviation of 6.
    assert abs(places.mean() - 149) < 25
    assert len(set(places.tolist())) > 100

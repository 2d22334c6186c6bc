from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select

from labelkit.errors import InputError
from labelkit.geometry import Crop, Similarity
from labelkit.landmarks import Landmarks, State
from labelkit.prediction import Prediction
from labelkit.store import FaceState, NewPrediction, Store
from labelkit.store.tables import predictions

CROP = Crop(Similarity(50.5, -1.25, 60.0, 70.0))


@pytest.mark.parametrize("spread", [True, False])
def test_a_prediction_comes_back_as_it_was(store: Store, make: Any, spread: bool) -> None:
    (face,) = make.faces()
    random = np.random.default_rng(0)
    cov, sure = (random.random((3, 2, 2)), random.random(3)) if spread else (None, None)
    prediction = Prediction(random.random((3, 2)), "base@1", CROP, "made", cov, sure)
    store.put_predictions([NewPrediction(face, prediction, 0.25)])
    stored = store.prediction(face)
    assert stored is not None
    assert stored.prediction == prediction
    assert (stored.face_id, stored.scheme_revision) == (face, 1)
    assert store.face(face).score == 0.25
    assert store.face(face).prediction_id == stored.id


def test_a_prediction_never_touches_what_a_person_said(store: Store, make: Any) -> None:
    todo, done, begun, skipped = make.faces(4)
    store.annotate(done, make.landmarks(1), "me")
    store.annotate(
        begun, Landmarks("made", [[1, 1], [2, 2], [3, 3]], [2, 1, 0]), "me", state=FaceState.IN_PROGRESS
    )
    store.set_state(skipped, FaceState.SKIPPED, "me")
    before = [store.current(face) for face in (done, begun)]
    history = [store.history(face) for face in (done, begun)]
    store.put_predictions([NewPrediction(face, make.prediction()) for face in (todo, done, begun, skipped)])
    states = [store.face(face).state for face in (todo, done, begun, skipped)]
    assert states == [FaceState.PREDICTED, FaceState.DONE, FaceState.IN_PROGRESS, FaceState.SKIPPED]
    assert [store.current(face) for face in (done, begun)] == before
    assert [store.history(face) for face in (done, begun)] == history
    assert store.current(done, fill=True) == before[0]
    assert store.current(begun, fill=True).xy.tolist() == [[1, 1], [2, 2], [5, 5]]


def test_points_are_filled_from_the_newest_prediction(store: Store, make: Any) -> None:
    (face,) = make.faces()
    assert np.isnan(store.current(face, fill=True).xy).all()
    store.put_predictions([NewPrediction(face, make.prediction(5))])
    store.put_predictions([NewPrediction(face, make.prediction(6))])
    filled = store.current(face, fill=True)
    assert filled.xy.tolist() == [[6, 6]] * 3
    assert filled.state.tolist() == [State.PREDICTED] * 3
    assert np.isnan(store.current(face).xy).all()


def test_a_predicted_point_saved_after_the_prediction_stays_until_a_newer_one(
    store: Store, make: Any
) -> None:
    (face,) = make.faces()
    store.put_predictions([NewPrediction(face, make.prediction(5))])
    saved = make.landmarks(5.5, State.PREDICTED)
    store.annotate(face, saved, "me", state=FaceState.IN_PROGRESS)
    assert store.current(face, fill=True) == saved
    store.put_predictions([NewPrediction(face, make.prediction(6))])
    assert store.current(face, fill=True).xy.tolist() == [[6, 6]] * 3
    assert store.current(face) == saved


def test_predictions_of_many_faces_by_id(store: Store, make: Any) -> None:
    a, b, c = make.faces(3)
    store.put_predictions(
        [NewPrediction(a, make.prediction(1, "x")), NewPrediction(b, make.prediction(2, "y"))]
    )
    store.put_predictions([NewPrediction(a, make.prediction(3, "y"))])
    found = store.predictions([c, b, a])
    assert {face: one.prediction.xy[0, 0] for face, one in found.items()} == {a: 3, b: 2}
    assert store.prediction(c) is None
    assert store.models() == {"y": 2}


def test_old_predictions_go_unless_an_annotation_started_from_them(store: Store, make: Any) -> None:
    (face,) = make.faces()
    kept = []
    for value in range(5):
        store.put_predictions([NewPrediction(face, make.prediction(value))])
        kept.append(store.face(face).prediction_id)
        if value == 1:
            store.annotate(face, make.landmarks(), "me", started_from=kept[1])
    with store._database.read() as connection:
        ids = connection.scalars(select(predictions.c.id).order_by(predictions.c.id)).all()
    assert ids == [kept[1], kept[3], kept[4]]


def test_the_last_of_two_predictions_of_one_face_counts(store: Store, make: Any) -> None:
    (face,) = make.faces()
    store.put_predictions(
        [NewPrediction(face, make.prediction(1), 0.1), NewPrediction(face, make.prediction(2), 0.2)]
    )
    assert store.current(face, fill=True).xy[0, 0] == 2
    assert store.face(face).score == 0.2
    assert len(store.events(face)) == 1


def test_all_predictions_or_none(store: Store, make: Any) -> None:
    (face,) = make.faces()
    good = NewPrediction(face, make.prediction())
    other = Prediction(np.zeros((4, 2)), "base", CROP, "made")
    for bad in (
        NewPrediction(99, make.prediction()),
        NewPrediction(face, other),
        NewPrediction(face, make.prediction(), float("nan")),
    ):
        with pytest.raises(InputError):
            store.put_predictions([good, bad])
    store.put_predictions([])
    assert store.prediction(face) is None
    assert store.face(face).state == FaceState.TODO
    with store._database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(predictions)) == 0

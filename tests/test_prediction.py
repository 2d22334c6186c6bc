from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from labelkit.errors import InputError
from labelkit.geometry import Crop, Similarity
from labelkit.landmarks import State
from labelkit.prediction import BoxLike, Model, Prediction
from labelkit.scheme import Scheme

CROP = Crop(Similarity(10, 0, 5, 5))
XY = np.arange(6.0).reshape(3, 2)


class Still:
    """The smallest thing that is a model."""

    name = "still"
    id = "still@0"

    def predict(
        self, images: Sequence[NDArray[np.uint8]], boxes: Sequence[BoxLike], scheme: Scheme | str
    ) -> list[Prediction]:
        return [Prediction(XY, self.id, CROP, "three") for _ in boxes]


def test_without_spread_covariance_and_confidence_are_absent() -> None:
    prediction = Prediction(XY, "base@1", CROP, "three")
    assert prediction.cov.shape == (3, 2, 2)
    assert prediction.confidence.shape == (3,)
    assert np.isnan(prediction.cov).all()
    assert np.isnan(prediction.confidence).all()
    assert len(prediction) == 3


@pytest.mark.parametrize("name", ["xy", "cov", "confidence"])
def test_arrays_are_read_only_float64_copies(name: str) -> None:
    given_arrays = {
        "xy": np.ones((3, 2), np.float32),
        "cov": np.ones((3, 2, 2), np.float32),
        "confidence": np.ones(3, np.float32),
    }
    prediction = Prediction(model="base@1", crop=CROP, scheme="three", **given_arrays)
    given_arrays[name][0] = 0
    assert getattr(prediction, name).dtype == np.float64
    assert (getattr(prediction, name) == 1).all()
    with pytest.raises(ValueError, match="read-only"):
        getattr(prediction, name)[0] = 0


@pytest.mark.parametrize(
    "arrays",
    [
        {"xy": np.zeros((3, 3))},
        {"xy": np.zeros(6)},
        {"xy": XY, "cov": np.zeros((3, 2))},
        {"xy": XY, "cov": np.zeros((2, 2, 2))},
        {"xy": XY, "confidence": np.zeros(2)},
        {"xy": XY, "confidence": np.zeros((3, 1))},
    ],
)
def test_shapes_that_do_not_belong_together_are_refused(arrays: dict[str, NDArray[np.float64]]) -> None:
    with pytest.raises(InputError, match="a prediction of"):
        Prediction(model="base@1", crop=CROP, scheme="three", **arrays)


def test_equal_by_value_absent_spread_included() -> None:
    prediction = Prediction(XY, "base@1", CROP, "three")
    assert prediction == Prediction(XY, "base@1", CROP, "three")
    assert prediction != Prediction(XY + 1, "base@1", CROP, "three")
    assert prediction != Prediction(XY, "base@2", CROP, "three")
    assert prediction != Prediction(XY, "base@1", CROP, "three", confidence=[0.5, 0.5, 0.5])
    assert prediction != Prediction(XY, "base@1", CROP, "three", cov=np.zeros((3, 2, 2)))
    assert prediction != Prediction(XY, "base@1", CROP.flipped(9), "three")


def test_as_landmarks_every_point_is_predicted() -> None:
    landmarks = Prediction(XY, "base@1", CROP, "three").landmarks()
    assert landmarks.scheme == "three"
    assert landmarks.xy.tolist() == XY.tolist()
    assert landmarks.state.tolist() == [State.PREDICTED] * 3


def test_a_model_is_whatever_predicts() -> None:
    assert isinstance(Still(), Model)
    assert not isinstance(object(), Model)
    image = np.zeros((8, 8, 3), np.uint8)
    assert len(Still().predict([image, image], [(0, 0, 4, 4), (1, 1, 5, 5)], "three")) == 2

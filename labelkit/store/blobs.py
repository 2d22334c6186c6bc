"""Points to bytes and back: little-endian float64 and int8, so that a file can change machines."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row

from labelkit.errors import InputError
from labelkit.geometry import Array, Crop, Similarity
from labelkit.landmarks import Landmarks, State
from labelkit.prediction import Prediction


def landmark_columns(landmarks: Landmarks) -> dict[str, Any]:
    """The columns of ``annotations`` that hold points; `InputError` for infinite coordinates."""
    if np.isinf(landmarks.xy).any():
        raise InputError("a landmark has an infinite coordinate")
    return {
        "xy": landmarks.xy.astype("<f8").tobytes(),
        "states": landmarks.state.tobytes(),
        "visibility": landmarks.visibility.tobytes(),
        "complete": int((landmarks.state != State.PREDICTED).all()),
    }


def points(blob: bytes) -> Array:
    """The (N, 2) coordinates in a BLOB."""
    return np.frombuffer(blob, "<f8").reshape(-1, 2)


def numbers(blob: bytes, kind: type[IntEnum]) -> NDArray[np.int8]:
    """The (N,) small numbers in a BLOB, each of them one of ``kind``; raises ValueError for others."""
    found = np.frombuffer(blob, np.int8)
    if not np.isin(found, np.array(list(kind), np.int8)).all():
        raise ValueError(f"numbers that stand for no {kind.__name__.lower()}")
    return found


def prediction_columns(prediction: Prediction) -> dict[str, Any]:
    """The columns of ``predictions`` that hold what the model said."""
    similarity = prediction.crop.to_image
    return {
        "model": prediction.model,
        "xy": prediction.xy.astype("<f8").tobytes(),
        "cov": _unless_nan(prediction.cov),
        "confidence": _unless_nan(prediction.confidence),
        "crop_a": similarity.a,
        "crop_b": similarity.b,
        "crop_tx": similarity.tx,
        "crop_ty": similarity.ty,
    }


def prediction_from(row: Row[Any], scheme: str) -> Prediction:
    """The prediction in a row of ``predictions``, made for the scheme of this name."""
    return Prediction(
        points(row.xy),
        row.model,
        Crop(Similarity(row.crop_a, row.crop_b, row.crop_tx, row.crop_ty)),
        scheme,
        None if row.cov is None else np.frombuffer(row.cov, "<f8").reshape(-1, 2, 2),
        None if row.confidence is None else np.frombuffer(row.confidence, "<f8"),
    )


def _unless_nan(values: Array) -> bytes | None:
    return None if np.isnan(values).all() else values.astype("<f8").tobytes()

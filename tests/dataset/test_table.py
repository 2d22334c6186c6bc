"""Faces as rows: nothing is lost, and what is no face is named."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labelkit.dataset.sample import Sample
from labelkit.dataset.table import COLUMNS, Rows, point_names, to_frame
from labelkit.errors import BoxError, InputError
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks, State, Visibility

PHOTO = ImageFile("a.jpg")


def again(frame: pd.DataFrame, scheme: str = "drawn") -> list[Sample]:
    rows = Rows(frame, scheme, point_names(frame))
    return [rows.sample(row, ImageFile(rows.image(row))) for row in range(len(rows))]


def one(**changed: Any) -> pd.DataFrame:
    face = Sample(PHOTO, Box(1, 2, 3, 4, "user"), Landmarks("drawn", [[1, 2], [3, 4]]))
    frame = to_frame([face], ["a.jpg"], ["tip", "chin"])
    for column, value in changed.items():
        frame[column] = [value]
    return frame


def test_the_columns() -> None:
    frame = to_frame(
        [
            Sample(
                PHOTO,
                Box(0.5, 1, 2, 4, "detector", "haar", 0.75),
                Landmarks("drawn", [[1, 2]], 1, 2),
                {"a": 1},
            ),
            Sample(PHOTO, None, Landmarks("drawn", [[np.nan, np.nan]])),
            Sample(ImageFile("b.jpg")),
        ],
        ["a.jpg", "a.jpg", "b.jpg"],
        ["tip"],
    )
    assert [*frame.columns] == [*COLUMNS, "tip_x", "tip_y", "tip_visibility", "tip_state", "a"]
    assert frame["face"].tolist() == [0, 1, 0]
    assert frame.iloc[0].tolist() == [
        "a.jpg", 0, 0.5, 1, 2, 4, "detector", "haar", 0.75, 1, 2, "occluded", "placed", 1,
    ]  # fmt: skip
    assert frame.iloc[1][["tip_visibility", "tip_state"]].tolist() == ["unknown", "confirmed"]
    assert frame.iloc[2].drop(["image", "face"]).isna().all()


NUMBERS = st.floats(-1e6, 1e6)
POINT = st.one_of(st.just((np.nan, np.nan)), st.tuples(NUMBERS, NUMBERS))
BOXES = st.none() | st.builds(
    lambda x, y, kind, source, score: Box(x, y, x + 9, y + 5, kind, source, score),
    NUMBERS, NUMBERS, st.sampled_from(["landmarks", "detector", "user"]),
    st.none() | st.sampled_from(["haar", "ibug68", "1"]), st.none() | st.floats(0, 1),
)  # fmt: skip
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["person", "pose", "é b"]),
    st.one_of(st.booleans(), st.integers(-(2**60), 2**60), NUMBERS, st.text(max_size=4)),
)


@st.composite
def faces(draw: st.DrawFn, points: int) -> Sample:
    landmarks = None
    if points and draw(st.booleans()):
        per_point = {"min_size": points, "max_size": points}
        landmarks = Landmarks(
            "drawn",
            draw(st.lists(POINT, **per_point)),
            draw(st.lists(st.sampled_from(State), **per_point)),
            draw(st.lists(st.sampled_from(Visibility), **per_point)),
        )
    return Sample(PHOTO, draw(BOXES), landmarks, draw(ATTRIBUTES))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.integers(0, 3))
def test_rows_are_faces_again(data: st.DataObject, points: int) -> None:
    before = data.draw(st.lists(faces(points), max_size=4))
    frame = to_frame(before, ["a.jpg"] * len(before), [f"p{i}" for i in range(points)])
    after = again(frame)
    assert after == before
    for one, other in zip(before, after, strict=True):
        assert [type(value) for value in one.attributes.values()] == [
            type(other.attributes[name]) for name in one.attributes
        ]


def test_a_file_of_text_gives_the_same_faces() -> None:
    frame = one(age=40, name="N")
    text = frame.to_csv(index=False)
    assert again(pd.read_csv(io.StringIO(text))) == again(frame)


@pytest.mark.parametrize("name", ["image", "x0", "tip_x", "other_state"])
def test_an_attribute_called_like_a_column_is_refused(name: str) -> None:
    face = Sample(PHOTO, None, Landmarks("drawn", [[1, 2]]), {name: 1})
    with pytest.raises(InputError, match=f"attribute '{name}' is called like a column"):
        to_frame([face], ["a.jpg"], ["tip"])


def test_names_of_points_are_those_with_x_and_y() -> None:
    frame = pd.DataFrame(columns=["image", "b_x", "b_y", "a_y", "a_x", "c_x", "_x", "_y", "d"])
    assert point_names(frame) == ("b", "a", "")


BAD_ROWS: dict[str, tuple[dict[str, Any], str]] = {
    "no photo": ({"image": None}, "names no photo"),
    "a number for a photo": ({"image": 7}, "names no photo"),
    "a word for a number": ({"chin_y": "four"}, "point 'chin' has a coordinate that is no finite number"),
    "infinity": ({"tip_x": -np.inf}, "point 'tip' has a coordinate that is no finite number"),
    "another visibility": (
        {"chin_visibility": "hidden"},
        "point 'chin' has a visibility that is none of unknown,",
    ),
    "another state": (
        {"tip_state": "Confirmed"},
        "point 'tip' has a state that is none of predicted, placed,",
    ),
    "another kind of box": ({"box_kind": "tight"}, "box_kind is 'tight', none of landmarks, detector, user"),
    "a box without a side": ({"x1": None}, "has a coordinate that is not a number"),
    "a box without area": ({"x1": 1}, "has no area"),
    "a word for a side": ({"x1": "x"}, "has a coordinate that is not a number"),
    "a word for a score": ({"box_score": "high"}, "box_score is no finite number"),
    "a list as attribute": ({"person": [1]}, r"\[1\] is no attribute: number, text, True or False"),
}


@pytest.mark.parametrize(("changed", "problem"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_bad_row_says_what_is_wrong(changed: dict[str, Any], problem: str) -> None:
    with pytest.raises((InputError, BoxError), match=problem):
        again(one(**changed))


def test_points_in_another_order_and_a_missing_column() -> None:
    frame = one()
    (face,) = (Rows(frame, "drawn", ["chin", "tip"]).sample(0, PHOTO),)
    assert face.landmarks == Landmarks("drawn", [[3, 4], [1, 2]])
    with pytest.raises(InputError, match="the table has no column 'brow_x'"):
        Rows(frame, "drawn", ["brow"])
    with pytest.raises(InputError, match="the table has no column 'image'"):
        Rows(frame.drop(columns="image"), "drawn", ["tip"])

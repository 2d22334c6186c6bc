"""Faces as rows: nothing is lost, and what is no face is named."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labelkit import formats
from labelkit.dataset import Dataset, Sample
from labelkit.dataset.table import COLUMNS, Rows, point_names, scheme_said, to_frame
from labelkit.errors import BoxError, InputError
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks, State, Visibility
from labelkit.scheme import Point, Scheme

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
        "a.jpg", 0, 0.5, 1, 2, 4, "detector", "haar", 0.75, "drawn", 1, 2, "occluded", "placed", 1,
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


@pytest.mark.parametrize("name", ["image", "x0", "scheme", "tip_x", "other_state", "pose:int"])
def test_an_attribute_called_like_a_column_is_refused(name: str) -> None:
    face = Sample(PHOTO, None, Landmarks("drawn", [[1, 2]]), {name: 1})
    with pytest.raises(InputError, match=f"attribute '{name}' is called like a column"):
        to_frame([face], ["a.jpg"], ["tip"])


def test_our_files_are_tables_of_pandas_and_the_other_way_round(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    box = Box(1.5, 2, 3, 4, "detector", "haar", 0.25)
    known = Landmarks("drawn", [[1, 2], [np.nan, np.nan]], [1, 0], [Visibility.OCCLUDED, 3])
    photo = ImageFile(tmp_path / "a.jpg")
    faces = (Sample(photo, box, known, {"pose": 1, "name": "N"}), Sample(photo, box))
    scheme = Scheme("drawn", (Point("tip", 0, 0), Point("chin", 0, 1)))
    data = Dataset(faces, scheme, tmp_path)
    for name in ("csv", "parquet"):
        formats.write(data, tmp_path / f"t.{name}", name)
        frame = getattr(pd, f"read_{name}")(tmp_path / f"t.{name}")
        assert Dataset.from_pandas(frame, scheme=scheme, root=tmp_path) == data
    data.to_pandas().to_csv(tmp_path / "own.csv", index=False)
    again = formats.read(tmp_path / "own.csv", "csv", scheme=scheme, strict=True)
    assert again.samples[1] == faces[1]
    assert (again[0].box, again[0].landmarks) == (box, known)
    assert again[0].attributes.keys() == {"pose", "name"}


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
    "another kind of box": ({"kind": "tight"}, "kind is 'tight', none of landmarks, detector, user"),
    "a box without a side": ({"x1": None}, "has a coordinate that is not a number"),
    "a box without area": ({"x1": 1}, "has no area"),
    "a word for a side": ({"x1": "x"}, "has a coordinate that is not a number"),
    "a word for a score": ({"score": "high"}, "score is no finite number"),
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


def test_boxes_without_kind_and_tables_without_boxes() -> None:
    frame = one().drop(columns=["kind", "source", "score"])
    assert again(frame)[0].box == Box(1, 2, 3, 4, "landmarks")
    frame = frame.drop(columns=["x0", "y0", "x1", "y1"])
    assert again(frame)[0].box == Box(1, 2, 3, 4, "landmarks", "drawn")
    assert Rows(frame, "drawn", ["tip"]).sample(0, PHOTO).box is None


def test_a_type_in_the_heading_of_an_attribute() -> None:
    frame = pd.concat([one(), one()], ignore_index=True)
    frame["pose:int"], frame["age:float"], frame["a:b:str"], frame["note:x"] = (
        [1, None],
        [40, 41],
        ["x", None],
        "n",
    )
    first, second = again(frame)
    assert first.attributes == {"pose": 1, "age": 40.0, "a:b": "x", "note:x": "n"}
    assert [type(value) for value in first.attributes.values()] == [int, float, str, str]
    assert second.attributes == {"age": 41.0, "note:x": "n"}
    for heading, value in (("pose:int", 0.5), ("pose:int", "1"), ("seen:bool", 1), ("name:str", 3)):
        with pytest.raises(InputError, match=f"attribute '{heading.partition(':')[0]}' is .*, not of type"):
            again(one(**{heading: value}))


def test_what_a_table_calls_its_scheme() -> None:
    frame = pd.concat([one(), one(scheme=None), one()])
    assert scheme_said(frame) == "drawn"
    assert scheme_said(frame.drop(columns="scheme")) == ""
    with pytest.raises(InputError, match="the table has faces of the schemes 'drawn' and 'other'"):
        scheme_said(pd.concat([frame, one(scheme="other")]))

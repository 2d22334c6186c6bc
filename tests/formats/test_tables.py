"""Tables of faces, as CSV and as Parquet files: nothing is lost; what is wrong is named."""

from __future__ import annotations

import csv
import math
import string
import tempfile
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labelkit.dataset import Dataset, LeftOut, Sample
from labelkit.errors import FormatError, InputError
from labelkit.formats import csvfile, parquet
from labelkit.formats.tables import Columns, column_type
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks, State, Visibility
from labelkit.scheme import Point, Scheme, load_scheme

from .made import photos

BOTH = pytest.mark.parametrize("kind", [csvfile, parquet], ids=["csv", "parquet"])


def scheme_of(names: list[str]) -> Scheme:
    points = tuple(Point(name, i / 10, i / 7) for i, name in enumerate(names))
    return Scheme(f"drawn{len(names)}", points)


THREE = scheme_of(["p0", "p1", "p2"])


def table(kind: ModuleType, folder: Path, *rows: dict[str, Any]) -> Path:
    """A table as somebody else might make it: None and what is not there is without a value."""
    path = folder / "table"
    frame = pd.DataFrame(list(rows))
    if kind is csvfile:
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, index=False)
    return path


def row(**changes: Any) -> dict[str, Any]:
    box = {"x0": 1.0, "y0": 2.0, "x1": 51.0, "y1": 72.0, "kind": "user"}
    points = {"p0_x": 10.0, "p0_y": 20.0, "p1_x": 30.5, "p1_y": 40.0, "p2_x": -5.0, "p2_y": 1e6}
    return {"image": "a.jpg", **box, **points, **changes}


def only_problem(data: Dataset) -> LeftOut:
    assert len(data.report.left_out) == 1
    return data.report.left_out[0]


# What is written is read again

ANYTHING = st.characters(exclude_categories=["Cs"])
TEXTS = st.text(ANYTHING | st.sampled_from(string.ascii_letters + " ,'\"\\\n\r\t=:"), max_size=8)
OF_CSV = TEXTS.filter(lambda text: "\0" not in text)
NAMES = st.builds(
    "{}{}.jpg".format,
    st.sampled_from(["", "sub/", "s u b/s.ub/", '"quoted", /']),
    OF_CSV.filter(lambda text: "/" not in text),
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
ATTRIBUTES = st.dictionaries(
    OF_CSV, st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | OF_CSV, max_size=3
)
POINTS = st.lists(OF_CSV.filter(bool), min_size=1, max_size=4, unique=True)
SIDES = st.tuples(st.floats(-1e9, 0), st.floats(-1e9, 0), st.floats(1e-3, 1e9), st.floats(1e-3, 1e9))
BOXES = st.builds(
    lambda sides, kind, source, score: Box(*sides, kind=kind, source=source, score=score),
    SIDES,
    st.sampled_from(["landmarks", "detector", "user"]),
    st.none() | OF_CSV,
    st.none() | NUMBERS,
)


@st.composite
def landmarks(draw: st.DrawFn, count: int) -> Landmarks:
    def listed(values: st.SearchStrategy[Any], size: int) -> list[Any]:
        return draw(st.lists(values, min_size=size, max_size=size))

    xy = np.reshape(listed(NUMBERS | st.just(math.nan), 2 * count), (-1, 2))
    state, visibility = listed(st.sampled_from(State), count), listed(st.sampled_from(Visibility), count)
    return Landmarks(f"drawn{count}", xy, state, visibility)


@st.composite
def data_sets(draw: st.DrawFn, root: Path) -> Dataset:
    scheme = scheme_of(draw(POINTS))
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique_by=str.casefold))
    face = st.builds(
        Sample,
        st.sampled_from(names).map(lambda name: ImageFile(root / name)),
        st.none() | BOXES,
        st.none() | landmarks(len(scheme)),
        ATTRIBUTES,
    )
    return Dataset(tuple(draw(st.lists(face, min_size=1, max_size=4))), scheme, root)


def plain(sample: Sample) -> Sample:
    """The face with its attributes as text: NaN differs from itself, and 1 is equal to True."""
    return replace(sample, attributes={name: repr(value) for name, value in sample.attributes.items()})


@BOTH
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_nothing_is_lost(kind: ModuleType, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "photos")
        before = data.draw(data_sets(root))
        photos(root, *(str(sample.image.path.relative_to(root)) for sample in before))
        report = kind.write(before, Path(folder, "table"))
        after = kind.read(Path(folder, "table"), scheme=before.scheme, images=report.images, strict=True)
        own = kind.read(Path(folder, "table"), images=report.images, strict=True)
    assert (report.written, report.losses) == (len(before), ())
    assert list(map(plain, after)) == list(map(plain, before))
    assert list(map(plain, own)) == list(map(plain, before))
    assert own.scheme == (before.scheme if kind is parquet else None)


def example(root: Path) -> Dataset:
    known = Landmarks(
        THREE,
        [[1.1, 2], [math.nan, math.nan], [1 / 3, -7e-300]],
        [State.PREDICTED, State.PLACED, State.CONFIRMED],
        [Visibility.VISIBLE, Visibility.OCCLUDED, Visibility.SELF_OCCLUDED],
    )
    box = Box(1, 2, 3.25, 4, kind="detector", source="haar", score=0.5)
    says = {"blur": True, "age": 30, "yaw": -0.25, "who": '=1+1, "Ada"', "": ""}
    return Dataset(
        (
            Sample(ImageFile(root / 'x y/a, "b"\n.jpg'), box, known, says),
            Sample(ImageFile(root / "é漢.jpg"), None, None, {"who": "None"}),
            Sample(ImageFile(root / 'x y/a, "b"\n.jpg'), None, Landmarks(THREE, np.full((3, 2), math.nan))),
        ),
        THREE,
        root,
    )


def cells_of(path: Path) -> list[dict[str, Any]]:
    """What somebody reads who knows pyarrow, or Python's own csv, and nothing of us."""
    if path.read_bytes()[:4] == b"PAR1":
        return pq.read_table(path).to_pylist()
    with open(path, encoding="utf-8", newline="") as file:  # noqa: PTH123  (plain Python is the point)
        return [{name: value or None for name, value in row.items()} for row in csv.DictReader(file)]


@BOTH
def test_a_stranger_reads_what_we_write(tmp_path: Path, kind: ModuleType) -> None:
    kind.write(example(tmp_path), tmp_path / "table")
    first, second, third = cells_of(tmp_path / "table")
    assert list(first) == [
        *("image", "face", "x0", "y0", "x1", "y1", "kind", "source", "score", "scheme"),
        *("blur:bool", "age:int", "yaw:float", "who:str", ":str"),
        *(f"p{i}_{what}" for i in range(3) for what in ("x", "y", "visibility", "state")),
    ]
    for cells in (first, second, third):
        for heading, value in cells.items():
            if kind is csvfile and value is not None:
                cells[heading] = column_type(heading)(value)  # type: ignore[misc]  # all of ours have one
    assert [cells["image"] for cells in (first, second, third)] == [
        'x y/a, "b"\n.jpg',
        "é漢.jpg",
        'x y/a, "b"\n.jpg',
    ]
    assert [cells["face"] for cells in (first, second, third)] == [0, 0, 1]
    assert [first[side] for side in ("x0", "y0", "x1", "y1")] == [1, 2, 3.25, 4]
    assert (first["kind"], first["source"], first["score"]) == ("detector", "haar", 0.5)
    assert (first["blur:bool"], first["age:int"], first["yaw:float"]) == (True, 30, -0.25)
    assert first["who:str"] == '=1+1, "Ada"'
    assert (first["p0_x"], first["p0_y"], first["p2_x"], first["p2_y"]) == (1.1, 2, 1 / 3, -7e-300)
    assert (first["p1_x"], first["p1_y"]) == (None, None)
    assert [first[f"p{i}_visibility"] for i in range(3)] == ["visible", "occluded", "self_occluded"]
    assert [first[f"p{i}_state"] for i in range(3)] == ["predicted", "placed", "confirmed"]
    assert [cells["scheme"] for cells in (first, second, third)] == ["drawn3", None, "drawn3"]
    assert {name for name, value in second.items() if value is not None} == {"image", "face", "who:str"}


@BOTH
def test_pandas_reads_what_we_write(tmp_path: Path, kind: ModuleType) -> None:
    data = example(tmp_path)
    kind.write(data, tmp_path / "table")
    frame = pd.read_csv(tmp_path / "table") if kind is csvfile else pd.read_parquet(tmp_path / "table")
    assert list(frame["image"]) == [sample.image.path.relative_to(tmp_path).as_posix() for sample in data]
    assert data[0].landmarks is not None
    xy = frame[[f"p{i}_{axis}" for i in range(3) for axis in "xy"]].to_numpy().reshape(-1, 3, 2)
    np.testing.assert_allclose(xy[0], data[0].landmarks.xy, rtol=1e-12)
    assert np.isnan(xy[1:]).all()
    assert frame["score"].tolist()[0] == 0.5
    assert frame["age:int"].tolist()[0] == 30


@BOTH
def test_what_pandas_has_changed_is_read(tmp_path: Path, kind: ModuleType) -> None:
    photos(tmp_path, 'x y/a, "b"\n.jpg', "é漢.jpg")
    path = tmp_path / "table"
    kind.write(example(tmp_path), path)
    if kind is csvfile:
        frame = pd.read_csv(path)
        frame[frame["p0_x"].notna()].to_csv(path, index=False)
    else:
        frame = pd.read_parquet(path)
        frame[frame["p0_x"].notna()].to_parquet(path, index=False)
    (after,) = kind.read(path, scheme=THREE, strict=True)
    before = example(tmp_path)[0]
    assert after.landmarks is not None
    assert before.landmarks is not None
    np.testing.assert_allclose(after.landmarks.xy, before.landmarks.xy, rtol=1e-12)
    assert after.landmarks.state.tolist() == before.landmarks.state.tolist()
    assert (after.image, after.box, after.attributes) == (before.image, before.box, before.attributes)
    assert type(after.attributes["age"]) is int


@BOTH
def test_the_table_of_a_data_set_has_the_same_columns(tmp_path: Path, kind: ModuleType) -> None:
    photos(tmp_path, 'x y/a, "b"\n.jpg', "é漢.jpg")
    data = example(tmp_path)
    before = Dataset(tuple(replace(sample, attributes={}) for sample in data), THREE, tmp_path)
    if kind is csvfile:
        before.to_pandas().to_csv(tmp_path / "table", index=False)
    else:
        before.to_pandas().to_parquet(tmp_path / "table", index=False)
    after = kind.read(tmp_path / "table", scheme=THREE, strict=True)
    assert [sample.box for sample in after] == [sample.box for sample in before]
    for one, other in zip(before, after, strict=True):
        assert (one.landmarks is None) == (other.landmarks is None)
        if one.landmarks is not None and other.landmarks is not None:
            np.testing.assert_allclose(one.landmarks.xy, other.landmarks.xy, rtol=1e-12)
            assert one.landmarks.visibility.tolist() == other.landmarks.visibility.tolist()


def test_a_built_in_scheme_is_known_again(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    scheme = load_scheme("ibug68")
    sample = Sample(ImageFile(tmp_path / "a.jpg"), None, Landmarks(scheme, scheme.plane * 100 + 200))
    csvfile.write(Dataset((sample,), None, tmp_path), tmp_path / "table.csv")
    data = csvfile.read(tmp_path / "table.csv", strict=True)
    assert data.scheme == scheme
    assert data[0] == sample


@BOTH
def test_points_of_a_scheme_that_nobody_knows_are_numbered(tmp_path: Path, kind: ModuleType) -> None:
    photos(tmp_path, "a.jpg")
    sample = Sample(ImageFile(tmp_path / "a.jpg"), None, Landmarks("lost", [[1, 2], [3, 4], [5, 6]]))
    kind.write(Dataset((sample,), None, tmp_path), tmp_path / "table")
    assert {"0_x", "2_y"} < set(cells_of(tmp_path / "table")[0])
    data = kind.read(tmp_path / "table", strict=True)
    assert (data.scheme, data[0]) == (None, sample)
    known = kind.read(tmp_path / "table", scheme=THREE, strict=True)
    assert known[0].landmarks == Landmarks("drawn3", [[1, 2], [3, 4], [5, 6]])


# Tables of others


@BOTH
def test_a_table_of_somebody_else(tmp_path: Path, kind: ModuleType) -> None:
    photos(tmp_path, "a.jpg")
    path = table(kind, tmp_path, row(person="Ada", kind=None), row(person=None, p1_x=None, p1_y=None))
    first, second = kind.read(path, scheme=THREE, strict=True)
    assert first.landmarks == Landmarks(THREE, [[10, 20], [30.5, 40], [-5, 1e6]])
    assert first.box == Box(1, 2, 51, 72, kind="landmarks")
    assert (first.attributes, second.attributes) == ({"person": "Ada"}, {})
    assert second.landmarks is not None
    assert second.landmarks.present.tolist() == [True, False, True]
    assert second.box == Box(1, 2, 51, 72, kind="user")


@BOTH
def test_without_columns_of_a_box_it_is_the_tight_one(tmp_path: Path, kind: ModuleType) -> None:
    photos(tmp_path, "a.jpg")
    point = {"image": "a.jpg", "p0_x": 1, "p0_y": 2, "p1_x": 5, "p1_y": 7}
    data = kind.read(table(kind, tmp_path, point), strict=True)
    assert data[0].landmarks == Landmarks("points2", [[1, 2], [5, 7]])
    assert data[0].box == Box(1, 2, 5, 7, kind="landmarks", source="points2")


@BOTH
@pytest.mark.parametrize("scheme", [None, "ibug68"])
def test_boxes_alone(tmp_path: Path, kind: ModuleType, scheme: str | None) -> None:
    photos(tmp_path, "a.jpg")
    box = {"image": "a.jpg", "x0": 1, "y0": 2, "x1": 5, "y1": 7}
    data = kind.read(table(kind, tmp_path, box), scheme=scheme, strict=True)
    assert list(data) == [Sample(ImageFile(tmp_path / "a.jpg"), Box(1, 2, 5, 7))]


@BOTH
def test_points_are_matched_by_their_names(tmp_path: Path, kind: ModuleType) -> None:
    photos(tmp_path, "a.jpg")
    path = table(kind, tmp_path, row())
    data = kind.read(path, scheme=scheme_of(["p2", "p0"]), strict=True)
    assert data[0].landmarks == Landmarks("drawn2", [[-5, 1e6], [10, 20]])
    with pytest.raises(FormatError, match="has 3 points, and none called 'p3'"):
        kind.read(path, scheme=scheme_of(["p0", "p3"]))


@BOTH
def test_most_faces_say_which_scheme_it_is(tmp_path: Path, kind: ModuleType) -> None:
    photos(tmp_path, "a.jpg")
    said = ["other", "mine", "mine", None]
    data = kind.read(table(kind, tmp_path, *(row(scheme=name) for name in said)))
    assert data.scheme is None
    assert [sample.landmarks.scheme for sample in data if sample.landmarks] == ["mine"] * 3
    assert "is of scheme 'other', but most faces are of 'mine'" in only_problem(data).problem
    assert len(kind.read(table(kind, tmp_path, *(row(scheme=name) for name in said)), scheme=THREE)) == 4


@BOTH
def test_photos_are_looked_for_below_the_given_root(tmp_path: Path, kind: ModuleType) -> None:
    photos(tmp_path / "x y", "a.jpg")
    path = table(kind, tmp_path, row(), row())
    assert len(kind.read(path, scheme=THREE)) == 0
    data = kind.read(path, scheme=THREE, images=tmp_path / "x y", strict=True)
    assert (len(data), len(data.by_image()), data.root) == (2, 1, tmp_path / "x y")
    with pytest.raises(InputError, match="no such folder of images"):
        kind.read(path, images=tmp_path / "nowhere")


# What is wrong

BAD_ROWS = {
    "missing photo": ({"image": "lost.jpg"}, "image 'lost.jpg' is missing in the folder"),
    "no photo": ({"image": None}, "names no image"),
    "folder for a photo": ({"image": "folder"}, "image 'folder' is missing"),
    "out of the root": ({"image": "../out.jpg"}, "image '../out.jpg' lies outside"),
    "out of the root, from /": ({"image": "/etc/passwd"}, "image '/etc/passwd' lies outside"),
    "endless name": ({"image": "x" * 9000}, r"xxx\.\.\.' is missing"),
    "infinite": ({"p1_y": -math.inf}, "point 'p1' is not finite"),
    "half a box": ({"x1": None}, "has only a part of a box"),
    "box without area": ({"x1": 1.0}, "has no area"),
    "unknown kind": ({"kind": "=cmd()"}, r"'=cmd\(\)' is no kind of box: landmarks, detector, user"),
    "unknown word": ({"p1_visibility": "hidden"}, "'hidden' is none of unknown, visible, occluded"),
    "unknown state": ({"p2_state": "sure"}, "'sure' is none of predicted, placed, confirmed"),
    "two values": ({"age:int": 1, "age:str": "old"}, "attribute 'age' has two values"),
}


@BOTH
@pytest.mark.parametrize(("changes", "problem"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_bad_row_is_named_and_the_rest_is_read(
    tmp_path: Path, kind: ModuleType, changes: dict[str, Any], problem: str
) -> None:
    root = tmp_path / "root"
    photos(root, "a.jpg", "folder/b.jpg", "../out.jpg")
    plain = dict.fromkeys(changes.keys() - row().keys())
    path = table(kind, root, row(**plain), row(**changes), row(**plain))
    data = kind.read(path, scheme=THREE)
    assert len(data) == data.report.read == 2
    left_out = only_problem(data)
    assert left_out.path == path
    assert (left_out.line == 3) if kind is csvfile else left_out.problem.startswith("row 2: ")
    assert len(str(left_out)) < 400
    with pytest.raises(FormatError, match=problem) as caught:
        kind.read(path, scheme=THREE, strict=True)
    assert str(caught.value) == str(left_out)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("headings", "problem"),
    [
        (("x0", "y0"), "has no column 'image'"),
        ((), "has no column 'image'"),
        (("image", "x0", "image"), "has the column 'image' 2 times"),
        (("image", "x0", "y0", "y1"), "has the columns x0, y0, y1 of a box, but not all of x0, y0, x1, y1"),
        (("image", "a_x", "a_y", "b_x"), "has the column 'b_x', but no 'b_y'"),
        (("image", "a_y"), "has the column 'a_y', but no 'a_x'"),
    ],
)
def test_headings_that_are_wrong(headings: tuple[str, ...], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        Columns(headings)


def test_what_the_headings_say() -> None:
    columns = Columns(
        ("a_x", "image", "x_x", "x_y", "a_y", "face", "a_state", "b_state", "n:int", ":", "a_x:str")
    )
    assert columns.points == ("a", "x")
    assert columns.attributes == {7: "b_state", 8: "n", 9: ":", 10: "a_x"}
    types = {heading: column_type(heading) for heading in columns.headings}
    assert {heading for heading, kind in types.items() if kind is float} == {"a_x", "x_x", "x_y", "a_y"}
    assert (types["n:int"], types["a_x:str"], types[":"], types["image"]) == (int, str, None, str)


@BOTH
def test_a_folder_or_nothing_instead_of_a_file(tmp_path: Path, kind: ModuleType) -> None:
    with pytest.raises(FormatError, match=r"is a folder|Is a directory"):
        kind.read(tmp_path)
    with pytest.raises(FormatError, match="cannot be read"):
        kind.read(tmp_path / "nothing")
    with pytest.raises(FormatError, match="is a folder"):
        kind.write(example(tmp_path), tmp_path)
    with pytest.raises(InputError, match="no face to write"):
        kind.write(Dataset(()), tmp_path / "table")


BAD_FACES: dict[str, dict[str, Any]] = {
    "infinite": {"landmarks": Landmarks(THREE, [[1, 2], [3, math.inf], [5, 6]])},
    "a list": {"attributes": {"a": [1]}},
    "65 bits": {"attributes": {"a": 2**63}},
    "half a character": {"attributes": {"a": "\ud800"}},
    "name": {"image": ImageFile("/elsewhere/a.jpg")},
}


@BOTH
@pytest.mark.parametrize("changes", BAD_FACES.values(), ids=BAD_FACES)
def test_what_cannot_be_held_is_refused_and_nothing_is_written(
    tmp_path: Path, kind: ModuleType, changes: dict[str, Any]
) -> None:
    path = tmp_path / "table"
    path.write_text("old")
    bad = replace(Sample(ImageFile(tmp_path / "bad.jpg")), **changes)
    with pytest.raises(InputError, match=r"bad\.jpg|lies outside of the image root"):
        kind.write(Dataset((*example(tmp_path), bad), THREE, tmp_path), path)
    assert [file.name for file in tmp_path.iterdir()] == ["table"]
    assert path.read_text() == "old"

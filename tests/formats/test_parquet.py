"""Parquet tables: what only they can have wrong. What they share with CSV stands in test_tables."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelkit.dataset import Dataset, Sample
from labelkit.errors import FormatError, UnavailableError
from labelkit.formats import parquet
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks
from labelkit.scheme import Point, Scheme

SCHEME = Scheme("drawn2", (Point("p0", 0, 0), Point("p1", 0.5, 0.25, "eyes", "Where it is.")))


def write_table(folder: Path, metadata: dict[str, str] | None = None, **columns: Any) -> Path:
    (folder / "a.jpg").touch()
    points = {f"p{i}_{axis}": [1.0 + i, 2.0] for i in range(2) for axis in "xy"}
    found = pa.table({"image": ["a.jpg", "a.jpg"], **points, **columns})
    path = folder / "table.parquet"
    pq.write_table(found.replace_schema_metadata(metadata), path)
    return path


def test_the_scheme_comes_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    sample = Sample(ImageFile(tmp_path / "a.jpg"), Box(1, 2, 3, 4), Landmarks(SCHEME, [[1, 2], [3, 4]]))
    before = Dataset((sample,), SCHEME, tmp_path)
    parquet.write(before, tmp_path / "table.parquet")
    after = parquet.read(tmp_path / "table.parquet", strict=True)
    assert after == before
    assert after.scheme == SCHEME


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (pa.array([1, 2], pa.int8()), [1, 2]),
        (pa.array([0.5, 2], pa.float32()), [0.5, 2.0]),
        (pa.array([True, None]), [True, None]),
        (pa.array(["x", "x"]).dictionary_encode(), ["x", "x"]),
        (pa.array(["x", None], pa.large_string()), ["x", None]),
        (pa.array([None, None]), [None, None]),
    ],
)
def test_columns_of_others_keep_their_type(tmp_path: Path, cells: pa.Array, expected: list[Any]) -> None:
    data = parquet.read(write_table(tmp_path, odd=cells), strict=True)
    assert [face.attributes.get("odd") for face in data] == expected
    assert [type(face.attributes.get("odd")) for face in data] == [type(value) for value in expected]


def test_whole_numbers_are_coordinates_too(tmp_path: Path) -> None:
    data = parquet.read(write_table(tmp_path, q_x=[1, 2], q_y=pa.array([3, 4], pa.float16())), strict=True)
    assert data[1].landmarks == Landmarks("points3", [[2, 2], [2, 2], [2, 4]])


def test_integers_with_gaps_may_have_become_floats(tmp_path: Path) -> None:
    columns = {"age:int": [30.0, None], "yaw:float": pa.array([1, None], pa.int16())}
    first, second = parquet.read(write_table(tmp_path, **columns), strict=True)
    assert (first.attributes, second.attributes) == ({"age": 30, "yaw": 1.0}, {})
    assert [type(value) for value in first.attributes.values()] == [int, float]
    data = parquet.read(write_table(tmp_path, **{"age:int": [30.0, 0.5]}))
    assert [entry.problem for entry in data.report.left_out] == ["row 2: 0.5 is not an integer"]


WRONG_TYPES = {
    "points as text": ({"p0_x": ["1", "2"]}, "column 'p0_x' holds string, not numbers"),
    "photos as numbers": ({"image": [1, 2]}, "column 'image' holds int64, not text"),
    "truth as numbers": ({"blur:bool": [1, 0]}, "column 'blur:bool' holds int64, not true or false"),
    "words as numbers": ({"p0_state": [1, 0]}, "column 'p0_state' holds int64, not text"),
    "integers as text": ({"age:int": ["1", "2"]}, "column 'age:int' holds string, not integers"),
    "lists": ({"tags": [["a"], ["b"]]}, r"column 'tags' holds list<.*>, not true or false, numbers or text"),
    "bytes": ({"image": [b"a.jpg", b"a.jpg"]}, "column 'image' holds binary, not text"),
}


@pytest.mark.parametrize(("columns", "problem"), WRONG_TYPES.values(), ids=WRONG_TYPES)
def test_columns_of_a_wrong_type(tmp_path: Path, columns: dict[str, Any], problem: str) -> None:
    with pytest.raises(FormatError, match=problem):
        parquet.read(write_table(tmp_path, **columns))


def test_the_numbers_of_faces_may_be_anything(tmp_path: Path) -> None:
    assert len(parquet.read(write_table(tmp_path, face=[["a"], ["b"]]), strict=True)) == 2


BAD_SCHEMES = {
    "no JSON": ("{", "holds a scheme that cannot be read"),
    "no scheme": ("[]", "a scheme is a JSON object"),
    "deeply nested": ("[" * 100_000, "holds a scheme that cannot be read"),
    "a name that leads out": (json.dumps({**SCHEME.to_dict(), "name": "../x"}), "'../x' is no name"),
    "other points": (
        json.dumps(
            {**SCHEME.to_dict(), "points": [{"name": "p9", "x": 0, "y": 0}, SCHEME.to_dict()["points"][0]]}
        ),
        "has 2 points, and none called 'p9'",
    ),
}


@pytest.mark.parametrize(("text", "problem"), BAD_SCHEMES.values(), ids=BAD_SCHEMES)
def test_a_bad_scheme_in_the_file(tmp_path: Path, text: str, problem: str) -> None:
    path = write_table(tmp_path, {"labelkit.scheme": text})
    with pytest.raises(FormatError, match=problem) as caught:
        parquet.read(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_faces_of_another_scheme_than_the_files_are_left_out(tmp_path: Path) -> None:
    path = write_table(tmp_path, {"labelkit.scheme": SCHEME.to_json()}, scheme=["other", "drawn2"])
    data = parquet.read(path)
    assert [face.landmarks.scheme for face in data if face.landmarks] == ["drawn2"]
    assert "row 1: is of scheme 'other'" in data.report.left_out[0].problem


def whole(folder: Path) -> bytes:
    return write_table(folder).read_bytes()


@pytest.mark.parametrize("kept", [0, 3, 4, 100, -4, -200])
def test_a_file_cut_off(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "cut.parquet"
    path.write_bytes(whole(tmp_path)[:kept])
    with pytest.raises(FormatError, match=r"cut\.parquet: is no Parquet table that can be read") as caught:
        parquet.read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"image,x0\n", b"PAR1" + bytes(99), b"PAR1" * 9, bytes(range(256))])
def test_a_file_that_is_no_table(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "table.parquet"
    path.write_bytes(content)
    with pytest.raises(FormatError, match="is no Parquet table that can be read"):
        parquet.read(path)


def test_damaged_bytes_raise_nothing_else(tmp_path: Path) -> None:
    """Whatever stands in a file, it is read or it is a `FormatError`."""
    good = whole(tmp_path)
    path = tmp_path / "damaged.parquet"
    outcomes = set()
    for place in range(4, len(good), 97):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :])
        try:
            outcomes.add(type(parquet.read(path)))
        except FormatError:
            outcomes.add(FormatError)
    assert FormatError in outcomes
    assert outcomes <= {Dataset, FormatError}


def test_more_rows_than_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"image": ["a.jpg"] * 1_000_000}), path)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(FormatError, match=r"bomb\.parquet: has 1000000 rows, more than bytes"):
        parquet.read(path)


def test_a_file_that_unpacks_to_far_more_than_its_size(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"image": ["a" * 40_000_000]}), path, compression="zstd")
    with pytest.raises(FormatError, match=r"bomb\.parquet: unpacks to \d+ MB, too much for its size"):
        parquet.read(path)


def test_a_long_text_that_stands_for_every_row_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    table = pa.table({"image": ["a.jpg"] * 500, "note:str": ["x" * 1_000_000] * 500})
    pq.write_table(table, path, compression="zstd", use_dictionary=["note:str"])
    with pytest.raises(FormatError, match="column 'note:str' has a text of 1000000 bytes; 131072 at most"):
        parquet.read(path)


@pytest.mark.parametrize("way", ["read", "write"])
def test_without_pyarrow_the_way_to_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    path = write_table(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UnavailableError, match=r'pyarrow; pip install "labelkit\[formats\]"'):
        if way == "read":
            parquet.read(path)
        else:
            parquet.write(Dataset((Sample(ImageFile(tmp_path / "a.jpg")),)), tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_pyarrow_is_not_loaded_before_it_is_needed() -> None:
    code = "import sys, labelkit.formats; sys.exit('pyarrow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)

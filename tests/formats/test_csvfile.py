"""CSV tables: what only they can have wrong. What they share with Parquet stands in test_tables."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from labelkit.dataset import Dataset, Sample
from labelkit.errors import FormatError, InputError
from labelkit.formats import csvfile
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks

HEAD = "image,x0,y0,x1,y1,p0_x,p0_y,p1_x,p1_y,age:int,blur:bool,yaw:float,who:str"
GOOD = "a.jpg,1,2,3,4,5,6,7,8,30,True,.5,Ada"


def write_table(folder: Path, *lines: str, end: str = "\n") -> Path:
    (folder / "a.jpg").touch()
    path = folder / "table.csv"
    path.write_bytes(end.join([*lines, ""]).encode())
    return path


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_blank_lines_and_a_byte_order_mark_do_not_matter(tmp_path: Path, end: str) -> None:
    path = write_table(tmp_path, f"\ufeff{HEAD}", GOOD, "", GOOD, end=end)
    first, second = csvfile.read(path, strict=True)
    assert first == second
    assert first.landmarks == Landmarks("points2", [[5, 6], [7, 8]])
    assert first.attributes == {"age": 30, "blur": True, "yaw": 0.5, "who": "Ada"}
    assert [type(value) for value in first.attributes.values()] == [int, bool, float, str]


def test_cells_in_quotation_marks(tmp_path: Path) -> None:
    cells = ['"a.jpg"', *"12345678", "", "false", "nan", '"""x"", y\nz"']
    (face,) = csvfile.read(write_table(tmp_path, HEAD.replace(":str", ""), ",".join(cells)), strict=True)
    assert str(face.attributes.pop("yaw")) == "nan"
    assert face.attributes == {"blur": False, "who": '"x", y\nz'}


def test_formulas_are_data(tmp_path: Path) -> None:
    (tmp_path / "=a.jpg").touch()
    says = {"who": '=HYPERLINK("http://example.com")', "@x": "-1+1"}
    before = Dataset((Sample(ImageFile(tmp_path / "=a.jpg"), Box(1, 2, 3, 4), None, says),), None, tmp_path)
    csvfile.write(before, tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(newline="") as file:
        (cells,) = csv.DictReader(file)
    assert (cells["who:str"], cells["image"]) == (says["who"], "=a.jpg")
    assert csvfile.read(tmp_path / "table.csv", strict=True) == before


def test_a_point_that_is_nan_is_not_there(tmp_path: Path) -> None:
    path = write_table(tmp_path, HEAD, GOOD.replace(",5,6,7,8,", ",NaN,nan,,,"), GOOD)
    first, _ = csvfile.read(path, strict=True)
    assert first.landmarks is None
    path = write_table(tmp_path, HEAD, GOOD.replace(",5,6,7,8,", ",NaN,nan,7,8,"))
    (face,) = csvfile.read(path, strict=True)
    assert face.landmarks is not None
    assert face.landmarks.present.tolist() == [False, True]


BAD_LINES = {
    "a cell too few": (GOOD.rpartition(",")[0], "has 12 cells, not 13 as the first line"),
    "a cell too many": (GOOD + ",", "has 14 cells, not 13"),
    "cut off": ("a.jpg,1,2,3", "has 4 cells"),
    "one cell": ("x", "has 1 cells"),
    "no number": (GOOD.replace(",5,", ",five,"), "'p0_x' is 'five', not a number"),
    "decimal comma": (GOOD.replace(",5,", ',"5,5",'), "'p0_x' is '5,5', not a number"),
    "digits with a line between": (GOOD.replace(",5,", ",1_0,"), "'p0_x' is '1_0', not a number"),
    "too large": (GOOD.replace(",5,", ",1e999,"), "point 'p0' is not finite"),
    "a formula": (GOOD.replace(",5,", ",=A1,"), "'p0_x' is '=A1', not a number"),
    "box of nan": (GOOD.replace(",2,", ",nan,"), "is not a number"),
    "half an integer": (GOOD.replace(",30,", ",30.5,"), "'age:int' is '30.5', not an integer"),
    "a long integer": (GOOD.replace(",30,", f",{'9' * 5000},"), "not an integer"),
    "half a truth": (GOOD.replace(",True,", ",1,"), "'blur:bool' is '1', not True or False"),
    "half a text": (GOOD.replace(",Ada", ',"""Ada"'), "not a text as in JSON"),
    "a mark inside": (GOOD.replace(",Ada", ',"A"da'), "is no line of a table"),
    "huge cell": (GOOD.replace(",Ada", f",{'x' * 200_000}"), r"field larger than field limit"),
}


@pytest.mark.parametrize(("line", "problem"), BAD_LINES.values(), ids=BAD_LINES)
def test_a_bad_line_is_named_and_the_rest_is_read(tmp_path: Path, line: str, problem: str) -> None:
    path = write_table(tmp_path, HEAD, GOOD.replace("Ada", '"A\nda"'), line, GOOD)
    data = csvfile.read(path)
    assert len(data) == data.report.read == 2
    (left_out,) = data.report.left_out
    assert (left_out.path, left_out.line) == (path, 4)
    assert len(str(left_out)) < 400
    with pytest.raises(FormatError, match=problem) as caught:
        csvfile.read(path, strict=True)
    assert str(caught.value) == str(left_out)
    assert "\n" not in str(caught.value)


def test_a_file_cut_off_inside_a_quoted_cell(tmp_path: Path) -> None:
    path = write_table(tmp_path, HEAD, GOOD, GOOD.replace("Ada", '"Ada'), GOOD)
    data = csvfile.read(path)
    assert len(data) == 1
    (left_out,) = data.report.left_out
    assert left_out.line == 3
    assert "unexpected end of data" in left_out.problem


BAD_FILES = {
    "empty": (b"", "is empty"),
    "blank": (b"\r\n\n", "is empty"),
    "binary": (bytes(range(256)), "is not text in UTF-8"),
    "zeros": (b"image\0\n", "zero bytes"),
    "UTF-16": ("image,x0".encode("utf-16"), "is not text in UTF-8"),
    "prose": (b"Call me Ishmael.\n", r"csv:1: has no column 'image'"),
    "semicolons": (b"image;x0;y0\na.jpg;1;2\n", "has no column 'image'"),
    "a column twice": (b"image,x0,x0\n", "has the column 'x0' 2 times"),
}


@pytest.mark.parametrize(("content", "problem"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_no_table(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=problem) as caught:
        csvfile.read(path)
    assert caught.value.path == path
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["x" * 200_000, "a\0b"])
def test_a_text_that_no_reader_would_take_is_refused(tmp_path: Path, text: str) -> None:
    sample = Sample(ImageFile(tmp_path / "a.jpg"), None, None, {"who": text})
    with pytest.raises(InputError, match=r"'who:str' is '.*', which a CSV table cannot hold"):
        csvfile.write(Dataset((sample,), None, tmp_path), tmp_path / "table.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("image,x0,y0,x1,y1", True),
        ("face,p0_x,image,p0_y", True),
        ('"a\nb:str",image,x0', True),
        ("image,age", False),
        ("x0,y0", False),
        ('"image', False),
        ("", False),
    ],
)
def test_what_looks_like_a_table(tmp_path: Path, line: str, expected: bool) -> None:
    assert csvfile.looks_like(write_table(tmp_path, line)) == expected

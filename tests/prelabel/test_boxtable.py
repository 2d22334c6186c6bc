from __future__ import annotations

from pathlib import Path

import pytest

from labelkit.errors import FormatError
from labelkit.images import ImageFile
from labelkit.prelabel.boxtable import boxes_by_photo, read_boxes


def table(folder: Path, text: str) -> Path:
    path = folder / "boxes.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_columns_in_any_order_with_kind_and_source(tmp_path: Path) -> None:
    text = (
        "\ufeffkind,image,x1,y1,x0,y0,source,more\r\n"
        ",a.png,3,4,1,2,,x\r\n"
        'detector,"b, c.png",30,40,10,20,yunet,\r\n\r\nlandmarks,a.png,9,9,5,5,ibug68,\r\n'
    )
    rows = read_boxes(table(tmp_path, text))
    assert [row.image for row in rows] == ["a.png", "b, c.png", "a.png"]
    assert [row.box.xyxy for row in rows] == [(1, 2, 3, 4), (10, 20, 30, 40), (5, 5, 9, 9)]
    kinds = [("landmarks", None), ("detector", "yunet"), ("landmarks", "ibug68")]
    assert [(row.box.kind, row.box.source) for row in rows] == kinds
    assert [row.line for row in rows] == [2, 3, 5]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("a.png,1,2,oops,4,", "x1 is 'oops', not a number"),
        ("a.png,1,2,,4,", "x1 is ''"),
        ("a.png,1,2", "x1 is ''"),
        ("a.png,5,2,1,4,", "has no area"),
        ("a.png,nan,2,3,4,", "not a number"),
        (",1,2,3,4,", "names no image"),
        ("a.png,1,2,3,4,cat", "'cat' is no kind of box"),
    ],
)
def test_a_bad_row_is_named_with_its_line(tmp_path: Path, row: str, problem: str) -> None:
    path = table(tmp_path, f"image,x0,y0,x1,y1,kind\nok.png,1,2,3,4,user\n{row}\n")
    with pytest.raises(FormatError, match=problem) as caught:
        read_boxes(path)
    assert (caught.value.path, caught.value.line) == (path, 3)


@pytest.mark.parametrize(
    ("text", "problem"),
    [("", "no column 'image'"), ("image,x0,y0,x1\n", "no column 'y1'"), ("image,x0,y0,x1,y1\n", "no box")],
)
def test_a_table_without_columns_or_rows(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(FormatError, match=problem):
        read_boxes(table(tmp_path, text))


@pytest.mark.parametrize("source", ["nix", "/etc", "../mine.json", "x" * 300])
def test_a_scheme_that_is_not_built_in_is_refused_and_no_file_of_that_name_opened(
    tmp_path: Path, source: str
) -> None:
    path = table(tmp_path, f"image,x0,y0,x1,y1,source\na.png,1,2,3,4,{source}\n")
    with pytest.raises(FormatError, match=r"boxes\.csv:2: no built-in scheme is called '"):
        read_boxes(path)


def test_photos_are_found_by_place_and_by_the_end_of_their_path(tmp_path: Path) -> None:
    photos = [ImageFile(tmp_path / name) for name in ("a/x.png", "b/x.png", "b/y.png", "z.png")]
    rows = "a/x.png,1,1,2,2\ny.png,2,2,3,3\ny.png,3,3,4,4\nnobody.png,1,1,2,2\n"
    path = table(tmp_path, f"image,x0,y0,x1,y1\n{rows}")
    known, unused = boxes_by_photo(path, read_boxes(path), photos)
    assert {photo: len(boxes) for photo, boxes in known.items()} == {photos[0]: 1, photos[2]: 2}
    assert [row.image for row in unused] == ["nobody.png"]


def test_a_name_that_could_mean_two_photos(tmp_path: Path) -> None:
    path = table(tmp_path, "image,x0,y0,x1,y1\nx.png,1,1,2,2\n")
    photos = [ImageFile(tmp_path / name) for name in ("a/x.png", "b/x.png")]
    with pytest.raises(FormatError, match=r"boxes\.csv:2: 'x\.png' could mean"):
        boxes_by_photo(path, read_boxes(path), photos)

"""Formats by name, and told from the file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from labelkit import formats
from labelkit.errors import FormatError, InputError

PTS = "version: 1\nn_points: 3\n{\n1 2\n3 4\n5 7\n}\n"
LINE = "0 1 2 3 4 6 a.jpg\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A photo, its .pts file in a folder of its own, and a list."""
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.pts").write_text(PTS)
    (tmp_path / "list.txt").write_text(LINE)
    Image.new("RGB", (4, 3)).save(tmp_path / "a.jpg")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "path"),
    [("wflw", "list.txt"), ("300w", "labels"), ("WFLW", "list.txt"), ("pts", "labels/a.pts")],
)
def test_reading_by_name_and_by_guess_is_the_same(folder: Path, name: str, path: str) -> None:
    data = formats.read(folder / path, name, images=folder, strict=True)
    assert len(data) == 1
    assert data[0].landmarks is not None
    assert data[0].landmarks.xy.tolist() == [[0, 1], [2, 3], [4, 6]]
    assert formats.read(str(folder / path), images=str(folder)) == data


@pytest.mark.parametrize("name", formats.FORMATS)
def test_writing_by_name(folder: Path, name: str) -> None:
    data = formats.read(folder / "list.txt")
    report = formats.write(data, folder / "out", name)
    assert report.written == 1
    (again,) = formats.read(folder / "out", images=report.images)
    assert again.landmarks is not None
    assert again.landmarks.xy.tolist() == [[0, 1], [2, 3], [4, 6]]
    assert again.image.load().shape == (3, 4, 3)


def test_subsets_go_to_formats_that_have_them(folder: Path) -> None:
    assert len(formats.read(folder / "list.txt", subset="largepose")) == 0
    with pytest.raises(InputError, match="300-W has no subset 'largepose'"):
        formats.read(folder / "labels", subset="largepose")
    with pytest.raises(InputError, match="the format merl has no subsets"):
        formats.read(folder / "labels", "merl", subset="train")


def test_strict_stops_where_reading_goes_on(folder: Path) -> None:
    (folder / "list.txt").write_text("1 2 nan 4 5 6 a.jpg\n" + LINE)
    assert len(formats.read(folder / "list.txt")) == 1
    with pytest.raises(FormatError, match=r"list\.txt:1: point 1"):
        formats.read(folder / "list.txt", strict=True)


def test_a_scheme_may_be_given_by_name(folder: Path) -> None:
    data = formats.read(folder / "list.txt", scheme="ibug68")
    assert data.scheme is not None
    assert (data.scheme.name, len(data)) == ("ibug68", 0)
    assert "68 points are 136" in data.report.left_out[0].problem


def test_an_unknown_format_lists_the_known(folder: Path) -> None:
    known = ", ".join(formats.FORMATS)
    with pytest.raises(InputError, match=f"'papyrus' is no format we know; there are {known}"):
        formats.read(folder / "list.txt", "papyrus")
    with pytest.raises(InputError, match="'papyrus'"):
        formats.write(formats.read(folder / "list.txt"), folder / "out", "papyrus")


@pytest.mark.parametrize("content", [b"", b"x,y\n1,2\n", b"\x89PNG\r\n\x1a\n\0\0", b"1 2\n3 4\n"])
def test_a_file_that_tells_nothing(folder: Path, content: bytes) -> None:
    (folder / "odd.dat").write_bytes(content)
    with pytest.raises(
        InputError, match=f"cannot tell the format; name it, one of {', '.join(formats.FORMATS)}"
    ):
        formats.read(folder / "odd.dat")


def test_a_folder_that_tells_nothing_and_no_file_at_all(folder: Path) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match="cannot tell the format"):
        formats.read(folder / "empty")
    with pytest.raises(InputError, match="there is no such file or folder"):
        formats.read(folder / "nothing")


def test_no_torch_is_loaded() -> None:
    code = "import sys, labelkit.formats; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)

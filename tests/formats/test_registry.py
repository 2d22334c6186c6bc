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


def _own(name: str, *also: str) -> formats.Format:
    wflw = formats.FORMATS["wflw"]
    return formats.Format(name, "ours", wflw.read, wflw.write, lambda path: path.suffix == ".ours", also=also)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is registered in a test is forgotten after it."""
    monkeypatch.setattr(formats, "FORMATS", dict(formats.FORMATS))


def test_a_registered_format_is_read_written_and_guessed(registry: None, folder: Path) -> None:
    formats.register_format(_own("ours", "mine"))
    data = formats.read(folder / "list.txt")
    assert formats.write(data, folder / "out.ours", "Mine", images=folder).written == 1
    assert formats.find_format("ours").title == "ours"
    # A list of ours begins as one of WFLW, which was there before.
    assert formats.guess_format(folder / "out.ours").name == "wflw"
    (folder / "other.ours").write_bytes(b"\x89\0")
    assert formats.guess_format(folder / "other.ours").name == "ours"


@pytest.mark.parametrize("names", [("wflw",), ("ours", "pts"), ("Ours",), ("",)])
def test_a_name_that_is_taken_or_cannot_be_asked_for(registry: None, names: tuple[str, ...]) -> None:
    before = list(formats.FORMATS)
    with pytest.raises(InputError, match="a format"):
        formats.register_format(_own(*names))
    assert list(formats.FORMATS) == before


class _Point:
    """An entry point of an installed package."""

    def __init__(self, name: str, found: formats.Format | Exception) -> None:
        self.name, self.value, self._found = name, f"package:{name}", found

    def load(self) -> formats.Format:
        if isinstance(self._found, Exception):
            raise self._found
        return self._found


def test_formats_of_installed_packages_are_known_and_broken_ones_named(
    registry: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    points = [_Point("broken", ImportError("no module named nix")), _Point("ours", _own("ours"))]
    monkeypatch.setattr(formats.metadata, "entry_points", lambda group: points)
    formats._register_installed.cache_clear()
    try:
        assert formats.find_format("ours").name == "ours"
    finally:
        formats._register_installed.cache_clear()
    assert "the format broken of package:broken cannot be used: no module named nix" in caplog.text

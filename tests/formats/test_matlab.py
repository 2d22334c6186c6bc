"""Arrays of MATLAB 5: as scipy reads them, and whatever ends scipy's reader is a line here."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from labelkit.errors import FormatError
from labelkit.formats.matlab import read_variables

HEAD = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"


def element(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def variable(kind: int, name: bytes, shape: tuple[int, ...], content: bytes, flags: int = 0) -> bytes:
    head = element(6, struct.pack("<II", kind | flags, 0)) + element(
        5, struct.pack(f"<{len(shape)}i", *shape)
    )
    return element(14, head + element(1, name) + content)


def read(folder: Path, content: bytes, most: int = 1000) -> dict[str, Any]:
    (folder / "a.mat").write_bytes(HEAD + content)
    return read_variables(folder / "a.mat", ("a", "b"), most)


def cells(*values: Any) -> np.ndarray:
    column = np.empty((len(values), 1), object)
    column[:, 0] = values
    return column


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    "value",
    [
        np.arange(6.0).reshape(2, 3),
        np.arange(24, dtype=np.int16).reshape(2, 3, 4),
        np.array([[1, 2**63]], np.uint64),
        np.array([[np.nan, np.inf, -0.0]], np.float32),
        np.array([[True, False]]),
        np.empty((0, 3)),
    ],
    ids=lambda value: f"{value.dtype}{value.shape}",
)
def test_numbers_as_scipy_reads_them(tmp_path: Path, value: np.ndarray, packed: bool) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"other": np.ones(5), "a": value}, do_compression=packed)
    found = read_variables(tmp_path / "a.mat", ("a",), 1000)
    assert list(found) == ["a"]
    np.testing.assert_array_equal(found["a"], scipy.io.loadmat(tmp_path / "a.mat")["a"])


@pytest.mark.parametrize("packed", [True, False])
def test_texts_and_cells(tmp_path: Path, packed: bool) -> None:
    told = {"a": cells("x", "Zoë 顔 😀.jpg", "", cells("inner"), 7.0), "b": "alone"}
    scipy.io.savemat(tmp_path / "a.mat", told, do_compression=packed)
    found = read_variables(tmp_path / "a.mat", ("a", "b"), 1000)
    assert found["b"] == "alone"
    assert found["a"].shape == (5, 1)
    assert found["a"][:3, 0].tolist() == ["x", "Zoë 顔 😀.jpg", ""]
    assert found["a"][3, 0].tolist() == [["inner"]]
    assert found["a"][4, 0] == 7


def test_texts_as_matlab_itself_writes_them_and_the_other_order_of_bytes(tmp_path: Path) -> None:
    text = variable(4, b"a", (1, 2), element(4, "顔x".encode("utf-16-le")))
    assert read(tmp_path, text) == {"a": "顔x"}
    numbers = struct.pack(">II", 9, 8) + struct.pack(">d", 1.5)
    head = struct.pack(">IIIIIIiiII", 6, 8, 6, 0, 5, 8, 1, 1, (1 << 16) | 1, 0x61000000)
    big = struct.pack(">II", 14, len(head + numbers)) + head + numbers
    (tmp_path / "b.mat").write_bytes(b"MATLAB 5.0".ljust(124) + b"\x01\x00MI" + big)
    assert read_variables(tmp_path / "b.mat", ("a",), 10)["a"].tolist() == [[1.5]]


def test_what_is_no_array_of_numbers_texts_or_cells(tmp_path: Path) -> None:
    content = variable(2, b"a", (1, 1), b"") + variable(6, b"b", (1, 1), element(9, bytes(8)), 0x0800)
    assert read(tmp_path, content) == {"a": None, "b": None}


def nested(depth: int) -> bytes:
    """Cells in cells, put together from the inside without copying the whole each time."""
    heads, size = [], len(variable(6, b"", (1, 1), element(9, bytes(8))))
    inner = variable(6, b"", (1, 1), element(9, bytes(8)))
    for level in range(depth):
        head = variable(1, b"a" if level == depth - 1 else b"", (1, 1), b"")[8:]
        heads.append(struct.pack("<II", 14, len(head) + size) + head)
        size += 8 + len(head)
    return b"".join(reversed(heads)) + inner


WRONG = "is no MATLAB file of version 5, or is cut short"

#: Each of the first four ended the process in scipy 1.17.
DAMAGED = {
    "a kind of number that nobody knows": variable(6, b"a", (1, 1), element(0x8010, bytes(8))),
    "no kind": variable(6, b"a", (1, 1), element(0, bytes(8))),
    "no shape": variable(6, b"a", (), element(9, bytes(8))),
    "a text of an unknown kind": variable(1, b"a", (1, 1), variable(4, b"", (1, 1), element(0x8010, b"x"))),
    "a negative shape": variable(6, b"a", (-1, -1), element(9, bytes(8))),
    "fewer numbers than it says": variable(6, b"a", (1, 2), element(9, bytes(8))),
    "half a number": variable(6, b"a", (1, 1), element(9, bytes(7))),
    "no content": variable(6, b"a", (1, 1), b""),
    "cells that are not there": variable(1, b"a", (30, 30), b""),
    "a cell that is cut": variable(1, b"a", (1, 1), struct.pack("<II", 14, 100)),
    "a short head that is too long": struct.pack("<I", 14 | 9 << 16) + bytes(8),
    "no text": variable(4, b"a", (1, 1), element(16, b"\xff")),
    "packed rubbish": element(15, b"rubbish"),
    "packed nothing": element(15, zlib.compress(b"")),
    "longer than the file": struct.pack("<II", 14, 1 << 31),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_damage_is_one_line(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(FormatError, match=WRONG):
        read(tmp_path, content)


def test_cells_in_cells_end_at_some_depth(tmp_path: Path) -> None:
    value = read(tmp_path, nested(100_000))["a"]
    for _ in range(4):
        value = value[0, 0]
    assert value is None


def test_a_file_that_claims_too_much(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"a\.mat: claims to hold 1024 numbers as a"):
        read(tmp_path, variable(6, b"a", (32, 32), element(9, bytes(8))))


def test_a_file_that_unpacks_to_far_more_than_its_size(tmp_path: Path) -> None:
    zeros = variable(9, b"a", (1, 20 << 20), element(2, bytes(20 << 20)))
    packed = zlib.compress(zeros)
    with pytest.raises(FormatError, match=r"unpacks to more than 16 MB, too much for its size"):
        read(tmp_path, element(15, packed), most=1 << 30)


def test_what_nobody_asks_for_stays_packed(tmp_path: Path) -> None:
    bomb = element(15, zlib.compress(variable(9, b"other", (1, 20 << 20), element(2, bytes(20 << 20)))))
    wanted = element(15, zlib.compress(variable(6, b"a", (1, 1), element(9, struct.pack("<d", 2.5)))))
    assert read(tmp_path, bomb[: 8 + struct.unpack("<II", bomb[:8])[1]] + wanted)["a"].tolist() == [[2.5]]

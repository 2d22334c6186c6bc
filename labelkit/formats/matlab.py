"""Arrays out of MATLAB files of version 5 (The MathWorks, "MAT-File Format", 2023).

Read here and not by scipy, whose reader of untrusted files ends the whole process: a kind of number that
it does not know makes it read beyond its tables, and cells in cells overflow its stack.

A file is a head of 128 bytes and then *elements*: a kind, a number of bytes and these bytes, padded to
eight. A variable is an element of kind 14, or one of kind 15, which is such an element packed by zlib. In
it stand its class and flags, its shape, its name and its numbers, stored column by column in the smallest
kind that holds them; in a cell array stands a variable for every cell.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelkit.errors import FormatError

#: What a variable holds: an array of numbers, of objects (cells: arrays, texts or None), a text, or None
#: for what is neither.
Held = NDArray[Any] | str | None

_BEGIN, _NEWER = 128, 0x0200
_MATRIX, _PACKED = 14, 15

#: Kinds of numbers, and classes of arrays.
_KINDS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_CELL, _CHAR, _COMPLEX = 1, 4, 0x0800

#: How many bytes of a variable hold its class, shape and name.
_HEAD = 512

#: How texts are stored, by the kind of their numbers; the order of bytes is that of the file.
_TEXTS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}

#: Cells in cells, and dimensions.
_DEPTH, _DIMENSIONS = 4, 32

#: What packed variables may become: this many bytes, and so many more for each of the file's.
_UNPACKED, _RATIO = 16 << 20, 20


class _TooMuchError(Exception):
    """The file is whole, and still will not be read."""


@dataclass(frozen=True)
class _Variable:
    """A variable before its content is looked at: ``rest`` are the elements after its name."""

    name: str
    kind: int
    is_complex: bool
    shape: tuple[int, ...]
    rest: _Elements


def read_variables(path: Path, names: Collection[str], most: int) -> dict[str, Held]:
    """The variables of these names; raises `FormatError` for a file of another kind, a damaged one, and
    one that claims to hold more than ``most`` numbers in a variable, or unpacks to far more than its size."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FormatError(path, f"cannot be read ({error.strerror})") from error
    try:
        found = {
            variable.name: _value(variable, most)
            for variable in _variables(content, names)
            if variable.name in names
        }
    except _TooMuchError as error:
        raise FormatError(path, str(error)) from error
    except (ValueError, struct.error, zlib.error) as error:
        raise FormatError(path, "is no MATLAB file of version 5, or is cut short") from error
    return found


def _variables(content: bytes, names: Collection[str]) -> Iterator[_Variable]:
    order = _order(content)
    most = left = _UNPACKED + _RATIO * len(content)
    for kind, element in _Elements(memoryview(content)[_BEGIN:], order):
        if kind == _MATRIX:
            yield _opened(element, order)
        elif kind == _PACKED and _begins_with(element, order) in names:  # what nobody asks for stays packed
            unpacked = zlib.decompressobj().decompress(element, left + 1)
            left -= len(unpacked)
            if left < 0:
                raise _TooMuchError(f"unpacks to more than {most >> 20} MB, too much for its size")
            for inner, variable in _Elements(memoryview(unpacked), order):
                if inner == _MATRIX:
                    yield _opened(variable, order)


def _order(content: bytes) -> str:
    """The order of bytes, as `struct` writes it; ValueError for a file of another kind."""
    if len(content) < _BEGIN or content[126:128] not in (b"IM", b"MI"):
        raise ValueError("no head")
    order = "<" if content[126:128] == b"IM" else ">"
    if struct.unpack(f"{order}H", content[124:126]) == (_NEWER,):
        raise _TooMuchError("is a MATLAB file of version 7.3; AFLW-19's are of version 5")
    return order


class _Elements:
    """Goes through the elements in some bytes: kind and content of each; ValueError for one that is cut."""

    def __init__(self, data: memoryview, order: str) -> None:
        self.order, self._data, self._at = order, data, 0

    def __iter__(self) -> _Elements:
        return self

    def __next__(self) -> tuple[int, memoryview]:
        if self._at + 8 > len(self._data):
            raise StopIteration
        kind, size = struct.unpack(f"{self.order}II", self._data[self._at : self._at + 8])
        begin = self._at + 8
        if kind >> 16:  # four bytes or fewer stand in the head itself
            kind, size, begin = kind & 0xFFFF, kind >> 16, self._at + 4
            if size > 4:
                raise ValueError("no head of an element")
        if begin + size > len(self._data):
            raise ValueError("cut short")
        short = begin < self._at + 8
        self._at = self._at + 8 if short else begin + size + (0 if kind == _PACKED else -size % 8)
        return kind, self._data[begin : begin + size]

    @property
    def left(self) -> int:
        """How many bytes there still are."""
        return len(self._data) - self._at

    def take(self) -> memoryview:
        """The content of the next one, which must be there."""
        for _, content in self:
            return content
        raise ValueError("cut short")


def _begins_with(packed: memoryview, order: str) -> str:
    """The name of a packed variable, by its first bytes."""
    start = zlib.decompressobj().decompress(packed, _HEAD)
    return _opened(memoryview(start)[8:], order).name


def _opened(element: memoryview, order: str) -> _Variable:
    rest = _Elements(element, order)
    flags, dimensions, name = rest.take(), rest.take(), rest.take()
    (said,) = struct.unpack(f"{order}I", flags[:4])
    if len(dimensions) % 4 or not 8 <= len(dimensions) <= 4 * _DIMENSIONS:
        raise ValueError("no shape")
    shape = struct.unpack(f"{order}{len(dimensions) // 4}i", dimensions)
    if min(shape) < 0:
        raise ValueError("no shape")
    return _Variable(bytes(name).decode("latin-1"), said & 0xFF, bool(said & _COMPLEX), shape, rest)


def _value(variable: _Variable, most: int, depth: int = 0) -> Held:
    size = math.prod(variable.shape)
    if size > most:
        raise _TooMuchError(f"claims to hold {size} numbers as {variable.name}")
    if variable.kind == _CELL and depth < _DEPTH:
        return _cells(variable, size, most, depth)
    if variable.kind == _CHAR:
        return _text(variable, size)
    if variable.kind in _CLASSES and not variable.is_complex:
        return _numbers(variable, size)
    return None


def _cells(variable: _Variable, size: int, most: int, depth: int) -> NDArray[Any]:
    if size > variable.rest.left // 8:  # the least that a cell takes
        raise ValueError("cut short")
    found = np.empty(size, object)
    for number in range(size):
        found[number] = _value(_opened(variable.rest.take(), variable.rest.order), most, depth + 1)
    return found.reshape(variable.shape, order="F")


def _numbers(variable: _Variable, size: int) -> NDArray[Any]:
    kind, content = next(variable.rest, (0, memoryview(b"")))
    if kind not in _KINDS and size:
        raise ValueError("no numbers")
    stored = np.frombuffer(content, f"{variable.rest.order}{_KINDS.get(kind, 'u1')}")
    if len(stored) != size:
        raise ValueError("other numbers than its shape says")
    return stored.astype(_CLASSES[variable.kind]).reshape(variable.shape, order="F")


def _text(variable: _Variable, size: int) -> str | None:
    """The letters of a row; None for a table of letters."""
    if size == 0:
        return ""
    if size != variable.shape[-1]:
        return None
    kind, content = next(variable.rest, (0, memoryview(b"")))
    if kind not in _TEXTS:
        raise ValueError("no letters")
    coding = _TEXTS[kind]
    if coding in ("utf-16", "utf-32"):
        coding += "-le" if variable.rest.order == "<" else "-be"
    return bytes(content).decode(coding)

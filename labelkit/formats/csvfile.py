"""Tables as CSV files (RFC 4180): see `labelkit.formats.tables` for their columns.

UTF-8, the first line holds the headings, cells are parted by commas; a cell with a comma, a quotation
mark or a line break stands in quotation marks, and a quotation mark in it is doubled. Numbers are
written so that reading them gives the same 64 bits. An empty cell is one without a value. A text
that is itself empty, or begins with a quotation mark, is therefore written as in JSON (``""``).

Cells that begin with "=", "+", "-" or "@" are texts like others here; a spreadsheet may take
them for formulas.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from labelkit import atomic
from labelkit.dataset import Dataset
from labelkit.dataset.table import FACE
from labelkit.errors import FormatError, InputError
from labelkit.formats.plaintext import brief, glance, is_number, read_text
from labelkit.formats.reading import FacesRead, image_root
from labelkit.formats.tables import Cell, Columns, Row, column_type, columns_to_write, read_rows
from labelkit.formats.writing import WriteReport, root_to_write
from labelkit.scheme import Scheme

_Records = Iterator[tuple[int, list[str]]]


def read(
    path: str | Path,
    *,
    scheme: str | Path | Scheme | None = None,
    images: str | Path | None = None,
    strict: bool = False,
) -> Dataset:
    """The faces of a table; their photos are looked for, not opened.

    ``images`` is the image root, by default the folder in which the table lies. Raises `FormatError`
    for a file that is no such table, and with ``strict`` for the first bad line; otherwise the data
    set's report names the bad lines.
    """
    path = Path(path)
    faces = FacesRead(strict)
    records = _records(path, read_text(path), faces)
    columns = _columns(path, records)
    root = image_root(images, path.parent)
    parsers = [_parser(heading) for heading in columns.headings]
    rows = []
    for line, cells in records:
        with faces.entry(path, line):
            rows.append(Row(_parsed(cells, parsers, columns.headings), line))
    return read_rows(path, columns, rows, faces, scheme=scheme, root=root)


def write(dataset: Dataset, path: str | Path, *, images: str | Path | None = None) -> WriteReport:
    """Write a table, photos relative to ``images``.

    Raises `InputError`, with nothing written, for a coordinate that is infinite, an attribute or a
    photo's name that cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        raise FormatError(path, "is a folder; a table is a file")
    root = root_to_write(dataset, images)
    columns = columns_to_write(dataset, root, "a CSV table")
    written = [[_written(cell, heading) for cell in cells] for heading, cells in columns.items()]
    lines = [map(_quoted, columns), *zip(*written, strict=True)]
    atomic.write_text(path, "".join(",".join(cells) + "\n" for cells in lines))
    return WriteReport(len(dataset), (path,), root)


def looks_like(path: Path) -> bool:
    """Whether the first line of a file holds headings of a table: the photo, and a box or a point."""
    try:
        headings = next(csv.reader(io.StringIO(glance(path), newline="")), [])
    except csv.Error:
        return False
    return "image" in headings and any(name == "x0" or name.endswith("_x") for name in headings)


def _columns(path: Path, records: _Records) -> Columns:
    line, headings = next(records, (0, []))
    if not headings:
        raise FormatError(path, "is empty")
    try:
        return Columns(tuple(headings))
    except InputError as error:
        raise FormatError(path, str(error), line) from error


def _records(path: Path, text: str, faces: FacesRead) -> _Records:
    """The lines that are not blank, with the numbers at which they begin."""
    # Strict, or an open quotation mark would make one cell of the rest of the file.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            faces.leave_out(FormatError(path, f"is no line of a table ({error})", line))
            continue
        if cells:
            yield line, cells


def _parsed(cells: list[str], parsers: list[Callable[[str], Cell]], headings: tuple[str, ...]) -> list[Cell]:
    if len(cells) != len(headings):
        raise InputError(f"has {len(cells)} cells, not {len(headings)} as the first line")
    found: list[Cell] = []
    for cell, parse, heading in zip(cells, parsers, headings, strict=True):
        try:
            found.append(parse(cell) if cell else None)
        except InputError as error:
            raise InputError(f"{brief(heading)} is {brief(cell)}, {error}") from error
    return found


def _parser(heading: str) -> Callable[[str], Cell]:
    if heading == FACE:
        return lambda cell: None
    if heading == "image":
        return str
    kind = column_type(heading)
    return _PARSERS[kind] if kind is not None else str


def _number(cell: str) -> float:
    if not is_number(cell):
        raise InputError("not a number")
    return float(cell)


def _integer(cell: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,19}(\.0*)?", cell):
        raise InputError("not an integer")
    return int(cell.partition(".")[0])


def _truth(cell: str) -> bool:
    if cell.lower() not in ("true", "false"):
        raise InputError("not True or False")
    return cell.lower() == "true"


def _text(cell: str) -> str:
    if not cell.startswith('"'):
        return cell
    try:
        return str(json.loads(cell))
    except ValueError as error:
        raise InputError("not a text as in JSON") from error


_PARSERS: dict[type, Callable[[str], Cell]] = {float: _number, int: _integer, bool: _truth, str: _text}


def _written(cell: Cell, heading: str) -> str:
    if cell is None:
        return ""
    if not isinstance(cell, str):
        return repr(float(cell)) if isinstance(cell, float) else str(cell)
    text = cell
    if heading != "image" and (not text or text.startswith('"')):
        text = json.dumps(text, ensure_ascii=False)
    if "\0" in text or len(text) > csv.field_size_limit():
        raise InputError(f"{brief(heading)} is {brief(text)}, which a CSV table cannot hold")
    return _quoted(text)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if re.search(r'[,"\r\n]', text) else text

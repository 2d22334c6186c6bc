"""Tables as Parquet files: see `labelkit.formats.tables` for their columns.

Coordinates and scores are float64, ``face`` is int64, names and words are strings, attributes
have the type that their heading says; a null is a cell without a value. Under the key
``labelkit.scheme`` the file's metadata hold the whole scheme, as its JSON file does, so that it
is known again without being given.

Reading and writing takes pyarrow, of the extra ``formats``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import NoneType
from typing import Any

from labelkit import atomic
from labelkit.dataset import Dataset
from labelkit.dataset.table import FACE
from labelkit.errors import FormatError, InputError
from labelkit.formats.extras import extra
from labelkit.formats.plaintext import brief, glance
from labelkit.formats.reading import FacesRead, image_root
from labelkit.formats.tables import LONGEST, Columns, Row, column_type, columns_to_write, read_rows
from labelkit.formats.writing import WriteReport, root_to_write, scheme_to_write
from labelkit.scheme import Scheme, scheme_from_dict

_SCHEME = b"labelkit.scheme"
_MAGIC = "PAR1"
_WHAT = "a Parquet table"

#: What a file may unpack to: this many bytes, and so many more for each of its own.
_UNPACKED, _RATIO = 16 << 20, 50
_SAID = {bool: "true or false", int: "integers", float: "numbers", str: "text"}


def read(
    path: str | Path,
    *,
    scheme: str | Path | Scheme | None = None,
    images: str | Path | None = None,
    strict: bool = False,
) -> Dataset:
    """The faces of a table; their photos are looked for, not opened.

    ``images`` is the image root, by default the folder in which the table lies; without a scheme it is
    that of the file. Raises `FormatError` for a file that is no such table, and with ``strict`` for
    the first bad row; otherwise the data set's report names the bad rows. Raises `UnavailableError`
    without pyarrow.
    """
    path = Path(path)
    with _opened(path) as table:
        columns = _columns(path, table.schema_arrow)
        own = _scheme_of(path, table.schema_arrow.metadata or {})
        rows = list(_rows(path, table))
    root = image_root(images, path.parent)
    return read_rows(path, columns, rows, FacesRead(strict), scheme=scheme, own=own, root=root)


def write(dataset: Dataset, path: str | Path, *, images: str | Path | None = None) -> WriteReport:
    """Write a table, photos relative to ``images``.

    Raises `InputError`, with nothing written, for a coordinate that is infinite, an attribute or a
    photo's name that cannot be written, `UnavailableError` without pyarrow.
    """
    path = Path(path)
    arrow, parquet = extra("pyarrow", _WHAT), extra("pyarrow.parquet", _WHAT)
    if path.is_dir():
        raise FormatError(path, "is a folder; a table is a file")
    root = root_to_write(dataset, images)
    kinds = {bool: arrow.bool_(), int: arrow.int64(), float: arrow.float64(), str: arrow.string()}
    columns = {
        heading: arrow.array(cells, kinds[column_type(heading) or str])
        for heading, cells in columns_to_write(dataset, root, _WHAT).items()
    }
    _, scheme, _ = scheme_to_write(dataset)
    metadata = {_SCHEME: scheme.to_json()} if scheme is not None else {}
    with atomic.replacing(path) as draft:
        parquet.write_table(arrow.table(columns).replace_schema_metadata(metadata), draft)
    return WriteReport(len(dataset), (path,), root)


def looks_like(path: Path) -> bool:
    """Whether a file begins as Parquet files do."""
    return glance(path).startswith(_MAGIC)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The file as pyarrow's ``ParquetFile``; whatever is wrong with it is a `FormatError`."""
    arrow, parquet = extra("pyarrow", _WHAT), extra("pyarrow.parquet", _WHAT)
    try:
        with path.open("rb") as file, parquet.ParquetFile(file) as table:
            _check_size(path, table.metadata)
            texts = [field.name for field in table.schema_arrow if _python_type(field.type) is str]
        # As they are stored, each different text once: a row may stand for any number of them.
        with path.open("rb") as file, parquet.ParquetFile(file, read_dictionary=texts) as table:
            yield table
    except FormatError:
        raise
    except OSError as error:
        raise FormatError(path, f"cannot be read ({error.strerror or _in_one_line(error)})") from error
    except (arrow.ArrowException, ValueError) as error:
        raise FormatError(path, f"is no Parquet table that can be read ({_in_one_line(error)})") from error


def _check_size(path: Path, about: Any) -> None:
    """A few bytes may promise billions of equal rows, or unpack to any size."""
    size = path.stat().st_size
    if about.num_rows > size:  # no two faces are equal
        raise FormatError(path, f"has {about.num_rows} rows, more than bytes")
    # Not by the columns of a group: pyarrow ends the process where what is told of one is damaged.
    unpacked = sum(abs(about.row_group(number).total_byte_size) for number in range(about.num_row_groups))
    if unpacked > _UNPACKED + _RATIO * size:
        raise FormatError(path, f"unpacks to {unpacked >> 20} MB, too much for its size")


def _rows(path: Path, table: Any) -> Iterator[Row]:
    """The rows of a table, none of them with a text that is longer than a cell may be."""
    compute, number = extra("pyarrow.compute", _WHAT), 0
    for batch in table.iter_batches(batch_size=1024):
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            texts = column.dictionary if _values(column.type) != column.type else column
            is_text = _python_type(texts.type) is str
            longest = compute.max(compute.binary_length(texts)).as_py() if is_text else None
            if longest is not None and longest > LONGEST:
                raise FormatError(
                    path, f"column {brief(name)} has a text of {longest} bytes; {LONGEST} at most"
                )
        for cells in zip(*map(_cells, batch.columns), strict=True):
            number += 1
            yield Row(cells, name=f"row {number}")


def _values(kind: Any) -> Any:
    """Of which Arrow type the values of a column are, where it holds each of them once."""
    return kind.value_type if extra("pyarrow.types", _WHAT).is_dictionary(kind) else kind


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _columns(path: Path, schema: Any) -> Columns:
    try:
        columns = Columns(tuple(schema.names))
    except InputError as error:
        raise FormatError(path, str(error)) from error
    for field in schema:
        wanted, found = column_type(field.name), _python_type(field.type)
        numbers = wanted in (int, float) and found in (int, float)
        fits = found is not None if wanted is None else found in (wanted, NoneType) or numbers
        if not fits and field.name != FACE:
            named = "true or false, numbers or text" if wanted is None else _SAID[wanted]
            raise FormatError(path, f"column {brief(field.name)} holds {_values(field.type)}, not {named}")
    return columns


def _python_type(kind: Any) -> type | None:
    """Of which type the values of an Arrow type are; None for one that no cell has."""
    types = extra("pyarrow.types", _WHAT)
    kind = _values(kind)
    tests = {
        bool: types.is_boolean,
        int: types.is_integer,
        float: types.is_floating,
        str: types.is_string,
        NoneType: types.is_null,
    }
    if types.is_large_string(kind):
        return str
    return next((python for python, test in tests.items() if test(kind)), None)


def _cells(column: Any) -> list[Any]:
    """The cells of a column; numbers of few bits as ordinary ones."""
    arrow = extra("pyarrow", _WHAT)
    return list((column.cast(arrow.float64()) if arrow.types.is_float16(column.type) else column).to_pylist())


def _scheme_of(path: Path, metadata: Mapping[bytes, bytes]) -> Scheme | None:
    if _SCHEME not in metadata:
        return None
    try:
        return scheme_from_dict(json.loads(metadata[_SCHEME]))
    except (ValueError, RecursionError) as error:  # a SchemeError is a ValueError, too
        raise FormatError(path, f"holds a scheme that cannot be read ({_in_one_line(error)})") from error

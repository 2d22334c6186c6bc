from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from labelkit import errors


def exceptions() -> list[type[Exception]]:
    return [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]


@pytest.mark.parametrize("kind", exceptions())
def test_everything_raised_on_purpose_is_a_labelkit_error(kind: type[Exception]) -> None:
    assert issubclass(kind, errors.LabelkitError)


@pytest.mark.parametrize("kind", exceptions())
def test_the_tree_in_the_docstring_names_every_exception(kind: type[Exception]) -> None:
    assert errors.__doc__ is not None
    assert kind.__name__ in errors.__doc__


def test_wrong_input_is_a_value_error_and_a_missing_part_is_not() -> None:
    assert issubclass(errors.FormatError, ValueError)
    assert issubclass(errors.ImageError, errors.InputError)
    assert not issubclass(errors.UnavailableError, ValueError)


def test_a_format_error_names_file_and_line() -> None:
    error = errors.FormatError("train/list.txt", "207 fields, not 206", line=12)
    assert str(error) == "train/list.txt:12: 207 fields, not 206"
    assert (error.path, error.line, error.problem) == (Path("train/list.txt"), 12, "207 fields, not 206")


def test_a_format_error_about_a_whole_file_has_no_line() -> None:
    error = errors.FormatError(Path("face.pts"), "is empty")
    assert str(error) == "face.pts: is empty"
    assert error.line is None


def test_an_image_error_names_the_file() -> None:
    error = errors.ImageError("a b.jpg", "is truncated")
    assert str(error) == "a b.jpg: is truncated"
    assert (error.path, error.problem) == (Path("a b.jpg"), "is truncated")


def test_a_store_error_names_the_database_and_is_not_about_input() -> None:
    error = errors.StoreError("work/labelkit.db", "is damaged")
    assert str(error) == "work/labelkit.db: is damaged"
    assert (error.path, error.problem) == (Path("work/labelkit.db"), "is damaged")
    assert not isinstance(error, ValueError)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a.jpg: is missing", "a.jpg: is missing"),
        ("two\nlines\tand a tab", "two\\nlines\\tand a tab"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("half \ud800, turned \u202egpj.a", "half \\ud800, turned \\u202egpj.a"),
        ("Zoë 顔.jpg", "Zoë 顔.jpg"),
    ],
)
def test_a_message_is_one_line_whatever_a_hostile_file_put_into_it(text: str, line: str) -> None:
    assert str(errors.InputError(text)) == line
    assert str(errors.ImageError(text, text)) == f"{line}: {line}"
    assert errors.FormatError("x", text).problem == line


def test_a_very_long_message_loses_its_middle() -> None:
    error = errors.FormatError("faces.csv", "x" * 100_000 + " is no point")
    assert len(str(error)) <= errors.LONGEST
    assert str(error).startswith("faces.csv: xxx")
    assert str(error).endswith("xxx is no point")
    assert len(error.problem) <= errors.LONGEST

from __future__ import annotations

import math
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit.errors import InputError
from labelkit.store.checks import MAX_JSON, MAX_TEXT, checked_object, checked_path, checked_text


@given(st.text(max_size=30))
def test_a_path_is_taken_as_it_is_or_refused(path: str) -> None:
    try:
        assert checked_path(path) == path
    except InputError:
        return
    pure = PurePosixPath(path)
    assert not pure.is_absolute()
    assert str(pure) == path
    assert ".." not in pure.parts


def test_texts_end_somewhere() -> None:
    assert checked_text("x" * MAX_TEXT, "a note") == "x" * MAX_TEXT
    with pytest.raises(InputError, match=f"a note has {MAX_TEXT + 1} characters"):
        checked_text("x" * (MAX_TEXT + 1), "a note")
    with pytest.raises(InputError, match="an edit has"):
        checked_object({"x": "y" * MAX_JSON}, "an edit")


@pytest.mark.parametrize("value", ["\ud800", "a\udfffb"])
def test_half_a_character_is_refused_in_one_line(value: str) -> None:
    with pytest.raises(InputError, match="cannot be stored") as caught:
        checked_text(value, "a note")
    assert str(caught.value).isprintable()
    with pytest.raises(InputError, match="cannot be stored"):
        checked_object({value: 1}, "an edit")


def test_only_a_text_is_a_text() -> None:
    with pytest.raises(InputError, match="a note is a text, not bytes"):
        checked_text(b"x", "a note")  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [{"x": math.inf}, {"x": {1, 2}}, {(1, 2): 3}])
def test_an_object_must_be_json(value: dict[object, object]) -> None:
    with pytest.raises(InputError, match="JSON"):
        checked_object(value, "an edit")  # type: ignore[arg-type]


def test_an_object_that_holds_itself_is_refused() -> None:
    value: dict[str, object] = {}
    value["self"] = value
    with pytest.raises(InputError, match="JSON"):
        checked_object(value, "an edit")

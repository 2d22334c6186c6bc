from __future__ import annotations

import logging
from pathlib import Path

import pytest

from labelkit.app.sockets import Brief
from labelkit.scheme import load_scheme


def record(error: BaseException | None, text: str = "") -> logging.LogRecord:
    told = (type(error), error, error.__traceback__) if error is not None else None
    return logging.LogRecord("bokeh", logging.ERROR, __file__, 1, "%s", (text,), told)


def test_what_others_got_wrong_is_one_short_line() -> None:
    try:
        raise ValueError("x\n\x1b[31m" + "y" * 9000)
    except ValueError as error:
        told = record(error, "secret" * 1000)
    assert Brief().filter(told)
    line = told.getMessage()
    assert line.startswith("ValueError: x  [31my")
    assert len(line) < 220
    assert told.exc_info is None


def test_what_our_own_code_got_wrong_is_told_in_full() -> None:
    with pytest.raises(Exception, match="none") as caught:
        load_scheme(Path("/none"))
    told = record(caught.value, "all of it")
    assert Brief().filter(told)
    assert told.exc_info is not None
    assert told.getMessage() == "all of it"


def test_lines_are_few() -> None:
    brief = Brief()
    assert sum(brief.filter(record(None, "again")) for _ in range(1000)) < 50

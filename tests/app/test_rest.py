"""Nobody waits for Python to look through what stays as long as the server."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from types import ModuleType
from weakref import ref

import pytest

from labelkit.app.rest import Rest


class Held:
    """Something that holds itself, so that only a look for garbage frees it."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture(autouse=True)
def _nothing_put_aside() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_what_was_imported_is_put_aside_when_no_more_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    rest = Rest(lambda: 1)
    rest.check()
    assert not gc.get_freeze_count(), "more may be on its way"
    rest.check()
    before = gc.get_freeze_count()
    assert before
    held = [Held() for _ in range(1000)]
    rest.check()
    assert gc.get_freeze_count() <= before, "nothing was imported"
    monkeypatch.setitem(sys.modules, "labelkit_made_up", ModuleType("labelkit_made_up"))
    rest.check()
    rest.check()
    assert gc.get_freeze_count() > before
    assert held


def test_what_was_open_meanwhile_is_freed_when_all_have_left() -> None:
    sessions = [1]
    rest = Rest(lambda: len(sessions))
    held = Held()
    seen = ref(held)
    rest.check()
    rest.check()
    del held
    gc.collect()
    assert seen() is not None, "it is put aside with the rest"
    sessions.clear()
    for _ in range(10):
        rest.check()
    assert seen() is None
    assert gc.get_freeze_count()
    rest.end()
    assert not gc.get_freeze_count(), "nothing is called leaked when Python ends"

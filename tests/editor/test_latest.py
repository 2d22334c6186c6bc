from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from labelkit.editor.latest import Latest, worker


def test_what_waits_is_replaced_by_what_comes_after_it() -> None:
    begun, go_on, done = threading.Event(), threading.Event(), []

    def work(item: int) -> None:
        begun.set()
        go_on.wait(10)
        done.append(item)

    with ThreadPoolExecutor(1) as pool:
        latest = Latest[int](pool, work)
        latest.give(0)
        assert begun.wait(10)
        for item in range(1, 50):
            latest.give(item)
        go_on.set()
        # The pool is asked for the next item's turn by the one before.
        while done[-1:] != [49]:
            pool.submit(lambda: None).result(10)
    assert done == [0, 49]


def test_two_owners_of_one_thread_take_turns() -> None:
    order: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        first, second = (Latest[str](pool, order.append) for _ in range(2))
        hold = threading.Event()
        pool.submit(hold.wait, 10)
        first.give("a")
        second.give("b")
        first.give("c")
        hold.set()
        pool.submit(lambda: None).result(10)
    assert order == ["c", "b"]


def test_a_failure_is_logged_and_the_next_item_is_worked_on(caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []

    def work(item: int) -> None:
        if item == 1:
            raise ValueError("broken")
        done.append(item)

    with ThreadPoolExecutor(1) as pool, caplog.at_level(logging.ERROR, "labelkit"):
        latest = Latest[int](pool, work)
        latest.give(1)
        pool.submit(lambda: None).result(10)
        latest.give(2)
        pool.submit(lambda: None).result(10)
    assert done == [2]
    assert "broken" in caplog.text


def test_there_is_one_thread_of_a_name() -> None:
    names = {worker("tested").submit(lambda: threading.current_thread().name).result(10) for _ in range(3)}
    assert len(names) == 1
    assert worker("tested") is not worker("other")

"""Fingers and pens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page

from .conftest import watch
from .desk import edits, on_screen, place_of
from .harness import Harness


@pytest.fixture
def touched(chromium: Browser, harness: Harness, troubles: list[str]) -> Iterator[tuple[Page, CDPSession]]:
    """The editor on a tablet, and what sends touches to it."""
    context = chromium.new_context(viewport={"width": 1000, "height": 760}, has_touch=True)
    page = context.new_page()
    watch(page, troubles)
    page.goto(harness.url + '?settings={"elastic":false}')
    page.wait_for_selector("[data-ready]")
    yield page, context.new_cdp_session(page)
    context.close()


def touch(session: CDPSession, kind: str, *places: tuple[float, float]) -> None:
    points: list[dict[str, Any]] = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_a_finger_drags_a_point(touched: tuple[Page, CDPSession]) -> None:
    page, session = touched
    before, (x, y) = place_of(page, 30), on_screen(page, 30)
    scale = page.evaluate("root.labelkit.view.scale")
    touch(session, "touchStart", (x, y))
    for step in (10, 20, 30):
        touch(session, "touchMove", (x + step, y - step))
    touch(session, "touchEnd")
    page.wait_for_function("window.edits.length === 1")
    assert before is not None
    assert place_of(page, 30) == pytest.approx([before[0] + 30 / scale, before[1] - 30 / scale], abs=1)


def test_a_finger_on_the_photo_pans_and_two_zoom(touched: tuple[Page, CDPSession]) -> None:
    page, session = touched
    x, y = on_screen(page, 30)
    x, y = x + 40, y - 70  # on the cheek, away from every point
    before = page.evaluate("root.labelkit.view.x")
    touch(session, "touchStart", (x, y))
    touch(session, "touchMove", (x + 25, y))
    touch(session, "touchEnd")
    page.wait_for_function("x => Math.abs(root.labelkit.view.x - x - 25) < 1", arg=before)
    scale = page.evaluate("root.labelkit.view.scale")
    touch(session, "touchStart", (x - 40, y))
    touch(session, "touchStart", (x - 40, y), (x + 40, y))
    touch(session, "touchMove", (x - 80, y), (x + 80, y))
    touch(session, "touchEnd")
    page.wait_for_function("s => Math.abs(root.labelkit.view.scale / s - 2) < 0.1", arg=scale)
    assert edits(page) == []


def test_a_second_finger_takes_a_drag_back(touched: tuple[Page, CDPSession]) -> None:
    page, session = touched
    before, (x, y) = place_of(page, 30), on_screen(page, 30)
    touch(session, "touchStart", (x, y))
    touch(session, "touchMove", (x + 30, y))
    touch(session, "touchStart", (x + 30, y), (x + 150, y))
    touch(session, "touchEnd")
    assert place_of(page, 30) == before
    assert edits(page) == []


def test_a_pen_drags_a_point_under_the_magnifier(touched: tuple[Page, CDPSession]) -> None:
    page, session = touched
    before, (x, y) = place_of(page, 30), on_screen(page, 30)

    def pen(kind: str, x: float, y: float) -> None:
        session.send(
            "Input.dispatchMouseEvent",
            {
                "type": kind,
                "x": x,
                "y": y,
                "button": "left",
                "buttons": 1,
                "pointerType": "pen",
                "clickCount": 1,
            },
        )

    pen("mousePressed", x, y)
    pen("mouseMoved", x + 10, y)
    pen("mouseMoved", x + 20, y)
    page.wait_for_selector(".lk-magnifier:not([hidden])")
    pen("mouseReleased", x + 20, y)
    page.wait_for_function("window.edits.length === 1")
    assert place_of(page, 30) != before

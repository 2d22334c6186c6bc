"""What the tests of the editor do on a page, and read from it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

#: Drags move one point alone.
PLAIN = '?settings={"elastic":false}'


def place_of(page: Page, index: int) -> list[float] | None:
    return page.evaluate("i => root.labelkit.document.xy[i]", index)


def places(page: Page) -> list[list[float] | None]:
    return page.evaluate("root.labelkit.document.xy.map((p) => p && [...p])")


def states(page: Page) -> list[int]:
    return page.evaluate("[...root.labelkit.document.state]")


def selected(page: Page) -> list[int]:
    return sorted(page.evaluate("[...root.labelkit.workspace.selection]"))


def active(page: Page) -> int:
    return page.evaluate("root.labelkit.workspace.active")


def edits(page: Page) -> list[dict[str, Any]]:
    return page.evaluate("window.edits")


def commands(page: Page) -> list[dict[str, Any]]:
    return page.evaluate("window.commands")


def setting(page: Page, name: str) -> Any:
    return page.evaluate("name => root.labelkit.workspace.settings[name]", name)


def in_window(page: Page, place: list[float]) -> tuple[float, float]:
    """Where a place of the photo is in the window, in CSS px."""
    x, y = page.evaluate(
        """place => {
          const { view, workspace } = root.labelkit;
          const rect = workspace.stage.overlay.getBoundingClientRect();
          const [x, y] = view.toScreen(place);
          return [x + rect.left, y + rect.top];
        }""",
        place,
    )
    return x, y


def on_screen(page: Page, index: int) -> tuple[float, float]:
    """Where a point is in the window, in CSS px."""
    place = place_of(page, index)
    assert place is not None
    return in_window(page, place)


def drag(page: Page, start: tuple[float, float], by: tuple[float, float], steps: int = 4) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(start[0] + by[0], start[1] + by[1], steps=steps)
    page.mouse.up()


def press(page: Page, *keys: str) -> None:
    """Press keys with the focus in the editor."""
    page.evaluate("root.focus()")
    for key in keys:
        page.keyboard.press(key)


def drawn(page: Page) -> None:
    """Wait until what was asked for has been drawn."""
    page.evaluate("new Promise((done) => root.labelkit.workspace.whenDrawn(() => setTimeout(done)))")

"""`lk.draw` in a real JupyterLab: the face, what Python draws over it, and the mouse."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from .hosts import Lab, run_cells, until

CELL = """\
import numpy as np
import labelkit as lk

photo = np.full((160, 200, 3), (40, 90, 160), np.uint8)
corners = np.array([[20, 20], [180, 20], [100, 120], [20, 140], [180, 140]])
canvas = lk.draw(photo, corners, scheme="celeba5", size=400)
canvas.over.fill_style = "#ff0000"
canvas.over.fill_rect(49.5, 39.5, 20, 10)  # the photo's pixels 50 to 69, 40 to 49


def clicked(x, y):
    px, py = canvas.to_photo([x, y])
    canvas.clear()
    canvas.over.fill_style = "#00ff00"
    canvas.over.fill_rect(px - 5, py - 5, 10, 10)


canvas.on_mouse_down(clicked)
canvas
"""

PHOTO, RED, GREEN = [40, 90, 160], [255, 0, 0], [0, 255, 0]


def pixel(page: Page, x: int, y: int) -> list[int]:
    """The colour of a pixel of the canvas."""
    code = "(c, [x, y]) => Array.from(c.getContext('2d').getImageData(x, y, 1, 1).data).slice(0, 3)"
    return list(page.locator(".jp-OutputArea-output canvas").evaluate(code, [x, y]))


def click(page: Page, x: int, y: int) -> None:
    """Focus first: JupyterLab scrolls to a canvas that gets the focus, away from under the mouse."""
    canvas = page.locator(".jp-OutputArea-output canvas")
    canvas.focus()
    canvas.click(position={"x": x, "y": y})


def test_a_face_is_drawn_on_and_answers_the_mouse(page: Page, lab: Lab, shots: Path | None) -> None:
    page.goto(lab.notebook("draw", CELL))
    run_cells(page, ".jp-OutputArea-output canvas")

    # Two canvas px for one of the photo, whose pixel 50, 40 begins at 100, 80.
    until(lambda: pixel(page, 120, 90) == RED)
    assert [pixel(page, *place) for place in ((101, 81), (138, 98))] == [RED, RED]
    until(lambda: pixel(page, 98, 90) == PHOTO)
    assert [pixel(page, *place) for place in ((98, 90), (120, 78), (141, 90), (120, 102))] == [PHOTO] * 4
    # The middles of dots, where the points are.
    dots = [pixel(page, 2 * x + 1, 2 * y + 1) for x, y in ((20, 20), (100, 120), (180, 140))]
    assert PHOTO not in dots
    assert len({tuple(dot) for dot in dots}) == 3  # eye, nose and mouth have a colour each

    click(page, 300, 200)
    until(lambda: pixel(page, 300, 200) == GREEN)
    assert pixel(page, 120, 90) == PHOTO  # what was drawn before is gone, the photo is not
    if shots is not None:
        page.screenshot(path=shots / "draw_jupyter.png")

    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    page.reload()
    page.wait_for_selector(".jp-OutputArea-output canvas", timeout=120_000)
    until(lambda: pixel(page, 120, 90) == PHOTO and pixel(page, 41, 41) == dots[0])
    click(page, 300, 200)
    until(lambda: pixel(page, 300, 200) == GREEN and pixel(page, 292, 192) == GREEN)

"""The editor in a real JupyterLab: what a hand does is in the project's database, whatever dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page

from labelkit.landmarks import Face
from labelkit.project import Project
from labelkit.project.editing import open_desk
from labelkit.store import FaceState

from .conftest import watch
from .hosts import (
    Lab,
    ask,
    drag,
    free,
    grab,
    jupyter_cells,
    made_project,
    place,
    point,
    ready,
    run_cells,
    saved,
    stored,
    until,
)

FIRST, SECOND = "0-astronaut.png", "0-grace_hopper.jpg"

Opened = Callable[..., Page]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with made_project(tmp_path_factory.mktemp("labelled")) as project:
        yield project


@pytest.fixture
def open_notebook(page: Page, lab: Lab, project: Project) -> Opened:
    def opened(author: str, page: Page = page) -> Page:
        free(project)
        page.goto(lab.editor(project.folder, author))
        run(page)
        return page

    return opened


def run(page: Page) -> None:
    run_cells(page, ".lk-editor[data-ready]")
    page.locator(".lk-host").scroll_into_view_if_needed()


def test_drag_undo_keys_and_zoom(open_notebook: Opened, project: Project, shots: Path | None) -> None:
    page = open_notebook("ada")
    before, count = point(page, 60), jupyter_cells(page)
    drag(page, 60)
    saved(page)
    moved = point(page, 60)
    assert np.hypot(*np.subtract(moved, before)) > 0.5
    done, _ = stored(project, FIRST, "ada")
    assert len(done) == 1
    page.keyboard.press("Control+z")
    saved(page)
    assert (point(page, 60), stored(project, FIRST, "ada")) == (before, ([], done))
    page.keyboard.press("Shift+ArrowRight")
    until(lambda: len(stored(project, FIRST, "ada")[0]) == 1)
    assert point(page, 60)[0] == pytest.approx(before[0] + 10)
    for key in ("a", "b", "x", "n", "p"):  # JupyterLab's own keys for cells
        page.keyboard.press(key)
    assert jupyter_cells(page) == count
    scale = ask(page, "w.view.scale")
    page.mouse.move(*place(page, 60))
    page.mouse.wheel(0, -400)
    until(lambda: ask(page, "w.view.scale") > 1.2 * scale)
    if shots is not None:
        page.screenshot(path=shots / "editor_jupyter.png")


def test_a_reload_goes_on_with_undo(open_notebook: Opened, project: Project) -> None:
    page = open_notebook("bea")
    before = point(page, 60)
    drag(page, 60)
    drag(page, 72)
    saved(page)
    after = point(page, 72)
    page.reload()
    run(page)
    until(lambda: point(page, 72) == after, 20)
    page.locator(".lk-editor").focus()
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    until(lambda: len(stored(project, FIRST, "bea")[1]) == 2)
    assert point(page, 60) == before


def test_a_kernel_that_crashes_in_mid_drag_loses_nothing(
    open_notebook: Opened, lab: Lab, project: Project, troubles: list[str]
) -> None:
    page = open_notebook("cleo")
    drag(page, 60)
    saved(page)
    grab(page, 72)
    lab.kill_kernel("cleo")
    page.mouse.move(*np.add(place(page, 72), (12, 3)).tolist())
    page.mouse.up()
    page.wait_for_selector('.lk-host[data-saving="offline"][data-unsaved="1"]')
    left = [point(page, i) for i in (60, 72)]
    assert len(stored(project, FIRST, "cleo")[0]) == 1
    dialog = page.locator(".jp-Dialog button.jp-mod-accept")
    if dialog.count():
        dialog.first.click()
    run(page)
    until(lambda: len(stored(project, FIRST, "cleo")[0]) == 2)
    until(lambda: [point(page, i) for i in (60, 72)] == left, 20)
    saved(page)
    troubles.clear()  # JupyterLab says on the console what has become of the kernel


def test_two_browsers_on_one_face_learn_of_each_other(
    open_notebook: Opened, context: BrowserContext, troubles: list[str], project: Project
) -> None:
    ann = open_notebook("ann")
    drag(ann, 60)
    saved(ann)
    bob = context.new_page()
    watch(bob, troubles)
    open_notebook("bob", bob)
    drag(bob, 61)
    saved(bob)
    bob.keyboard.press("Control+Enter")
    ready(bob, open_desk(project, "bob").key(Face(SECOND)))
    saved(bob)
    drag(ann, 62)
    ann.wait_for_selector(".lk-banner:not([hidden])")
    assert "bob saved this face" in ann.locator(".lk-banner-text").inner_text()
    ann.get_by_role("button", name="Take theirs").click()
    until(lambda: len(project.history(Face(FIRST))) == 3)
    history = project.history(Face(FIRST))
    assert [one.author for one in history] == ["bob", "ann", "ann"]
    np.testing.assert_array_equal(history[2].landmarks.xy, history[0].landmarks.xy)
    until(lambda: point(ann, 61) == point(ann, 61) == history[0].landmarks.xy[61].tolist(), 20)
    assert project.find(Face(FIRST)).state == FaceState.DONE

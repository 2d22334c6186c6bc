"""The editor in a real Panel server: what a hand does is in the project's database, whatever dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page

from labelkit.landmarks import Face, State
from labelkit.project import Project
from labelkit.project.editing import open_desk
from labelkit.store import EventKind, FaceState

from .conftest import watch
from .hosts import (
    PanelServer,
    ask,
    drag,
    free,
    grab,
    made_project,
    place,
    point,
    ready,
    saved,
    stored,
    until,
)

FIRST, SECOND = "0-astronaut.png", "0-grace_hopper.jpg"

Opened = Callable[..., Page]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, PanelServer]]:
    """A project and its server; every test works under a name of its own."""
    with made_project(tmp_path_factory.mktemp("panel")) as project:
        server = PanelServer(project.folder)
        server.start()
        yield project, server
        server.close()


@pytest.fixture
def project(served: tuple[Project, PanelServer]) -> Project:
    return served[0]


@pytest.fixture
def server(served: tuple[Project, PanelServer]) -> PanelServer:
    return served[1]


@pytest.fixture
def open_page(page: Page, server: PanelServer, project: Project) -> Opened:
    def opened(author: str, page: Page = page) -> Page:
        free(project)
        page.goto(f"{server.url}?author={author}")
        ready(page)
        return page

    return opened


def expected(troubles: list[str]) -> None:
    """A lost connection is no fault of the page."""
    signs = ("err_connection", "err_empty", "websocket", "reconnect")
    troubles[:] = [one for one in troubles if not any(sign in one.lower() for sign in signs)]


def test_drag_undo_redo_and_keys_are_stored(open_page: Opened, project: Project) -> None:
    page = open_page("ada")
    before = point(page, 60)
    drag(page, 60)
    saved(page)
    moved = point(page, 60)
    assert np.hypot(*np.subtract(moved, before)) > 0.5
    done, undone = stored(project, FIRST, "ada")
    assert (len(done), undone) == (1, [])
    page.keyboard.press("Control+z")
    saved(page)
    assert point(page, 60) == before
    assert stored(project, FIRST, "ada") == ([], done)
    page.keyboard.press("Control+Shift+z")
    saved(page)
    assert stored(project, FIRST, "ada") == (done, [])
    page.keyboard.press("Shift+ArrowRight")
    until(lambda: len(stored(project, FIRST, "ada")[0]) == 2)
    assert point(page, 60)[0] == pytest.approx(moved[0] + 10)
    desk = open_desk(project, "ada")
    sheet = desk.open(desk.key(Face(FIRST)))
    assert sheet.draft.landmarks.xy[60].tolist() == pytest.approx(point(page, 60))
    assert sheet.draft.landmarks.state[60] == State.PLACED


def test_zooming_saves_nothing_and_drags_keep_their_precision(open_page: Opened, project: Project) -> None:
    page = open_page("bea")
    x, y = place(page, 60)
    scale = ask(page, "w.view.scale")
    page.mouse.move(x, y)
    page.mouse.wheel(0, -600)
    until(lambda: ask(page, "w.view.scale") > 1.5 * scale)
    assert stored(project, FIRST, "bea") == ([], [])
    before = point(page, 60)
    drag(page, 60, 7, 0)
    saved(page)
    assert point(page, 60)[0] == pytest.approx(before[0] + 7 / ask(page, "w.view.scale"), abs=0.3)


def test_a_reload_goes_on_where_it_was_with_undo(open_page: Opened, project: Project) -> None:
    page = open_page("cleo")
    before = point(page, 60)
    drag(page, 60)
    drag(page, 72)
    saved(page)
    after = [point(page, 60), point(page, 72)]
    page.reload()
    ready(page)
    assert [point(page, 60), point(page, 72)] == after
    page.locator(".lk-editor").focus()
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    until(lambda: len(stored(project, FIRST, "cleo")[1]) == 2)
    assert point(page, 60) == before


def test_two_browsers_on_one_face_learn_of_each_other(
    open_page: Opened, context: BrowserContext, troubles: list[str], project: Project
) -> None:
    ann = open_page("ann")
    drag(ann, 60)
    saved(ann)
    bob = context.new_page()
    watch(bob, troubles)
    open_page("bob", bob)
    drag(bob, 61)
    saved(bob)
    key = open_desk(project, "bob").key(Face(SECOND))
    bob.keyboard.press("Control+Enter")
    ready(bob, key)
    saved(bob)
    assert [one.author for one in project.history(Face(FIRST))] == ["bob"]
    drag(ann, 62)
    ann.wait_for_selector(".lk-banner:not([hidden])")
    assert "bob saved this face" in ann.locator(".lk-banner-text").inner_text()
    mine = point(ann, 62)
    ann.get_by_role("button", name="Keep mine").click()
    until(lambda: len(project.history(Face(FIRST))) == 2)
    saved(ann)
    history = project.history(Face(FIRST))
    assert [one.author for one in history] == ["bob", "ann"]
    assert history[1].landmarks.xy[62].tolist() == pytest.approx(mine)
    found = project.find(Face(FIRST))
    assert found.state == FaceState.IN_PROGRESS
    assert project.store.events(found.id, kind=EventKind.CROSSED)
    assert ann.locator(".lk-banner").is_hidden()


def test_two_windows_of_one_person_share_a_journal(
    open_page: Opened, context: BrowserContext, troubles: list[str], project: Project
) -> None:
    one = open_page("dora")
    two = context.new_page()
    watch(two, troubles)
    open_page("dora", two)
    drag(one, 60)
    saved(one)
    drag(two, 72)
    saved(two)
    until(lambda: point(two, 60) == point(one, 60), 10)
    assert len(stored(project, project_image(two), "dora")[0]) == 2


def project_image(page: Page) -> str:
    """The photo of the face that a page shows."""
    image: str = ask(page, "w.face.image.path")
    return image


def test_a_server_that_crashes_in_mid_drag_loses_nothing(
    open_page: Opened, project: Project, server: PanelServer, troubles: list[str]
) -> None:
    page = open_page("emma")
    image = project_image(page)
    drag(page, 60)
    saved(page)
    grab(page, 72)
    server.kill()
    page.mouse.move(*np.add(place(page, 72), (12, 3)).tolist())
    page.mouse.up()
    page.wait_for_selector('.lk-host[data-saving="offline"][data-unsaved="1"]')
    drag(page, 62)
    page.wait_for_selector('.lk-host[data-unsaved="2"]')
    assert len(stored(project, image, "emma")[0]) == 1
    left = [point(page, i) for i in (60, 72, 62)]
    server.start()
    until(lambda: len(stored(project, image, "emma")[0]) == 3, 60)
    ready(page)
    until(lambda: [point(page, i) for i in (60, 72, 62)] == left, 20)
    saved(page)
    page.locator(".lk-editor").focus()
    page.keyboard.press("Control+z")
    until(lambda: len(stored(project, image, "emma")[1]) == 1)
    expected(troubles)


def test_what_a_closed_tab_had_not_saved_goes_through_the_next_one(
    open_page: Opened, context: BrowserContext, project: Project, server: PanelServer, troubles: list[str]
) -> None:
    page = open_page("faye")
    image = project_image(page)
    server.pause(True)
    drag(page, 60)
    page.wait_for_selector('.lk-host[data-unsaved="1"]')
    left = point(page, 60)
    page.close()
    server.pause(False)
    again = context.new_page()
    watch(again, troubles)
    open_page("faye", again)
    until(lambda: len(stored(project, image, "faye")[0]) == 1)
    until(lambda: point(again, 60) == left, 20)
    expected(troubles)


def test_the_editor_fits_its_page(open_page: Opened, shots: Path | None) -> None:
    page = open_page("gwen")
    box = page.locator(".lk-host").bounding_box()
    assert box is not None
    assert (box["width"], box["height"]) == (pytest.approx(1280, abs=20), pytest.approx(640, abs=5))
    if shots is not None:
        page.screenshot(path=shots / "editor_panel.png")

"""Many faces at once, by keys and pointer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from labelkit.project import Project
from labelkit.store import FaceState

from .app_server import make_project, served

expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server over a project in which nothing is decided."""
    with served(make_project(tmp_path_factory.mktemp("looked"), 30, faces=30)) as url:
        yield url


@pytest.fixture
def calm(page: Page, looked_at: str) -> Locator:
    return opened(page, looked_at)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path, 30, faces=30)


@pytest.fixture
def grid(page: Page, project: Path) -> Iterator[Locator]:
    with served(project) as url:
        yield opened(page, url)


def opened(page: Page, url: str) -> Locator:
    page.goto(f"{url}review")
    page.get_by_role("button", name="Many at once").click()
    page.wait_for_selector(".lk-faces[data-ready]")
    return page.locator(".lk-faces")


def states(project: Path) -> Counter[FaceState]:
    with Project.open(project) as now:
        return Counter({state: count for state, count in now.store.count_by_state().items() if count})


def marked(grid: Locator, state: str) -> Locator:
    return grid.locator(f'.lk-tile[data-mark="{state}"]')


def test_a_page_shows_24_faces_the_most_uncertain_first(calm: Locator) -> None:
    expect(calm.locator(".lk-tile")).to_have_count(24)
    expect(calm.locator(".lk-tile").first).to_contain_text("90 %")
    expect(calm.locator(".lk-told")).to_contain_text("page 1 · 24 to decide")
    widths = "(all) => Promise.all(all.map((one) => one.decode().then(() => one.naturalWidth)))"
    assert set(calm.locator(".lk-tile img").evaluate_all(widths)) == {320}


def test_points_are_drawn_where_the_face_is(calm: Locator) -> None:
    drawn = calm.locator(".lk-tile canvas").first.evaluate(
        """(canvas) => {
          const { width, height } = canvas
          const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data
          let [left, right, top, bottom] = [width, 0, height, 0]
          for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1) {
            if (!pixels[4 * (y * width + x) + 3]) continue
            left = Math.min(left, x); right = Math.max(right, x)
            top = Math.min(top, y); bottom = Math.max(bottom, y)
          }
          return [left / width, right / width, top / height, bottom / height]
        }"""
    )
    # The square has 28 % of the face's larger side on every side of it.
    assert drawn[0] == pytest.approx(0.18, abs=0.05)
    assert drawn[1] == pytest.approx(0.82, abs=0.05)
    assert 0.15 < drawn[2] < drawn[3] < 0.85


def test_keys_accept_reject_and_flag_and_undo_takes_back(grid: Locator, project: Path) -> None:
    grid.press("a")
    expect(marked(grid, "done")).to_have_count(1)
    grid.press("r")
    expect(marked(grid, "rejected")).to_have_count(1)
    grid.press("f")
    expect(marked(grid, "skipped")).to_have_count(1)
    assert states(project) == {
        FaceState.DONE: 1,
        FaceState.REJECTED: 1,
        FaceState.SKIPPED: 1,
        FaceState.PREDICTED: 27,
    }
    for _ in range(3):
        grid.press("u")
    expect(grid.locator(".lk-tile[data-mark]")).to_have_count(0)
    assert states(project) == {FaceState.PREDICTED: 30}


def test_chosen_faces_are_decided_together(page: Page, grid: Locator, project: Path) -> None:
    grid.press("Space")
    grid.press("ArrowRight")
    grid.press("Space")
    grid.locator(".lk-tile").nth(4).click()
    grid.locator(".lk-tile").nth(7).click(modifiers=["Shift"])
    expect(grid.locator('.lk-tile[data-selected="true"]')).to_have_count(6)
    page.get_by_role("button", name="Reject").click()
    expect(marked(grid, "rejected")).to_have_count(6)
    assert states(project)[FaceState.REJECTED] == 6


def test_a_screen_is_accepted_with_one_key_and_the_next_one_comes(
    page: Page, grid: Locator, project: Path
) -> None:
    grid.press("ArrowRight")
    grid.press("r")
    expect(marked(grid, "rejected")).to_have_count(1)
    grid.press("Shift+A")
    expect(grid.locator(".lk-told")).to_contain_text("6 to decide")
    assert states(project) == {FaceState.DONE: 23, FaceState.REJECTED: 1, FaceState.PREDICTED: 6}
    expect(page.locator("nav a[data-page=review] .badge")).to_have_text("6")
    grid.press("u")
    expect(grid.locator(".lk-told")).to_contain_text("24 to decide")
    assert states(project) == {FaceState.REJECTED: 1, FaceState.PREDICTED: 29}


def test_pages_turn_there_and_back(calm: Locator) -> None:
    first = calm.locator(".lk-tile").first.get_attribute("data-key")
    calm.press("n")
    expect(calm.locator(".lk-tile")).to_have_count(6)
    calm.press("p")
    expect(calm.locator(".lk-tile").first).to_have_attribute("data-key", first or "")


def test_a_face_is_enlarged_and_decided_there(page: Page, grid: Locator, project: Path) -> None:
    grid.press("e")
    large = page.locator(".lk-large .lk-tile")
    expect(large).to_be_visible()
    key = large.get_attribute("data-key")
    grid.press("ArrowRight")
    expect(large).not_to_have_attribute("data-key", key or "")
    grid.press("a")
    grid.press("Escape")
    expect(large).to_be_hidden()
    expect(marked(grid, "done")).to_have_count(1)
    assert states(project)[FaceState.DONE] == 1


def test_a_face_changed_elsewhere_stays_as_it_is(page: Page, grid: Locator, project: Path) -> None:
    alert = page.get_by_role("alert")
    with Project.open(project) as other:
        for place in range(4):
            tile = grid.locator(".lk-tile").nth(place)
            tile.click()
            face = other.store.face(int(tile.get_attribute("data-key") or 0)).face
            other.annotate(face, other.landmarks(face).xy + 1, author="eve")
            grid.press("a")
            # The page asks every two seconds what has changed: it may have heard before the key.
            with suppress(AssertionError):
                expect(alert).to_contain_text("changed it meanwhile", timeout=6000)
                break
        expect(alert).to_contain_text("changed it meanwhile")
        assert [entry.author for entry in other.history(face)] == ["eve"]


def test_enter_opens_the_editor_at_the_face(page: Page, calm: Locator) -> None:
    calm.locator(".lk-tile").nth(2).click()
    name = calm.locator(".lk-tile").nth(2).locator(".lk-said span").first.inner_text()
    calm.press("Enter")
    expect(page.get_by_text(name, exact=True).first).to_be_visible()
    expect(page.locator(".lk-faces")).to_have_count(0)

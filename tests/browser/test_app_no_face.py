"""Photos in which a detector found nobody: from the page Images and from Review to a face with points."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page, expect

from labelkit.landmarks import Face
from labelkit.models.build import build_tufa
from labelkit.models.registry import save_model
from labelkit.project import Project
from labelkit.store import FaceState
from labelkit.train.recipes import load_recipe

from .app_server import make_project, served

expect.set_options(timeout=30_000)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A server over three photos; in two of them nobody was found. The model is a small one."""
    folder = make_project(tmp_path, 3, 1)
    torch.manual_seed(0)
    network = load_recipe("tiny").network
    card = {"name": "small", "architecture": network.to_dict()}
    save_model(folder / "models" / "small.safetensors", build_tufa(network).state_dict(), {}, card)
    with Project.open(folder) as project:
        project.use_model("small")
        project.store.mark_no_face([image.id for image in project.store.images()[1:]])
    with served(folder) as url:
        yield folder, url


def draw(page: Page) -> None:
    """A box in the middle of the photo, by the mouse alone."""
    page.wait_for_selector(".lk-editor[data-ready]")
    expect(page.locator(".lk-editor .lk-count")).to_have_text(re.compile("^Nobody was found here: draw"))
    place = page.locator(".lk-editor canvas").first.bounding_box()
    assert place is not None
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    page.mouse.move(x - 60, y - 60)
    page.mouse.down()
    page.mouse.move(x, y, steps=3)
    page.mouse.move(x + 60, y + 70, steps=3)
    page.mouse.up()


def test_a_face_is_drawn_where_nobody_was_found(
    page: Page, empty: tuple[Path, str], shots: Path | None
) -> None:
    folder, url = empty
    page.goto(f"{url}images")
    page.wait_for_selector("[data-ready]", state="attached")
    expect(page.get_by_role("button", name="Draw a face")).to_have_count(2)
    if shots is not None:
        page.wait_for_timeout(1500)
        page.screenshot(path=shots / "no-face-images.png")
    page.locator("figure", has_text="001.jpg").get_by_role("button", name="Draw a face").click()
    page.wait_for_selector(".lk-editor[data-ready]")
    if shots is not None:
        page.screenshot(path=shots / "no-face-editor.png")
    draw(page)
    expect(page.locator(".lk-title .lk-chip")).to_have_text("predicted")  # by the model
    expect(page.get_by_text("not there")).to_have_count(0)
    if shots is not None:
        page.wait_for_timeout(1000)
        page.screenshot(path=shots / "no-face-drawn.png")
    with Project.open(folder) as project:
        found = project.find(Face("001.jpg"))
        assert (found.state, found.prediction_id is not None) == (FaceState.PREDICTED, True)
        assert found.face.box is not None
        assert found.face.box.kind == "user"


def test_review_lists_the_photos_without_a_face_and_skipping_one_leaves_it_as_it_is(
    page: Page, empty: tuple[Path, str]
) -> None:
    folder, url = empty
    page.goto(f"{url}review")
    page.wait_for_selector(".lk-editor[data-ready]")
    page.get_by_role("button", name="No face found 2").click()
    expect(page.locator(".lk-editor .lk-file")).to_have_text("001.jpg")
    expect(page.locator(".lk-title .lk-chip")).to_have_text("no face")
    page.locator(".lk-editor").press("Shift+s")
    expect(page.locator(".lk-editor .lk-file")).to_have_text("002.jpg")
    draw(page)
    expect(page.locator(".lk-title .lk-chip")).to_have_text("predicted")
    with Project.open(folder) as project:
        assert [project.find(Face(name)).state for name in ("001.jpg", "002.jpg")] == [
            FaceState.NO_FACE,
            FaceState.PREDICTED,
        ]

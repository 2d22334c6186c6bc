"""Odd shapes and the differences between people on the page *Quality*, and the orders of *Review*."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from labelkit.landmarks import Face, Landmarks
from labelkit.project import Project
from labelkit.store import NewAnnotation

from .app_server import make_project, served

expect.set_options(timeout=90_000)

#: The third face has left and right swapped; ann and bob both annotated the last ten.
ODD, SHARED = "002.jpg", range(5, 15)


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = make_project(tmp_path_factory.mktemp("judged"), 15, faces=15)
    with Project.open(folder) as project:
        rng, scheme = np.random.default_rng(0), project.scheme
        xy = project.landmarks(Face(ODD)).xy
        project.annotate(Face(ODD), xy[scheme.mirror_index], author="ann", state="in progress")
        for number in SHARED:
            face = Face(f"{number:03}.jpg")
            project.annotate(face, xy + rng.normal(0, 0.2, xy.shape), author="ann")
            other = xy + rng.normal(0, 0.2, xy.shape)
            other[17:22, 1] -= 2
            known = project.find(face)
            project.store.import_annotations([NewAnnotation(known.id, Landmarks(scheme, other))], "bob")
    with served(folder) as url:
        yield url


def test_an_odd_face_is_shown_with_what_is_odd_and_opens_in_the_editor(page: Page, looked_at: str) -> None:
    page.goto(f"{looked_at}quality")
    face = page.locator("figure").first
    expect(face).to_contain_text("left and right swapped")
    expect(face).to_contain_text(f"{ODD} · not confirmed")
    assert face.locator("circle").count() == 68
    assert page.wait_for_function("image => image.naturalWidth", arg=face.locator("img").element_handle())
    face.click()
    page.wait_for_selector(".lk-editor[data-ready]")
    expect(page.locator(".lk-name, .lk-title").first).to_contain_text(ODD)
    expect(page.locator(".lk-reason")).to_contain_text("left and right swapped")


def test_what_two_people_do_otherwise_is_told(page: Page, looked_at: str) -> None:
    page.goto(f"{looked_at}quality")
    expect(page.get_by_text("ann and bob on the same faces")).to_be_visible()
    expect(page.get_by_text("bob places all points of brow_right", exact=False)).to_be_visible()


def test_the_queue_is_put_in_another_order(page: Page, looked_at: str) -> None:
    page.goto(f"{looked_at}review")
    page.wait_for_selector(".lk-editor[data-ready]")
    expect(page.locator(".lk-title").first).to_contain_text("000.jpg")
    page.locator("select").first.select_option(label="Oddest shapes first")
    expect(page.locator(".lk-title").first).to_contain_text(ODD)
    page.get_by_role("button", name="Many at once").click()
    expect(page.locator(".lk-tile").first).to_contain_text(ODD)

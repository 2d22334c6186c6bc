"""Every page of the app in a real browser, against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

import labelkit as lk
from labelkit.models.folders import list_models
from labelkit.project import Project
from labelkit.scheme import edit
from labelkit.store import FaceState

from .app_server import make_photos, make_project, served
from .conftest import watch

expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A server over a project of 130 photos in which nobody has been looked for."""
    project = make_project(tmp_path_factory.mktemp("begun"), 130)
    with served(project) as url:
        yield project, url


def opened(page: Page, url: str) -> Page:
    page.goto(url)
    page.wait_for_selector("[data-ready]", state="attached")
    return page


def turn(page: Page, name: str) -> None:
    page.locator(f'nav a[data-page="{name}"]').click()
    page.wait_for_selector(f'[data-page="{name}"][data-ready]', state="attached")


def test_every_page_says_what_to_do_next_before_there_is_a_face(
    page: Page, begun: tuple[Path, str], shots: Path | None
) -> None:
    opened(page, begun[1])
    expect(page.get_by_role("heading", name="Images", exact=True)).to_be_visible()
    expect(page.get_by_text("not searched for faces yet")).to_be_visible()
    for name, told in {
        "prelabel": "Nothing has been prelabelled yet",
        "review": "No faces yet",
        "train": "0 of 10",
        "quality": "No corrections yet",
        "export": "Nothing to export yet",
    }.items():
        turn(page, name)
        expect(page.get_by_text(told).first).to_be_visible()
        assert page.url.endswith(f"/{name}")
        if shots is not None:
            page.screenshot(path=shots / f"begun-{name}.png")


def test_a_reload_and_the_back_button_know_the_page(page: Page, begun: tuple[Path, str]) -> None:
    opened(page, begun[1])
    turn(page, "export")
    turn(page, "train")
    page.go_back()
    expect(page.get_by_role("heading", name="Export", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Export", exact=True)).to_be_visible()


def test_photos_are_leafed_through_found_and_shown_large(page: Page, begun: tuple[Path, str]) -> None:
    opened(page, f"{begun[1]}images")
    expect(page.locator("figure")).to_have_count(60)
    page.get_by_role("button", name="Next →").click()
    expect(page.get_by_label("Page", exact=True)).to_have_value("2")
    expect(page.locator("figure .name").first).to_have_text("060.jpg")
    expect(page.locator("figure").first).to_be_in_viewport()
    page.get_by_role("button", name="Next →").click()
    expect(page.locator("figure")).to_have_count(10)
    page.get_by_placeholder("Find by name…").fill("00")
    page.keyboard.press("Enter")
    expect(page.locator("figure .name").first).to_have_text("000.jpg")
    expect(page.locator("figure")).to_have_count(11)
    page.locator("figure").nth(3).click()
    expect(page.locator("dialog .name")).to_have_text("003.jpg")
    page.keyboard.press("ArrowRight")
    expect(page.locator("dialog .name")).to_have_text("004.jpg")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_be_hidden()


def test_the_editor_has_the_keys_as_soon_as_it_is_there(page: Page, tmp_path: Path) -> None:
    with served(make_project(tmp_path, 2, faces=2)) as url:
        opened(page, f"{url}images")
        page.locator('nav a[data-page="review"]').click()
        page.wait_for_selector(".lk-editor[data-ready]")
        expect(page.locator(".lk-editor")).to_be_focused()
        page.keyboard.press("Shift+s")
        expect(page.locator("nav a[data-page=review] .badge")).to_have_text("1")


def test_a_change_of_the_scheme_is_taken_back(page: Page, tmp_path: Path) -> None:
    project = make_project(tmp_path, 1)
    with Project.open(project) as here:
        fewer = edit.remove_points(here.scheme, ["jaw_0"])
        here.change_scheme(here.plan_scheme_change(fewer), "eve", "too much")
    with served(project) as url:
        opened(page, f"{url}scheme")
        expect(page.get_by_text("Revision 2 of the scheme, by eve")).to_be_visible()
        page.get_by_role("button", name="Take it back…").click()
        expect(page.get_by_text("jaw_0").first).to_be_visible()
        page.get_by_role("button", name="Take the change back").click()
        expect(page.locator("nav .project span")).to_have_text("ibug68, 68 points")


def test_photos_that_have_moved_are_found_again(page: Page, tmp_path: Path) -> None:
    project = make_project(tmp_path, 3, faces=1)
    (tmp_path / "photos").rename(tmp_path / "moved")
    with served(project) as url:
        opened(page, f"{url}images")
        expect(page.get_by_text("Photos are missing")).to_be_visible()
        page.get_by_label("The folder in which they are now").fill(str(tmp_path / "moved"))
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Look there").click()
        expect(page.get_by_text("Photos are missing")).to_be_hidden()
        expect(page.locator("figure img")).to_have_count(3)
    with Project.open(project) as now:
        assert now.images == tmp_path / "moved"


def test_light_or_dark_is_kept(page: Page, begun: tuple[Path, str]) -> None:
    opened(page, begun[1])
    shade = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(shade)
    page.get_by_label("Light or dark").click()
    dark = page.evaluate(shade)
    assert dark != light
    page.reload()
    page.wait_for_selector("[data-ready]", state="attached")
    assert page.evaluate(shade) == dark


def test_new_photos_are_taken_from_the_browser(page: Page, tmp_path: Path) -> None:
    project = make_project(tmp_path, 1)
    more = make_photos(tmp_path / "more", 3)
    Image.new("RGB", (30, 30)).save(more / "odd.png")
    with served(project) as url:
        opened(page, f"{url}images")
        page.get_by_role("button", name="Add photos…").click()
        page.locator("input.pick").set_input_files(sorted(more.iterdir()))
        expect(page.locator("figure")).to_have_count(5)
        expect(page.get_by_text("4 of 4 taken")).to_be_visible()
    with Project.open(project) as now:
        assert {image.path for image in now.store.images()} == {
            "000.jpg",
            "added/000.jpg",
            "added/001.jpg",
            "added/002.jpg",
            "added/odd.png",
        }


def test_labels_are_imported_and_what_they_are_is_told(page: Page, tmp_path: Path) -> None:
    project = make_project(tmp_path, 2, faces=2)
    with Project.open(project) as here:
        for face in list(here.faces()):
            here.annotate(face, here.landmarks(face), author="ann")
        here.export("wflw", tmp_path / "list.txt")
    (tmp_path / "other").mkdir()
    other = make_project(tmp_path / "other", 2)
    with served(other) as url:
        opened(page, f"{url}images")
        page.get_by_role("button", name="Import labels…").click()
        page.locator("input.pick").set_input_files(tmp_path / "list.txt")
        expect(page.get_by_text("is a WFLW list")).to_be_visible()
        page.get_by_role("button", name="Import", exact=True).click()
        expect(page.get_by_text("2 of 2 faces")).to_be_visible()
        expect(page.locator("nav a[data-page=export] .badge")).to_have_text("2")


def test_another_process_is_seen_without_a_reload(page: Page, tmp_path: Path) -> None:
    project = make_project(tmp_path, 3, faces=3)
    with served(project) as url:
        opened(page, f"{url}quality")
        badge = page.locator("nav a[data-page=review] .badge")
        expect(badge).to_have_text("3")
        with Project.open(project) as here:
            face = next(here.faces())
            moved = here.landmarks(face).xy + 2.0
            here.annotate(face, moved, author="eve")
        expect(badge).to_have_text("2")
        expect(page.get_by_text("faces compared")).to_be_visible()
        expect(page.get_by_text("Points that were moved the most")).to_be_visible()
        expect(page.locator("svg.scheme circle")).to_have_count(68)


def test_others_log_in_before_they_see_anything(chromium: Browser, tmp_path: Path) -> None:
    from labelkit.app.users import add_user

    project = make_project(tmp_path, 1, faces=1)
    add_user(project, "ann", "correct horse")
    noted: list[str] = []
    context = chromium.new_context()
    with served(project, "--host", "0.0.0.0") as url:
        page = context.new_page()
        page.goto(f"{url}quality")
        assert page.get_by_label("Password").is_visible()
        page.get_by_label("Name").fill("ann")
        page.get_by_label("Password").fill("wrong one")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_contain_text("wrong")
        watch(page, noted)
        page.get_by_label("Name").fill("ann")
        page.get_by_label("Password").fill("correct horse")
        page.get_by_role("button", name="Log in").click()
        page.wait_for_selector("[data-ready]", state="attached")
        expect(page.locator("nav .who")).to_have_text("ann")
        context.close()
    assert noted == []


@pytest.mark.skipif("base" not in list_models(), reason="the model base is not bundled here")
def test_from_two_portraits_to_a_wflw_file(page: Page, tmp_path: Path, shots: Path | None) -> None:
    from labelkit.images import example_faces

    photos = tmp_path / "photos"
    photos.mkdir()
    for portrait in example_faces():
        Image.fromarray(portrait.load()).save(photos / f"{portrait.path.stem}.jpg")
    with Project.create(tmp_path / "work", photos, "wflw98"):
        pass
    with served(tmp_path / "work") as url:
        opened(page, url)
        turn(page, "prelabel")
        page.get_by_role("button", name="Start").click()
        page.get_by_role("button", name="Review the faces").click(timeout=120_000)
        page.get_by_role("button", name="Many at once").click()
        grid = page.locator(".lk-faces[data-ready]")
        expect(grid.locator(".lk-tile").first).to_be_visible()
        if shots is not None:
            page.screenshot(path=shots / "portraits.png")
        grid.press("Shift+A")
        expect(page.get_by_text("Nobody waits")).to_be_visible()
        turn(page, "export")
        expect(page.get_by_text("First lines of wflw-wflw98.txt")).to_be_visible()
        page.get_by_role("button", name="Export", exact=True).click()
        expect(page.get_by_text("written to")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("link", name="Download").first.click()
        download.value.save_as(tmp_path / "list.txt")
    data = lk.read(tmp_path / "list.txt", format="wflw", images=photos)
    assert len(data) >= 2
    with Project.open(tmp_path / "work") as project:
        assert project.store.count_by_state()[FaceState.DONE] == len(data)

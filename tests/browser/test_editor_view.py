"""What is seen: zoom, pan, fit, the half pixel, high density, the magnifier, drawing."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from .conftest import watch
from .desk import PLAIN, drag, drawn, in_window, on_screen, place_of, press, setting
from .harness import Harness

Editor = Callable[..., Page]


def view(page: Page) -> dict[str, float]:
    return page.evaluate(
        "(({ scale, x, y, width, height }) => ({ scale, x, y, width, height }))(root.labelkit.view)"
    )


def pixel(page: Page, layer: str, at: tuple[float, float]) -> list[int]:
    """The colour (RGBA) of a layer at a place of the window."""
    drawn(page)
    return page.evaluate(
        """([layer, x, y]) => {
          const canvas = root.labelkit.workspace.stage[layer];
          const rect = canvas.getBoundingClientRect();
          const k = canvas.width / rect.width;
          const context = canvas.getContext("2d");
          return [...context.getImageData((x - rect.left) * k, (y - rect.top) * k, 1, 1).data];
        }""",
        [layer, *at],
    )


def test_the_wheel_zooms_to_the_cursor(open_editor: Editor) -> None:
    page = open_editor()
    before = view(page)
    place = page.evaluate("([x, y]) => root.labelkit.view.toImage([x, y])", [300, 200])
    at = in_window(page, place)
    page.mouse.move(*at)
    page.mouse.wheel(0, -120)
    page.wait_for_function("s => root.labelkit.view.scale > s", arg=before["scale"])
    assert in_window(page, place) == pytest.approx(at, abs=1e-6)


def test_two_fingers_on_a_trackpad_pan(open_editor: Editor) -> None:
    page = open_editor()
    before = view(page)
    page.mouse.move(*on_screen(page, 30))
    page.mouse.wheel(7, 5)
    page.wait_for_function("x => root.labelkit.view.x !== x", arg=before["x"])
    after = view(page)
    assert after["scale"] == before["scale"]
    assert (after["x"] - before["x"], after["y"] - before["y"]) == pytest.approx((-7, -5))


@pytest.mark.parametrize("button", ["middle", "space"])
def test_dragging_with_the_middle_button_or_space_pans(open_editor: Editor, button: str) -> None:
    page = open_editor()
    before, at = view(page), on_screen(page, 30)
    page.evaluate("root.focus()")
    page.mouse.move(*at)
    if button == "space":
        page.keyboard.down(" ")
    page.mouse.down(button="middle" if button == "middle" else "left")
    page.mouse.move(at[0] + 40, at[1] + 25, steps=3)
    page.mouse.up(button="middle" if button == "middle" else "left")
    page.keyboard.up(" ")
    after = view(page)
    assert (after["x"] - before["x"], after["y"] - before["y"]) == pytest.approx((40, 25))
    assert page.evaluate("window.edits") == []


def test_a_photo_cannot_be_panned_out_of_sight(open_editor: Editor) -> None:
    page = open_editor()
    page.evaluate("root.labelkit.view.panBy(1e6, -1e6)")
    (x0, y0), (x1, y1) = in_window(page, [0, 0]), in_window(page, [899, 699])
    stage = page.evaluate("root.labelkit.workspace.stage.overlay.getBoundingClientRect().toJSON()")
    assert x0 < stage["right"] - 40
    assert y1 > stage["top"] + 40
    assert x1 > x0
    assert y1 > y0


def test_the_face_and_the_whole_photo_fill_the_stage(open_editor: Editor) -> None:
    page = open_editor()
    face = view(page)
    press(page, "f")
    photo = view(page)
    assert face["scale"] > photo["scale"]
    left, top = page.evaluate("root.labelkit.view.toScreen([-0.5, -0.5])")
    assert left >= 0
    assert top >= 0
    press(page, "z")
    assert view(page) == pytest.approx(face)


def test_the_choice_between_face_and_photo_holds_for_the_next_face(open_editor: Editor) -> None:
    page = open_editor()
    press(page, "f")
    photo = view(page)
    press(page, "PageDown")
    page.wait_for_selector('[data-ready="b.png#0"]')
    assert view(page)["scale"] == pytest.approx(photo["scale"])


def test_pixels_lie_where_their_coordinates_say(open_editor: Editor, harness: Harness) -> None:
    """The centre of the top left pixel is (0, 0): a pixel reaches half a pixel to either side."""
    image = Image.new("RGB", (900, 700), (0, 0, 0))
    image.putpixel((400, 300), (255, 255, 255))
    file = io.BytesIO()
    image.save(file, "PNG")
    harness.photos["a.png"] = file.getvalue()
    page = open_editor()
    page.evaluate("root.labelkit.view.fitBox([392, 292, 408, 308], 0)")
    for dx, dy, bright in [(0.4, 0.4, True), (-0.4, -0.4, True), (0.6, 0, False), (0, -0.6, False)]:
        colour = pixel(page, "photo", in_window(page, [400 + dx, 300 + dy]))
        assert (colour[0] > 128) is bright, (dx, dy)


def test_points_are_drawn_where_they_are(open_editor: Editor) -> None:
    page = open_editor()
    x, y = on_screen(page, 30)
    radius = page.evaluate("root.labelkit.workspace.radius")
    assert pixel(page, "overlay", (x + radius, y))[3] > 0
    assert pixel(page, "overlay", (x + 40, y - 60))[3] == 0


def test_points_grow_with_the_zoom_within_bounds(open_editor: Editor) -> None:
    page = open_editor()
    radii = []
    for scale in (0.2, 1, 2, 30):
        page.evaluate(
            "scale => root.labelkit.view.zoomAt([300, 300], scale / root.labelkit.view.scale)", scale
        )
        radii.append(page.evaluate("root.labelkit.workspace.radius"))
    assert radii == sorted(radii)
    assert 1 < radii[0] < radii[-1] < 8


def test_layers_have_the_screens_density(chromium: Browser, harness: Harness, troubles: list[str]) -> None:
    context = chromium.new_context(viewport={"width": 1000, "height": 700}, device_scale_factor=2)
    page = context.new_page()
    watch(page, troubles)
    page.goto(harness.url)
    page.wait_for_selector("[data-ready]")
    for layer in ("photo", "overlay"):
        wide = page.evaluate("l => root.labelkit.workspace.stage[l].width", layer)
        shown = page.evaluate("l => root.labelkit.workspace.stage[l].clientWidth", layer)
        assert wide == 2 * shown
    drag(page, on_screen(page, 30), (20, 10))
    assert len(page.evaluate("window.edits")) == 1
    context.close()


def test_the_magnifier_is_beside_the_pointer_only_while_a_point_moves(open_editor: Editor) -> None:
    page = open_editor(PLAIN)
    magnifier = page.locator(".lk-magnifier")
    assert magnifier.is_hidden()
    x, y = on_screen(page, 30)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y + 20, steps=3)
    drawn(page)
    assert magnifier.is_visible()
    box = magnifier.bounding_box()
    assert box is not None
    inside = box["x"] <= x + 20 <= box["x"] + box["width"] and box["y"] <= y + 20 <= box["y"] + box["height"]
    assert not inside
    middle = page.evaluate(
        """() => {
          const canvas = root.labelkit.workspace.stage.magnifier;
          const half = canvas.width / 2;
          return [...canvas.getContext("2d").getImageData(half - 40, half + 40, 1, 1).data];
        }"""
    )
    assert middle[3] == 255  # the photo is in it
    page.mouse.up()
    assert magnifier.is_hidden()


def test_hidden_groups_are_neither_drawn_nor_touched(open_editor: Editor) -> None:
    page = open_editor(PLAIN)
    at = on_screen(page, 8)
    page.get_by_role("button", name="Hide jaw").click()
    before = place_of(page, 8)
    drag(page, at, (30, 0))
    assert place_of(page, 8) == before
    assert pixel(page, "overlay", at)[3] == 0


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("i", "names"),
        ("j", "curves"),
        ("q", "ellipses"),
        ("h", "points"),
        ("e", "elastic"),
        ("Shift+M", "magnifier"),
    ],
)
def test_switches_change_what_is_drawn_and_are_remembered(open_editor: Editor, key: str, name: str) -> None:
    page = open_editor()
    before = setting(page, name)
    press(page, key)
    assert setting(page, name) is (not before)
    page.reload()
    page.wait_for_selector("[data-ready]")
    assert setting(page, name) is (not before)


def test_ellipses_hold_the_share_that_was_asked_for(open_editor: Editor, harness: Harness) -> None:
    index = 30
    harness.faces[0]["cov"] = [None] * 68
    harness.faces[0]["cov"][index] = [100.0, 0.0, 25.0]
    page = open_editor('?settings={"ellipses":true,"probability":0.86,"curves":false}')
    radius = math.sqrt(-2 * math.log(1 - 0.86))
    place = place_of(page, index)
    assert place is not None
    edge = in_window(page, [place[0] + 10 * radius, place[1]])
    assert pixel(page, "overlay", (edge[0] - 2.5, edge[1]))[3] > 0
    assert pixel(page, "overlay", (edge[0] + 2.5, edge[1]))[3] == 0


def test_before_shows_the_prediction_and_after_the_annotation(open_editor: Editor) -> None:
    page = open_editor('?settings={"elastic":false,"curves":false}')
    old = on_screen(page, 30)
    drag(page, old, (90, -60))
    page.mouse.move(5, 5)
    radius = page.evaluate("root.labelkit.workspace.radius")
    press(page, "Escape")
    assert pixel(page, "overlay", (old[0] + radius, old[1]))[3] == 0
    press(page, "w")
    assert pixel(page, "overlay", (old[0] + radius, old[1]))[3] > 0
    page.get_by_role("radio", name="Annotation").click()
    assert pixel(page, "overlay", (old[0] + radius, old[1]))[3] == 0


def test_the_tone_is_a_filter_of_the_layer_and_not_of_its_pixels(open_editor: Editor) -> None:
    page = open_editor()
    at = in_window(page, [450, 350])
    before = pixel(page, "photo", at)
    press(page, "6", "6", "0")
    drawn(page)
    assert setting(page, "brightness") > 1
    assert setting(page, "gamma") > 1
    assert pixel(page, "photo", at) == before
    filters = page.evaluate(
        "['photo', 'magnifier'].map((l) => getComputedStyle(root.labelkit.workspace.stage[l]).filter)"
    )
    assert all("lk-tone" in one for one in filters)
    lighter = brightness_of(page.screenshot(), at)
    press(page, "Shift+0")
    drawn(page)
    assert brightness_of(page.screenshot(), at) < lighter


def test_the_next_photo_is_shown_as_it_is(open_editor: Editor) -> None:
    page = open_editor()
    press(page, "6", "0")
    assert setting(page, "brightness") > 1
    press(page, "PageDown")
    page.wait_for_selector('[data-ready="b.png#0"]')
    assert setting(page, "brightness") == setting(page, "gamma") == 1


def brightness_of(png: bytes, at: tuple[float, float]) -> int:
    return int(Image.open(io.BytesIO(png)).convert("L").getpixel((int(at[0]), int(at[1]))))


def test_colours_follow_the_uncertainty(open_editor: Editor, harness: Harness) -> None:
    harness.faces[0]["cov"] = [[1.0 + i, 0.0, 1.0 + i] for i in range(68)]
    page = open_editor()
    by_group = page.evaluate("root.labelkit.workspace.colours")
    press(page, "y")
    by_spread: list[Any] = page.evaluate("root.labelkit.workspace.colours")
    assert len(set(by_group)) == 7
    assert by_spread[0] != by_spread[67]
    assert len(set(by_spread)) > 30


def test_on_a_narrow_page_the_panel_opens_over_the_photo(open_editor: Editor, page: Page) -> None:
    page.set_viewport_size({"width": 640, "height": 760})
    open_editor()
    panel = page.get_by_role("complementary", name="Details")
    assert panel.is_hidden()
    wide = page.evaluate("root.labelkit.view.width")
    press(page, "\\")
    panel.wait_for()
    assert page.evaluate("root.labelkit.view.width") == wide
    assert setting(page, "side") is True  # a wide page has it beside the photo, as before


def test_a_frame_of_a_drag_draws_only_what_moves(open_editor: Editor) -> None:
    page = open_editor(PLAIN)
    other, (x, y) = on_screen(page, 45), on_screen(page, 30)
    radius = page.evaluate("root.labelkit.workspace.radius")
    edge = (other[0] + radius, other[1])
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y + 30, steps=3)
    assert pixel(page, "overlay", edge)[3] > 0
    assert pixel(page, "overlay", (x + radius, y))[3] == 0
    assert pixel(page, "moving", (x + 30 + radius, y + 30))[3] > 0
    covered = page.locator(".lk-moving").bounding_box()
    assert covered is not None
    assert max(covered["width"], covered["height"]) < 400
    page.mouse.move(x + 230, y + 130, steps=3)  # it is laid anew where the point goes
    assert pixel(page, "moving", (x + 230 + radius, y + 130))[3] > 0
    page.mouse.wheel(0, -120)  # the layers stay together when the view changes meanwhile
    drawn(page)
    near = on_screen(page, 45)
    radius = page.evaluate("root.labelkit.workspace.radius")
    assert pixel(page, "overlay", (near[0] + radius, near[1]))[3] > 0
    page.mouse.up()
    drawn(page)
    assert page.locator(".lk-moving").is_hidden()
    there = on_screen(page, 30)
    assert pixel(page, "overlay", (there[0] + radius, there[1]))[3] > 0


def test_what_moves_with_a_point_is_drawn_whole(open_editor: Editor) -> None:
    """Curves, names, ellipses and where the model had the points: all of it fits its layer."""
    page = open_editor('?settings={"elastic":true,"ellipses":true,"names":true}')
    page.evaluate("root.labelkit.workspace.set({ compare: 'both' })")
    x, y = on_screen(page, 57)  # the lower lip, whose curves go round the mouth
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y - 60, steps=4)
    drawn(page)
    # The border of the layer is empty, except where the stage ends.
    touched = page.evaluate(
        """() => {
          const { moving, overlay } = root.labelkit.workspace.stage;
          const { width, height } = moving;
          const context = moving.getContext("2d");
          const [area, stage] = [moving.getBoundingClientRect(), overlay.getBoundingClientRect()];
          const strips = [
            area.left > stage.left && [0, 0, 1, height],
            area.right < stage.right && [width - 1, 0, 1, height],
            area.top > stage.top && [0, 0, width, 1],
            area.bottom < stage.bottom && [0, height - 1, width, 1],
          ].filter(Boolean);
          const inked = ([x, y, w, h]) => context.getImageData(x, y, w, h).data.some((v) => v > 0);
          return [strips.length, strips.some(inked)];
        }"""
    )
    assert touched[0] >= 2
    assert touched[1] is False
    page.mouse.up()

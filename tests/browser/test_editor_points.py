"""Selecting and moving points: nudges, handles, elastic drags, curves, fits, mirror images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Page

from labelkit.scheme import load_scheme

from .desk import (
    PLAIN,
    active,
    drag,
    drawn,
    edits,
    on_screen,
    place_of,
    places,
    press,
    selected,
    setting,
    states,
)
from .harness import Harness

Editor = Callable[..., Page]

SCHEME = load_scheme("ibug68")
JAW = list(range(17))


def moved(before: list[list[float] | None], after: list[list[float] | None]) -> list[int]:
    return [i for i, (p, q) in enumerate(zip(before, after, strict=True)) if p != q]


def spread_box(
    page: Page, first: int, last: int, margin: float = 14
) -> tuple[tuple[float, float], tuple[float, float]]:
    """The corners of a box in the window around two points."""
    (x0, y0), (x1, y1) = on_screen(page, first), on_screen(page, last)
    return (min(x0, x1) - margin, min(y0, y1) - margin), (max(x0, x1) + margin, max(y0, y1) + margin)


def test_a_box_selects_what_lies_in_it_and_shift_adds(open_editor: Editor) -> None:
    page = open_editor()
    low, high = spread_box(page, 36, 39, 25)
    drag(page, low, (high[0] - low[0], high[1] - low[1]))
    assert selected(page) == [36, 37, 38, 39, 40, 41]
    page.keyboard.down("Shift")
    page.mouse.click(*on_screen(page, 30))
    assert selected(page) == [30, 36, 37, 38, 39, 40, 41]
    page.mouse.click(*on_screen(page, 36))
    page.keyboard.up("Shift")
    assert selected(page) == [30, 37, 38, 39, 40, 41]


def test_a_lasso_selects_what_lies_in_it(open_editor: Editor) -> None:
    page = open_editor()
    press(page, "l")
    x, y = on_screen(page, 8)
    corners = [(x - 25, y - 30), (x + 25, y - 30), (x, y + 30)]  # a triangle: no box has its shape
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=5)
    page.mouse.up()
    assert selected(page) == [8]


@pytest.mark.parametrize(("mod", "step"), [("", 1), ("Shift+", 10), ("Alt+", 0.1)])
def test_arrows_nudge_by_pixels_of_the_photo(open_editor: Editor, mod: str, step: float) -> None:
    page = open_editor()
    page.mouse.click(*on_screen(page, 30))
    before = place_of(page, 30)
    assert before is not None
    press(page, f"{mod}ArrowRight", f"{mod}ArrowDown", f"{mod}ArrowDown")
    assert place_of(page, 30) == pytest.approx([before[0] + step, before[1] + 2 * step])
    assert states(page)[30] == 1


def test_held_arrows_are_one_step_back(open_editor: Editor) -> None:
    page = open_editor()
    page.mouse.click(*on_screen(page, 30))
    before = place_of(page, 30)
    press(page, *["ArrowLeft"] * 5)
    press(page, "Control+z")
    assert place_of(page, 30) == before
    assert [entry["type"] for entry in edits(page)] == ["edit", "undo"]


def test_the_whole_face_moves_only_by_its_handle(open_editor: Editor) -> None:
    page = open_editor()
    press(page, "Control+a")
    before = places(page)
    drawn(page)
    frame = page.evaluate("root.labelkit.workspace.frame")
    box = page.locator(".lk-overlay").bounding_box()
    assert box is not None
    handle = (box["x"] + (frame[0] + frame[2]) / 2, box["y"] + frame[3] + 26)
    drag(page, handle, (30, -12))
    scale = page.evaluate("root.labelkit.view.scale")
    expected = np.array(before) + np.array([30, -12]) / scale
    np.testing.assert_allclose(np.array(places(page)), expected, atol=1e-9)
    assert len(edits(page)) == 1
    press(page, "Control+z")
    assert places(page) == before


def test_dragging_one_of_several_selected_points_moves_it_alone(open_editor: Editor) -> None:
    page = open_editor(PLAIN)
    press(page, "Control+a")
    before = places(page)
    drag(page, on_screen(page, 30), (15, 15))
    assert moved(before, places(page)) == [30]


def test_corners_scale_and_the_upper_badge_turns(open_editor: Editor) -> None:
    page = open_editor()
    page.get_by_role("button", name="Select eye_right").click()
    before = np.array(places(page))[36:42]
    middle = (before.min(0) + before.max(0)) / 2
    frame = page.evaluate("root.labelkit.workspace.frame")
    box = page.locator(".lk-overlay").bounding_box()
    assert box is not None
    centre = np.array([(frame[0] + frame[2]) / 2 + box["x"], (frame[1] + frame[3]) / 2 + box["y"]])
    corner = np.array([frame[2] + box["x"], frame[3] + box["y"]])
    drag(page, tuple(corner), tuple((corner - centre) * 0.5))
    larger = np.array(places(page))[36:42]
    np.testing.assert_allclose(larger - middle, 1.5 * (before - middle), atol=1e-4)
    press(page, "Control+z")
    badge = np.array([centre[0], frame[1] - 26 + box["y"]])
    radius = centre[1] - badge[1]
    drag(page, tuple(badge), (radius, radius))  # a quarter turn, clockwise
    turned = np.array(places(page))[36:42]
    np.testing.assert_allclose(
        turned - middle, np.stack([-(before - middle)[:, 1], (before - middle)[:, 0]], 1), atol=1e-4
    )


def test_neighbours_follow_an_elastic_drag_less_the_further_they_are(
    open_editor: Editor, harness: Harness
) -> None:
    harness.faces[0]["cov"] = None
    page = open_editor()
    assert setting(page, "elastic") is True
    before = np.array(places(page))
    drag(page, on_screen(page, 8), (0, 40))
    shift = np.linalg.norm(np.array(places(page)) - before, axis=1)
    assert shift[8] > shift[7] > shift[6] > 0
    assert shift[8] > shift[9] > shift[10] > 0
    assert shift[27] == 0  # the nose is too far off
    assert states(page)[8] == 1
    assert states(page)[7] == 0  # nobody has placed it


def test_what_a_person_placed_or_locked_does_not_follow(open_editor: Editor, harness: Harness) -> None:
    harness.faces[0]["state"][7] = 2
    harness.faces[0]["state"][6] = 1
    harness.faces[0]["locked"] = [i == 9 for i in range(68)]
    page = open_editor()
    before = places(page)
    drag(page, on_screen(page, 8), (0, 40))
    changed = moved(before, places(page))
    assert {8, 57} <= set(changed)  # the lip above the chin
    assert not {6, 7, 9} & set(changed)


def test_a_locked_point_cannot_be_moved(open_editor: Editor) -> None:
    page = open_editor()
    page.mouse.click(*on_screen(page, 30))
    press(page, "k")
    before = places(page)
    drag(page, on_screen(page, 30), (30, 30))
    press(page, "ArrowLeft", "Control+a", ".", "Delete")
    assert places(page)[30] == before[30]
    assert edits(page)[0]["edit"]["after"] == {"locked": {"30": True}}


def test_a_point_slides_along_its_curve(open_editor: Editor) -> None:
    page = open_editor(PLAIN)
    press(page, "s")
    start = on_screen(page, 4)
    towards = on_screen(page, 5)
    before = places(page)
    away = (towards[0] - start[0]) * 0.5 - 30, (towards[1] - start[1]) * 0.5  # off the curve, by 30 px
    drag(page, start, away)
    after = places(page)
    assert moved(before, after) == [4]
    off = page.evaluate(
        """async ([jaw, p]) => {
          const { Arc } = await import("/bundle/curves.js");
          const arc = new Arc(jaw);
          const [x, y] = arc.at(arc.nearest(p));
          return Math.hypot(x - p[0], y - p[1]);
        }""",
        [[before[i] for i in JAW], after[4]],
    )
    assert off < 0.05
    assert np.linalg.norm(np.array(after[4]) - np.array(before[4])) > 2


def test_points_are_spread_evenly_between_the_ends_of_their_curve(open_editor: Editor) -> None:
    page = open_editor(PLAIN)
    drag(page, on_screen(page, 4), (0, 8))
    drag(page, on_screen(page, 11), (2, -9))
    before = np.array(places(page))
    press(page, "d")
    after = np.array(places(page))
    steps = np.linalg.norm(np.diff(after[JAW], axis=0), axis=1)
    assert steps.std() / steps.mean() < 0.02
    assert np.linalg.norm(np.diff(before[JAW], axis=0), axis=1).std() > 2 * steps.std()
    np.testing.assert_array_equal(after[[0, 16]], before[[0, 16]])


def test_confirmed_points_stay_where_the_rest_of_their_curve_is_spread(open_editor: Editor) -> None:
    page = open_editor(PLAIN)
    drag(page, on_screen(page, 4), (0, 8))
    press(page, "c")
    before = places(page)
    page.mouse.click(*on_screen(page, 8))
    press(page, "d")
    after = places(page)
    assert after[4] == before[4]
    assert after[3] != before[3]


@pytest.mark.parametrize("key", ["t", "Shift+T"])
def test_the_scheme_follows_three_placed_points(open_editor: Editor, harness: Harness, key: str) -> None:
    """The made face lies on the photo by a similarity: three true points bring back all others."""
    truth = harness.faces[0]["xy"]
    rng = np.random.default_rng(0)
    spoilt = [
        [x + float(d), y + float(e)] for (x, y), (d, e) in zip(truth, rng.normal(0, 15, (68, 2)), strict=True)
    ]
    for i in (0, 16, 8):
        spoilt[i] = truth[i]
        harness.faces[0]["state"][i] = 1
    harness.faces[0]["xy"] = spoilt
    page = open_editor()
    press(page, key)
    np.testing.assert_allclose(np.array(places(page)), np.array(truth), atol=1e-6)
    assert states(page)[30] == 0
    press(page, "Control+z")
    assert places(page)[30] == spoilt[30]


def test_a_thin_plate_goes_through_every_placed_point(open_editor: Editor) -> None:
    page = open_editor(PLAIN)
    for i, by in [(0, (-9, 4)), (8, (3, 22)), (16, (12, 0)), (30, (-8, -6)), (48, (5, 9))]:
        drag(page, on_screen(page, i), by)
    before = places(page)
    press(page, "t")
    after = places(page)
    for i in (0, 8, 16, 30, 48):
        assert after[i] == before[i]
    assert after[7] != before[7]


def test_two_placed_points_are_too_few_for_a_fit(open_editor: Editor) -> None:
    page = open_editor(PLAIN)
    drag(page, on_screen(page, 0), (4, 4))
    drag(page, on_screen(page, 8), (4, 4))
    before = places(page)
    press(page, "t")
    assert places(page) == before
    assert "2 are placed" in page.locator(".lk-live").inner_text()


def test_a_side_is_mirrored(open_editor: Editor, harness: Harness) -> None:
    truth = [list(p) for p in harness.faces[0]["xy"]]
    left = [42, 43, 44, 45, 46, 47]
    for i in left:
        harness.faces[0]["xy"][i] = [truth[i][0] + 6, truth[i][1] - 9]
    page = open_editor()
    page.get_by_role("button", name="Select eye_right").click()
    press(page, "m")
    after = np.array(places(page))
    # The similarity is fitted to all points, the six wrong ones among them.
    assert np.abs(after[left] - np.array(truth)[left]).max() < 3
    assert moved(harness.faces[0]["xy"], places(page)) == left


def test_left_and_right_are_swapped_and_back(open_editor: Editor) -> None:
    page = open_editor()
    before = places(page)
    press(page, "x")
    after = places(page)
    order = SCHEME.mirror_index
    assert after == [before[int(order[i])] for i in range(68)]
    press(page, "x")
    assert places(page) == before


def test_a_point_that_is_nowhere_is_put_where_the_press_is(open_editor: Editor, harness: Harness) -> None:
    harness.faces[0]["xy"][30] = None
    harness.faces[0]["xy"][33] = None
    page = open_editor()
    press(page, "n")
    assert active(page) == 30
    x, y = on_screen(page, 29)
    page.mouse.click(x + 20, y + 40)
    wanted = page.evaluate(
        """([x, y]) => {
          const rect = root.labelkit.workspace.stage.overlay.getBoundingClientRect();
          return root.labelkit.view.toImage([x - rect.left, y - rect.top]);
        }""",
        [x + 20, y + 40],
    )
    assert place_of(page, 30) == pytest.approx(wanted, abs=1)
    assert active(page) == 33  # the next that is nowhere
    press(page, "Control+z")
    assert place_of(page, 30) is None

"""Loading a face, dragging a point, undo: what everything else stands on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from .desk import PLAIN, drag, edits, on_screen, place_of, press

Editor = Callable[..., Page]


def test_a_dragged_point_lands_where_the_pointer_let_go(open_editor: Editor) -> None:
    page = open_editor(PLAIN)
    before, scale = place_of(page, 30), page.evaluate("root.labelkit.view.scale")
    drag(page, on_screen(page, 30), (40, -25))
    after = place_of(page, 30)
    assert after == pytest.approx([before[0] + 40 / scale, before[1] - 25 / scale], abs=1e-6)
    assert scale != 1  # otherwise this would not tell px of the screen from px of the photo


def test_a_drag_is_one_edit_with_both_ends(open_editor: Editor) -> None:
    page = open_editor(PLAIN)
    before = place_of(page, 30)
    drag(page, on_screen(page, 30), (40, -25), steps=7)
    (entry,) = edits(page)
    assert entry["type"] == "edit"
    assert entry["key"] == "a.png#0"
    assert entry["edit"]["before"] == {"xy": {"30": before}, "state": {"30": 0}}
    assert entry["edit"]["after"] == {"xy": {"30": place_of(page, 30)}, "state": {"30": 1}}


def test_only_the_dragged_point_moves_without_elastic(open_editor: Editor) -> None:
    page = open_editor(PLAIN)
    before = page.evaluate("root.labelkit.document.xy.map((p) => [...p])")
    drag(page, on_screen(page, 8), (0, 30))
    after = page.evaluate("root.labelkit.document.xy")
    assert [i for i in range(68) if after[i] != before[i]] == [8]


def test_a_click_selects_and_changes_nothing(open_editor: Editor) -> None:
    page = open_editor()
    page.mouse.click(*on_screen(page, 36))
    assert page.evaluate("[...root.labelkit.workspace.selection]") == [36]
    assert edits(page) == []


def test_an_edit_can_be_undone_and_redone(open_editor: Editor) -> None:
    page = open_editor(PLAIN)
    before = place_of(page, 30)
    drag(page, on_screen(page, 30), (40, -25))
    after = place_of(page, 30)
    page.keyboard.press("Control+z")
    assert place_of(page, 30) == before
    assert page.evaluate("root.labelkit.document.state[30]") == 0
    page.keyboard.press("Control+Shift+z")
    assert place_of(page, 30) == after
    assert [entry["type"] for entry in edits(page)] == ["edit", "undo", "redo"]


def test_undo_goes_back_through_the_journal_of_an_earlier_visit(open_editor: Editor, harness: Any) -> None:
    edit = {
        "id": "old",
        "label": "drag nose",
        "before": {"xy": {"30": [1.0, 2.0]}, "state": {"30": 0}},
        "after": {"xy": {"30": harness.faces[0]["xy"][30]}, "state": {"30": 1}},
    }
    harness.faces[0].update(done=[edit])
    page = open_editor()
    press(page, "Control+z")
    assert place_of(page, 30) == [1.0, 2.0]


def test_a_slip_on_the_photo_moves_nothing(open_editor: Editor) -> None:
    page = open_editor()
    x, y = on_screen(page, 30)
    before = page.evaluate("root.labelkit.document.xy")
    page.keyboard.press("Control+a")
    drag(page, (x + 40, y - 60), (70, 50))  # between the points, inside the frame of the selection
    assert page.evaluate("root.labelkit.document.xy") == before
    assert edits(page) == []


def test_escape_takes_a_drag_back(open_editor: Editor) -> None:
    page = open_editor()
    before = place_of(page, 30)
    x, y = on_screen(page, 30)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 50, y, steps=3)
    page.keyboard.press("Escape")
    page.mouse.up()
    assert place_of(page, 30) == before
    assert edits(page) == []


def test_the_editor_works_in_a_shadow_root(open_editor: Editor) -> None:
    page = open_editor("?shadow")
    before = place_of(page, 30)
    drag(page, on_screen(page, 30), (20, 0))
    assert place_of(page, 30) != before
    assert page.evaluate("getComputedStyle(root).display") == "flex"

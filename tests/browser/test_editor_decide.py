"""Deciding about faces: commands, the next face, boxes, attributes, comments, hostile names."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from .desk import commands, drag, edits, in_window, on_screen, place_of, places, press
from .harness import Harness, made_face

Editor = Callable[..., Page]


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("Control+Enter", "accept"),
        ("Shift+S", "skip"),
        ("PageDown", "next"),
        ("Shift+Q", "predict"),
        ("Shift+V", "review"),
    ],
)
def test_keys_tell_the_host(open_editor: Editor, key: str, name: str) -> None:
    page = open_editor()
    press(page, key)
    (command,) = commands(page)
    assert command["name"] == name
    assert command["key"] == "a.png#0"
    assert command["id"]


@pytest.mark.parametrize(("key", "name"), [("Shift+R", "reject"), ("Shift+F", "flag"), ("Shift+B", "return")])
def test_a_reason_is_asked_for_and_sent(open_editor: Editor, key: str, name: str) -> None:
    page = open_editor()
    page.mouse.click(*on_screen(page, 30))
    press(page, key)
    page.keyboard.type("too dark")
    page.keyboard.press("Enter")
    page.wait_for_function("window.commands.length === 1")
    (command,) = commands(page)
    assert (command["name"], command["text"]) == (name, "too dark")
    point = page.evaluate("window.faces[0].scheme.points[30].name")
    assert command["point"] == (point if name == "return" else None)


def test_a_question_can_be_given_up(open_editor: Editor) -> None:
    page = open_editor()
    press(page, "Shift+R")
    page.keyboard.type("never mind")
    page.keyboard.press("Escape")
    assert page.get_by_role("dialog").count() == 0 or page.get_by_role("dialog").first.is_hidden()
    assert commands(page) == []
    assert page.evaluate("document.activeElement === root")


def test_an_empty_comment_is_not_sent(open_editor: Editor) -> None:
    page = open_editor()
    press(page, "Shift+C")
    page.keyboard.press("Enter")
    assert commands(page) == []


def test_the_next_face_is_there_at_once_and_keeps_its_steps(open_editor: Editor) -> None:
    page = open_editor()
    before = place_of(page, 30)
    drag(page, on_screen(page, 30), (40, 0))
    press(page, "Control+Enter")
    page.wait_for_selector('[data-ready="b.png#0"]')
    press(page, "PageUp")
    page.wait_for_selector('[data-ready="a.png#0"]')
    assert place_of(page, 30) != before
    press(page, "Control+z")
    assert place_of(page, 30) == before
    assert [entry["key"] for entry in edits(page)] == ["a.png#0", "a.png#0"]


def test_a_drag_that_is_under_way_ends_when_the_face_changes(open_editor: Editor) -> None:
    page = open_editor('?settings={"elastic":false}')
    x, y = on_screen(page, 30)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=3)
    press(page, "PageDown")
    page.wait_for_selector('[data-ready="b.png#0"]')
    other = places(page)
    page.mouse.move(x, y + 90, steps=3)
    page.mouse.up()
    assert places(page) == other
    (entry,) = edits(page)
    assert entry["key"] == "a.png#0"


def test_the_same_revision_keeps_what_is_edited_another_replaces_it(open_editor: Editor) -> None:
    page = open_editor()
    drag(page, on_screen(page, 30), (40, 0))
    edited = place_of(page, 30)
    reload = "async (face) => editor.load({ ...window.faces[0], ...face }, null)"
    page.evaluate(reload, {"comments": [{"point": None, "text": "look", "author": "m", "time": ""}]})
    assert place_of(page, 30) == edited
    assert page.get_by_text("look").is_visible()
    page.evaluate(reload, {"revision": 1})
    assert place_of(page, 30) == page.evaluate("window.faces[0].xy[30]")
    press(page, "Control+z")
    assert place_of(page, 30) == page.evaluate("window.faces[0].xy[30]")


def test_only_the_last_of_two_faces_asked_for_is_shown(open_editor: Editor) -> None:
    page = open_editor()
    page.evaluate(
        """async () => {
          const [a, b] = window.faces;
          const photo = await window.photoOf(b);
          const first = editor.load({ ...b, key: "slow", image: { ...b.image, path: "slow.png" } }, photo);
          await Promise.all([first, editor.load(a, null)]);
        }"""
    )
    assert page.evaluate("root.dataset.ready") == "a.png#0"
    assert page.evaluate("root.labelkit.document.key") == "a.png#0"


def test_a_photo_that_cannot_be_decoded_is_named(open_editor: Editor) -> None:
    page = open_editor()
    page.evaluate(
        """editor.load(
          { ...window.faces[0], key: "bad", image: { path: "bad.jpg", width: 9, height: 9 } },
          new ArrayBuffer(9),
        )"""
    )
    page.get_by_text("bad.jpg: this photo cannot be shown").wait_for()
    assert page.evaluate("root.dataset.ready") is None


def test_the_face_box_is_drawn_and_changed(open_editor: Editor) -> None:
    page = open_editor()
    box = page.evaluate("root.labelkit.document.box")
    press(page, "b")
    corner = in_window(page, [box[2], box[3]])
    scale = page.evaluate("root.labelkit.view.scale")
    drag(page, corner, (12, 9))
    changed = page.evaluate("root.labelkit.document.box")
    assert changed == pytest.approx([box[0], box[1], box[2] + 12 / scale, box[3] + 9 / scale], abs=0.6)
    press(page, "Control+z")
    assert page.evaluate("root.labelkit.document.box") == box
    outside = in_window(page, [box[0] - 40, box[1] - 30])
    drag(page, outside, (25, 18))
    drawn = page.evaluate("root.labelkit.document.box")
    assert [drawn[2] - drawn[0], drawn[3] - drawn[1]] == pytest.approx([25 / scale, 18 / scale], abs=0.6)
    assert [list(entry["edit"]["after"]) for entry in edits(page) if entry["type"] == "edit"] == [
        ["box"],
        ["box"],
    ]


def test_a_slip_draws_no_box(open_editor: Editor) -> None:
    page = open_editor()
    before = page.evaluate("root.labelkit.document.box")
    press(page, "b")
    x, y = in_window(page, [before[0] - 30, before[1] - 30])
    drag(page, (x, y), (3, 0))
    assert page.evaluate("root.labelkit.document.box") == before


def test_one_click_boxes_a_missed_face(open_editor: Editor) -> None:
    page = open_editor()
    size = page.evaluate("(([x0, y0, x1, y1]) => Math.max(x1 - x0, y1 - y0))(root.labelkit.document.box)")
    press(page, "f", "a")
    place = [120, 130]
    page.mouse.click(*in_window(page, place))
    (command,) = commands(page)
    assert command["name"] == "add_face"
    x0, y0, x1, y1 = command["box"]
    assert [(x0 + x1) / 2, (y0 + y1) / 2] == pytest.approx(place, abs=2)
    assert x1 - x0 == pytest.approx(size)
    assert page.evaluate("root.labelkit.workspace.tool") == "move"


def test_another_face_of_the_photo_opens_by_a_click_or_a_key(open_editor: Editor, harness: Harness) -> None:
    harness.faces[0]["others"] = [{"key": "a.png#1", "box": [20, 20, 120, 140], "xy": [[60, 60], None]}]
    page = open_editor()
    press(page, "f")
    page.mouse.click(*in_window(page, [70, 80]))
    press(page, "o")
    assert [(c["name"], c["target"]) for c in commands(page)] == [("open", "a.png#1")] * 2


def test_attributes_are_switched_with_undo(open_editor: Editor) -> None:
    page = open_editor()
    press(page, "Alt+1", "Alt+6", "Alt+6")
    assert page.evaluate("root.labelkit.document.attributes") == {"pose": 1, "blur": 0}
    button = page.locator('[data-command="attribute_pose"]')
    assert button.get_attribute("aria-pressed") == "true"
    press(page, "Control+z", "Control+z", "Control+z")
    assert page.evaluate("root.labelkit.document.attributes.pose") == 0
    assert edits(page)[0]["edit"]["before"] == {"attributes": {"pose": 0}}


def test_comments_are_pinned_and_lead_to_their_point(open_editor: Editor, harness: Harness) -> None:
    name = harness.faces[0]["scheme"]["points"][8]["name"]
    harness.faces[0]["comments"] = [
        {"point": name, "text": "follow the jaw", "author": "mira", "time": "2026-01-02T03:04:05Z"}
    ]
    page = open_editor()
    page.get_by_role("button", name=name, exact=True).click()
    assert page.evaluate("root.labelkit.workspace.active") == 8
    assert page.get_by_text("follow the jaw").is_visible()


def test_the_definition_of_the_point_under_the_pointer_is_shown(open_editor: Editor) -> None:
    page = open_editor()
    page.mouse.move(*on_screen(page, 8))
    definition = page.evaluate("window.faces[0].scheme.points[8].definition")
    assert definition
    told = "t => root.querySelector('.lk-definition').textContent.includes(t)"
    page.wait_for_function(told, arg=definition)
    assert page.locator(".lk-caption").is_hidden()
    page.evaluate("root.labelkit.workspace.toggleSide()")
    page.wait_for_selector(".lk-caption", state="visible")  # over the photo where no panel tells it
    assert definition in page.locator(".lk-caption").inner_text()


HOSTILE = '<img src=x onerror="window.broken = 1">'


def test_names_from_files_are_only_ever_text(open_editor: Editor, harness: Harness) -> None:
    face = harness.faces[0]
    for point in face["scheme"]["points"]:
        point.update(name=HOSTILE + point["name"], definition=HOSTILE, group=HOSTILE)
    for curve in face["scheme"]["curves"]:
        curve["name"] = HOSTILE
    face.update(reason=HOSTILE, note=HOSTILE, face_state=HOSTILE)
    face["comments"] = [{"point": HOSTILE, "text": HOSTILE, "author": HOSTILE, "time": HOSTILE}]
    page = open_editor('?settings={"names":true}')
    page.mouse.click(*on_screen(page, 30))
    press(page, "d", "Shift+C", "Escape", "?", "Escape")
    page.evaluate("text => editor.setStatus(text, 'error')", HOSTILE)
    assert page.evaluate("root.querySelectorAll('img').length") == 0
    assert page.evaluate("window.broken") is None


def test_destroying_leaves_nothing_behind(open_editor: Editor) -> None:
    page = open_editor()
    at = on_screen(page, 30)
    page.evaluate("editor.destroy()")
    assert page.evaluate("root.childElementCount") == 0
    page.mouse.move(*at)
    page.mouse.down()
    page.mouse.move(at[0] + 20, at[1])
    page.mouse.up()
    press(page, "n", "?")
    assert edits(page) == []
    assert commands(page) == []


def test_a_photo_sent_smaller_covers_the_same_place(open_editor: Editor, harness: Harness) -> None:
    _, half = made_face("a.png#0", size=(450, 350))
    harness.photos["a.png"] = half
    page = open_editor()
    assert page.evaluate("root.labelkit.workspace.bitmap.width") == 450
    press(page, "f")
    corner = in_window(page, [890, 690])
    alpha = page.evaluate(
        """([x, y]) => new Promise((done) => root.labelkit.workspace.whenDrawn(() => {
          const canvas = root.labelkit.workspace.stage.photo;
          const rect = canvas.getBoundingClientRect();
          done(canvas.getContext("2d").getImageData(x - rect.left, y - rect.top, 1, 1).data[3]);
        }))""",
        list(corner),
    )
    assert alpha == 255


def test_the_shown_photo_is_kept_however_many_are_preloaded(open_editor: Editor) -> None:
    page = open_editor()
    page.evaluate(
        """async () => {
          const [a, b] = window.faces;
          const photo = await window.photoOf(b);
          for (let i = 0; i < 12; i += 1) {
            editor.preload({ ...b, key: `p${i}`, image: { ...b.image, path: `p${i}.png` } }, photo);
          }
          await new Promise((done) => setTimeout(done, 300));
        }"""
    )
    press(page, "+")
    page.evaluate("new Promise((done) => root.labelkit.workspace.whenDrawn(done))")
    assert page.evaluate("root.labelkit.workspace.bitmap.width") == 900  # a closed one has none


def test_what_a_command_could_not_do_is_shown_for_a_moment(open_editor: Editor) -> None:
    page = open_editor()
    press(page, "t")
    toast = page.locator(".lk-toast")
    assert "Place three points first" in toast.inner_text()
    assert float(toast.evaluate("e => getComputedStyle(e).opacity")) > 0
    toast.evaluate("e => Promise.all(e.getAnimations().map((animation) => animation.finished))")
    assert float(toast.evaluate("e => getComputedStyle(e).opacity")) == 0

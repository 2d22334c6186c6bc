"""The keyboard: walking through the points, every command a key, rebinding, focus, screen readers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from .desk import active, commands, drag, edits, on_screen, place_of, press, selected, setting, states
from .harness import Harness

Editor = Callable[..., Page]


def uncertain(harness: Harness, order: list[int]) -> None:
    """Let the first face be most uncertain at these points, in this order."""
    cov = [[1.0, 0.0, 1.0] for _ in range(68)]
    for place, i in enumerate(order):
        cov[i] = [100.0 - place, 0.0, 100.0 - place]
    harness.faces[0]["cov"] = cov


def test_points_are_walked_most_uncertain_first(open_editor: Editor, harness: Harness) -> None:
    uncertain(harness, [41, 7, 22])
    page = open_editor()
    walked = []
    for key in ("Tab", "n", "Tab", "Shift+Tab", "p"):
        press(page, key)
        walked.append(active(page))
    assert walked == [41, 7, 22, 7, 41]


def test_without_spreads_points_are_walked_in_the_schemes_order(
    open_editor: Editor, harness: Harness
) -> None:
    harness.faces[0]["cov"] = None
    page = open_editor()
    press(page, "n", "n", "n")
    assert active(page) == 2


def test_enter_confirms_and_goes_on(open_editor: Editor, harness: Harness) -> None:
    uncertain(harness, [41, 7, 22])
    page = open_editor()
    press(page, "n", "Enter", "Enter")
    assert [i for i, state in enumerate(states(page)) if state == 2] == [7, 41]
    assert active(page) == 22
    press(page, "Shift+Tab")
    assert states(page)[active(page)] != 2  # confirmed points are not walked to again


def test_a_face_can_be_finished_by_the_keyboard_alone(open_editor: Editor) -> None:
    page = open_editor()
    press(page, "n", *["Enter"] * 68)
    assert set(states(page)) == {2}
    press(page, "Control+Enter")
    assert [command["name"] for command in commands(page)] == ["accept"]
    page.wait_for_selector('[data-ready="b.png#0"]')


def test_the_walk_brings_points_into_sight(open_editor: Editor, harness: Harness) -> None:
    uncertain(harness, [8])
    page = open_editor()
    page.evaluate("root.labelkit.view.fitBox([400, 50, 500, 120], 0)")
    press(page, "n")
    x, y = on_screen(page, 8)
    stage = page.evaluate("root.labelkit.workspace.stage.overlay.getBoundingClientRect().toJSON()")
    assert stage["left"] < x < stage["right"]
    assert stage["top"] < y < stage["bottom"]


def test_after_escape_tab_leaves_the_photo(open_editor: Editor) -> None:
    page = open_editor()
    press(page, "n", "Escape", "Escape")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "BUTTON"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"


def test_a_focused_button_takes_enter_for_itself(open_editor: Editor) -> None:
    page = open_editor()
    page.locator('[data-command="ellipses"]').focus()
    before = setting(page, "ellipses")
    page.keyboard.press("Enter")
    assert setting(page, "ellipses") is not before
    assert edits(page) == []


def test_a_pressed_button_leaves_the_focus_on_the_photo(open_editor: Editor) -> None:
    page = open_editor()
    page.evaluate("root.focus()")
    page.locator('[data-command="ellipses"]').click()
    assert page.evaluate("document.activeElement === root")


def test_keys_typed_into_the_note_do_nothing_else(open_editor: Editor) -> None:
    page = open_editor()
    page.locator("textarea[aria-label=Note]").click()
    page.keyboard.type("hexq 123")
    page.keyboard.press("Enter")
    assert page.evaluate("root.labelkit.document.note") == "hexq 123"
    (entry,) = edits(page)
    assert entry["edit"]["after"] == {"note": "hexq 123"}
    assert page.evaluate("document.activeElement === root")


def test_no_key_reaches_the_page_around_the_editor(open_editor: Editor) -> None:
    """JupyterLab would add cells; its switch for that is an attribute of the root."""
    page = open_editor()
    page.evaluate("window.heard = []; window.addEventListener('keydown', (e) => window.heard.push(e.key))")
    press(page, "a", "b", "d", "d", "Control+Enter", "Shift+Enter", "ArrowDown")
    assert set(page.evaluate("window.heard")) <= {"Control", "Shift"}  # which do nothing by themselves
    assert page.evaluate("root.dataset.lmSuppressShortcuts") == "true"
    assert page.evaluate("root.tabIndex") == 0


def test_every_command_has_a_key_and_no_key_two_commands(open_editor: Editor) -> None:
    page = open_editor()
    rows = page.evaluate(
        """async () => {
          const { COMMANDS } = await import("/bundle/commands.js");
          return COMMANDS.map(({ id, keys, title }) => ({ id, keys, title }));
        }"""
    )
    keys = [key for row in rows for key in row["keys"]]
    assert len(keys) == len(set(keys))
    assert [row["id"] for row in rows if not row["keys"]] == []
    assert len({row["id"] for row in rows}) == len(rows) > 80


def test_the_sheet_shows_every_key_and_closes(open_editor: Editor) -> None:
    page = open_editor()
    press(page, "?")
    sheet = page.get_by_role("dialog", name="Shortcuts")
    assert sheet.is_visible()
    count = page.evaluate("root.labelkit.workspace.keymap.commands.length")
    assert sheet.locator("[data-rebind]").count() == count
    page.keyboard.type("uncertainty ell")
    assert sheet.locator("[data-rebind]").count() == 1
    page.keyboard.press("Escape")
    assert sheet.is_hidden()
    assert page.evaluate("document.activeElement === root")


def test_a_key_can_be_changed_and_stays_changed(open_editor: Editor) -> None:
    page = open_editor()
    press(page, "?")
    page.locator('[data-rebind="ellipses"]').click()
    page.keyboard.press("Control+i")
    page.keyboard.press("Escape")
    page.reload()
    page.wait_for_selector("[data-ready]")
    before = setting(page, "ellipses")
    press(page, "q")
    assert setting(page, "ellipses") is before
    press(page, "Control+i")
    assert setting(page, "ellipses") is not before
    press(page, "?")
    page.get_by_role("button", name="Reset all keys").click()
    page.keyboard.press("Escape")
    press(page, "q")
    assert setting(page, "ellipses") is before


def test_a_key_goes_to_the_command_that_took_it_last(open_editor: Editor) -> None:
    page = open_editor()
    press(page, "?")
    page.locator('[data-rebind="ellipses"]').click()
    page.keyboard.press("i")  # the key of names
    page.keyboard.press("Escape")
    before = setting(page, "names"), setting(page, "ellipses")
    press(page, "i")
    assert (setting(page, "names"), setting(page, "ellipses")) == (before[0], not before[1])


@pytest.mark.parametrize(
    ("event", "key"),
    [
        ({"key": "Z", "code": "KeyZ", "ctrlKey": True, "shiftKey": True}, "Mod+Shift+z"),
        ({"key": "?", "code": "Slash", "shiftKey": True}, "?"),
        ({"key": "я", "code": "KeyZ"}, "z"),  # a Cyrillic layout
        ({"key": "ø", "code": "KeyO", "altKey": True}, "Alt+o"),  # a Mac with Option
        ({"key": "!", "code": "Digit1", "shiftKey": True}, "Shift+1"),
        ({"key": " ", "code": "Space"}, "Space"),
        ({"key": "y", "code": "KeyZ"}, "y"),  # QWERTZ: what is printed on the key
        ({"key": "ArrowUp", "code": "ArrowUp", "shiftKey": True}, "Shift+ArrowUp"),
    ],
)
def test_keys_are_those_printed_on_the_keyboard(
    page: Page, harness: Harness, event: dict[str, object], key: str
) -> None:
    page.goto(harness.url + "blank")
    read = page.evaluate(
        "async (event) => (await import('/bundle/keys.js')).keyOf(new KeyboardEvent('keydown', event))",
        event,
    )
    assert read == key


def test_a_screen_reader_is_told_the_selected_point(open_editor: Editor) -> None:
    page = open_editor()
    live = page.locator(".lk-live")
    assert live.get_attribute("aria-live") == "polite"
    page.mouse.click(*on_screen(page, 30))
    name = page.evaluate("root.labelkit.document.face.scheme.points[30].name")
    assert live.inner_text() == f"{name}, predicted"
    press(page, "2")
    assert "occluded" in live.inner_text()
    press(page, "Control+z")
    assert live.inner_text().startswith("Undone:")


def test_everything_that_can_be_pressed_has_a_name(open_editor: Editor) -> None:
    page = open_editor()
    nameless = page.evaluate(
        """[...root.querySelectorAll("button, input, textarea")]
          .filter((e) => !(e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.length))
          .map((e) => e.outerHTML)"""
    )
    assert nameless == []


@pytest.mark.parametrize(("scheme", "theme"), [("light", "light"), ("dark", "dark")])
def test_the_theme_follows_the_system_and_the_host(
    open_editor: Editor, page: Page, scheme: str, theme: str
) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of two words
    open_editor()
    assert page.evaluate("root.dataset.theme") == theme
    page.evaluate("document.body.dataset.jpThemeLight = String(root.dataset.theme === 'dark')")
    page.wait_for_function("theme => root.dataset.theme !== theme", arg=theme)


def test_text_can_be_read_in_both_themes(open_editor: Editor) -> None:
    """WCAG's contrast of text against its ground is at least 4.5."""
    page = open_editor()
    for theme in ("light", "dark"):
        page.evaluate("theme => root.labelkit.workspace.set({ theme })", theme)
        page.wait_for_function("theme => root.dataset.theme === theme", arg=theme)
        pairs = page.evaluate(
            """() => {
              const style = getComputedStyle(root);
              const value = (name) => style.getPropertyValue(name).trim();
              return [["--lk-text", "--lk-bg"], ["--lk-text-2", "--lk-bg"], ["--lk-text-3", "--lk-bg"],
                ["--lk-text-2", "--lk-sunken"], ["--lk-accent", "--lk-accent-soft"],
                ["--lk-accent-text", "--lk-accent"], ["--lk-good", "--lk-good-soft"],
                ["--lk-warn", "--lk-warn-soft"], ["--lk-bad", "--lk-bad-soft"]]
                .map(([text, ground]) => [text, ground, value(text), value(ground)]);
            }"""
        )
        for text, ground, one, other in pairs:
            assert contrast(one, other) >= 4.5, (theme, text, ground)


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_confirm_can_be_taken_back_and_visibility_said(open_editor: Editor) -> None:
    page = open_editor()
    page.mouse.click(*on_screen(page, 30))
    press(page, "c")
    assert states(page)[30] == 2
    press(page, "c")
    assert states(page)[30] == 1
    for key, value in [("1", 1), ("2", 2), ("3", 3), ("4", 0)]:
        press(page, key)
        assert page.evaluate("root.labelkit.document.visibility[30]") == value
    page.mouse.click(*on_screen(page, 30), button="right")
    assert page.evaluate("root.labelkit.document.visibility[30]") == 2


def test_a_point_can_be_taken_away_and_reset(open_editor: Editor) -> None:
    page = open_editor()
    before = place_of(page, 30)
    drag(page, on_screen(page, 30), (30, 0))
    press(page, "r")
    assert place_of(page, 30) == before
    assert states(page)[30] == 0
    press(page, "Delete")
    assert place_of(page, 30) is None
    assert selected(page) == [30]

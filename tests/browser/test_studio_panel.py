"""The scheme studio in a page that a real Panel server serves (studio_host.py)."""

from __future__ import annotations

import json
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

HOST = Path(__file__).with_name("studio_host.py")


class Host:
    """The server's process; ``said`` are its lines as JSON."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, str(HOST), str(port)]
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.said: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        assert self.said.get(timeout=180) == {"ready": True}

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):  # Panel says something, too
                self.said.put(json.loads(line))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    served = Host()
    yield served
    served.stop()


@dataclass
class Studio:
    page: Page

    @property
    def root(self) -> Locator:
        return self.page.locator(".lk-studio")

    def ask(self, script: str, argument: object = None) -> Any:
        """What ``script``, a function of the studio and ``argument``, returns."""
        return self.root.evaluate(f"(root, given) => ({script})(root.studio, given)", argument)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a place of the plane is in the page."""
        left, top = self.ask(
            "(s, p) => { const b = s.canvas.getBoundingClientRect();"
            " const [x, y] = s.view.toScreen(p); return [b.left + x, b.top + y]; }",
            [x, y],
        )
        return left, top

    def click(self, x: float, y: float) -> None:
        self.page.mouse.move(*self.place(x, y))
        self.page.mouse.click(*self.place(x, y))

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 12) -> None:
        self.page.mouse.move(*self.place(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.place(*end), steps=steps)
        self.page.mouse.up()

    def points(self) -> dict[str, tuple[float, float]]:
        found = self.ask("s => s.draft.state.points.map(p => [p.name, p.x, p.y])")
        return {name: (x, y) for name, x, y in found}

    def scheme(self) -> dict[str, Any]:
        """The scheme as it is exported."""
        with self.page.expect_download() as download:
            self.page.keyboard.press("Control+e")
        found: dict[str, Any] = json.loads(Path(download.value.path()).read_text())
        return found

    def settled(self) -> None:
        """Wait until what is drawn on the faces is where the points are."""
        self.page.wait_for_function(
            "root => { const s = root.studio, p = s.previews;"
            " return s.link.flying === null && !s.frame && p.ids.length === s.draft.state.points.length"
            " && s.draft.state.points.every((q, i) => Math.abs(p.places[2 * i] - (q.x + 1.2) / 2.4) < 1e-5"
            "   && Math.abs(p.places[2 * i + 1] - (q.y + 1.2) / 2.4) < 1e-5); }",
            arg=self.root.element_handle(),
        )


@pytest.fixture
def studio(page: Page, host: Host) -> Studio:
    page.goto(host.url)
    page.wait_for_selector(".lk-studio[data-ready=faces]", timeout=60_000)
    return Studio(page)


def pair(studio: Studio) -> tuple[str, str, tuple[float, float]]:
    """A point of the right half, its partner, and its place."""
    name, partner, x, y = studio.ask(
        "s => { const p = s.draft.state.points.find(q => q.x < -0.1);"
        " const o = s.draft.state.points.find(q => q.id === s.draft.state.partner.get(p.id));"
        " return [p.name, o.name, p.x, p.y]; }"
    )
    return name, partner, (x, y)


def test_twelve_faces_show_the_schemes_points(studio: Studio) -> None:
    expect(studio.page.locator(".lk-studio-tile")).to_have_count(12)
    studio.settled()
    assert studio.ask("s => s.previews.places.length") == 12 * 5 * 2
    drawn = "s => s.previews.tiles.every(t => t.canvas.width > 50)"
    assert studio.ask(drawn)


def test_keys_are_the_studios_as_soon_as_it_is_there(studio: Studio) -> None:
    studio.page.keyboard.press("a")
    assert studio.ask("s => s.tool") == "add"


def test_a_dragged_point_moves_on_every_face_and_its_mirror_image_with_it(studio: Studio) -> None:
    name, partner, (x, y) = pair(studio)
    studio.drag((x, y), (x - 0.1, y + 0.05))
    moved = studio.points()
    assert moved[name] == pytest.approx((x - 0.1, y + 0.05), abs=0.01)
    assert moved[partner] == (-moved[name][0], moved[name][1])
    studio.settled()
    studio.page.keyboard.press("Control+z")
    assert studio.points()[name] == (x, y)
    studio.settled()
    studio.page.keyboard.press("Control+Shift+z")
    assert studio.points() == moved
    assert studio.ask("s => s.draft.done.length") == 1


def test_while_answers_take_long_only_the_newest_position_is_asked_for(page: Page, host: Host) -> None:
    page.goto(f"{host.url}/slow")
    page.wait_for_selector(".lk-studio[data-ready=faces]", timeout=60_000)
    studio = Studio(page)
    _, _, (x, y) = pair(studio)
    page.mouse.move(*studio.place(x, y))
    page.mouse.down()
    before, changes = studio.ask("s => [s.link.sequence, s.draft.version]")
    # In one go, so that it is the server's slowness that counts and not this test's.
    studio.ask(
        "(s, [x, y]) => { for (let i = 1; i <= 60; i += 1) s.canvas.dispatchEvent("
        " new PointerEvent('pointermove', { clientX: x - i, clientY: y, bubbles: true })); }",
        studio.place(x, y),
    )
    studio.settled()
    asked, changed = studio.ask("s => [s.link.sequence, s.draft.version]")
    page.mouse.up()
    assert changed - changes > 50
    # One was on its way, the newest waited for it, the rest was never asked about.
    assert 1 <= asked - before <= 2


def test_points_are_added_in_pairs_and_one_on_the_midline_alone(studio: Studio) -> None:
    known = set(studio.points())
    studio.page.keyboard.press("a")
    studio.click(-0.5, 0.5)
    studio.click(0.004, 0.7)
    studio.page.keyboard.press("m")
    studio.click(0.3, -0.4)
    added = {name: place for name, place in studio.points().items() if name not in known}
    assert set(added) == {"point_right_1", "point_left_1", "point_1", "point_2"}
    assert added["point_left_1"] == (-added["point_right_1"][0], added["point_right_1"][1])
    assert added["point_1"][0] == 0
    studio.settled()
    assert studio.scheme()["mirror"] == []


def test_selected_points_are_nudged_and_deleted_with_their_partners(studio: Studio) -> None:
    name, partner, (x, y) = pair(studio)
    studio.click(x, y)
    studio.page.keyboard.press("ArrowLeft")
    studio.page.keyboard.press("Shift+ArrowDown")
    moved = studio.points()
    assert moved[name] == pytest.approx((x - 0.002, y + 0.02), abs=2e-4)
    assert moved[partner][0] == -moved[name][0]
    studio.page.keyboard.press("Delete")
    assert not {name, partner} & set(studio.points())
    assert len(studio.points()) == 3
    studio.settled()


def test_a_box_selects_and_a_group_moves_together(studio: Studio) -> None:
    studio.page.keyboard.press("m")
    before = studio.points()
    studio.drag((-0.95, -0.95), (0.95, 0.95))
    assert studio.ask("s => s.selection.size") == 5
    _, _, start = pair(studio)
    studio.drag(start, (start[0] + 0.1, start[1]))
    after = studio.points()
    assert {round(after[name][0] - before[name][0], 2) for name in before} == {0.1}


def test_a_curve_to_the_midline_is_drawn_whole_and_evenly(studio: Studio) -> None:
    studio.page.keyboard.press("c")
    for place in [(-0.6, 0.0), (-0.5, 0.5), (-0.25, 0.8), (0.0, 0.9)]:
        studio.click(*place)
    studio.page.get_by_label("Name of the new curve").fill("jaw")
    studio.page.get_by_label("How many points").fill("5")
    studio.page.keyboard.press("Enter")
    scheme = studio.scheme()
    (curve,) = (c for c in scheme["curves"] if c["name"] == "jaw")
    assert not curve["closed"]
    assert curve["points"] == list(range(5, 14))
    places = [scheme["points"][i] for i in curve["points"]]
    assert [p["group"] for p in places] == ["jaw"] * 9
    assert places[4]["x"] == 0
    steps = [((b["x"] - a["x"]) ** 2 + (b["y"] - a["y"]) ** 2) ** 0.5 for a, b in pairwise(places)]
    assert max(steps) - min(steps) < 0.02
    assert len(scheme["mirror"]) == 3 + 5
    studio.settled()


def test_a_closed_curve_on_one_side_gets_a_partner(studio: Studio) -> None:
    studio.page.keyboard.press("c")
    for place in [(-0.5, -0.4), (-0.3, -0.45), (-0.3, -0.3), (-0.5, -0.4)]:
        studio.click(*place)
    curves = studio.scheme()["curves"]
    assert [(c["name"], len(c["points"]), c["closed"]) for c in curves[-2:]] == [
        ("curve_1_right", 7, True),
        ("curve_1_left", 7, True),
    ]


def test_a_new_point_snaps_to_a_ghost_and_takes_its_name(studio: Studio) -> None:
    studio.page.get_by_text("Ghosts").click()
    studio.page.get_by_label("ibug68").check()
    studio.page.keyboard.press("Escape")
    ghost = studio.ask("s => s.ghosts[0].points[36]")
    other = studio.ask("s => s.ghosts[0].points[45]")
    studio.root.focus()
    studio.page.keyboard.press("a")
    studio.click(ghost["x"] + 0.008, ghost["y"] + 0.008)
    points = {p["name"]: p for p in studio.scheme()["points"]}
    assert points[ghost["name"]]["x"] == pytest.approx(ghost["x"], abs=1e-4)
    assert points[ghost["name"]]["definition"] == ghost["definition"]
    assert points[other["name"]]["x"] == pytest.approx(other["x"], abs=1e-4)


def test_texts_are_edited_and_partners_get_the_mirrored_ones(studio: Studio) -> None:
    name, partner, place = pair(studio)
    studio.click(*place)
    panel = studio.page.get_by_label("Selection").last
    panel.get_by_label("Definition").fill("The middle of the right eye.")
    panel.get_by_label("Group").fill("right_eye")
    panel.get_by_label("Name").fill("my_right")
    studio.page.keyboard.press("Enter")
    points = {p["name"]: p for p in studio.scheme()["points"]}
    assert points["my_right"]["definition"] == "The middle of the right eye."
    assert points["my_left"]["definition"] == "The middle of the left eye."
    assert points["my_left"]["group"] == "left_eye"
    assert studio.ask("s => s.draft.renamed()") == {name: "my_right", partner: "my_left"}


def test_letters_typed_into_a_field_are_no_shortcuts(studio: Studio) -> None:
    studio.page.get_by_label("Find points").fill("")
    studio.page.get_by_label("Find points").press_sequentially("mac?h")
    assert studio.ask("s => [s.tool, s.settings.mirroring, s.settings.heat, s.dialog.open]") == [
        "select",
        True,
        False,
        False,
    ]


def test_two_points_of_one_name_keep_the_scheme_from_being_saved(studio: Studio) -> None:
    names = list(studio.points())
    studio.page.keyboard.press("m")
    studio.click(*studio.points()[names[0]])
    name = studio.page.get_by_label("Selection").last.get_by_label("Name")
    name.fill(names[1])
    name.press("Enter")
    expect(studio.root).to_have_attribute("data-problems", "bad")
    expect(studio.page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    studio.page.locator(".lk-studio-problems summary").click()
    expect(studio.page.get_by_text(f"2 points are called {names[1]}.")).to_be_visible()


def test_saving_shows_the_plan_first(studio: Studio, host: Host) -> None:
    name, _, (x, y) = pair(studio)
    studio.drag((x, y), (x - 0.1, y))
    studio.page.keyboard.press("Control+s")
    dialog = studio.page.locator("dialog")
    expect(dialog.get_by_role("listitem")).to_have_text(["5 points", "0 renamed", "<b>not markup</b>"])
    dialog.get_by_role("button", name="Cancel").click()
    assert host.said.empty()
    studio.root.focus()
    studio.page.keyboard.press("Control+s")
    dialog.get_by_role("button", name="Save").click()
    saved = host.said.get(timeout=20)["saved"]
    assert {p["name"]: p["x"] for p in saved["points"]}[name] == studio.points()[name][0]
    expect(studio.page.get_by_text("kept by the host")).to_be_visible()
    expect(studio.page.get_by_role("button", name="Saved")).to_be_disabled()


def test_a_refused_save_is_said_and_nothing_counts_as_saved(studio: Studio) -> None:
    studio.ask(
        "s => s.draft.replace({...s.draft.state, meta: {...s.draft.state.meta, title: 'refuse'}}, 't')"
    )
    studio.page.keyboard.press("Control+s")
    studio.page.locator("dialog").get_by_role("button", name="Save").click()
    expect(studio.page.get_by_text("somebody else changed the scheme")).to_be_visible()
    expect(studio.page.get_by_role("button", name="Save", exact=True)).to_be_enabled()


def test_a_file_is_imported_as_text_and_never_as_markup(studio: Studio, tmp_path: Path) -> None:
    hostile = '<img src=x onerror="document.title=1">'
    point = {"name": hostile, "x": 0.1, "y": 0.2, "group": hostile, "definition": hostile}
    curve = {"name": hostile, "points": [0, 1]}
    second = {"name": "b", "x": 0.3, "y": 0.2}
    file = tmp_path / "hostile.json"
    file.write_text(json.dumps({"name": "h", "points": [point, second], "curves": [curve]}))
    studio.page.locator("input[type=file]").set_input_files(file)
    expect(studio.page.get_by_text("Imported h with 2 points")).to_be_visible()
    studio.click(0.1, 0.2)
    studio.page.get_by_text("Curves (1)").click()
    studio.page.keyboard.press("n")
    assert studio.page.locator(".lk-studio img").count() == 0
    expect(studio.page.locator(".lk-studio-point .lk-studio-name").first).to_have_text(hostile)
    studio.page.keyboard.press("Control+z")
    assert len(studio.points()) == 5


@pytest.mark.parametrize(
    ("text", "problem"), [("{", "is not JSON"), ('{"name": "x", "points": []}', "at least one point")]
)
def test_a_file_that_is_no_scheme_is_refused(studio: Studio, tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "broken.json"
    file.write_text(text)
    studio.page.locator("input[type=file]").set_input_files(file)
    expect(studio.page.locator(".lk-studio-said")).to_contain_text(problem)
    assert len(studio.points()) == 5


def test_a_scheme_that_lost_its_symmetry_is_mended(studio: Studio) -> None:
    _, partner, (x, y) = pair(studio)
    studio.page.keyboard.press("m")
    studio.drag((x, y), (x - 0.015, y))
    expect(studio.root).to_have_attribute("data-problems", "warn")
    assert studio.scheme()["mirror"] == []
    studio.page.get_by_text("Symmetry").click()
    expect(studio.page.get_by_text("3 of 5 points have their mirror image.")).to_be_visible()
    studio.page.get_by_role("button", name="Make symmetric").click()
    expect(studio.page.get_by_text("Symmetric: all 5 points")).to_be_visible()
    assert studio.points()[partner][0] == pytest.approx(-x + 0.0075, abs=2e-3)
    studio.root.focus()
    assert len(studio.scheme()["mirror"]) == 3


def test_the_ambiguity_map_has_a_legend_and_says_how_much_a_point_wanders(studio: Studio) -> None:
    studio.page.keyboard.press("h")
    expect(studio.page.locator(".lk-studio-legend")).to_contain_text("1.0 %")
    studio.click(*studio.points()[next(iter(studio.points()))])
    expect(studio.page.get_by_label("Selection").last).to_contain_text("% of the eye distance")
    studio.page.keyboard.press("h")
    expect(studio.page.locator(".lk-studio-legend")).to_be_hidden()


def test_a_normalizer_is_set_from_the_selection(studio: Studio) -> None:
    studio.page.get_by_text("Normalizers").click()
    names = [*pair(studio)[:2]]
    studio.ask(
        "(s, names) => s.select(s.draft.state.points.filter(p => names.includes(p.name)).map(p => p.id))",
        names,
    )
    studio.page.get_by_role("button", name="Pupils").click()
    studio.root.focus()
    scheme = studio.scheme()
    ends = [[scheme["points"][i]["name"] for i in end] for end in scheme["normalizers"]["inter_pupil"]]
    assert ends == [[names[0]], [names[1]]]


def test_all_shortcuts_are_shown(studio: Studio) -> None:
    studio.page.keyboard.press("?")
    expect(studio.page.locator("dialog")).to_contain_text("mirror while drawing")
    studio.page.keyboard.press("Escape")
    expect(studio.page.locator("dialog")).to_be_hidden()


def test_keys_do_not_reach_the_page_around_the_studio(studio: Studio) -> None:
    studio.page.evaluate("window.heard = []; document.addEventListener('keydown', e => heard.push(e.key))")
    studio.page.keyboard.press("a")
    studio.page.keyboard.press("q")
    assert studio.page.evaluate("heard") == ["q"]
    assert studio.root.get_attribute("data-lm-suppress-shortcuts") == "true"


def test_a_drawing_that_was_not_saved_is_offered_after_a_reload(studio: Studio) -> None:
    name, partner, (x, y) = pair(studio)
    studio.drag((x, y), (x - 0.1, y))
    studio.click(x - 0.1, y)
    field = studio.page.get_by_label("Selection").last.get_by_label("Name")
    field.fill("my_right")
    field.press("Enter")
    drawn = studio.points()
    studio.page.wait_for_function("() => Object.values(localStorage).some(text => text.includes('my_right'))")
    studio.page.reload()
    studio.page.wait_for_selector(".lk-studio[data-ready=faces]")
    assert studio.points() != drawn
    studio.page.get_by_role("button", name="Go on with it").click()
    assert studio.points() == drawn
    assert studio.ask("s => s.draft.renamed()") == {name: "my_right", partner: "my_left"}


def test_a_face_is_enlarged_and_put_back(studio: Studio) -> None:
    tiles = studio.page.locator(".lk-studio-tile")
    small = tiles.nth(3).bounding_box()
    tiles.nth(3).click()
    large = tiles.nth(3).bounding_box()
    assert small is not None
    assert large is not None
    assert large["width"] > 2 * small["width"]
    expect(tiles.nth(2)).to_be_hidden()
    tiles.nth(3).click()
    expect(tiles.nth(2)).to_be_visible()

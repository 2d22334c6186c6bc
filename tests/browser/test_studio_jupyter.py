"""The scheme studio in a real JupyterLab."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page

from .hosts import Lab, jupyter_cells, run_cells
from .test_studio_panel import Studio, pair

#: As a notebook cell: the studio with the made faces of studio_host.py, whose drafts end in a file.
CELL = f"""\
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from studio_host import Row, plan, save
from labelkit.editor.studio_jupyter import StudioWidget
from labelkit.scheme import load_scheme
studio = StudioWidget(load_scheme("celeba5"), Row(), plan=plan, save=save)
studio.observe(lambda _: Path("drawn.json").write_text(studio.session.scheme.to_json()), "checked")
studio
"""


def test_points_are_dragged_drawn_on_faces_and_known_to_python(
    page: Page, lab: Lab, shots: Path | None
) -> None:
    page.goto(lab.notebook("studio", CELL))
    run_cells(page, ".lk-studio[data-ready=faces]")
    studio = Studio(page)
    studio.root.scroll_into_view_if_needed()
    count = jupyter_cells(page)
    name, partner, (x, y) = pair(studio)
    studio.drag((x, y), (x - 0.15, y + 0.1))
    studio.settled()
    moved = studio.points()
    assert moved[name] == pytest.approx((x - 0.15, y + 0.1), abs=0.02)
    assert moved[partner] == (-moved[name][0], moved[name][1])
    for key in ("a", "b", "x", "v"):  # JupyterLab's own keys for cells
        page.keyboard.press(key)
    assert jupyter_cells(page) == count
    page.keyboard.press("h")
    page.wait_for_function("root => root.studio.heat?.wander", arg=studio.root.element_handle())
    drawn = lab.folder / "drawn.json"
    page.wait_for_timeout(1000)  # drafts are told a moment after the last change
    written = {p["name"]: [p["x"], p["y"]] for p in json.loads(drawn.read_text())["points"]}
    assert written == {key: list(place) for key, place in moved.items()}
    if shots is not None:
        page.screenshot(path=shots / "studio_jupyter.png")

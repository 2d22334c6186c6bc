"""The editor in a real JupyterLab: what a hand does is in the project's database, whatever dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page

from labelkit.landmarks import Face
from labelkit.project import Project
from labelkit.project.editing import open_desk
from labelkit.store import FaceState

from .conftest import watch
from .hosts import ask, drag, free_port, grab, made_project, place, point, ready, saved, stored, until

FIRST, SECOND = "0-astronaut.png", "0-grace_hopper.jpg"

CELL = """\
import os
from pathlib import Path
from labelkit.project import Project
Path("{author}.pid").write_text(str(os.getpid()))
project = Project.open({folder!r})
project.editor(author={author!r})
"""

OPTIONS = (
    "--no-browser",
    "--allow-root",
    "--ip=127.0.0.1",
    "--IdentityProvider.token=",
    "--ServerApp.password=",
    # No page of ours is to ask another host for news or updates.
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
    "--LabApp.expose_app_in_browser=True",
)

Opened = Callable[..., Page]


class Lab:
    """JupyterLab in a process of its own, with settings of its own, in ``folder``."""

    def __init__(self, folder: Path, project: Project) -> None:
        self.folder, self.project, self.port = folder, project, free_port()
        places = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
        environment = {**os.environ, **places, "OMP_NUM_THREADS": "1", "IPYTHONDIR": str(folder / "ipython")}
        options = [*OPTIONS, f"--port={self.port}", f"--ServerApp.root_dir={folder}"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
        until(self._answers, 90)

    def notebook(self, author: str) -> str:
        """The address of a notebook in which ``author`` opens the editor in the only cell."""
        cell = {
            "cell_type": "code",
            "execution_count": None,
            "id": "editor",
            "metadata": {},
            "outputs": [],
            "source": CELL.format(author=author, folder=str(self.project.folder)),
        }
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        book = {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
        (self.folder / f"{author}.ipynb").write_text(json.dumps(book))
        return f"http://127.0.0.1:{self.port}/lab/workspaces/{author}/tree/{author}.ipynb"

    def kill_kernel(self, author: str) -> None:
        os.kill(int((self.folder / f"{author}.pid").read_text()), signal.SIGKILL)

    def close(self) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)  # its kernels too
        self.process.wait()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    with made_project(folder) as project:
        lab = Lab(folder, project)
        yield lab
        lab.close()


@pytest.fixture
def open_notebook(page: Page, lab: Lab) -> Opened:
    def opened(author: str, page: Page = page) -> Page:
        page.goto(lab.notebook(author))
        run(page)
        return page

    return opened


def run(page: Page) -> None:
    """Run the cell when the kernel is there and has nothing else to do."""
    page.wait_for_function(
        """() => {
          const context = window.jupyterapp?.shell?.currentWidget?.sessionContext;
          return context?.isReady && context.session?.kernel?.connectionStatus === "connected"
            && context.session.kernel.status === "idle";
        }""",
        timeout=90_000,
    )
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_selector(".lk-editor[data-ready]", timeout=90_000)
    page.locator(".lk-host").scroll_into_view_if_needed()


def cells(page: Page) -> int:
    return page.locator(".jp-Notebook .jp-Cell").count()


def test_drag_undo_keys_and_zoom(open_notebook: Opened, lab: Lab, shots: Path | None) -> None:
    page = open_notebook("ada")
    before, count = point(page, 60), cells(page)
    drag(page, 60)
    saved(page)
    moved = point(page, 60)
    assert np.hypot(*np.subtract(moved, before)) > 0.5
    done, _ = stored(lab.project, FIRST, "ada")
    assert len(done) == 1
    page.keyboard.press("Control+z")
    saved(page)
    assert (point(page, 60), stored(lab.project, FIRST, "ada")) == (before, ([], done))
    page.keyboard.press("Shift+ArrowRight")
    until(lambda: len(stored(lab.project, FIRST, "ada")[0]) == 1)
    assert point(page, 60)[0] == pytest.approx(before[0] + 10)
    for key in ("a", "b", "x", "n", "p"):  # JupyterLab's own keys for cells
        page.keyboard.press(key)
    assert cells(page) == count
    scale = ask(page, "w.view.scale")
    page.mouse.move(*place(page, 60))
    page.mouse.wheel(0, -400)
    until(lambda: ask(page, "w.view.scale") > 1.2 * scale)
    if shots is not None:
        page.screenshot(path=shots / "editor_jupyter.png")


def test_a_reload_goes_on_with_undo(open_notebook: Opened, lab: Lab) -> None:
    page = open_notebook("bea")
    before = point(page, 60)
    drag(page, 60)
    drag(page, 72)
    saved(page)
    after = point(page, 72)
    page.reload()
    run(page)
    until(lambda: point(page, 72) == after, 20)
    page.locator(".lk-editor").focus()
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    until(lambda: len(stored(lab.project, FIRST, "bea")[1]) == 2)
    assert point(page, 60) == before


def test_a_kernel_that_crashes_in_mid_drag_loses_nothing(
    open_notebook: Opened, lab: Lab, troubles: list[str]
) -> None:
    page = open_notebook("cleo")
    drag(page, 60)
    saved(page)
    grab(page, 72)
    lab.kill_kernel("cleo")
    page.mouse.move(*np.add(place(page, 72), (12, 3)).tolist())
    page.mouse.up()
    page.wait_for_selector('.lk-host[data-saving="offline"][data-unsaved="1"]')
    left = [point(page, i) for i in (60, 72)]
    assert len(stored(lab.project, FIRST, "cleo")[0]) == 1
    dialog = page.locator(".jp-Dialog button.jp-mod-accept")
    if dialog.count():
        dialog.first.click()
    run(page)
    until(lambda: len(stored(lab.project, FIRST, "cleo")[0]) == 2)
    until(lambda: [point(page, i) for i in (60, 72)] == left, 20)
    saved(page)
    troubles.clear()  # JupyterLab says on the console what has become of the kernel


def test_two_browsers_on_one_face_learn_of_each_other(
    open_notebook: Opened, context: BrowserContext, troubles: list[str], lab: Lab
) -> None:
    ann = open_notebook("ann")
    drag(ann, 60)
    saved(ann)
    bob = context.new_page()
    watch(bob, troubles)
    open_notebook("bob", bob)
    drag(bob, 61)
    saved(bob)
    bob.keyboard.press("Control+Enter")
    ready(bob, open_desk(lab.project, "bob").key(Face(SECOND)))
    saved(bob)
    drag(ann, 62)
    ann.wait_for_selector(".lk-banner:not([hidden])")
    assert "bob saved this face" in ann.locator(".lk-banner-text").inner_text()
    ann.get_by_role("button", name="Take theirs").click()
    until(lambda: len(lab.project.history(Face(FIRST))) == 3)
    history = lab.project.history(Face(FIRST))
    assert [one.author for one in history] == ["bob", "ann", "ann"]
    np.testing.assert_array_equal(history[2].landmarks.xy, history[0].landmarks.xy)
    until(lambda: point(ann, 61) == point(ann, 61) == history[0].landmarks.xy[61].tolist(), 20)
    assert lab.project.find(Face(FIRST)).state == FaceState.DONE

"""Projects and servers for the tests of the editor in its hosts, and what a hand does in the page.
Used by benchmarks/editor_drag.py, editor_save.py and editor_kill.py too."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from labelkit.geometry import Box, Crop
from labelkit.images import example_faces
from labelkit.landmarks import Face
from labelkit.prediction import Prediction
from labelkit.project import Project
from labelkit.scheme import load_scheme
from labelkit.store import NewPrediction

PANEL_HOST = Path(__file__).with_name("panel_host.py")

#: Of the two portraits that scikit-image and matplotlib ship: where the 68 points would be.
BOXES = {"astronaut.png": (180, 90, 270, 190), "grace_hopper.jpg": (190, 150, 340, 320)}


def made_project(folder: Path, copies: int = 1) -> Project:
    """A project of the two example portraits (``copies`` of each), its faces predicted: the mean face
    laid into a box, the most uncertain one first by name."""
    photos = folder / "photos"
    photos.mkdir(parents=True)
    for file in example_faces():
        for number in range(copies):
            shutil.copy(file.path, photos / f"{number}-{file.path.name}")
    project = Project.create(folder / "work", photos, "wflw98", read=False)
    frame = load_scheme("ibug68").plane_box
    for number, path in enumerate(sorted(photos.iterdir())):
        box = Box(*BOXES[path.name.partition("-")[2]], kind="user")
        face = project.find(project.add_face(path.name, box, "somebody"))
        crop = Crop.from_box(box, frame)
        made = Prediction(crop.points_to_image(project.scheme.plane), "made@1", crop, project.scheme.name)
        project.store.put_predictions([NewPrediction(face.id, made, 0.9 - 0.001 * number)])
    return project


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class PanelServer:
    """``panel_host.py`` in a process of its own; `kill` and `start` as often as one likes."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.pid = 0
        self.parent = subprocess.Popen(
            [sys.executable, str(PANEL_HOST), str(folder), str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def start(self) -> None:
        """Begin to serve, and wait until it answers."""
        self.pid = int(self._ask("start", "ready"))

    def kill(self) -> None:
        """SIGKILL: nothing is put in order before."""
        self._ask("kill", "killed")
        self.pid = 0

    def pause(self, paused: bool) -> None:
        """Neither answers nor goes away, as behind a lost network; or goes on."""
        os.kill(self.pid, signal.SIGSTOP if paused else signal.SIGCONT)

    def close(self) -> None:
        self.parent.communicate()  # it ends with its input

    def _ask(self, line: str, expected: str) -> str:
        """What follows the ``expected`` word of the answer."""
        assert self.parent.stdin is not None
        assert self.parent.stdout is not None
        self.parent.stdin.write(f"{line}\n")
        self.parent.stdin.flush()
        answer = self.parent.stdout.readline()
        word, _, rest = answer.strip().partition(" ")
        if word != expected:
            raise RuntimeError(f"the server of the editor has ended or says {answer!r}")
        return rest


EDITOR_CELL = """\
import os
from pathlib import Path
from labelkit.project import Project
Path("{author}.pid").write_text(str(os.getpid()))
project = Project.open({folder!r})
project.editor(author={author!r})
"""

LAB_OPTIONS = (
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

#: Whether JupyterLab's kernel is there and has nothing else to do.
KERNEL_IDLE = """() => {
  const context = window.jupyterapp?.shell?.currentWidget?.sessionContext;
  return context?.isReady && context.session?.kernel?.connectionStatus === "connected"
    && context.session.kernel.status === "idle";
}"""
RUN_ALL = "() => window.jupyterapp.commands.execute('notebook:run-all-cells')"


class Lab:
    """JupyterLab in a process of its own, with settings of its own, in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        places = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
        environment = {**os.environ, **places, "OMP_NUM_THREADS": "1", "IPYTHONDIR": str(folder / "ipython")}
        options = [*LAB_OPTIONS, f"--port={self.port}", f"--ServerApp.root_dir={folder}"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
        until(self._answers, 90)

    def notebook(self, name: str, source: str) -> str:
        """The address of a notebook with one cell."""
        cell = {"cell_type": "code", "execution_count": None, "id": "only", "metadata": {}, "outputs": []}
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        book = {"cells": [{**cell, "source": source}], "metadata": {"kernelspec": kernel}}
        (self.folder / f"{name}.ipynb").write_text(json.dumps({**book, "nbformat": 4, "nbformat_minor": 5}))
        return f"http://127.0.0.1:{self.port}/lab/workspaces/{name}/tree/{name}.ipynb"

    def editor(self, project: Path, author: str) -> str:
        """The address of a notebook in which ``author`` opens the editor."""
        return self.notebook(author, EDITOR_CELL.format(author=author, folder=str(project)))

    def kill_kernel(self, author: str) -> None:
        """SIGKILL to the kernel in which ``author`` has the editor."""
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


def run_cells(page: Page, shown: str) -> None:
    """Run a notebook as soon as its kernel can, and wait until its output shows a selector."""
    page.wait_for_function(KERNEL_IDLE, timeout=120_000)
    page.evaluate(RUN_ALL)
    page.wait_for_selector(shown, timeout=120_000)


def jupyter_cells(page: Page) -> int:
    """How many cells the notebook has."""
    return page.locator(".jp-Notebook .jp-Cell").count()


def ready(page: Page, key: str | None = None) -> None:
    """Wait until a face has been drawn."""
    page.wait_for_selector("[data-ready]" if key is None else f'[data-ready="{key}"]')


def saved(page: Page) -> None:
    """Wait until everything that was done is stored."""
    page.wait_for_selector('.lk-host[data-saving="saved"][data-unsaved="0"]')


def ask(page: Page, expression: str, argument: Any = None) -> Any:
    """The value of a JavaScript expression in which ``w`` is the editor's workspace."""
    code = f"(e, arg) => {{ const w = e.labelkit.workspace; return {expression}; }}"
    return page.locator(".lk-editor").evaluate(code, argument)


def point(page: Page, index: int) -> list[float]:
    """Where a point is, in image px."""
    return ask(page, "w.document.xy[arg]", index)


def place(page: Page, index: int) -> tuple[float, float]:
    """Where a point is in the window, in CSS px."""
    x, y = ask(
        page,
        """(() => {
          const r = w.stage.element.getBoundingClientRect();
          const s = w.view.toScreen(w.document.xy[arg]);
          return [r.left + s[0], r.top + s[1]];
        })()""",
        index,
    )
    return x, y


def grab(page: Page, index: int, dx: float = 9, dy: float = 6) -> None:
    """Press on a point and move it, without letting go."""
    x, y = place(page, index)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx, y + dy, steps=3)


def drag(page: Page, index: int, dx: float = 9, dy: float = 6) -> None:
    grab(page, index, dx, dy)
    page.mouse.up()


def free(project: Project) -> None:
    """Give back what pages of earlier tests, closed without a word, would hold for some minutes."""
    for lease in project.store.leases.held().values():
        project.store.leases.release(lease.holder)


def stored(project: Project, image: str, author: str = "ann") -> tuple[list[str], list[str]]:
    """The ids of the edits in a labeller's open journal of a face: done, and undone."""
    face = project.find(Face(image))
    journal = project.store.journal.read(face.id, f"editor of {author}")
    if journal is None:
        return [], []
    return [d.edit["id"] for d in journal.done], [d.edit["id"] for d in journal.undone]


def until(condition: Any, seconds: float = 30.0) -> None:
    """Wait until ``condition()`` holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("what was waited for has not happened")
        time.sleep(0.02)

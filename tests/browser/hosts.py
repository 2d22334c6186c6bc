"""Projects and servers for the tests of the editor in its hosts, and what a hand does in the page.
Used by benchmarks/editor_save.py and benchmarks/editor_kill.py too."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
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
        self.pid = int(self._ask("start").split()[1])

    def kill(self) -> None:
        """SIGKILL: nothing is put in order before."""
        self._ask("kill")
        self.pid = 0

    def pause(self, paused: bool) -> None:
        """Neither answers nor goes away, as behind a lost network; or goes on."""
        os.kill(self.pid, signal.SIGSTOP if paused else signal.SIGCONT)

    def close(self) -> None:
        self.parent.communicate()  # it ends with its input

    def _ask(self, line: str) -> str:
        assert self.parent.stdin is not None
        assert self.parent.stdout is not None
        self.parent.stdin.write(f"{line}\n")
        self.parent.stdin.flush()
        answer = self.parent.stdout.readline()
        if not answer:
            raise RuntimeError("the server of the editor has ended")
        return answer


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

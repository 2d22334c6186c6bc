"""How quickly the editor of a running Panel server opens, saves and goes on.

    python benchmarks/editor_save.py [--drags 60] [--faces 15] [--opens 6] [--load]

A real Chromium drags points of 98 over the two example portraits. Prints JSON with the median, the
95th percentile and the maximum, in ms, of

    stored         release of the pointer to the edit being visible in SQLite to another process
    acknowledged   the same to the editor calling it saved
    next_face      Ctrl+Enter to the next face being drawn
    open           asking for the page to the first face being drawn, each time without a cache

``--load`` trains a network on all cores meanwhile, as ``labelkit fit`` does. "load" is how many
processes wanted a core on average while this ran.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from labelkit.project import Project

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from browser.conftest import launch
from browser.hosts import PanelServer, drag, made_project, ready, saved

#: Keeps the times of presses, releases and acknowledgements, in ms since 1970.
CLOCK = """e => {
  const now = () => performance.timeOrigin + performance.now();
  const times = (window.times = { released: [], acknowledged: [], pressed: [], drawn: [] });
  window.addEventListener("pointerup", () => times.released.push(now()), true);
  window.addEventListener("keydown", (event) => event.key === "Enter" && times.pressed.push(now()), true);
  const host = e.closest(".lk-host");
  new MutationObserver(() => {
    if (host.dataset.unsaved === "0") times.acknowledged.push(now());
  }).observe(host, { attributeFilter: ["data-unsaved"] });
  new MutationObserver(() => {
    if (e.dataset.ready) times.drawn.push(now());
  }).observe(e, { attributeFilter: ["data-ready"] });
}"""

TRAINING = """
import torch
net = torch.nn.Sequential(*[torch.nn.Conv2d(3 if i == 0 else 48, 48, 3, padding=1) for i in range(6)])
step = torch.optim.AdamW(net.parameters())
while True:
    step.zero_grad()
    net(torch.randn(16, 3, 64, 64)).square().mean().backward()
    step.step()
"""


class Watcher(threading.Thread):
    """Notes when each edit becomes visible in the database, in ms since 1970."""

    def __init__(self, project: Project) -> None:
        super().__init__(daemon=True)
        self.path, self.times, self.over = project.store.path, [], False

    def run(self) -> None:
        query = "SELECT count(*) FROM journal_entries"
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as database:
            known = database.execute(query).fetchone()[0]
            while not self.over:
                count = database.execute(query).fetchone()[0]
                self.times += [time.time() * 1000] * (count - known)
                known = count
                time.sleep(0.001)


@contextmanager
def training(wanted: bool) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", TRAINING]) if wanted else None
    try:
        time.sleep(4 if wanted else 0)
        yield
    finally:
        if process is not None:
            process.kill()
            process.wait()


def opening(browser: Browser, url: str) -> float:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    began = time.perf_counter()
    page.goto(url, wait_until="commit")
    ready(page)
    seconds = time.perf_counter() - began
    context.close()
    return 1000 * seconds


def saving(page: Page, project: Project, drags: int) -> tuple[list[float], list[float]]:
    watcher = Watcher(project)
    watcher.start()
    for number in range(drags):
        drag(page, 33 + number % 60, 5 if number % 2 else -5, 4)
        saved(page)
    time.sleep(0.2)
    watcher.over = True
    watcher.join()
    times = page.evaluate("() => window.times")
    assert len(times["released"]) == len(watcher.times) == drags
    # Each was waited for before the next.
    acknowledged = [min(t for t in times["acknowledged"] if t > r) - r for r in times["released"]]
    return [s - r for s, r in zip(watcher.times, times["released"], strict=True)], acknowledged


def leafing(page: Page, faces: int) -> list[float]:
    for _ in range(faces):
        drawn = len(page.evaluate("() => window.times.drawn"))
        page.keyboard.press("Control+Enter")
        page.wait_for_function("n => window.times.drawn.length > n", arg=drawn)
        saved(page)
        page.wait_for_timeout(700)  # a labeller looks at a face for longer
    times = page.evaluate("() => window.times")
    return [min(t for t in times["drawn"] if t > pressed) - pressed for pressed in times["pressed"]]


def figures(values: list[float]) -> dict[str, float]:
    median, most = np.percentile(values, [50, 95])
    numbers = {"median": median, "p95": most, "max": max(values)}
    return {name: round(float(value), 1) for name, value in numbers.items()} | {"count": len(values)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--drags", type=int, default=60)
    parser.add_argument("--faces", type=int, default=15)
    parser.add_argument("--opens", type=int, default=6)
    parser.add_argument("--load", action="store_true")
    options = parser.parse_args()
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = launch(playwright)
        if browser is None:
            sys.exit("no Chromium was found")
        with made_project(Path(folder), copies=options.faces) as project, training(options.load):
            server = PanelServer(project.folder)
            server.start()
            opening(browser, f"{server.url}?author=nobody")  # the server's own first page
            opened = [opening(browser, f"{server.url}?author=nobody") for _ in range(options.opens)]
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.set_default_timeout(60_000)
            page.goto(server.url)
            ready(page)
            page.locator(".lk-editor").evaluate(CLOCK)
            stored, acknowledged = saving(page, project, options.drags)
            following = leafing(page, options.faces)
            server.close()
        load = os.getloadavg()[0]
        browser.close()
    values = {"stored": stored, "acknowledged": acknowledged, "next_face": following, "open": opened}
    report = {name: figures(some) for name, some in values.items()}
    print(json.dumps({**report, "training": options.load, "load": round(load, 1)}, indent=1))


if __name__ == "__main__":
    main()

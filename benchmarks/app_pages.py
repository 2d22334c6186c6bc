"""How long the app's first screens take in a large project, and whether paging costs memory.

    python benchmarks/app_pages.py [--photos 10000] [--faces 4000] [--repeat 5] [--pages 40]
    python benchmarks/app_pages.py --project DIR

Makes a project of photos of 640 x 480 px with a predicted face in some of them, serves it, and opens
it in headless Chromium with an empty cache. Prints JSON: seconds from the address to the first
screen of Images with its thumbnails, of Review with the editor's first face and with the grid's 24
faces (median and largest of ``--repeat``; the first time all pictures are made, later ones are
kept). Then it turns ``--pages`` pages of both in one tab: seconds a page, and the memory of the
page's script and of the tab's process in MB, with the number of elements, after a tenth of the
pages and at the end. Errors of the page and requests to other hosts are listed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from labelkit.geometry import Box, Crop, Similarity
from labelkit.prediction import Prediction
from labelkit.project import Project
from labelkit.store import NewFace, NewPrediction

#: Pictures of the two pages.
PHOTOS, TILES = "figure img", ".lk-tile img"

ALONE = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"


def build(folder: Path, photos: int, faces: int) -> Path:
    """A project of ``photos`` photos, the first ``faces`` of which have a predicted face."""
    images = folder / "photos"
    images.mkdir()
    random = np.random.default_rng(0)
    for number in range(photos):
        small = random.integers(40, 220, (6, 8, 3), np.uint8)
        Image.fromarray(small).resize((640, 480), Image.Resampling.BICUBIC).save(
            images / f"{number:06d}.jpg", quality=70
        )
    with Project.create(folder / "work", images, "wflw98", read=False) as project:
        store, scheme = project.store, project.scheme
        box, crop = Box(220, 130, 420, 350, "detector", "made", 0.9), Crop(Similarity(130, 0, 320, 230))
        xy = crop.points_to_image(scheme.plane)
        known = [image.id for image in store.images(limit=faces)]
        for start in range(0, len(known), 1000):
            ids = store.add_faces(NewFace(image, box) for image in known[start : start + 1000])
            store.put_predictions(
                NewPrediction(face, Prediction(xy, "made@1", crop, scheme.name), float(random.random()))
                for face in ids
            )
    return folder / "work"


@contextmanager
def served(project: Path) -> Iterator[str]:
    """The address of a server over the project."""
    command = [
        sys.executable,
        "-c",
        "from labelkit.cli import main; main()",
        "serve",
        str(project),
        "--port",
        "0",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split(" at ")[1].strip()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def seen(page: Page, pictures: str, count: int) -> None:
    """Wait until there are so many pictures, and those in the window are decoded."""
    page.wait_for_function(
        """([selector, count]) => {
          const all = []
          const walk = (root) => {
            for (const one of root.querySelectorAll(selector)) all.push(one)
            for (const one of root.querySelectorAll("*")) if (one.shadowRoot) walk(one.shadowRoot)
          }
          walk(document)
          const visible = all.filter((one) => {
            const { top, bottom } = one.getBoundingClientRect()
            return top < innerHeight && bottom > 0
          })
          return all.length >= count && visible.length > 0
            && visible.every((one) => one.complete && one.naturalWidth)
        }""",
        arg=[pictures, count],
        timeout=30_000,
    )


def first_screens(browser: Browser, url: str, repeat: int, others: list[str]) -> dict[str, Any]:
    """Seconds to the first screen of each page."""
    figures: dict[str, list[float]] = {"images": [], "review": [], "review_grid": []}
    for _ in range(repeat):
        for name, times in figures.items():
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            page = watched(context.new_page(), others)
            begin = time.perf_counter()
            if name == "images":
                page.goto(f"{url}images", wait_until="commit")
                seen(page, PHOTOS, 60)
            else:
                page.goto(f"{url}review", wait_until="commit")
                page.wait_for_selector(".lk-editor[data-ready]")
                if name == "review_grid":  # which view is shown is chosen anew in each session
                    begin = time.perf_counter()
                    page.get_by_role("button", name="Many at once").click()
                    seen(page, TILES, 24)
            times.append(time.perf_counter() - begin)
            context.close()
    return {name: spread(values) for name, values in figures.items()}


def paging_photos(browser: Browser, url: str, pages: int, others: list[str]) -> dict[str, Any]:
    """Turn pages of Images."""

    def begin(page: Page) -> None:
        page.goto(f"{url}images")
        seen(page, PHOTOS, 60)

    def turn(page: Page, number: int) -> None:
        page.get_by_role("button", name="Next →").click()
        page.wait_for_selector(f'[data-page="{number}"][data-ready]', state="attached")
        seen(page, PHOTOS, 1)

    return paging(browser, pages, others, begin, turn)


def paging_faces(browser: Browser, url: str, pages: int, others: list[str]) -> dict[str, Any]:
    """Turn pages of the grid of Review."""

    def begin(page: Page) -> None:
        page.goto(f"{url}review")
        page.get_by_role("button", name="Many at once").click()
        seen(page, TILES, 24)

    def turn(page: Page, number: int) -> None:
        page.locator(".lk-faces").press("n")
        page.get_by_text(f"page {number + 1} ·").wait_for()
        seen(page, TILES, 24)

    return paging(browser, pages, others, begin, turn)


def paging(
    browser: Browser,
    pages: int,
    others: list[str],
    begin: Callable[[Page], None],
    turn: Callable[[Page, int], None],
) -> dict[str, Any]:
    """Seconds to turn a page, and what a tab needs after a few pages and after all of them."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = watched(context.new_page(), others)
    begin(page)
    times, memory = [], []
    for number in range(1, pages + 1):
        start = time.perf_counter()
        turn(page, number)
        times.append(time.perf_counter() - start)
        if number in (max(pages // 10, 1), pages):
            memory.append({"pages": number, **needs(browser, page)})
    context.close()
    return {"turn": spread(times), "memory": memory}


def needs(browser: Browser, page: Page) -> dict[str, float]:
    """What a tab needs after a collection: script and process in MB, and elements."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    for _ in range(3):
        session.send("HeapProfiler.collectGarbage")
    kept = {entry["name"]: entry["value"] for entry in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    script = round(kept["JSHeapUsedSize"] / 1e6, 1)
    return {"script": script, "process": resident(browser), "elements": int(kept["Nodes"])}


def resident(browser: Browser) -> float:
    """The memory of the largest of the tabs' processes in MB; 0 where the system does not tell."""
    session = browser.new_browser_cdp_session()
    found = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    sizes = [0.0]
    for process in found:
        told = Path(f"/proc/{process['id']}/statm")
        if process["type"] == "renderer" and told.is_file():
            sizes.append(int(told.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6)
    return round(max(sizes), 1)


def watched(page: Page, others: list[str]) -> Page:
    page.on("request", lambda asked: others.append(asked.url) if "127.0.0.1" not in asked.url else None)
    page.on("pageerror", lambda error: others.append(str(error)))
    return page


def spread(values: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(values), 3), "largest": round(max(values), 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--faces", type=int, default=4_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--pages", type=int, default=40)
    parser.add_argument("--project", type=Path, help="an existing project instead of a made one")
    asked = parser.parse_args()
    others: list[str] = []
    sandbox = ["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        project = asked.project or build(Path(folder), asked.photos, asked.faces)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or None, args=[ALONE, *sandbox]
        )
        with served(project) as url:
            screens = first_screens(browser, url, asked.repeat, others)
            turned = {
                "images": paging_photos(browser, url, asked.pages, others),
                "review_grid": paging_faces(browser, url, asked.pages, others),
            }
        browser.close()
    found = {"photos": asked.photos, "faces": asked.faces, "first_screen": screens, "paging": turned}
    print(json.dumps({**found, "errors_and_requests_elsewhere": others}, indent=1))


if __name__ == "__main__":
    main()

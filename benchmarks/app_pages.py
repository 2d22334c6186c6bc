"""How long the app's first screens take in a large project, and whether paging costs memory.

    python benchmarks/app_pages.py [--photos 10000] [--faces 4000] [--repeat 5] [--pages 40]

Makes a project of photos of 640 x 480 px with a predicted face in some of them, serves it, and opens
it in headless Chromium with an empty cache. Prints JSON: seconds from the address to the first
screen of Images with its thumbnails and of Review with the grid's 24 faces (median and largest of
``--repeat``; the first time all pictures are made, later ones are kept), seconds to turn a page, the
memory of the page's script before and after ``--pages`` turned pages in MB, and the number of
requests to other hosts.
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
from collections.abc import Iterator
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
    yield process.stdout.readline().split(" at ")[1].strip()
    process.send_signal(signal.SIGINT)
    process.wait(60)


def seen(page: Page, pictures: str, count: int) -> None:
    """Wait until so many pictures are there and decoded."""
    page.wait_for_function(
        """([selector, count]) => {
          const all = []
          const walk = (root) => {
            for (const one of root.querySelectorAll(selector)) all.push(one)
            for (const one of root.querySelectorAll("*")) if (one.shadowRoot) walk(one.shadowRoot)
          }
          walk(document)
          const near = all.filter((one) => one.getBoundingClientRect().top < innerHeight)
          return all.length >= count && near.every((one) => one.complete && one.naturalWidth)
        }""",
        arg=[pictures, count],
        timeout=120_000,
    )


def first_screens(browser: Browser, url: str, repeat: int, others: list[str]) -> dict[str, Any]:
    """Seconds to the first screen of each page."""
    figures: dict[str, list[float]] = {"images": [], "review": []}
    for _ in range(repeat):
        for name, pictures, count in (("images", "figure img", 60), ("review", ".lk-tile img", 24)):
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            page = watched(context.new_page(), others)
            if name == "review":
                # The view that somebody chose stays chosen within a session only.
                page.goto(f"{url}review")
                begin = time.perf_counter()
                page.get_by_role("button", name="Many at once").click()
            else:
                begin = time.perf_counter()
                page.goto(f"{url}{name}")
            seen(page, pictures, count)
            figures[name].append(time.perf_counter() - begin)
            context.close()
    return {name: spread(values) for name, values in figures.items()}


def paging(browser: Browser, url: str, pages: int, others: list[str]) -> dict[str, Any]:
    """Seconds to turn a page of Images, and the script's memory before and after many."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = watched(context.new_page(), others)
    page.goto(f"{url}images")
    seen(page, "figure img", 60)
    session = context.new_cdp_session(page)
    before, times = heap(session), []
    for number in range(1, pages + 1):
        begin = time.perf_counter()
        page.get_by_role("button", name="Next →").click()
        page.wait_for_selector(f'[data-page="{number}"][data-ready]', state="attached")
        seen(page, "figure img", 1)
        times.append(time.perf_counter() - begin)
    after = heap(session)
    context.close()
    return {"turn": spread(times), "memory_before": before, "memory_after": after, "pages": pages}


def heap(session: Any) -> float:
    """The memory of the page's script after a collection, in MB."""
    session.send("HeapProfiler.collectGarbage")
    return round(session.send("Runtime.getHeapUsage")["usedSize"] / 1e6, 1)


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
    asked = parser.parse_args()
    others: list[str] = []
    sandbox = ["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        project = build(Path(folder), asked.photos, asked.faces)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or None, args=[ALONE, *sandbox]
        )
        with served(project) as url:
            screens = first_screens(browser, url, asked.repeat, others)
            turned = paging(browser, url, asked.pages, others)
        browser.close()
    found = {"photos": asked.photos, "faces": asked.faces, "first_screen": screens, "paging": turned}
    print(json.dumps({**found, "errors_and_requests_elsewhere": others}, indent=1))


if __name__ == "__main__":
    main()

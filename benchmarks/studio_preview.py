"""From the pointer to the refreshed row of example faces, in the scheme studio.

    python benchmarks/studio_preview.py [--scheme wflw98] [--faces 12] [--moves 200] [--threads 2]

Serves a studio with the bundled model over the portraits in the public domain, opens it in a
headless Chromium (on the PATH) and drags one point and its mirror image over the plane, 60 moves a
second. Prints JSON: milliseconds from a move of the pointer to the frame in which all faces show
the point there (``preview_ms``), the part of it that the network and its surroundings take in
Python (``decode_ms`` by the clock, ``decode_cpu_ms`` on all cores together, which a busy machine hardly
changes), how many of the moves were shown, and the machine's load meanwhile. Moves that
are overtaken by newer ones are never asked about, so they have no time of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import sys
import threading
import time

import numpy as np
import panel as pn
import torch
from playwright.sync_api import Error, Page, sync_playwright

from labelkit.studio import SchemeStudio
from labelkit.studio.faces import ExampleRow
from labelkit.studio.studio import example_row

FRAME_MS = 1000 / 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scheme", default="wflw98")
    parser.add_argument("--faces", type=int, default=12)
    parser.add_argument("--moves", type=int, default=200)
    parser.add_argument("--model", default="base")
    parser.add_argument("--threads", type=int, default=2, help="cores for the network")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    row = example_row(model=options.model, faces=options.faces)
    row.gallery()
    decode, cpu = timed(row)
    shown, load = measure(serve(options.scheme, row), options.moves)
    found = {
        "scheme": options.scheme,
        "faces": options.faces,
        "threads": options.threads,
        "load": load,
        "moves": options.moves,
        "shown": len(shown),
        "preview_ms": percentiles(shown),
        "decode_ms": percentiles(decode),
        "decode_cpu_ms": percentiles(cpu),
    }
    sys.stdout.write(json.dumps(found) + "\n")


def timed(row: ExampleRow) -> tuple[list[float], list[float]]:
    """Milliseconds of every later call of the row's `place`, by the clock and of the process on all
    its cores, filled in as they come."""
    times: list[float] = []
    cpu: list[float] = []
    place = row.place

    def measured(plane: np.ndarray) -> np.ndarray:
        started, used = time.perf_counter(), time.process_time()
        found = place(plane)
        times.append((time.perf_counter() - started) * 1000)
        cpu.append((time.process_time() - used) * 1000)
        return found

    row.place = measured  # type: ignore[method-assign]  # a stopwatch around the real one
    return times, cpu


def serve(scheme: str, row: ExampleRow) -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def page() -> pn.viewable.Viewable:
        return pn.Column(SchemeStudio(scheme, examples=row).panel(), sizing_mode="stretch_both")

    threading.Thread(
        target=lambda: pn.serve({"/": page}, port=port, address="127.0.0.1", show=False, verbose=False),
        daemon=True,
    ).start()
    return f"http://127.0.0.1:{port}"


def measure(url: str, moves: int) -> tuple[list[float], float]:
    """Milliseconds of every answer that was drawn during the drag, and the machine's load."""
    sandbox = [] if not hasattr(os, "geteuid") or os.geteuid() else ["--no-sandbox"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=sandbox)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        wait_for(page, url)
        page.wait_for_selector(".lk-studio[data-ready=faces]", timeout=120_000)
        drag(page, 20)
        page.wait_for_timeout(1000)
        page.locator(".lk-studio").evaluate("root => { root.studio.timings = []; }")
        drag(page, moves)
        page.wait_for_timeout(2000)
        timings = page.locator(".lk-studio").evaluate("root => root.studio.timings")
        browser.close()
    return [entry["drawn"] - entry["asked"] for entry in timings], os.getloadavg()[0]


def wait_for(page: Page, url: str) -> None:
    for _ in range(100):
        try:
            page.goto(url)
            return
        except Error:  # the server is not up yet
            time.sleep(0.3)
    page.goto(url)


def drag(page: Page, moves: int) -> None:
    """A point of the right half goes in a spiral, so that it comes to no place twice: what was asked
    before would be known."""
    x, y = page.locator(".lk-studio").evaluate(
        "root => { const s = root.studio, p = s.draft.state.points.find(q => q.x < -0.1);"
        " const b = s.canvas.getBoundingClientRect(), [x, y] = s.view.toScreen([p.x, p.y]);"
        " return [b.left + x, b.top + y]; }"
    )
    page.mouse.move(x, y)
    page.mouse.down()
    for number in range(moves):
        started = time.perf_counter()
        angle = 2 * np.pi * number / 60
        radius = 15 + 25 * number / moves
        page.mouse.move(x + radius * np.sin(angle), y + radius * np.cos(angle))
        time.sleep(max(0.0, FRAME_MS / 1000 - (time.perf_counter() - started)))
    page.mouse.move(x, y)
    page.mouse.up()


def percentiles(values: list[float]) -> dict[str, float]:
    return {f"p{p}": round(float(np.percentile(values, p)), 1) for p in (50, 95, 99)} if values else {}


if __name__ == "__main__":
    main()

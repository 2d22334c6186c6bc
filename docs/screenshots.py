"""Makes the README's pictures of the app from the two example portraits.

    python docs/screenshots.py [-o docs/images]

Needs what the tests need (``pip install -e ".[test]"``) and Chromium on the PATH, or from
``playwright install chromium``. The photos are the two portraits in the public domain that come
with the installed packages, and changes of their light, turn and scale.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageEnhance, ImageOps
from playwright.sync_api import Page, sync_playwright

from labelkit.images import example_faces
from labelkit.project import Project

ALONE = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"

#: Changes of a portrait: turn in degrees, width in px, brightness, colour, mirrored.
CHANGES = (
    (0, 0, 1.0, 1.0, False),
    (8, 300, 0.8, 1.0, True),
    (-10, 420, 1.2, 0.2, False),
    (4, 360, 0.55, 1.0, False),
    (14, 480, 1.1, 0.0, True),
    (-6, 280, 0.9, 1.5, True),
    (-16, 400, 1.3, 0.8, False),
    (10, 340, 0.7, 0.0, False),
    (2, 256, 1.0, 0.6, True),
)


def photos(folder: Path) -> Path:
    """The portraits and their changes as JPEG files."""
    folder.mkdir()
    for portrait in example_faces():
        whole = Image.fromarray(portrait.load())
        for number, (turn, width, bright, colour, mirrored) in enumerate(CHANGES):
            size = (width, round(width * whole.height / whole.width)) if width else whole.size
            changed = whole.resize(size).rotate(turn, Image.Resampling.BICUBIC, fillcolor=(128, 128, 128))
            changed = ImageEnhance.Color(ImageEnhance.Brightness(changed).enhance(bright)).enhance(colour)
            changed = ImageOps.mirror(changed) if mirrored else changed
            changed.save(folder / f"{portrait.path.stem}{f'-{number}' if number else ''}.jpg", quality=92)
    return folder


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
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split(" at ")[1].strip()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def review(page: Page, url: str) -> None:
    """A point is being dragged."""
    page.goto(f"{url}images")
    page.locator("figure", has_text="astronaut.jpg").click()
    page.get_by_role("button", name="Open in Review").click()
    page.wait_for_selector(".lk-editor[data-ready]")
    x, y, left, top = page.locator(".lk-editor").evaluate(
        """(root) => {
          const { view, document } = root.labelkit
          const names = document.face.scheme.points.map((point) => point.name)
          const place = root.labelkit.workspace.stage.overlay.getBoundingClientRect()
          const at = names.indexOf("lip_outer_corner_left")
          return [...view.toScreen(document.xy[at]), place.left, place.top]
        }"""
    )
    page.mouse.move(left + x, top + y)
    page.mouse.down()
    page.mouse.move(left + x + 9, top + y - 5, steps=4)


def many(page: Page, url: str) -> None:
    """Faces of which some are decided."""
    page.goto(f"{url}review")
    page.get_by_role("button", name="Many at once").click()
    grid = page.locator(".lk-faces[data-ready]")
    grid.wait_for()
    page.wait_for_function(
        """() => {
          const tiles = []
          const walk = (root) => {
            tiles.push(...root.querySelectorAll(".lk-tile img"))
            for (const one of root.querySelectorAll("*")) if (one.shadowRoot) walk(one.shadowRoot)
          }
          walk(document)
          return tiles.length > 9 && tiles.every((one) => one.complete && one.naturalWidth)
        }"""
    )
    for key in ("a", "a", "f", "a"):
        grid.press(key)
    page.locator('nav a[data-page="export"] .badge', has_text="3").wait_for()


def scheme(page: Page, url: str) -> None:
    """The studio with its row of faces."""
    page.goto(f"{url}scheme")
    page.wait_for_selector('[data-ready="faces"]', timeout=240_000)


def export(page: Page, url: str) -> None:
    """What goes out, before it does."""
    page.goto(f"{url}export")
    page.get_by_text("First lines of").wait_for()


#: Name of the picture, what to show, and in which colours. The grid decides what the export holds.
PICTURES = (
    ("scheme", scheme, "light"),
    ("review", review, "light"),
    ("many-at-once", many, "dark"),
    ("export", export, "light"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).parent / "images")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    sandbox = ["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        with Project.create(Path(folder, "faces"), photos(Path(folder, "photos")), "wflw98") as project:
            project.prelabel()
            for face in list(project.faces()):
                if face.index:  # each photo is one person's; the detector sees faces in medals, too
                    project.reject(face, "somebody", "nobody's face")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or None, args=[ALONE, *sandbox]
        )
        with served(Path(folder, "faces")) as url:
            for name, show, theme in PICTURES:
                context = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme=theme)
                context.set_default_timeout(120_000)
                page = context.new_page()
                show(page, url)
                page.wait_for_timeout(1500)  # whatever fades has faded
                Image.open(io.BytesIO(page.screenshot())).save(out / f"{name}.webp", quality=84, method=6)
                context.close()
        browser.close()


if __name__ == "__main__":
    main()

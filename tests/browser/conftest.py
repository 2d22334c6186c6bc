"""A real Chromium for the tests of what runs in the browser.

It is looked for on the PATH, then fetched by ``playwright install``, then by apt as root. Without
any, the tests are skipped, except in CI, where they fail. A page that raises an error, writes one
to the console, fails to load something or asks another host for anything fails its test.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from filelock import FileLock
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Error,
    Page,
    Playwright,
    Request,
    sync_playwright,
)

from .harness import Harness, made_face, serving
from .hosts import Lab

FLAGS = ["--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]
HERE = {"127.0.0.1", "localhost", ""}

Editor = Callable[..., Page]


def _on_path() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def _quietly(*command: str) -> bool:
    try:
        return subprocess.run(command, check=False, capture_output=True, timeout=600).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _fetch_by_playwright() -> bool:
    return _quietly(sys.executable, "-m", "playwright", "install", "chromium")


def _fetch_by_apt() -> bool:
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    _quietly("apt-get", "update")
    return _quietly("apt-get", "install", "-y", "--no-install-recommends", "chromium")


def launch(playwright: Playwright) -> Browser | None:
    """Chromium as the tests use it, None where there is none."""
    sandbox = [] if not hasattr(os, "geteuid") or os.geteuid() != 0 else ["--no-sandbox"]
    if executable := _on_path():
        return playwright.chromium.launch(executable_path=executable, args=[*FLAGS, *sandbox])
    try:
        return playwright.chromium.launch(args=[*FLAGS, *sandbox])
    except Error:
        return None


def _fetched(playwright: Playwright) -> Browser | None:
    """Chromium after it was fetched: by one of the test processes, for which the others wait."""
    with FileLock(Path(tempfile.gettempdir()) / "labelkit-chromium.lock"):
        browser = launch(playwright)
        if browser is None and (_fetch_by_playwright() or _fetch_by_apt()):
            browser = launch(playwright)
    return browser


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless browser, shared by all tests."""
    with sync_playwright() as playwright:
        browser = launch(playwright) or _fetched(playwright)
        if browser is None:
            if os.environ.get("CI"):
                pytest.fail("no Chromium, and none could be fetched")
            pytest.skip("no Chromium: not on the PATH, and neither playwright nor apt could fetch it")
        yield browser
        browser.close()


def watch(page: Page, troubles: list[str]) -> None:
    """Note in ``troubles`` whatever a good page never does."""
    page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
    page.on(
        "console",
        lambda message: troubles.append(f"console: {message.text}") if message.type == "error" else None,
    )

    def failed(request: Request) -> None:
        # A page that is loaded again lets go of what it was still fetching.
        if request.failure != "net::ERR_ABORTED":
            troubles.append(f"failed: {request.url} {request.failure}")

    page.on("requestfailed", failed)
    page.on(
        "response",
        lambda answer: troubles.append(f"{answer.status}: {answer.url}") if answer.status >= 400 else None,
    )

    def asked(url: str) -> None:
        if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).hostname not in HERE:
            troubles.append(f"another host: {url}")

    page.on("request", lambda request: asked(request.url))
    page.on("websocket", lambda socket: asked(socket.url))


@pytest.fixture
def troubles() -> Iterator[list[str]]:
    """What went wrong in the pages of this test; it must be empty at the end. A test that provokes
    trouble takes away what it expected."""
    noted: list[str] = []
    yield noted
    assert noted == []


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser profile of its own: nothing is stored from test to test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(30_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, troubles: list[str]) -> Page:
    """An empty page that fails the test on any error, failed request or request elsewhere."""
    page = context.new_page()
    watch(page, troubles)
    return page


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab for all tests; each notebook has a kernel of its own."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    yield lab
    lab.close()


@pytest.fixture
def harness() -> Iterator[Harness]:
    """A server with two made faces in two photos."""
    harness = Harness()
    harness.add(*made_face("a.png#0"))
    harness.add(*made_face("b.png#0", seed=1))
    with serving(harness) as served:
        yield served


@pytest.fixture
def open_editor(page: Page, harness: Harness) -> Editor:
    """``open_editor(query)``: the page with the editor once the first face has been drawn."""

    def opened(query: str = "") -> Page:
        page.goto(harness.url + query)
        page.wait_for_selector("[data-ready]")
        return page

    return opened


@pytest.fixture
def shots() -> Path | None:
    """Where screenshots go: the folder that LABELKIT_SHOTS names, None (no screenshots) without."""
    folder = os.environ.get("LABELKIT_SHOTS")
    return Path(folder) if folder else None

"""The disk of a running server is full, and has room again: a small file system that root can mount."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .app_server import make_project, served
from .hosts import drag, ready, saved, until

MAY_MOUNT = sys.platform == "linux" and os.geteuid() == 0 and shutil.which("mount") is not None


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 4 MB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path)]
    if not MAY_MOUNT or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system may be mounted here")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=False)


def fill(file: Path) -> None:
    """Take every free byte."""
    with file.open("wb", buffering=0) as target:
        try:
            while target.write(bytes(4096)):
                pass
        except OSError:
            return


def stored(project: Path) -> int:
    with closing(sqlite3.connect(project / "labelkit.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM journal_entries").fetchone()[0])


def test_a_labeller_sees_that_nothing_is_saved_until_there_is_room(page: Page, disk: Path) -> None:
    project, filler = make_project(disk / "p", 3, faces=3), disk / "filler"
    with served(project) as url:
        page.goto(f"{url}review")
        ready(page)
        saved(page)
        drag(page, 30)
        until(lambda: stored(project) == 1)
        fill(filler)
        editor = page.locator(".lk-host")
        made = 1
        # What the database has left in its own files is soon used up.
        while "the disk is full" not in editor.inner_text():
            drag(page, 30, 4 * (-1) ** made, 3)
            made += 1
            page.wait_for_timeout(200)
            assert made < 100
        before = stored(project)
        assert before < made
        expect(editor).to_contain_text("Not saved: the disk is full")
        # Other pages show what they can.
        with page.context.new_page() as other:
            for name in ("images", "quality"):
                other.goto(f"{url}{name}")
                expect(other.locator("h1").first).to_have_text(name.title(), timeout=30_000)
                expect(other.locator("body")).not_to_contain_text("disk is full")
        filler.unlink()
        saved(page)
        assert stored(project) == made
        expect(editor).not_to_contain_text("disk is full")

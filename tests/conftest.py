"""What all tests share."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# Timing on a shared machine says nothing about correctness, hence no deadline. In CI the same
# examples are drawn every time, so that a red build can be repeated.
settings.register_profile("labelkit", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("labelkit")

REPOSITORY = Path(__file__).parents[1]

#: Where Linux keeps files in memory, and how many bytes must be free there.
MEMORY, ENOUGH = Path("/dev/shm"), 2 << 30


def pytest_configure(config: pytest.Config) -> None:
    """Keep temporary files in memory where there is room: every saved file waits for the disk, some
    thousand times in these tests. Who wants to look at them afterwards sets ``TMPDIR``."""
    if "TMPDIR" in os.environ or not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ENOUGH:
        return
    folder = tempfile.mkdtemp(prefix="labelkit-", dir=MEMORY)
    os.environ["TMPDIR"] = folder  # child processes too
    tempfile.tempdir = None

    def end() -> None:
        del os.environ["TMPDIR"]
        tempfile.tempdir = None
        shutil.rmtree(folder, ignore_errors=True)

    config.add_cleanup(end)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; a test that needs it skips where it is absent."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the real data in {folder}, which is not committed")
    return folder

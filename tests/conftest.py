"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Timing on a shared machine says nothing about correctness, hence no deadline. In CI the same
# examples are drawn every time, so that a red build can be repeated.
settings.register_profile("labelkit", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("labelkit")

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; a test that needs it skips where it is absent."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the real data in {folder}, which is not committed")
    return folder

"""What tests of a server under attack share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .target import Target, served


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server of its own for each list of attacks."""
    with served(tmp_path_factory.mktemp("attacked")) as found:
        yield found
    if told := os.environ.get("LABELKIT_ATTACKS"):  # benchmarks/attacks.py counts what was tried
        with Path(told).open("a") as file:
            file.write(f"{found.tried}\n")

"""What tests of a server under attack share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .target import Target, served


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server of its own for each list of attacks."""
    with served(tmp_path_factory.mktemp("attacked")) as found:
        yield found

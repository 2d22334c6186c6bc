"""What every part of the store is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from labelkit.store.database import Database

#: How many values one query asks for: SQLite limits the number, and more gains nothing.
CHUNK = 500

Item = TypeVar("Item")


class Part:
    """Calls on one database. Each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database


def chunks(items: Iterable[Item], size: int = CHUNK) -> Iterator[list[Item]]:
    """Lists of up to ``size`` items, in order."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk

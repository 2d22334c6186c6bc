"""Copies of a database that others are writing to."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from labelkit.atomic import replacing
from labelkit.errors import StoreError
from labelkit.store.database import connect, in_one_line


def copy_database(path: Path, copy: Path) -> None:
    """Write the database ``path`` as it is at one moment to ``copy``, a file of its own, whole or not
    at all. Readers and writers go on meanwhile. Raises `StoreError`."""
    with in_one_line(copy), replacing(copy) as draft:
        draft.touch()
        with closing(connect(path)) as source, closing(sqlite3.connect(draft)) as target:
            source.backup(target)


def check_whole(copy: Path, path: Path) -> None:
    """Raise `StoreError` about the database ``path`` when its ``copy`` is damaged: that one is
    nobody else's, and can be read from end to end."""
    with in_one_line(path), closing(connect(copy)) as connection:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != ("ok",):
            raise StoreError(path, f"is damaged ({' '.join(str(found[0]).split())}); restore a backup copy")

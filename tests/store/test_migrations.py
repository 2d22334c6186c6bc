from __future__ import annotations

import errno
import re
import sqlite3
from pathlib import Path

import pytest

import labelkit
from labelkit.errors import StoreError
from labelkit.scheme import Scheme
from labelkit.store import NewImage, Store, copying, migrations, tables
from labelkit.store.migrations import MIGRATIONS, Migration

SECOND = Migration(
    "0006 colours",
    ("ALTER TABLE images ADD COLUMN colour TEXT", "UPDATE images SET colour = 'grey'"),
)


@pytest.fixture
def old(tmp_path: Path, scheme: Scheme) -> Path:
    """A database as the first labelkit wrote it, with a photo."""
    path = tmp_path / "labelkit.db"
    with Store.create(path, scheme) as store:
        store.add_images([NewImage("a.jpg")])
    return path


def newer(monkeypatch: pytest.MonkeyPatch, *steps: Migration) -> None:
    """As if this labelkit knew more steps."""
    monkeypatch.setattr(migrations.migrate, "__defaults__", ((*MIGRATIONS, *steps),))


def query(path: Path, statement: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    rows = connection.execute(statement).fetchall()
    connection.close()
    return rows


def test_the_tables_are_as_the_code_describes_them(old: Path) -> None:
    made = {name for (name,) in query(old, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert made - {"sqlite_sequence"} == set(tables.metadata.tables)
    for name, table in tables.metadata.tables.items():
        columns = [(row[1], row[2]) for row in query(old, f"PRAGMA table_info({name})")]
        kinds = {"FLOAT": "REAL"}
        described = [(c.name, kinds.get(str(c.type), str(c.type))) for c in table.columns]
        assert described == columns, name


def test_an_up_to_date_database_is_not_copied(old: Path) -> None:
    Store.open(old).close()
    assert [path.name for path in old.parent.iterdir()] == ["labelkit.db"]


def test_an_older_database_is_copied_and_brought_up_to_date(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer(monkeypatch, SECOND)
    with Store.open(old) as store:
        assert store.count_images().total == 1
    assert query(old, "SELECT path, colour FROM images") == [("a.jpg", "grey")]
    names = query(old, "SELECT name, version FROM migrations ORDER BY name")
    assert names == [(step.name, labelkit.__version__) for step in (*MIGRATIONS, SECOND)]
    (copy,) = [path for path in old.parent.iterdir() if path != old]
    assert re.fullmatch(r"labelkit-\d{8}-\d{6}\.backup\.db", copy.name)
    assert query(copy, "SELECT path FROM images") == [("a.jpg",)]
    assert len(query(copy, "SELECT * FROM migrations")) == len(MIGRATIONS)
    assert query(copy, "PRAGMA integrity_check") == [("ok",)]


def test_a_failing_step_leaves_the_old_database(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Migration("0007 broken", ("CREATE TABLE extra (x)", "SELECT nonsense FROM nowhere"))
    newer(monkeypatch, SECOND, broken)
    with pytest.raises(StoreError, match="nowhere"):
        Store.open(old)
    assert "colour" not in [row[1] for row in query(old, "PRAGMA table_info(images)")]
    assert query(old, "SELECT name FROM migrations") == [(step.name,) for step in MIGRATIONS]


def test_a_database_of_a_newer_labelkit_is_refused_in_one_line(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "__version__", "9.0.0")
        newer(patch, SECOND)
        Store.open(old).close()
    before = old.read_bytes()
    with pytest.raises(StoreError, match=r"newer labelkit \(9\.0\.0\)") as caught:
        Store.open(old)
    assert "\n" not in str(caught.value)
    assert old.read_bytes() == before


def test_no_step_is_taken_when_no_copy_can_be_made(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newer(monkeypatch, SECOND)

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(copying, "replacing", full)
    with pytest.raises(StoreError, match=r"backup\.db: cannot be written \(No space left on device\)"):
        Store.open(old)
    assert query(old, "SELECT name FROM migrations") == [(step.name,) for step in MIGRATIONS]

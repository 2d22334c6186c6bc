from __future__ import annotations

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from labelkit.errors import LabelkitError, StoreError
from labelkit.scheme import Scheme
from labelkit.store import FaceState, NewFace, NewImage, Store, database, migrations


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_damaged_database_is_named_in_one_line(tmp_path: Path, scheme: Scheme) -> None:
    path = tmp_path / "labelkit.db"
    with Store.create(path, scheme) as store:
        store.add_images([NewImage(f"{i}.jpg") for i in range(500)])
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xaa" * (len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"labelkit\.db: is damaged") as caught, Store.open(path) as store:
        store.count_images()
    assert "\n" not in str(caught.value)


def test_a_full_disk_leaves_the_old_state_whole(store: Store, make: Any) -> None:
    (face,) = make.faces()
    store.annotate(face, make.landmarks(1), "me")
    with store._database.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="the disk is full; nothing has been changed"):
        store.add_images([NewImage(f"{i:0200}.jpg") for i in range(1000)])
    with pytest.raises(StoreError, match="the disk is full"):
        for value in range(1000):
            store.annotate(face, make.landmarks(value), "me", base_revision=value + 1)
    assert store.count_images().total == 1
    history = store.history(face)
    assert [one.revision for one in history] == list(range(1, len(history) + 1))
    assert store.face(face).revision == len(history)
    assert store.current(face) == history[-1].landmarks
    with store._database.read() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    assert store.annotate(face, make.landmarks(9), "me").revision == len(history) + 1


def test_a_locked_database_says_so(store: Store, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (face,) = make.faces()
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with Store.open(store.path) as impatient:
        with pytest.raises(StoreError, match="another program keeps the database busy"):
            impatient.annotate(face, make.landmarks(), "me")
        assert impatient.face(face).revision == 0
        other.execute("ROLLBACK")
        assert impatient.annotate(face, make.landmarks(), "me").revision == 1
    other.close()


@pytest.fixture
def shut(store: Store, make: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database with a note that cannot be written any more: SQLite may make no file beside it."""
    (face,) = make.faces()
    store.set_note(face, "first", "me")
    store.close()
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and real(path, mode))
    return store.path


def test_a_read_only_database_is_read_and_refuses_to_be_written(shut: Path) -> None:
    before = shut.read_bytes(), files(shut.parent)
    with Store.open(shut) as store:
        assert store.read_only
        assert [face.note for face in store.page()] == ["first"]
        with pytest.raises(StoreError, match=r"labelkit\.db: cannot be written \(it is read-only\)"):
            store.set_note(store.page()[0].id, "second", "me")
        with pytest.raises(StoreError, match="read-only"), store.together():
            raise AssertionError("nothing is begun that cannot be ended")
    assert (shut.read_bytes(), files(shut.parent)) == before


def test_what_a_read_only_database_does_not_hold_yet_is_not_passed_over(shut: Path) -> None:
    log = shut.with_name("labelkit.db-wal")
    log.write_bytes(b"")
    Store.open(shut).close()
    log.write_bytes(b"what was stored last")
    with pytest.raises(StoreError, match=r"lies in labelkit\.db-wal: copy the project to where"):
        Store.open(shut)


def test_a_read_only_database_that_others_write_is_not_believed(shut: Path) -> None:
    with Store.open(shut) as store:
        with closing(sqlite3.connect(shut)) as other:
            other.execute("UPDATE faces SET note = 'second'")
            other.commit()
        with pytest.raises(StoreError, match="has been changed while it was read; try again"):
            store.page()
    with Store.open(shut) as store:
        assert [face.note for face in store.page()] == ["second"]


def test_an_older_read_only_database_is_left_alone(shut: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = migrations.Migration("9999 later", ("CREATE TABLE later (a TEXT)",))
    with Store.open(shut) as store, pytest.raises(StoreError, match="older labelkit, and is read-only"):
        migrations.migrate(store._database, (*migrations.MIGRATIONS, step))


def test_a_database_that_becomes_read_only_says_so(
    store: Store, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (face,) = make.faces()
    monkeypatch.setattr(database, "_PRAGMAS", (*database._PRAGMAS, "PRAGMA query_only = ON"))
    with Store.open(store.path) as store:
        with pytest.raises(StoreError, match="read-only"):
            store.annotate(face, make.landmarks(), "me")
        assert store.face(face).state == FaceState.TODO


def test_a_wal_left_behind_is_read(store: Store, make: Any, tmp_path: Path) -> None:
    """What a killed process leaves: the file and the log beside it, of which nothing was folded in."""
    (face,) = make.faces()
    saved = store.annotate(face, make.landmarks(), "me")
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for path in (store.path, store.path.with_name("labelkit.db-wal")):
        (crashed / path.name).write_bytes(path.read_bytes())
    assert (crashed / "labelkit.db-wal").stat().st_size > 0
    with Store.open(crashed / "labelkit.db") as again:
        assert again.history(face) == [saved]
    assert files(crashed) == ["labelkit.db"]


def test_a_torn_end_of_the_wal_is_left_out(store: Store, make: Any, tmp_path: Path) -> None:
    (face,) = make.faces()
    saved = store.annotate(face, make.landmarks(), "me")
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    wal = store.path.with_name("labelkit.db-wal")
    whole = wal.stat().st_size
    store.annotate(face, make.landmarks(2), "me")
    (crashed / "labelkit.db").write_bytes(store.path.read_bytes())
    (crashed / "labelkit.db-wal").write_bytes(wal.read_bytes()[: whole + 2000])
    with Store.open(crashed / "labelkit.db") as again:
        assert again.history(face) == [saved]


def test_many_threads_share_a_store(store: Store) -> None:
    def work(number: int) -> int:
        (image,) = store.add_images([NewImage(f"{number}.jpg")])
        (face,) = store.add_faces([NewFace(image)])
        store.set_note(face, f"note {number}", "me")
        return face

    with ThreadPoolExecutor(8) as pool:
        faces = list(pool.map(work, range(24)))
    assert [face.note for face in store.faces(faces)] == [f"note {i}" for i in range(24)]


def test_the_log_shrinks_when_nobody_reads_what_is_in_it(
    store: Store, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_PRAGMAS", (*database._PRAGMAS, "PRAGMA synchronous = OFF"))
    (face,) = make.faces()
    log = store.path.with_name("labelkit.db-wal")
    with Store.open(store.path) as reader, Store.open(store.path) as writer:
        with reader._database.read() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM faces").scalar()
            for number in range(100):
                writer.set_note(face, "0123456789"[number % 10] * 100_000, "me")
            assert log.stat().st_size > 20e6, "what the reader may need stays"
        for _ in range(2):
            writer.set_note(face, f"{log.stat().st_size}", "me")
        assert log.stat().st_size <= 16e6


def test_who_has_little_patience_does_not_wait_twice(store: Store, make: Any) -> None:
    (face,) = make.faces()
    held = store._database
    with store.patience(0.01):
        assert held._wait() == 0.01
    assert held._wait() == database.BUSY_SECONDS
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="keeps the database busy"), store.patience(0.01):
            store.set_note(face, "a note", "me")
        with store.patience(60.0):
            assert held._wait() == 0.0
            with pytest.raises(StoreError, match="keeps the database busy"):
                store.set_note(face, "a note", "me")
        assert held._wait() == database.BUSY_SECONDS, "threads that nobody waits for are patient"
        other.execute("ROLLBACK")
    with store.patience(0.01):
        assert store.set_note(face, "a note", "me").note == "a note"


ALTERED = {
    "a time": "UPDATE annotations SET time = 'soon'",
    "points of another length": "UPDATE annotations SET xy = x'00'",
    "points as text": "UPDATE annotations SET xy = 'none'",
    "a state": "UPDATE faces SET state = 'lost'",
    "attributes": "UPDATE faces SET attributes = '{'",
    "a scheme of the future": "UPDATE annotations SET scheme_revision = 99",
    "the scheme": "UPDATE schemes SET scheme = '[]'",
    "uids": "UPDATE schemes SET uids = '7'",
}


@pytest.mark.parametrize("statement", ALTERED.values(), ids=ALTERED)
def test_a_row_that_somebody_has_altered_is_one_line(store: Store, make: Any, statement: str) -> None:
    (face,) = make.faces()
    store.annotate(face, make.landmarks(1), "me")
    path = store.path
    store.close()
    with closing(sqlite3.connect(path)) as base:
        base.execute("PRAGMA ignore_check_constraints = ON")
        for (trigger,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            base.execute(f"DROP TRIGGER {trigger}")
        base.execute(statement)
        base.commit()
    with pytest.raises(LabelkitError) as caught, Store.open(path) as altered:
        altered.scheme()
        altered.current(altered.face(face).id)
        altered.history(face)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_what_is_stored_beside_an_altered_row_is_refused_and_callers_keep_their_own_errors(
    store: Store, make: Any
) -> None:
    (face,) = make.faces()
    landmarks = make.landmarks(1)
    with store._database.write() as connection:
        for (trigger,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
        connection.exec_driver_sql("UPDATE schemes SET uids = '7'")
    with pytest.raises(StoreError, match="holds what labelkit does not write"):
        store.annotate(face, landmarks, "me")
    with pytest.raises(ValueError, match=r"^mine$"), store.together():
        raise ValueError("mine")


def test_durable_settings_are_in_force(store: Store) -> None:
    with store._database.write() as connection:
        read = lambda name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()  # noqa: E731
        assert (read("journal_mode"), read("synchronous"), read("foreign_keys")) == ("wal", 2, 1)
        assert (read("busy_timeout"), read("recursive_triggers")) == (30_000, 1)

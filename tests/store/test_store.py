from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelkit.errors import InputError, StoreError
from labelkit.landmarks import Landmarks
from labelkit.scheme import Scheme
from labelkit.store import EventKind, FaceState, NewImage, Store
from labelkit.store.database import Database


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_import_loads_no_torch() -> None:
    heavy = "('torch', 'cv2', 'PIL', 'pandas', 'scipy')"
    code = f"import sys, labelkit.store; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "[]"


def test_a_database_is_one_file_again_when_it_is_closed(tmp_path: Path, scheme: Scheme) -> None:
    path = tmp_path / "été 🙂 #1?%20.db"
    with Store.create(path, scheme) as store:
        store.add_images([NewImage("a")])
        assert store.path == path
    assert files(tmp_path) == [path.name]
    with Store.open(path) as store:
        assert store.count_images().total == 1


def test_a_project_is_not_created_over_another(store: Store, scheme: Scheme) -> None:
    store.add_images([NewImage("a")])
    with pytest.raises(StoreError, match="exists already"):
        Store.create(store.path, scheme)
    assert store.count_images().total == 1


def test_a_database_that_cannot_be_filled_is_named(
    tmp_path: Path, scheme: Scheme, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(database: Database) -> None:
        raise StoreError(database.path, "the disk is full")

    monkeypatch.setattr("labelkit.store.store.create_tables", refuse)
    with pytest.raises(StoreError) as error:
        Store.create(tmp_path / "labelkit.db", scheme)
    assert str(error.value) == f"{tmp_path / 'labelkit.db'}: the disk is full"
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_when_a_database_cannot_be_created(tmp_path: Path, scheme: Scheme) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"):
        Store.create(tmp_path / "file" / "labelkit.db", scheme)
    assert files(tmp_path) == ["file"]


def test_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"labelkit\.db: does not exist"):
        Store.open(tmp_path / "labelkit.db")
    assert files(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"not a database", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_database_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "labelkit.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"labelkit\.db: "):
        Store.open(path)
    assert path.read_bytes() == content
    assert files(tmp_path) == ["labelkit.db"]


def test_a_database_of_another_program_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE migrations (name)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="is no labelkit database"):
        Store.open(path)
    assert path.read_bytes() == before


def test_calls_together_happen_together(store: Store, make: Any) -> None:
    (face,) = make.faces()
    with store.together():
        store.journal.append(face, "tab", "me", {"n": 1})
        store.set_note(face, "half", "me")
        assert store.face(face).note == "half"  # a call sees what those before it did
        with Store.open(store.path) as other:
            assert other.face(face).note == ""
    with Store.open(store.path) as other:
        assert other.face(face).note == "half"
        assert other.journal.read(face, "tab") is not None


def test_calls_together_leave_nothing_when_one_fails(store: Store, make: Any) -> None:
    (face,) = make.faces()
    with pytest.raises(InputError, match="nobody has annotated it"), store.together():
        store.set_note(face, "half", "me")
        store.set_state(face, FaceState.RETURNED, "me")
    assert store.face(face).note == ""
    assert store.events(face) == []
    store.set_note(face, "whole", "me")
    assert store.face(face).note == "whole"


def test_a_failed_call_among_others_leaves_nothing_of_its_own(store: Store, make: Any) -> None:
    (face,) = make.faces()
    with store.together():
        store.set_note(face, "kept", "me")
        with pytest.raises(InputError):
            store.annotate(face, Landmarks("other", np.zeros((1, 2))), "me")
        with store.together():
            store.add_comment(face, "kept too", "me")
    assert store.face(face).note == "kept"
    assert [event.text for event in store.events(face, kind=EventKind.COMMENT)] == ["kept too"]


def test_other_threads_are_not_drawn_in(store: Store, make: Any) -> None:
    (face,) = make.faces()
    with store.together(), ThreadPoolExecutor(1) as pool:
        store.set_note(face, "not yet", "me")
        assert pool.submit(store.face, face).result().note == ""

"""What a browser says of itself, and asks for though it is not offered, counts for nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from labelkit.app import users
from labelkit.app.export import View
from labelkit.app.images import _Moved
from labelkit.app.labels import ImportLabels
from labelkit.app.quota import AT_ONCE, LARGEST, Uploads
from labelkit.app.session import Session
from labelkit.app.shared import Shared
from labelkit.errors import InputError
from labelkit.project import Project


def run(work: Coroutine[Any, Any, object]) -> None:
    """In a thread of its own: where browser tests ran before, this one has a loop already."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """The session of somebody who has logged in from elsewhere."""
    monkeypatch.setattr(users, "_COST", {"n": 16, "r": 8, "p": 1})
    (tmp_path / "photos").mkdir()
    (tmp_path / "private").mkdir()
    for folder in ("photos", "private"):
        Image.new("RGB", (30, 30)).save(tmp_path / folder / "a.png")
    with Project.create(tmp_path / "work", tmp_path / "photos", "ibug68") as project:
        users.add_user(project.folder, "ann", "correct horse")
        yield Session(Shared(project, users.read_users(project.folder)), "ann", "images")


def test_nobody_changes_whose_name_stands_with_labels(session: Session) -> None:
    session.shell.author = "ben"
    session._hear({"type": "author", "name": "ben"})
    assert session.author == "ann"


def test_nobody_elsewhere_names_folders_of_this_computer(session: Session, tmp_path: Path) -> None:
    moved = _Moved(session, lambda: None)
    moved._place.value = str(tmp_path / "private")
    with pytest.raises(InputError, match="at this computer only"):
        run(moved._look())
    assert session.project.images == tmp_path / "photos"


def test_no_scheme_is_read_that_was_not_offered(session: Session, tmp_path: Path) -> None:
    labels = ImportLabels(session)
    labels._path = tmp_path / "photos" / "a.png"
    labels._scheme.options = {"evil": "/etc/passwd"}
    labels._scheme.value = "/etc/passwd"
    with pytest.raises(InputError, match="was not offered"):
        run(labels._run())


@pytest.mark.parametrize(
    "name", ["../out.txt", "/tmp/out.txt", ".out", "a/b", "a\\b", "a\0b", "C:out", "", "x" * 101, "<b>"]
)
def test_no_export_is_written_elsewhere(session: Session, tmp_path: Path, name: str) -> None:
    view, before = View(session), sorted(tmp_path.rglob("*"))
    view._name.value = name
    with pytest.raises(InputError, match="is no name for an export"):
        run(view._run())
    assert sorted(tmp_path.rglob("*")) == before


def test_users_who_are_removed_are_noticed_and_a_damaged_file_lets_nobody_new_in(session: Session) -> None:
    shared = session.shared
    users.add_user(session.project.folder, "ben", "battery staple")
    shared.renew_users()
    assert shared.users is not None
    assert "ben" in shared.users
    secret = shared.users.secret
    users.remove_user(session.project.folder, "ben")
    users.remove_user(session.project.folder, "ann")
    shared.renew_users()
    assert shared.users is not None  # else nobody would be asked any more
    assert not shared.users.hashes
    (session.project.folder / users.FILE).write_text("{}")
    shared.renew_users()
    assert not shared.users.hashes
    (session.project.folder / users.FILE).unlink()
    users.add_user(session.project.folder, "eve", "battery staple")
    shared.renew_users()
    assert shared.users.secret == secret


def test_uploads_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads = Uploads()
    assert uploads.begin(tmp_path, LARGEST + 1) == (413, "Too large: at most 512 MB")
    assert [uploads.begin(tmp_path, 1) for _ in range(AT_ONCE)] == [None] * AT_ONCE
    assert (uploads.begin(tmp_path, 1) or (0,))[0] == 429
    uploads.end()
    monkeypatch.setattr("labelkit.app.quota.SPARE", 10**18)
    assert (uploads.begin(tmp_path, 1) or (0,))[0] == 507
    monkeypatch.setattr("labelkit.app.quota.SPARE", 0)
    monkeypatch.setattr("labelkit.app.quota.AN_HOUR", AT_ONCE)
    assert (uploads.begin(tmp_path, 1) or (0,))[0] == 429


def test_no_export_is_written_through_a_link(session: Session, tmp_path: Path) -> None:
    """A project may come from anybody, with links in it that lead anywhere."""
    view, exports = View(session), session.project.folder / "exports"
    exports.mkdir(exist_ok=True)
    (tmp_path / "outside").mkdir()
    (exports / "a.csv").symlink_to(tmp_path / "outside" / "new.csv")
    (exports / "b.csv.labelkit.json").symlink_to(tmp_path / "outside" / "side.json")
    for name in ("a.csv", "b.csv"):
        view._name.value = name
        with pytest.raises(InputError, match="is a link"):
            run(view._run())
    for path in exports.iterdir():
        path.unlink()
    exports.rmdir()
    exports.symlink_to(tmp_path / "outside")
    view._name.value = "c.csv"
    with pytest.raises(InputError, match="is a link"):
        run(view._run())
    assert list((tmp_path / "outside").iterdir()) == []

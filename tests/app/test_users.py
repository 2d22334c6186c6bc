"""Who may log in."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from labelkit.app import users
from labelkit.app.users import FILE, add_user, read_users, remove_user
from labelkit.errors import InputError


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "_COST", {"n": 16, "r": 8, "p": 1})


def test_a_password_is_known_again_and_no_other_is(tmp_path: Path) -> None:
    assert add_user(tmp_path, "ann", "correct horse")
    known = read_users(tmp_path)
    assert known is not None
    assert known.accepts("ann", "correct horse")
    assert not known.accepts("ann", "correct horsf")
    assert not known.accepts("ann", "")
    assert not known.accepts("eve", "correct horse")


def test_nothing_in_the_file_is_the_password_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    add_user(tmp_path, "ann", "correct horse")
    assert b"correct" not in (tmp_path / FILE).read_bytes()
    if os.name == "posix":
        assert (tmp_path / FILE).stat().st_mode & 0o077 == 0
        add_user(tmp_path, "eve", "another one")
        assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


def test_equal_passwords_have_different_hashes(tmp_path: Path) -> None:
    add_user(tmp_path, "ann", "correct horse")
    add_user(tmp_path, "eve", "correct horse")
    entries = json.loads((tmp_path / FILE).read_text())["users"]
    assert entries["ann"]["hash"] != entries["eve"]["hash"]


def test_another_password_replaces_the_first_and_cookies_stay_good(tmp_path: Path) -> None:
    add_user(tmp_path, "ann", "correct horse")
    before = read_users(tmp_path)
    assert not add_user(tmp_path, "ann", "battery staple")
    now = read_users(tmp_path)
    assert before is not None
    assert now is not None
    assert now.secret == before.secret
    assert not now.accepts("ann", "correct horse")
    assert now.accepts("ann", "battery staple")


def test_removed_users_are_gone(tmp_path: Path) -> None:
    add_user(tmp_path, "ann", "correct horse")
    with pytest.raises(InputError, match="nobody is called 'eve'"):
        remove_user(tmp_path, "eve")
    remove_user(tmp_path, "ann")
    assert read_users(tmp_path) is None


@pytest.mark.parametrize("name", ["", "a b", "../x", "<b>", "a" * 65, "-x"])
def test_odd_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no name"):
        add_user(tmp_path, name, "correct horse")


def test_short_passwords_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="too short"):
        add_user(tmp_path, "ann", "seven77")
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"secret": "x", "users": {"ann": {}}}', '{"users": 3}'])
def test_a_damaged_file_lets_nobody_in(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(InputError, match="is damaged"):
        read_users(tmp_path)

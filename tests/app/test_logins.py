from __future__ import annotations

import json
from pathlib import Path

import pytest

from labelkit.app.logins import FILE, IDLE, LONGEST, RENEWED, Login, Logins


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_login_ends_by_idleness_and_signs_of_life_keep_it(tmp_path: Path, clock: Clock) -> None:
    logins = Logins(tmp_path, clock)
    login = logins.begin("ann", "stamp")
    clock.now += IDLE - 1
    assert logins.good(login)
    logins.see(login)
    clock.now += IDLE - 1
    assert logins.good(login)
    clock.now += 2
    assert not logins.good(login)


def test_a_login_ends_by_its_age_however_busy_it_is(tmp_path: Path, clock: Clock) -> None:
    logins = Logins(tmp_path, clock)
    login = logins.begin("ann", "stamp")
    end = clock.now + LONGEST
    while clock.now + IDLE / 2 < end:
        clock.now += IDLE / 2
        assert logins.good(login)
        logins.see(login)
        login = logins.renewed(login) or login
    clock.now = end + 1
    assert not logins.good(login)


@pytest.mark.parametrize(("back", "stays"), [(3600, True), (86400, False), (365 * 86400, False)])
def test_a_clock_that_is_set_back_keeps_nobody_in_for_ever(
    tmp_path: Path, clock: Clock, back: float, stays: bool
) -> None:
    logins = Logins(tmp_path, clock)
    login = logins.begin("ann", "stamp")
    logins.see(login)
    clock.now -= back
    assert logins.good(login) is stays


def test_a_cookie_is_written_anew_now_and_then(tmp_path: Path, clock: Clock) -> None:
    logins = Logins(tmp_path, clock)
    login = logins.begin("ann", "stamp")
    assert logins.renewed(login) is None
    clock.now += RENEWED + 1
    later = logins.renewed(login)
    assert later is not None
    assert (later.ident, later.begun, later.written) == (login.ident, login.begun, clock.now)
    assert Login.from_text(later.to_text()) == later


def test_a_logout_ends_every_copy_and_outlives_the_server(tmp_path: Path, clock: Clock) -> None:
    logins, heard = Logins(tmp_path, clock), []
    logins.heard = lambda: heard.append(1)
    mine, other = logins.begin("ann", "stamp"), logins.begin("ann", "stamp")
    logins.end(mine)
    assert heard == [1]
    for known in (logins, Logins(tmp_path, clock)):
        assert not known.good(mine)
        assert known.good(other)
    assert mine.ident not in (tmp_path / FILE).read_text()
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0
    clock.now += LONGEST + 1
    logins.end(other)
    assert len(json.loads((tmp_path / FILE).read_text())) == 1  # what has ended anyway is forgotten


def test_a_full_disk_keeps_nobody_in(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("labelkit.app.logins.write_text", full)
    logins = Logins(tmp_path, clock)
    login = logins.begin("ann", "stamp")
    logins.end(login)
    assert not logins.good(login)


@pytest.mark.parametrize("text", ["", "[1]", '{"a": "b"}', "{", "null"])
def test_a_damaged_file_ends_no_server(tmp_path: Path, clock: Clock, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    logins = Logins(tmp_path, clock)
    assert logins.good(logins.begin("ann", "stamp"))


@pytest.mark.parametrize(
    "text", ["", "ann", "ann:stamp", "a:b:c:1:x", "a:b:c:nan:1", "a:b:c:-1:1", "a:b:c:1:2:3"]
)
def test_what_is_no_login_is_none(text: str) -> None:
    assert Login.from_text(text) is None

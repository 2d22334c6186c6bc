"""Who has which face open."""

from __future__ import annotations

from datetime import timedelta

import pytest

from labelkit.errors import InputError
from labelkit.store import Store, clock, leases, tables

from .conftest import Maker


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let so much time pass."""
    real = tables.now
    monkeypatch.setattr(tables, "now", lambda: real() + timedelta(seconds=seconds))
    ticks = clock._ticks
    monkeypatch.setattr(clock, "_ticks", lambda: ticks() + seconds)


def test_two_people_do_not_get_the_same_face(store: Store, make: Maker) -> None:
    first, second, third = make.faces(3)
    assert store.leases.take([second, first], "ann") == [second, first]
    assert store.leases.take([first, second, third], "bob") == [third]
    assert store.leases.take([first], "ann") == [first]
    assert {face: lease.holder for face, lease in store.leases.held().items()} == {
        first: "ann",
        second: "ann",
        third: "bob",
    }


def test_what_is_given_back_others_get(store: Store, make: Maker) -> None:
    first, second = make.faces(2)
    store.leases.take([first, second], "ann")
    store.leases.release("bob", [first])  # is not bob's to give
    assert store.leases.take([first], "bob") == []
    store.leases.release("ann", [first])
    assert store.leases.take([first, second], "bob") == [first]
    store.leases.release("ann")
    assert set(store.leases.held()) == {first}


def test_a_lease_ends_unless_it_is_renewed(
    store: Store, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed, left = make.faces(2)
    store.leases.take([renewed, left], "ann")
    with monkeypatch.context() as patch:
        later(patch, leases.SECONDS - 10)
        assert store.leases.take([renewed, left], "bob") == []
        store.leases.take([renewed], "ann")
    later(monkeypatch, leases.SECONDS + 10)
    assert set(store.leases.held()) == {renewed}
    assert store.leases.take([renewed, left], "bob") == [left]


def test_leases_survive_a_crash(store: Store, make: Maker) -> None:
    (face,) = make.faces()
    store.leases.take([face], "ann")
    with Store.open(store.path) as other:  # as the next server would
        assert other.leases.take([face], "bob") == []
        assert other.leases.take([face], "ann") == [face]


def test_an_unknown_face_is_nobodys(store: Store, make: Maker) -> None:
    with pytest.raises(InputError, match="no face 77"):
        store.leases.take([*make.faces(), 77], "ann")
    assert not store.leases.held()
    with pytest.raises(InputError):
        store.leases.take(make.faces(), "")


@pytest.mark.parametrize("jump", [timedelta(days=-1), timedelta(days=365)], ids=["back", "forward"])
def test_a_clock_that_is_set_takes_no_face_away_and_holds_none_for_ever(
    store: Store, make: Maker, monkeypatch: pytest.MonkeyPatch, jump: timedelta
) -> None:
    (face,) = make.faces()
    store.leases.take([face], "ann")
    real = tables.now
    monkeypatch.setattr(tables, "now", lambda: real() + jump)
    assert store.leases.take([face], "bob") == []
    assert set(store.leases.held()) == {face}
    later(monkeypatch, leases.SECONDS + 10)
    assert store.leases.take([face], "bob") == [face]
    with Store.open(store.path) as other:  # begun after the jump
        assert store.leases.take([face], "bob") == [face]
        assert set(other.leases.held()) <= {face}
    # By now the jump is believed.
    later(monkeypatch, leases.SECONDS + 10)
    store.leases.take([face], "bob")
    assert abs(store.leases.held()[face].until - tables.now()).total_seconds() <= leases.SECONDS
    with Store.open(store.path) as other:
        assert other.leases.take([face], "ann") == []


def test_a_lease_from_before_the_clock_was_set_back_holds_nobody_up(
    store: Store, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    (face,) = make.faces()
    real = tables.now
    with monkeypatch.context() as patch:
        patch.setattr(tables, "now", lambda: real() + timedelta(days=365))
        with Store.open(store.path) as ahead:
            assert ahead.leases.take([face], "ann") == [face]
    assert store.leases.held() == {}
    assert store.leases.take([face], "bob") == [face]

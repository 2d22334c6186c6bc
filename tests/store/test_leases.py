"""Who has which face open."""

from __future__ import annotations

from datetime import timedelta

import pytest

from labelkit.errors import InputError
from labelkit.store import Store, leases, tables

from .conftest import Maker


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let the store's clock be so much ahead."""
    real = tables.now
    monkeypatch.setattr(tables, "now", lambda: real() + timedelta(seconds=seconds))


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

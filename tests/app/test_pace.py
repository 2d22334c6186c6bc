from __future__ import annotations

from typing import Any

import pytest
from tornado.iostream import IOStream

from labelkit.app import pace
from labelkit.app.pace import Pace, Paces, limit_connections
from labelkit.app.proxy import Proxies


def test_a_burst_goes_at_once_and_then_each_waits_its_turn() -> None:
    now = [0.0]
    known = Pace(3, 2, lambda: now[0])
    assert [known.take() for _ in range(5)] == [0, 0, 0, 0.5, 1.0]
    now[0] += 1.0
    assert known.take() == 0.5
    now[0] += 100
    assert [known.take() for _ in range(4)] == [0, 0, 0, 0.5]


def test_what_is_not_due_does_not_count() -> None:
    now = [0.0]
    known = Pace(1, 1, lambda: now[0])
    assert [known.allows() for _ in range(9)] == [True] + [False] * 8
    now[0] += 1.0
    assert known.allows()


def test_everybody_has_a_pace_of_their_own() -> None:
    paces = Paces(1, 0.001)
    assert paces.allows("ann")
    assert not paces.allows("ann")
    assert paces.allows("ben")


class Server:
    """Takes streams, as far as it is asked to."""

    def __init__(self) -> None:
        self.taken: list[Any] = []

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        self.taken.append(stream)


class Stream:
    def __init__(self) -> None:
        self._closed = False

    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True


def test_connections_are_limited_by_address_and_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "OF_ONE", 3)
    monkeypatch.setattr(pace, "CONNECTIONS", 8)
    server: Any = Server()
    limit_connections(server, Proxies(["10.0.0.1"]))

    def come(host: str, count: int) -> int:
        streams = [Stream() for _ in range(count)]
        for stream in streams:
            server.handle_stream(stream, (host, 1))
        return sum(not stream.closed() for stream in streams)

    assert come("192.0.2.1", 5) == 3
    assert come("192.0.2.2", 1) == 1
    assert come("10.0.0.1", 9) == 4  # a proxy speaks for many, but not for more than there is room
    assert come("192.0.2.3", 1) == 0
    for stream in server.taken[:2]:
        stream.close()
    assert come("192.0.2.1", 5) == 2

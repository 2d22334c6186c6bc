"""How often somebody may try a password: whoever guesses waits longer and longer, nobody for ever.

Wrong passwords are counted by address and by name. A browser in which a name has logged in before
keeps a token that says so, and is counted by itself: whoever guesses that name elsewhere keeps
nobody out of it.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

#: So many wrong passwords cost nothing but the moment: by address, and by name from everywhere.
FREE_BY_ADDRESS, FREE_BY_NAME = 5, 10

#: The longest wait, in seconds; and after how long without an attempt all is forgotten.
LONGEST, FORGET = 60.0, 900.0

#: So many addresses and names are remembered, the oldest forgotten first.
_MOST = 10_000


_Key = tuple[str, str]


@dataclass
class _Count:
    failures: int = 0
    last: float = 0.0


class Attempts:
    """The attempts at one server. ``clock`` gives seconds that only go on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: OrderedDict[_Key, _Count] = OrderedDict()

    def begin(self, address: str, name: str, token: str = "") -> float:
        """Seconds that this attempt has to wait; 0 lets it go on, and counts it as wrong until
        `accept` says otherwise: a hundred at the same moment are a hundred. ``token`` is that of a
        browser in which this name has logged in before."""
        keys = _keys(address, name, token)
        wait = max(self._wait(key, free) for key, free in keys)
        if wait <= 0:
            for key, _ in keys:
                count = self._count(key)
                count.failures, count.last = count.failures + 1, self._clock()
        return max(wait, 0.0)

    def accept(self, address: str, name: str, token: str = "") -> None:
        """The password was right."""
        for key, _ in _keys(address, name, token):
            self._counts.pop(key, None)

    def _wait(self, key: _Key, free: int) -> float:
        count = self._counts.get(key)
        if count is None or count.failures < free:
            return 0.0
        since = self._clock() - count.last
        if since > FORGET:
            del self._counts[key]
            return 0.0
        return float(min(2.0 ** min(count.failures - free, 10), LONGEST)) - since

    def _count(self, key: _Key) -> _Count:
        count = self._counts.setdefault(key, _Count())
        self._counts.move_to_end(key)
        while len(self._counts) > _MOST:
            self._counts.popitem(last=False)
        return count


def _keys(address: str, name: str, token: str) -> list[tuple[_Key, int]]:
    """By what an attempt is counted, and how many are free."""
    if token:
        return [(("token", token), FREE_BY_ADDRESS)]
    return [(("address", _network(address)), FREE_BY_ADDRESS), (("name", name[:100]), FREE_BY_NAME)]


def _network(address: str) -> str:
    """What one machine has to itself: an IPv4 address, 64 bits of an IPv6 one."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((known, 64), strict=False)) if known.version == 6 else str(known)

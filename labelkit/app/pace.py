"""How fast and how much: who asks for more than any person does waits, and keeps nobody else waiting."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream

from labelkit.app.proxy import Proxies

#: So many connections are open at once, of all and of one address; a browser has six and one per page.
CONNECTIONS, OF_ONE = 800, 160

#: What is remembered of so many, the oldest forgotten first.
_MOST = 10_000


class Pace:
    """``burst`` at once, and ``rate`` a second in the long run. ``clock`` gives seconds that only go on."""

    def __init__(self, burst: float, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._rate, self._clock = burst, rate, clock
        self._left, self._then = burst, clock()

    def take(self) -> float:
        """After how many seconds this one is due; 0 for at once."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._then) * self._rate) - 1
        self._then = now
        return max(0.0, -self._left / self._rate)

    def allows(self) -> bool:
        """Whether one more is due now; what is not due does not count."""
        if self.take() <= 0:
            return True
        self._left += 1
        return False


class Paces:
    """A `Pace` for everybody, by what tells them apart."""

    def __init__(self, burst: float, rate: float) -> None:
        self._burst, self._rate = burst, rate
        self._known: OrderedDict[str, Pace] = OrderedDict()

    def allows(self, who: str) -> bool:
        """As `Pace.allows`."""
        pace = self._known.setdefault(who, Pace(self._burst, self._rate))
        self._known.move_to_end(who)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
        return pace.allows()


def limit_connections(server: HTTPServer, proxies: Proxies) -> None:
    """Close at once what comes beyond `CONNECTIONS`, or beyond `OF_ONE` from an address that is no
    proxy's: whoever opens connections and says nothing takes none from others."""
    taken, handle = list[tuple[IOStream, str]](), server.handle_stream

    def handle_stream(stream: IOStream, address: Any) -> None:
        taken[:] = [one for one in taken if not one[0].closed()]
        host = str(address[0]) if isinstance(address, tuple) else ""
        of_one = sum(other == host for _, other in taken)
        if len(taken) >= CONNECTIONS or (of_one >= OF_ONE and not proxies.known(host)):
            stream.close()
            return
        taken.append((stream, host))
        handle(stream, address)

    server.handle_stream = handle_stream  # type: ignore[method-assign]  # there is no hook for it

"""Web sockets as Bokeh has them, with an ear for signs of life and an end to messages without end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from traceback import walk_tb
from typing import Any

from bokeh.server.views.ws import WSHandler
from tornado.httputil import HTTPServerRequest

from labelkit.app.pace import Pace

#: The largest message from a browser, in bytes, with all that is attached to it: an edit takes a few
#: thousand, and files come another way.
LARGEST = 8 * 1024 * 1024

#: So many messages of one page are taken at once, and so many a second from then on.
BURST, RATE = 600.0, 60.0

#: A page that goes wrong more often than so is not ours, and ends.
ERRORS = 20

#: What browsers send. (Bokeh would also let them put another document in the place of ours.)
_KINDS = frozenset(["PULL-DOC-REQ", "PATCH-DOC", "OK", "ACK", "ERROR"])

#: Told of every message by the request with which its page came; false ends the page.
Heard = Callable[[HTTPServerRequest], bool]


def listening(handler: type[WSHandler], heard: Heard, discreet: Callable[[str], str]) -> type[WSHandler]:
    """The same handler: ``heard`` is told of its messages, and what goes out passes ``discreet``."""

    class Listening(handler):  # type: ignore[misc,valid-type]  # which one, Bokeh says at run time
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._size, self._pace, self._errors = 0, Pace(BURST, RATE), 0

        async def on_message(self, fragment: str | bytes) -> None:
            if self._size == 0 and (wait := self._pace.take()) > 0:
                # Nothing more is read of this page meanwhile: a flood waits where it comes from.
                await asyncio.sleep(wait)
            self._size += len(fragment)
            if self._size > LARGEST:
                self.close(1009, "too large")
            elif self.receiver is None or not heard(self.request):
                self.close(1008, "not now")
            else:
                await super().on_message(fragment)

        async def send_message(self, message: Any) -> None:
            if message.msgtype == "ERROR":
                # Bokeh tells the browser where in the code it was, with whole paths.
                message.content["traceback"] = None
                self._errors += 1
                if self._errors > ERRORS:
                    self.close(1008, "too many errors")
                    return
            await super().send_message(message)

        async def write_message(
            self, message: bytes | str | dict[str, Any], binary: bool = False, locked: bool = True
        ) -> None:
            told = discreet(message) if isinstance(message, str) else message
            await super().write_message(told, binary, locked)

        async def _receive(self, fragment: str | bytes) -> Any:
            message = await super()._receive(fragment)
            if message is None:
                return None
            self._size = 0  # all its parts are here
            if message.msgtype not in _KINDS:
                self.close(1008, "not asked for")
                return None
            return message

    return Listening


class Brief(logging.Filter):
    """Keeps Bokeh's lines about messages that it cannot read short, and few: else anybody who may open a
    page fills the log, with what they like. Where our own code went wrong all of it is told."""

    def __init__(self) -> None:
        super().__init__()
        self._pace = Pace(20, 0.1)

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and _ours(error):
            return True
        told = f"{type(error).__name__}: {error}" if error is not None else record.getMessage()
        record.msg, record.args, record.exc_info, record.exc_text = "%s", (_line(told),), None, None
        return self._pace.allows()


def _line(text: str) -> str:
    plain = "".join(letter if letter.isprintable() else " " for letter in text[:1000])
    return plain if len(plain) <= 200 else f"{plain[:200]}..."


def _ours(error: BaseException) -> bool:
    """Whether our own code was at work when it happened."""
    own = str(Path(__file__).parents[1])
    return any(
        frame.f_code.co_filename.startswith(own) and frame.f_code.co_filename != __file__
        for frame, _ in walk_tb(error.__traceback__)
    )


#: One for all: it is put where it belongs whenever a server is made.
BRIEF = Brief()

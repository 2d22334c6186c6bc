"""Which logins are good: each begins with a password and ends by a logout, by idleness or by its age.

A login is a cookie that the server signs, with a number of its own. What ended before its time is kept
in ``logins.json`` of the project's folder, by hash, so that no cookie comes back with another start of
the server; nothing has to be kept of logins that are good.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from labelkit.atomic import write_text

FILE = "logins.json"

#: A login ends so many seconds after it began, and so many after the last sign of life.
LONGEST, IDLE = 7 * 86400.0, 12 * 3600.0

#: A cookie is written anew when it is so old, in seconds: it tells the last sign of life.
RENEWED = 1800.0

_log = logging.getLogger("labelkit.app")


@dataclass(frozen=True)
class Login:
    """What a cookie says: who, ``stamp`` of which password, the login's own ``ident``, when it began and
    when the cookie was written, in seconds since 1970."""

    name: str
    stamp: str
    ident: str
    begun: float
    written: float

    def to_text(self) -> str:
        return f"{self.name}:{self.stamp}:{self.ident}:{self.begun:.0f}:{self.written:.0f}"

    @classmethod
    def from_text(cls, text: str) -> Login | None:
        """None for what is none; the text was signed, but maybe by an earlier version."""
        parts = text.split(":")
        if len(parts) != 5 or not (parts[3].isdecimal() and parts[4].isdecimal()):
            return None
        return cls(parts[0], parts[1], parts[2], float(parts[3]), float(parts[4]))


class Logins:
    """The logins of the project in ``folder``. ``clock`` tells seconds since 1970."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = folder / FILE, clock
        self._seen: dict[str, float] = {}
        self._ended = _read(self._path)
        #: Called when a login has ended before its time.
        self.heard: Callable[[], None] = lambda: None

    def begin(self, name: str, stamp: str) -> Login:
        """Somebody knew the password just now."""
        now = self._clock()
        return Login(name, stamp, secrets.token_hex(16), now, now)

    def good(self, login: Login) -> bool:
        """Whether a login counts now; whose it is, and of which password, is not looked at."""
        now = self._clock()
        seen = max(login.written, self._seen.get(login.ident, 0.0))
        # A sign of life that is yet to come is one from before the clock was set back: who came in when it
        # was a year ahead is not to stay for a year.
        lives = now - login.begun <= LONGEST and abs(now - seen) <= IDLE
        return lives and _hash(login.ident) not in self._ended

    def see(self, login: Login) -> None:
        """A sign of life of a login that is good."""
        self._seen[login.ident] = self._clock()

    def renewed(self, login: Login) -> Login | None:
        """What its cookie should say now, None where that can wait."""
        now = self._clock()
        return replace(login, written=now) if now - login.written > RENEWED else None

    def end(self, login: Login) -> None:
        """Whoever has its cookie, in whatever tab or copy, is out."""
        oldest = self._clock() - LONGEST
        self._ended = {ident: begun for ident, begun in self._ended.items() if begun > oldest}
        self._ended[_hash(login.ident)] = login.begun
        self._seen.pop(login.ident, None)
        try:
            if not self._path.exists():
                self._path.touch(mode=0o600)
            write_text(self._path, json.dumps(self._ended) + "\n")
        except OSError as error:  # it has ended all the same, until the next start
            _log.error("%s: cannot be written (%s)", self._path, error.strerror)
        self.heard()


def _read(path: Path) -> dict[str, float]:
    try:
        known = json.loads(path.read_text("utf-8"))
        return {str(ident): float(begun) for ident, begun in known.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        _log.error("%s: cannot be read, so logins that were ended may count again (%s)", path, error)
        return {}


def _hash(ident: str) -> str:
    return hashlib.sha256(ident.encode()).hexdigest()[:32]

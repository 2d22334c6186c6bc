"""Which requests are answered: from hosts by which the server goes, and from people who may.

The names a server answers to are checked for every request, so that a page elsewhere cannot reach a
local server by a name of its own (DNS rebinding), and the origin of whatever changes something.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from tornado.httputil import HTTPServerRequest
from tornado.web import HTTPError, RequestHandler, create_signed_value, decode_signed_value

from labelkit.app.shared import Shared
from labelkit.app.users import Users

#: The cookie that says who is logged in, signed by the server.
COOKIE = "user"

#: For how many days a login is good.
DAYS = 7

#: The cookie that says who has logged in in this browser before, and for how many days it says so.
BROWSER, BROWSER_DAYS = "browser", 365

#: The name under which a request that came in carries who is logged in.
WHO = "labelkit_user"


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach an address."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def own_hosts(address: str, more: Iterable[str] = ()) -> frozenset[str]:
    """The names, without port, by which a server that is bound to ``address`` can be asked."""
    hosts = {"localhost", "127.0.0.1", "[::1]", *more}
    if not is_loopback(address):
        name = socket.gethostname()
        hosts |= {address, name, socket.getfqdn(), *_addresses(name)}
    return frozenset(_bracketed(host.lower()) for host in hosts)


def page_origins(hosts: Iterable[str], names: Iterable[str], port: int) -> list[str]:
    """Whose pages may open a web socket, as HOST:PORT: the server's own, and those of its further
    ``names`` at the usual ports too, since behind a proxy browsers know nothing of ``port``."""
    # Bokeh takes an origin without a port for one of port 80, be it HTTPS, and cannot split IPv6
    # addresses from their ports.
    own = {f"{host}:{port}" for host in hosts if ":" not in host}
    return sorted(own | {f"{name.lower()}:80" for name in names})


def _addresses(name: str) -> set[str]:
    try:
        return {str(entry[4][0]) for entry in socket.getaddrinfo(name, None)}
    except OSError:
        return set()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


class Guarded(RequestHandler):
    """A handler for those who may see the project. Its routes hand it ``shared`` and ``hosts``."""

    #: Whether one has to be logged in, where anybody can be.
    asks_user = True

    def initialize(self, shared: Shared, hosts: frozenset[str]) -> None:
        self.shared, self.hosts = shared, hosts

    def prepare(self) -> None:
        if host_of(f"//{self.request.host}") not in self.hosts:
            raise HTTPError(403, reason="This server does not go by that name")
        origin = _place_of(self.request.headers.get("Origin", ""))
        if self.request.method not in ("GET", "HEAD") and origin != self.request.host:
            raise HTTPError(403, reason="Asked by a page of another server")
        if self.asks_user and self.shared.users is not None and self.user is None:
            raise HTTPError(401, reason="Log in first")

    @property
    def user(self) -> str | None:
        """Who is logged in, None for nobody."""
        return request_user(self.request, self.shared)

    def set_default_headers(self) -> None:
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """One line of text."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{self._reason}\n")


def request_user(request: HTTPServerRequest, shared: Shared) -> str | None:
    """Who the cookie of a request says is there, if that is still a user of the same password."""
    users = shared.users
    if users is None:
        return None
    name, _, stamp = _told(request, users, COOKIE, DAYS).rpartition(":")
    return name if name in users and hmac.compare_digest(stamp, users.stamp(name)) else None


def cookie_value(name: str, users: Users) -> bytes:
    """What a cookie holds that says that ``name`` has logged in now."""
    return create_signed_value(users.secret, COOKIE, f"{name}:{users.stamp(name)}")


def browser_token(request: HTTPServerRequest, shared: Shared, name: str) -> str:
    """The token of a browser in which ``name`` has logged in before; empty for every other one."""
    if shared.users is None:
        return ""
    who, _, token = _told(request, shared.users, BROWSER, BROWSER_DAYS).rpartition(":")
    return token if who == name and name in shared.users else ""


def browser_value(name: str, users: Users) -> bytes:
    """What a cookie holds that says that ``name`` has logged in in this browser."""
    return create_signed_value(users.secret, BROWSER, f"{name}:{secrets.token_hex(16)}")


def _told(request: HTTPServerRequest, users: Users, cookie: str, days: float) -> str:
    """What a cookie that was signed here says; empty where there is none, or it is too old."""
    found = request.cookies.get(cookie)
    value = (
        decode_signed_value(users.secret, cookie, found.value, max_age_days=days)
        if found is not None
        else None
    )
    return value.decode("utf-8", "replace") if value else ""


def host_of(url: str) -> str:
    """The host that an address names, without its port; empty for what is no address."""
    netloc = _place_of(url).lower()
    host, colon, port = netloc.rpartition(":")
    return host if colon and port.isdigit() else netloc


def _place_of(url: str) -> str:
    """Host and port of an address, empty for what is none."""
    try:
        return urlsplit(url).netloc
    except ValueError:  # half of an IPv6 address
        return ""

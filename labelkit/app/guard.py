"""Which requests are answered: from hosts by which the server goes, and from people who may.

The names a server answers to are checked for every request, so that a page elsewhere cannot reach a
local server by a name of its own (DNS rebinding), and the origin of whatever changes something.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
import socket
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from tornado.httputil import HTTPServerRequest
from tornado.web import HTTPError, RequestHandler, create_signed_value, decode_signed_value

from labelkit.app.logins import LONGEST, Login
from labelkit.app.shared import Shared
from labelkit.app.users import Users

#: For how many days a browser says that somebody has logged in in it before.
BROWSER_DAYS = 365

#: A name with a port; IPv6 addresses have one behind brackets only.
_WITH_PORT = re.compile(r"(\[[^\]]+\]|[^:]+):\d{1,5}")

#: The name under which a request that came in carries who is logged in.
WHO = "labelkit_user"

#: The name under which it carries the cookie that its answer should bring.
RENEWED = "labelkit_renewed"


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
    hosts = {"localhost", "127.0.0.1", "[::1]", *(_without_port(name) for name in more)}
    if not is_loopback(address):
        name = socket.gethostname()
        hosts |= {address, name, socket.getfqdn(), *_addresses(name)}
    return frozenset(_bracketed(host.lower()) for host in hosts)


def page_origins(hosts: Iterable[str], names: Iterable[str], port: int) -> list[str]:
    """Whose pages may open a web socket, as HOST:PORT: the server's own, and those of its further
    ``names`` at the usual ports, or at the port that a name has, since behind a proxy browsers know
    nothing of ``port``."""
    # Bokeh takes an origin without a port for one of port 80, be it HTTPS, and cannot split IPv6
    # addresses from their ports.
    own = {f"{host}:{port}" for host in hosts if ":" not in host}
    return sorted(
        own | {name.lower() if _WITH_PORT.fullmatch(name) else f"{name.lower()}:80" for name in names}
    )


def _without_port(name: str) -> str:
    found = _WITH_PORT.fullmatch(name)
    return found[1] if found is not None else name


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


def cookie_name(users: Users, https: bool, what: str = "user") -> str:
    """What the cookie is called that says who is logged in (``user``), or who was before (``browser``).

    Cookies know no ports, so every project has names of its own; and by HTTPS a browser vouches, for the
    sake of the prefix, that no other host and no other way has written it.
    """
    kept = hmac.new(users.secret.encode(), b"cookies", "sha256").hexdigest()[:8]
    return f"{'__Host-' if https else ''}labelkit-{what}-{kept}"


def cookie_names(users: Users) -> list[str]:
    """All of them."""
    return [cookie_name(users, https, what) for https in (False, True) for what in ("user", "browser")]


def request_login(request: HTTPServerRequest, shared: Shared) -> Login | None:
    """The login of which the cookie of a request tells, if it still counts, and is that of a user of the
    same password."""
    users = shared.users
    if users is None:
        return None
    login = Login.from_text(_told(request, users, "user", LONGEST / 86400))
    if login is None or login.name not in users:
        return None
    same = hmac.compare_digest(login.stamp, users.stamp(login.name))
    return login if same and shared.logins.good(login) else None


def request_user(request: HTTPServerRequest, shared: Shared) -> str | None:
    """Who is logged in, by `request_login`."""
    login = request_login(request, shared)
    return login.name if login is not None else None


def cookie_value(login: Login, users: Users, https: bool = False) -> bytes:
    """What a cookie holds that tells of a login."""
    return create_signed_value(users.secret, cookie_name(users, https), login.to_text())


def browser_token(request: HTTPServerRequest, shared: Shared, name: str) -> str:
    """The token of a browser in which ``name`` has logged in before; empty for every other one."""
    if shared.users is None:
        return ""
    who, _, token = _told(request, shared.users, "browser", BROWSER_DAYS).rpartition(":")
    return token if who == name and name in shared.users else ""


def browser_value(name: str, users: Users, https: bool = False) -> bytes:
    """What a cookie holds that says that ``name`` has logged in in this browser."""
    return create_signed_value(
        users.secret, cookie_name(users, https, "browser"), f"{name}:{secrets.token_hex(16)}"
    )


def is_https(request: HTTPServerRequest) -> bool:
    """Whether the browser came by HTTPS, as far as a proxy tells that is believed."""
    return request.protocol == "https"


def _told(request: HTTPServerRequest, users: Users, what: str, days: float) -> str:
    """What a cookie that was signed here says; empty where there is none, or it is too old."""
    cookie = cookie_name(users, is_https(request), what)
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

"""What every request passes, whoever answers it: Bokeh's and Panel's own pages and files too.

Handlers of our own ask `guard.Guarded` once more; here nobody can be forgotten. Besides host names
and logins, sessions are looked after: a browser cannot choose the one that it joins, so that nobody
works under another's name, and one whose login has ended is cut off.
"""

from __future__ import annotations

import re
import time
import zlib
from typing import Any
from urllib.parse import unquote

from bokeh.core.types import ID
from bokeh.protocol.exceptions import ValidationError
from bokeh.server.tornado import BokehTornado
from bokeh.server.views.ws import WSHandler
from bokeh.util.token import check_token_signature, get_session_id, get_token_payload
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.iostream import IOStream
from tornado.web import HTTPError, OutputTransform, RequestHandler

from labelkit.app.guard import (
    RENEWED,
    WHO,
    cookie_name,
    cookie_value,
    host_of,
    is_https,
    request_login,
    request_user,
)
from labelkit.app.logins import LONGEST, Login
from labelkit.app.pace import Paces
from labelkit.app.policy import NOTHING, with_policy
from labelkit.app.proxy import Proxies, through_proxy
from labelkit.app.session import PAGES
from labelkit.app.shared import Shared
from labelkit.app.sockets import listening

#: By these a browser would name the session that it wants to join.
_CHOSEN = ("bokeh-session-id", "bokeh-token")

#: What is answered before the login.
_OPEN = frozenset(["/login", "/logout", "/favicon.ico"])

#: Whoever asks for one of these without a login is led to the login by Bokeh.
_PAGES = frozenset(["/", *(f"/{name}" for name in PAGES)])

#: What Bokeh has beside every page for pages of others, which read it with our visitors' eyes.
_FOR_OTHERS = re.compile(r"/(autoload\.js|metadata)$")

#: So many pages may somebody open at once and, in the long run, a second: each takes memory for a while.
_PAGES_AT_ONCE, _PAGES_A_SECOND = 60, 1.0

#: So many pages may be open of one person at a time.
_OPEN_PAGES = 60

#: A page of another server may neither frame ours nor read from it, and is not told our addresses.
#: ("no-referrer" would also take the origin from forms, by which they are known as ours.)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": NOTHING,
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

_POLICY = "Content-Security-Policy"

#: What no address of ours holds, and what others' handlers stumble over.
_ODD = re.compile(r"[\x00-\x1f\x7f\\]|(^|/)\.\.(/|$)|//")


class Door:
    """Stands before an application. ``check`` is to be called now and then: it ends the connections
    of people whose login has ended."""

    def __init__(
        self, application: BokehTornado, shared: Shared, hosts: frozenset[str], proxies: Proxies | None = None
    ) -> None:
        self._application, self._shared, self._hosts = application, shared, hosts
        self._proxies = proxies or Proxies()
        self._find = application.find_handler
        self._open: list[tuple[IOStream, HTTPServerRequest]] = []
        self._sockets: dict[str, type[WSHandler]] = {}
        self._paces = Paces(_PAGES_AT_ONCE, _PAGES_A_SECOND)
        application.find_handler = self._pass  # type: ignore[method-assign]  # there is no hook for it
        application.add_transform(_SafeHeaders)
        shared.logins.heard = self.check

    def check(self) -> None:
        """Read anew who may log in, and cut off who may not."""
        self._shared.renew_users()
        self._open = [one for one in self._open if not one[0].closed()]
        for stream, request in self._open:
            if not self._may_stay(request):
                stream.close()

    def _pass(self, request: HTTPServerRequest, **options: Any) -> Any:
        self._proxies.believe(request)
        self._shared.renew_users()
        refused = self._refusal(request)
        if refused is not None:
            told = {"code": refused[0], "reason": refused[1]}
            return self._application.get_handler_delegate(request, _Refused, told)
        login = request_login(request, self._shared)
        setattr(request, WHO, login.name if login is not None else None)
        if login is not None:
            self._shared.logins.see(login)
            setattr(request, RENEWED, self._renewed(request, login))
        found = self._find(request, **options)
        stream = getattr(request.connection, "stream", None)
        if request.path.endswith("/ws") and isinstance(stream, IOStream):
            self._open.append((stream, request))
            if issubclass(found.handler_class, WSHandler):
                found.handler_class = self._listening(found.handler_class)
        return found

    def _listening(self, handler: type[WSHandler]) -> type[WSHandler]:
        if handler.__name__ not in self._sockets:  # Bokeh has one, and Panel may put its own there
            self._sockets[handler.__name__] = listening(handler, self._hears, self._shared.discreet)
        return self._sockets[handler.__name__]

    def _hears(self, request: HTTPServerRequest) -> bool:
        """A message has come by the web socket of a request; whether it may be listened to."""
        self._shared.renew_users()
        if not self._may_stay(request):
            return False
        login = request_login(request, self._shared)
        if login is not None:
            self._shared.logins.see(login)
        return True

    def _may_stay(self, request: HTTPServerRequest) -> bool:
        return self._shared.users is None or request_login(request, self._shared) is not None

    def _renewed(self, request: HTTPServerRequest, login: Login) -> tuple[str, bytes] | None:
        """The name and value of the cookie that an answer should bring, None where it need not."""
        users, later = self._shared.users, self._shared.logins.renewed(login)
        if users is None or later is None or request.path in _OPEN:
            return None
        https = is_https(request)
        return cookie_name(users, https), cookie_value(later, users, https)

    def _refusal(self, request: HTTPServerRequest) -> tuple[int, str] | None:
        """Why a request is not answered, with the status; None when it is."""
        if host_of(f"//{request.host}") not in self._hosts:
            return 403, "This server does not go by that name"
        if self._shared.users is None and through_proxy(request):
            return 403, "Behind a proxy this server needs --behind-proxy, and then asks for a login"
        path = unquote(request.path, errors="replace")
        if _ODD.search(path):
            return 400, "There is no such place"
        if _FOR_OTHERS.search(path):
            return 404, "There is no such place"
        if any(name in request.arguments for name in _CHOSEN) or "Bokeh-Session-Id" in request.headers:
            return 403, "A session is joined by nobody else"
        if _from_elsewhere(request):
            return 403, "Asked by a page of another server"
        return self._login_refusal(request) or self._pace_refusal(request)

    def _login_refusal(self, request: HTTPServerRequest) -> tuple[int, str] | None:
        users = self._shared.users
        if users is None or request.path in _OPEN or request.path in _PAGES:
            return None
        name = request_user(request, self._shared)
        if name is None:
            return 401, "Log in first"
        if request.path.endswith("/ws"):
            session = _session_of(request, users.session_secret)
            if session is None:
                return 403, "This server has written no such key"
            if self._owner(request.path.removesuffix("/ws") or "/", session) not in (None, name):
                return 403, "A session is joined by nobody else"
        return None

    def _pace_refusal(self, request: HTTPServerRequest) -> tuple[int, str] | None:
        who = request_user(request, self._shared) or str(request.remote_ip)
        if request.path in _PAGES and not self._paces.allows(who):
            return 429, "Too many pages at once; try again soon"
        if request.path.endswith("/ws"):
            mine = [other for stream, other in self._open if not stream.closed() and self._who(other) == who]
            if len(mine) >= _OPEN_PAGES:
                return 429, "Too many open pages; close some"
        return None

    def _who(self, request: HTTPServerRequest) -> str:
        return getattr(request, WHO, None) or str(request.remote_ip)

    def _owner(self, place: str, session: str) -> str | None:
        """Whose session this is; None where there is none of that name any more."""
        try:
            context = self._application.get_session(place, ID(session)).document.session_context
        except (ValueError, ValidationError):
            return None
        owner = getattr(getattr(context, "request", None), WHO, None)
        return str(owner) if owner is not None else None


def _from_elsewhere(request: HTTPServerRequest) -> bool:
    """Whether a page of another server asks, as browsers tell: such a page may lead here by a link, and
    neither load nor send anything."""
    if request.headers.get("Sec-Fetch-Site", "none") in ("same-origin", "none"):
        return False
    follows = request.headers.get("Sec-Fetch-Mode") == "navigate" and request.method in ("GET", "HEAD")
    return not (follows and request.headers.get("Sec-Fetch-Dest", "document") == "document")


def _session_of(request: HTTPServerRequest, secret: str) -> str | None:
    """The session for which a web socket asks with a key that this server has written; None without one.
    Bokeh looks at the key, too, but with a traceback for an answer."""
    _, _, key = request.headers.get("Sec-WebSocket-Protocol", "").partition(",")
    token = key.strip()
    try:
        if not check_token_signature(token, secret.encode(), signed=True):
            return None
        if get_token_payload(token).get("session_expiry", 0) <= time.time():
            return None
        return str(get_session_id(token))
    except (ValueError, LookupError, TypeError, AttributeError, zlib.error):
        return None


class _Refused(RequestHandler):
    """One line of text, whatever was asked."""

    def initialize(self, code: int, reason: str) -> None:
        self._code, self._said = code, reason

    def prepare(self) -> None:
        raise HTTPError(self._code, reason=self._said)

    def write_error(self, status_code: int, **options: Any) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{self._reason}\n")


class _SafeHeaders(OutputTransform):
    def __init__(self, request: HTTPServerRequest) -> None:
        self._request = request

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        if headers.get("Content-Type", "").startswith("text/html") and _POLICY not in headers:
            page, headers[_POLICY] = with_policy(chunk, self._request.host)
            if finishing and chunk:  # else this is no whole page, and stays as it is
                chunk, headers["Content-Length"] = page, str(len(page))
        for name, value in _HEADERS.items():
            if name not in headers:
                headers[name] = value
        renewed = getattr(self._request, RENEWED, None)
        if renewed is not None and status_code < 400:
            headers.add("Set-Cookie", _cookie(*renewed))
        for name in [name for name in headers if name.lower().startswith("access-control-")]:
            del headers[name]
        headers.pop("Server", None)  # which says the version, too
        if headers.get("Content-Type", "").startswith("text/html"):
            headers["Cache-Control"] = "no-store"  # a page holds the key to its session
        return status_code, headers, chunk


def _cookie(name: str, value: bytes) -> str:
    """A login's cookie as a header, for the rest of its time at most."""
    secure = "; Secure" if name.startswith("__Host-") else ""
    return f"{name}={value.decode()}; HttpOnly; Max-Age={LONGEST:.0f}; Path=/; SameSite=Lax{secure}"

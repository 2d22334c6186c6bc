"""What every request passes, whoever answers it: Bokeh's and Panel's own pages and files too.

Handlers of our own ask `guard.Guarded` once more; here nobody can be forgotten. Besides host names
and logins, sessions are looked after: a browser cannot choose the one that it joins, so that nobody
works under another's name, and one whose login has ended is cut off.
"""

from __future__ import annotations

import re
import zlib
from typing import Any
from urllib.parse import unquote

from bokeh.util.token import check_token_signature, get_token_payload
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.iostream import IOStream
from tornado.web import Application, HTTPError, OutputTransform, RequestHandler

from labelkit.app.guard import WHO, host_of, request_user
from labelkit.app.policy import NOTHING, with_policy
from labelkit.app.session import PAGES
from labelkit.app.shared import Shared

#: By these a browser would name the session that it wants to join.
_CHOSEN = ("bokeh-session-id", "bokeh-token")

#: What is answered before the login.
_OPEN = frozenset(["/login", "/logout", "/favicon.ico"])

#: Whoever asks for one of these without a login is led to the login by Bokeh.
_PAGES = frozenset(["/", *(f"/{name}" for name in PAGES)])

#: A page of another server may neither frame ours nor read from it, and is not told our addresses.
#: ("no-referrer" would also take the origin from forms, by which they are known as ours.)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": NOTHING,
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


_POLICY = "Content-Security-Policy"

#: What no address of ours holds, and what others' handlers stumble over.
_ODD = re.compile(r"[\x00-\x1f\x7f\\]|(^|/)\.\.(/|$)|//")


class Door:
    """Stands before an application. ``check`` is to be called now and then: it ends the connections
    of people whose login has ended."""

    def __init__(self, application: Application, shared: Shared, hosts: frozenset[str]) -> None:
        self._application, self._shared, self._hosts = application, shared, hosts
        self._find = application.find_handler
        self._open: list[tuple[IOStream, HTTPServerRequest]] = []
        application.find_handler = self._pass  # type: ignore[method-assign]  # there is no hook for it
        application.add_transform(_SafeHeaders)

    def check(self) -> None:
        """Read anew who may log in, and cut off who may not."""
        self._shared.renew_users()
        self._open = [one for one in self._open if not one[0].closed()]
        for stream, request in self._open:
            if self._shared.users is not None and request_user(request, self._shared) is None:
                stream.close()

    def _pass(self, request: HTTPServerRequest, **options: Any) -> Any:
        refused = self._refusal(request)
        if refused is not None:
            told = {"code": refused[0], "reason": refused[1]}
            return self._application.get_handler_delegate(request, _Refused, told)
        setattr(request, WHO, request_user(request, self._shared))
        stream = getattr(request.connection, "stream", None)
        if request.path.endswith("/ws") and isinstance(stream, IOStream):
            self._open.append((stream, request))
        return self._find(request, **options)

    def _refusal(self, request: HTTPServerRequest) -> tuple[int, str] | None:
        """Why a request is not answered, with the status; None when it is."""
        if host_of(f"//{request.host}") not in self._hosts:
            return 403, "This server does not go by that name"
        if _ODD.search(unquote(request.path, errors="replace")):
            return 400, "There is no such place"
        if any(name in request.arguments for name in _CHOSEN) or "Bokeh-Session-Id" in request.headers:
            return 403, "A session is joined by nobody else"
        users = self._shared.users
        if users is None or request.path in _OPEN or request.path in _PAGES:
            return None
        if request_user(request, self._shared) is None:
            return 401, "Log in first"
        if request.path.endswith("/ws") and not _is_key(request, users.session_secret):
            return 403, "This server has written no such key"
        return None


def _is_key(request: HTTPServerRequest, secret: str) -> bool:
    """Whether a web socket is asked for with the key to a session that this server has written. Bokeh
    asks that, too, but with a traceback for an answer."""
    _, _, token = request.headers.get("Sec-WebSocket-Protocol", "").partition(",")
    try:
        written = check_token_signature(token.strip(), secret.encode(), signed=True)
        return written and get_token_payload(token.strip()).get("session_expiry", 0) > 0
    except (ValueError, LookupError, TypeError, AttributeError, zlib.error):
        return False


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
        self._host = request.host  # one of our own names, or the answer is a refusal

    def transform_first_chunk(
        self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
    ) -> tuple[int, HTTPHeaders, bytes]:
        if headers.get("Content-Type", "").startswith("text/html") and _POLICY not in headers:
            page, headers[_POLICY] = with_policy(chunk, self._host)
            if finishing and chunk:  # else this is no whole page, and stays as it is
                chunk, headers["Content-Length"] = page, str(len(page))
        for name, value in _HEADERS.items():
            if name not in headers:
                headers[name] = value
        headers.pop("Server", None)  # which says the version, too
        if headers.get("Content-Type", "").startswith("text/html"):
            headers["Cache-Control"] = "no-store"  # a page holds the key to its session
        return status_code, headers, chunk

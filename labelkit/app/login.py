"""Our own way in: a page that asks for name and password, and a signed cookie for those who know."""

from __future__ import annotations

import asyncio
import math
from concurrent.futures import ThreadPoolExecutor
from html import escape
from importlib import resources
from string import Template
from typing import Any
from urllib.parse import urlsplit

from bokeh.server.auth_provider import AuthProvider
from tornado.ioloop import IOLoop
from tornado.web import RequestHandler

from labelkit.app.guard import (
    BROWSER_DAYS,
    Guarded,
    browser_token,
    browser_value,
    cookie_name,
    cookie_value,
    is_https,
    request_login,
    request_user,
)
from labelkit.app.logins import LONGEST
from labelkit.app.policy import form_policy
from labelkit.app.shared import Shared

#: Whoever guesses waits so long after each wrong password, in seconds.
_PENALTY = 1.0

#: Longer ones are nobody's, and would only cost time.
_LONGEST = 1024

#: Passwords are compared by so many threads: each comparison takes 32 MB of memory.
_COMPARERS = ThreadPoolExecutor(2, thread_name_prefix="labelkit-password")


class Gate(AuthProvider):
    """Tells Bokeh who is logged in, and where to log in."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        super().__init__()

    @property
    def get_user(self) -> Any:
        shared = self._shared

        def user(handler: RequestHandler) -> str | None:
            return request_user(handler.request, shared)

        return user

    @property
    def login_url(self) -> str:
        return "/login"

    @property
    def logout_url(self) -> str:
        return "/logout"


class LoginHandler(Guarded):
    """``/login``."""

    asks_user = False

    def get(self) -> None:
        self._page("")

    async def post(self) -> None:
        users, attempts = self.shared.users, self.shared.attempts
        name, password = self.get_body_argument("name", ""), self.get_body_argument("password", "")
        address = str(self.request.remote_ip)
        token = browser_token(self.request, self.shared, name)
        wait = math.ceil(attempts.begin(address, name, token))
        if wait:
            self.set_status(429)
            self.set_header("Retry-After", wait)
            self._page(f"Too many attempts; try again in {wait} s.")
            return
        plausible = len(name) <= _LONGEST and len(password) <= _LONGEST
        accepted = (
            users is not None
            and plausible
            and await IOLoop.current().run_in_executor(_COMPARERS, users.accepts, name, password)
        )
        if users is None or not accepted:
            await asyncio.sleep(_PENALTY)
            self.set_status(403)
            self._page("Name or password is wrong.")
            return
        attempts.accept(address, name, token)
        https = is_https(self.request)
        login = self.shared.logins.begin(name, users.stamp(name))
        for what, value, days in (
            ("user", cookie_value(login, users, https), LONGEST / 86400),
            ("browser", browser_value(name, users, https), BROWSER_DAYS),
        ):
            cookie = cookie_name(users, https, what)
            self.set_cookie(cookie, value, expires_days=days, httponly=True, samesite="Lax", secure=https)
        former = request_login(self.request, self.shared)
        if former is not None:
            self.shared.logins.end(former)
        self.redirect(_inside(self.get_query_argument("next", "/")))

    def _page(self, problem: str) -> None:
        page = Template(resources.files("labelkit.app").joinpath("static/login.html").read_text("utf-8"))
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Frame-Options", "DENY")
        told = page.substitute(project=escape(self.shared.project.settings.name), problem=escape(problem))
        self.set_header("Content-Security-Policy", form_policy(told))
        self.finish(told)


class LogoutHandler(Guarded):
    """``/logout``: a page of another server can lead here, but it takes a click to log out."""

    asks_user = False

    def get(self) -> None:
        self.set_header("Cache-Control", "no-store")
        page = resources.files("labelkit.app").joinpath("static/logout.html").read_text("utf-8")
        self.set_header("Content-Security-Policy", form_policy(page))
        self.finish(page)

    def post(self) -> None:
        login, users = request_login(self.request, self.shared), self.shared.users
        if users is not None:
            name, https = cookie_name(users, is_https(self.request)), is_https(self.request)
            self.clear_cookie(name, secure=https, httponly=True, samesite="Lax")
        if login is not None:
            self.shared.logins.end(login)
        self.redirect("/login")


def _inside(url: str) -> str:
    """Where to go after the login: a path of this server, whatever the address said."""
    parts = urlsplit(url)
    inside = not parts.scheme and not parts.netloc and parts.path.startswith("/")
    plain = parts.path.isascii() and parts.path.isprintable()
    return parts.path if inside and plain and not parts.path.startswith(("//", "/\\")) else "/"

"""Serving a project: routes, who may come in, and a clean end."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterable
from importlib import import_module, resources
from pathlib import Path
from typing import Any

import panel as pn
from bokeh.server.server import Server
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.websocket import WebSocketClosedError

from labelkit.app.door import Door
from labelkit.app.guard import cookie_names, is_loopback, own_hosts, page_origins
from labelkit.app.login import Gate, LoginHandler, LogoutHandler
from labelkit.app.media import ExportHandler, FaceHandler, PhotoHandler
from labelkit.app.pace import limit_connections
from labelkit.app.proxy import Proxies
from labelkit.app.rest import Rest
from labelkit.app.session import PAGES, open_session
from labelkit.app.shared import Shared
from labelkit.app.sockets import BRIEF, LARGEST
from labelkit.app.upload import UploadHandler
from labelkit.app.users import FILE, Users, read_users
from labelkit.errors import InputError
from labelkit.project import Project

PORT = 5006

#: So many seconds after somebody has come, what the studio needs is loaded: by then the first page
#: stands, and it cannot be loaded without holding up whoever asks for something at that moment.
_CALM = 12.0

#: A browser that was closed is forgotten after so many milliseconds.
_FORGET = 15_000

#: So often it is looked who may still be here, in milliseconds.
_LOOK = 1_000

#: For so many seconds a connection may say nothing before the head of a request is whole, and so many
#: the rest of it may take: a large photo by a slow line.
_PATIENCE, _SLOWEST = 60.0, 3600.0

#: The longest body of a request that is no upload, in bytes.
_LONGEST_FORM = 256 * 1024


def serve(
    folder: str | Path,
    *,
    port: int = PORT,
    host: str = "127.0.0.1",
    names: Iterable[str] = (),
    proxies: Iterable[str] = (),
    heard: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve the project in ``folder`` until Ctrl-C; ``heard`` is told the address when it is ready.

    ``port`` 0 takes a free one. ``names`` are further host names by which browsers reach the
    server. ``proxies`` are addresses or networks of proxies before it, which are believed when they say
    who asks through them; with them a login is asked for on every address. Raises `InputError` when
    there is no project, the port is in use, or the server can be reached from elsewhere and nobody has
    been given a password.
    """
    folder, known = Path(folder), Proxies(proxies)
    with Project.open(folder) as project:
        users = _users(folder, host, known)
        shared = Shared(project, users)
        server, door = _server(shared, port, host, tuple(names), known)
        _run(server, door, lambda: heard(f"http://{_shown(host)}:{server.port}/"))


def _users(folder: Path, host: str, proxies: Proxies) -> Users | None:
    """Who has to log in; nobody does on the machine itself, unless a proxy opens it to others."""
    if is_loopback(host) and not proxies:
        return None
    users = read_users(folder)
    if users is None:
        way = "the proxy" if proxies else host
        raise InputError(
            f"{folder}: others can reach {way}, so the app asks for a password there, and nobody has one "
            f"(no {FILE}); begin with: labelkit users add {folder} NAME"
        )
    return users


def _server(
    shared: Shared, port: int, host: str, names: tuple[str, ...], proxies: Proxies | None = None
) -> tuple[Server, Door]:
    _prepare_panel()
    proxies = proxies or Proxies()
    hosts = own_hosts(host, names)
    settings = {"shared": shared, "hosts": hosts}
    handlers: list[tuple[str, Any, dict[str, Any]]] = [
        (r"/media/photo/(\d{1,12})", PhotoHandler, settings),
        (r"/media/face/(\d{1,12})", FaceHandler, settings),
        (r"/media/export/([^/]+)", ExportHandler, settings),
        (r"/media/upload/(photo|labels)", UploadHandler, settings),
    ]
    options: dict[str, Any] = {}
    if shared.users is not None:
        handlers += [("/login", LoginHandler, settings), ("/logout", LogoutHandler, settings)]
        options = {
            "auth_provider": Gate(shared),
            "cookie_secret": shared.users.secret,
            # Else a browser could write itself the key to a session, and what is told in it.
            "sign_sessions": True,
            "secret_key": shared.users.session_secret,
        }
    first = _once(lambda: IOLoop.current().call_later(_CALM, _load_studio))
    pages = {f"/{name}": _opening(shared, name, first) for name in PAGES}
    try:
        # Bokeh wants to know it before it takes one, and leaves a socket open when that is in use.
        port = _free_port(host, port)
        server = pn.io.server.get_server(
            {"/": _opening(shared, "", first), **pages},
            port=port,
            address=host,
            title=f"{shared.project.settings.name} · labelkit",
            websocket_origin=page_origins(hosts, names, port),
            extra_patterns=handlers,
            ico_path=str(resources.files("labelkit.app").joinpath("static/favicon.ico")),
            unused_session_lifetime_milliseconds=_FORGET,
            check_unused_sessions_milliseconds=_FORGET,
            http_server_kwargs={
                "max_body_size": _LONGEST_FORM,
                "idle_connection_timeout": _PATIENCE,
                "body_timeout": _SLOWEST,
            },
            websocket_max_message_size=LARGEST,
            # Bokeh writes what it is not told to leave out into every page, where scripts can read it.
            exclude_cookies=cookie_names(shared.users) if shared.users is not None else [],
            exclude_headers=["Cookie", "Authorization"],
            **options,
        )
    except OSError as error:
        raise InputError(_refused(error, port, host)) from error
    limit_connections(server._http, proxies)
    return server, Door(server._tornado, shared, hosts, proxies)


def _free_port(host: str, port: int) -> int:
    """The port, or any for 0; raises OSError when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as found:
        free: int = found.getsockname()[1]
    return free


def _opening(shared: Shared, page: str, first: Callable[[], None]) -> Callable[[], Any]:
    """What Panel calls for a browser that comes; it has to be a function, not merely callable."""

    def come() -> Any:
        first()
        return open_session(shared, page)

    return come


def _once(call: Callable[[], object]) -> Callable[[], None]:
    """The same call, which does something the first time only."""
    left = [call]

    def now() -> None:
        if left:
            left.pop()()

    return now


def _load_studio() -> None:
    """Import the studio, and with it torch, while nobody waits for it; Ctrl-C does not wait either."""
    name = "labelkit.studio.studio"
    threading.Thread(target=import_module, args=(name,), daemon=True, name="labelkit-studio").start()


def _refused(error: OSError, port: int, host: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {host} is in use; choose another one with --port, or let it be found: --port 0"
        )
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"{host!r} is no address of this machine"
    return f"port {port} of {host} cannot be used ({error.strerror or error})"


def _prepare_panel() -> None:
    """What holds for every page; nothing is fetched from elsewhere."""
    static = resources.files("labelkit.app").joinpath("static")
    pn.config.raw_css = [static.joinpath("parts.css").read_text("utf-8")]
    pn.config.global_css = [static.joinpath("page.css").read_text("utf-8")]
    for name in PAGES:  # so that the first browser does not wait for it
        import_module(f"labelkit.app.{name}")
    # One line for what was closed or lost belongs to us, not on the terminal.
    logging.getLogger("tornado.access").setLevel(logging.ERROR)
    logging.getLogger("bokeh").setLevel(logging.ERROR)
    for name in ("bokeh.server.protocol_handler", "bokeh.server.views.ws", "tornado.application"):
        logging.getLogger(name).addFilter(BRIEF)


def _run(server: Server, door: Door, ready: Callable[[], None]) -> None:
    loop = IOLoop.current()
    rest = Rest(lambda: len(server.get_sessions()))

    def look() -> None:
        door.check()
        rest.check()

    looking = PeriodicCallback(look, _LOOK)

    def end(*_: object) -> None:
        loop.add_callback_from_signal(loop.stop)

    before = {name: signal.signal(name, end) for name in (signal.SIGINT, signal.SIGTERM)}
    loop.asyncio_loop.set_exception_handler(without_closed_pages)  # type: ignore[attr-defined]  # asyncio's
    try:
        server.start()
        looking.start()
        ready()
        loop.start()
    finally:
        looking.stop()
        server.stop()
        rest.end()
        for name, handler in before.items():
            signal.signal(name, handler)


def without_closed_pages(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What asyncio tells of a task that failed and that nobody waited for, unless it wanted to tell
    something to a page that was closed meanwhile: then nothing is wrong."""
    if not isinstance(context.get("exception"), WebSocketClosedError):
        loop.default_exception_handler(context)


def _shown(host: str) -> str:
    """A name to go to: an address that means every address is no place."""
    if host in ("0.0.0.0", "::"):
        return "localhost"
    return f"[{host}]" if ":" in host else host

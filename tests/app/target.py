"""The server that is attacked, what lies around it, and how an attacker speaks with it."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from io import BytesIO
from pathlib import Path
from urllib.parse import urlencode

import pytest
from PIL import Image
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClientConnection, WebSocketClosedError, websocket_connect

from labelkit.app import users
from labelkit.geometry import Box
from labelkit.project import Project
from labelkit.store import NewImage

PASSWORDS = {"ann": "correct horse", "ben": "battery staple", "gone": "last summer", "old": "winter coat"}

#: What must never be in an answer: the beginnings of a database, of /etc/passwd, of our settings, of
#: the users' file, and what lies beside the photos.
MARKS = (b"SQLite format 3", b"root:x:", b"# A labelkit project", b'"secret"', b"TOP-SECRET")


@dataclass
class Answer:
    code: int
    headers: Mapping[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()


@dataclass
class Target:
    """The server under attack, and what lies around it."""

    folder: Path
    port: int
    log: Path
    process: subprocess.Popen[bytes]
    cookies: dict[str, str] = field(default_factory=dict)

    #: What tells that somebody has logged in in a browser before.
    known: dict[str, str] = field(default_factory=dict)

    #: So many requests and messages have been tried on it.
    tried: int = 0

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        path: str,
        method: str = "GET",
        *,
        who: str | None = "ann",
        body: bytes | None = None,
        chunked: bool = False,
        source: str = "",
        **headers: str,
    ) -> Answer:
        """The answer to a request whose path is sent as it stands; 0 where the server hung up. It comes
        from the address ``source``."""
        self.tried += 1
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if who is not None:
            sent.setdefault("Cookie", self.cookies[who])
        place = (source, 0) if source else None
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60, source_address=place)
        # Of its own accord Python refuses to send much of what an attacker sends.
        connection._validate_path = lambda url: None  # type: ignore[attr-defined]  # or it asks nothing hostile
        try:
            parts = [body[at : at + 65536] for at in range(0, len(body), 65536)] if chunked and body else body
            connection.request(method, path, parts, sent, encode_chunked=chunked)
            answer = connection.getresponse()
            content = answer.read()
            brought = tuple(answer.headers.get_all("Set-Cookie", ()))
            found = Answer(answer.status, dict(answer.getheaders()), content, brought)
        except (ConnectionError, HTTPException):
            found = Answer(0, {}, b"")
        finally:
            connection.close()
        assert found.code < 500 or found.code == 507, f"{method} {path}: {found.code}"
        assert not any(mark in found.body for mark in MARKS), path
        return found

    def login(self, name: str, password: str | None = None, **headers: str) -> Answer:
        """An attempt to log in; the password is the right one where none is given."""
        body = urlencode({"name": name, "password": PASSWORDS[name] if password is None else password})
        kind = "application/x-www-form-urlencoded"
        sent = {"Origin": self.origin, "Content-Type": kind, **headers}
        return self.ask("/login", "POST", who=None, body=body.encode(), **sent)

    def upload(self, name: str, body: bytes, kind: str = "photo", **options: str) -> Answer:
        query = urlencode({"name": name, "batch": "0123456789abcdef"})
        return self.ask(f"/media/upload/{kind}?{query}", "POST", body=body, Origin=self.origin, **options)

    def knock(self, **headers: str) -> str:
        """What comes of opening a web socket: open, refused or closed, and what it says at first."""
        self.tried += 1
        token = headers.pop("token", "") or self.token("ann")
        return asyncio.run(_knock(self, token, {k.replace("_", "-"): v for k, v in headers.items()}))

    def talk(self, *messages: Sequence[str | bytes]) -> list[str]:
        """What comes of messages, each in parts by a web socket of its own: whether that is open
        afterwards, and what was heard."""
        self.tried += len(messages)
        token = self.token("ann")

        async def all_of_them() -> list[str]:
            return await asyncio.gather(*(_talk(self, token, parts) for parts in messages))

        return asyncio.run(all_of_them())

    def token(self, who: str) -> str:
        """The key to a session, as it stands in a page."""
        found = re.search(rb'"token":"([^"]+)"', self.ask("/quality", who=who).body)
        assert found is not None
        return found[1].decode()


async def _knock(target: Target, token: str, headers: dict[str, str]) -> str:
    sent = {"Origin": target.origin, "Cookie": target.cookies["ann"], **headers}
    request = HTTPRequest(f"ws://127.0.0.1:{target.port}/quality/ws", headers=sent, request_timeout=60)
    try:
        socket = await websocket_connect(request, subprotocols=["bokeh", token])
    except HTTPClientError as error:
        return f"refused {error.code}"
    if await _hear(socket) is None:
        return "closed"
    for part in ({"msgid": "1", "msgtype": "PULL-DOC-REQ"}, {}, {}):
        await socket.write_message(json.dumps(part))
    told = await _hear(socket)
    socket.close()
    return "closed" if told is None else f"open {told!r}"


async def _talk(target: Target, token: str, parts: Sequence[str | bytes]) -> str:
    sent = {"Origin": target.origin, "Cookie": target.cookies["ann"]}
    request = HTTPRequest(f"ws://127.0.0.1:{target.port}/quality/ws", headers=sent, request_timeout=60)
    socket = await websocket_connect(request, subprotocols=["bokeh", token])
    await _hear(socket)
    heard: list[str | bytes] = []
    try:
        for part in parts:
            await socket.write_message(part, binary=isinstance(part, bytes))
        while (told := await asyncio.wait_for(socket.read_message(), 1.0)) is not None:
            heard.append(told)
    except TimeoutError:
        socket.close()
        return f"open {heard}"
    except (WebSocketClosedError, StreamClosedError):
        pass
    return f"closed {heard}"


async def _hear(socket: WebSocketClientConnection) -> str | bytes | None:
    """The third part of Bokeh's next message, its content; None where the server has hung up."""
    parts = [await asyncio.wait_for(socket.read_message(), 60) for _ in range(3)]
    return None if None in parts else parts[2]


def picture(size: tuple[int, int] = (20, 20)) -> bytes:
    kept = BytesIO()
    Image.new("RGB", size, (200, 90, 40)).save(kept, "PNG")
    return kept.getvalue()


def tree(folder: Path) -> set[str]:
    """Every file, but those that the database comes and goes with."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if "labelkit.db-" not in path.name}


@contextmanager
def served(root: Path) -> Iterator[Target]:
    """A project with traps in it, and its server."""
    photos, work = root / "photos", root / "work"
    photos.mkdir()
    Image.new("RGB", (80, 60)).save(photos / "a.png")
    (root / "outside").mkdir()
    (root / "outside" / "secret.txt").write_bytes(b"TOP-SECRET")
    Image.new("RGB", (80, 60)).save(root / "secret.jpg")
    (photos / "link.jpg").symlink_to(root / "secret.jpg")
    (photos / "linked").symlink_to(root / "outside")
    with Project.create(work, photos, "ibug68", name='<img src=x onerror="alert(1)">') as project:
        project.add_face("a.png", Box(10, 10, 50, 50, "user"), "ann")
        project.store.add_images([NewImage("link.jpg"), NewImage("linked/secret.jpg")])
    # What our own code refuses to write, but a project from elsewhere may hold.
    with sqlite3.connect(work / "labelkit.db") as database:
        for path in ("../secret.jpg", str(root / "secret.jpg"), "\0", "a.png/../../secret.jpg"):
            database.execute("INSERT INTO images (path) VALUES (?)", (path,))
    database.close()
    (work / "exports" / "good.txt").write_text("labels")
    (work / "exports" / "link").symlink_to(root / "outside")
    (work / "exports" / "folder").mkdir()
    (work / "exports" / "folder" / "link.txt").symlink_to(root / "outside" / "secret.txt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(users, "_COST", {"n": 16, "r": 8, "p": 1})
        for name, password in PASSWORDS.items():
            users.add_user(work, name, password)
    log = root / "log"
    with log.open("wb") as told:
        command = [sys.executable, str(Path(__file__).with_name("attacked.py")), str(work)]
        # As somebody would who looks for what is wrong: the log holds no secret even so.
        talkative = {"BOKEH_LOG_LEVEL": "trace", "BOKEH_PY_LOG_LEVEL": "trace", "PANEL_LOG_LEVEL": "DEBUG"}
        environment = {**os.environ, **talkative}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=told, env=environment)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, log.read_text()
    found = Target(work, int(line), log, process)
    for name in PASSWORDS:
        answer = found.login(name)
        assert answer.code == 302, answer
        found.cookies[name] = cookie(answer)
        found.known[name] = cookie(answer, "browser")
    yield found
    process.send_signal(signal.SIGINT)
    process.wait(60)


def cookie(answer: Answer, what: str = "user") -> str:
    """A cookie that an answer brings, as it is sent back."""
    told = [line for line in answer.cookies if f"labelkit-{what}-" in line]
    assert told, answer
    return told[0].split(";")[0]


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens soon."""
    for _ in range(200):
        if condition():
            return
        time.sleep(0.1)
    assert condition()


def hold(target: Target, name: str, sent: str = "", token: str = "") -> HTTPConnection:
    """A web socket that stays open; ``sent`` is another cookie than that of the first login."""
    connection = HTTPConnection("127.0.0.1", target.port, timeout=60)
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": f"bokeh, {token or target.token(name)}",
        "Origin": target.origin,
        "Cookie": sent or target.cookies[name],
    }
    connection.putrequest("GET", "/quality/ws")
    for header, value in headers.items():
        connection.putheader(header, value)
    connection.endheaders()
    assert connection.sock.recv(4096).startswith(b"HTTP/1.1 101")
    return connection


def ends(connection: HTTPConnection, patience: float = 20.0) -> bool:
    """Whether the server closes a connection."""
    connection.sock.settimeout(patience)
    try:
        while connection.sock.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True

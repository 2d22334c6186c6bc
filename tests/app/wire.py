"""A browser without a window: it logs in, loads pages, and speaks with them as Bokeh's script does.

Only what the pages need of the protocol: a document is pulled, its models are kept up to date by
what the server patches, properties are set and messages sent. Nothing is drawn, so that many of
these fit into one process.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClientConnection, WebSocketClosedError, websocket_connect

_Found = TypeVar("_Found")

#: No answer takes longer, in seconds.
PATIENCE = 60.0

#: So often somebody tries to log in.
_LOGINS = 10

#: The largest message that is taken, in bytes.
_LARGEST = 64 << 20

#: What a browser tells of itself, in a message each.
_ABOUT = {
    "dark_mode": False,
    "device_pixel_ratio": 1,
    "language": "en-US",
    "timezone": "UTC",
    "timezone_offset": 0,
    "webgl": True,
}


class TroubleError(Exception):
    """What a person at this browser would have seen go wrong."""


class Browser:
    """One person's browser at ``origin`` (http://127.0.0.1:PORT): its cookies and what it has kept.

    ``heard(what, seconds)`` is told how long things took.
    """

    def __init__(self, origin: str, heard: Callable[[str, float], None] = lambda what, seconds: None) -> None:
        self.origin, self.heard = origin, heard
        self._client = AsyncHTTPClient(force_instance=True, max_clients=6)  # as many as browsers open
        self._cookies: dict[str, str] = {}
        self._kept: set[str] = set()
        self._pages: list[Page] = []

    async def login(self, name: str, password: str) -> None:
        """Fill in the login page, again where many try it at the same moment, and some are told to wait."""
        await self.get("/login")
        body = urlencode({"name": name, "password": password})
        headers = {"Origin": self.origin, "Content-Type": "application/x-www-form-urlencoded"}
        for _ in range(_LOGINS):
            answer = await self._ask("/login", "POST", body, headers)
            if answer.code != 429:
                break
            await asyncio.sleep(int(answer.headers["Retry-After"]))
        if answer.code != 302 or not self._cookies:
            raise TroubleError(f"the login of {name} was answered with {answer.code}")

    async def get(self, path: str) -> bytes:
        """What lies there; raises `TroubleError` for anything but an answer."""
        answer = await self._ask(path)
        if answer.code != 200:
            raise TroubleError(f"{path} was answered with {answer.code} {answer.reason}")
        return answer.body

    async def picture(self, path: str) -> None:
        """Show a picture, asked for once, since the server lets browsers keep it."""
        if path in self._kept:
            return
        began = time.monotonic()
        data = await self.get(path)
        if not data.startswith(b"\xff\xd8"):
            raise TroubleError(f"{path} is no JPEG")
        self._kept.add(path)
        self.heard("picture", time.monotonic() - began)

    async def open(self, path: str) -> Page:
        """Load a page of the app, and the session behind it."""
        html = await self.get(path)
        token = re.search(rb'"token":"([^"]+)"', html)
        if token is None:
            raise TroubleError(f"{path} holds no key to a session")
        headers = {"Origin": self.origin, "Cookie": self._cookie}
        request = HTTPRequest(
            f"{self.origin.replace('http', 'ws', 1)}{path}/ws", headers=headers, connect_timeout=PATIENCE
        )
        socket = await websocket_connect(
            request, subprotocols=["bokeh", token[1].decode()], max_message_size=_LARGEST
        )
        page = Page(socket)
        self._pages.append(page)
        await page.pull()
        return page

    def close(self) -> None:
        """Close what is left open."""
        for page in self._pages:
            page.cut()
        self._client.close()

    @property
    def _cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self._cookies.items())

    async def _ask(
        self, path: str, method: str = "GET", body: str | None = None, headers: dict[str, str] | None = None
    ) -> HTTPResponse:
        sent = {**(headers or {}), "Cookie": self._cookie}
        request = HTTPRequest(
            self.origin + path,
            method,
            sent,
            body,
            follow_redirects=False,
            connect_timeout=PATIENCE,
            request_timeout=PATIENCE,
        )
        answer = await self._client.fetch(request, raise_error=False)
        for line in answer.headers.get_list("Set-Cookie"):
            name, _, value = line.split(";")[0].partition("=")
            self._cookies[name] = value
        return answer


class Page:
    """A page of the app and its session.

    ``models`` are the properties of every model by its id; ``told`` are the messages of components
    (`Talking.say`), ``problem`` is what ended the page.
    """

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self.models: dict[str, dict[str, Any]] = {}
        self.told: list[dict[str, Any]] = []
        self.problem = ""
        self._socket = socket
        self._roots: list[str] = []
        self._watchers: list[Callable[[], None]] = []
        self._number = 0
        loop = asyncio.get_running_loop()
        self._greeted, self._pulled = loop.create_future(), loop.create_future()
        self._reader = asyncio.create_task(self._read())

    async def pull(self) -> None:
        """Ask for the document, and say what a browser says of itself."""
        await asyncio.wait_for(self._greeted, PATIENCE)
        await self._send("PULL-DOC-REQ", {})
        await asyncio.wait_for(self._pulled, PATIENCE)
        info = self.find(name="browser_info")
        for name, value in _ABOUT.items() if info is not None else ():
            await self.set(str(info), name, value)
        await self._event("document_ready", {})  # until then the server holds back what it changes

    def find(self, **values: Any) -> str | None:
        """The id of the first model in the page that has properties of these values."""
        for key in self._shown():
            if all(self.models[key].get(name) == value for name, value in values.items()):
                return key
        return None

    def component(self, name: str) -> str | None:
        """The id of the first component of ours of this class in the page."""
        return self.find(class_name=name)

    def traits(self, component: str) -> str:
        """The id of the model that holds what a component shows."""
        return str(self.models[component]["data"]["id"])

    async def until(self, look: Callable[[], _Found | None], what: str) -> _Found:
        """Wait for what ``look`` finds; ``what`` names it, should it not come."""
        changed = asyncio.Event()
        self._watchers.append(changed.set)
        try:
            async with asyncio.timeout(PATIENCE):
                while (found := look()) is None:
                    if self.problem:
                        raise TroubleError(f"waiting for {what}: {self.problem}")
                    await changed.wait()
                    changed.clear()
                return found
        except TimeoutError as error:
            raise TroubleError(f"waited {PATIENCE:.0f} s for {what}") from error
        finally:
            self._watchers.remove(changed.set)

    def watch(self, call: Callable[[], None]) -> None:
        """Call this whenever the server has changed something."""
        self._watchers.append(call)

    def set(self, model: str, name: str, value: Any) -> Awaitable[None]:
        """Set a property of a model, as a person does by a widget."""
        self.models[model][name] = value
        change = {"kind": "ModelChanged", "model": {"id": model}, "attr": name, "new": value}
        return self._send("PATCH-DOC", {"events": [change]})

    def say(self, model: str, data: Any) -> Awaitable[None]:
        """Send a message of a component."""
        return self._event("data_event", {"model": {"id": model}, "data": _encoded(data)})

    def press(self, model: str) -> Awaitable[None]:
        """Press a button."""
        return self._event("button_click", {"model": {"id": model}})

    async def close(self) -> None:
        """Close the tab."""
        self._socket.close(1000)
        await asyncio.wait([self._reader], timeout=PATIENCE)  # it ends when the server has closed, too

    async def vanish(self) -> None:
        """As if the cable had been pulled: nothing is said any more."""
        self._reader.cancel()
        with suppress(asyncio.CancelledError):
            await self._reader
        self.cut()

    def cut(self) -> None:
        """End the connection without a word, if there is one."""
        stream = getattr(self._socket.protocol, "stream", None)
        if stream is not None:
            stream.close()

    def _event(self, name: str, values: dict[str, Any]) -> Awaitable[None]:
        entries = [[key, value] for key, value in values.items()]
        told = {"type": "event", "name": name, "values": {"type": "map", "entries": entries}}
        message = {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": told}
        return self._send("PATCH-DOC", {"events": [message]})

    async def _send(self, kind: str, content: dict[str, Any]) -> None:
        self._number += 1
        for part in ({"msgid": str(self._number), "msgtype": kind}, {}, content):
            try:
                await self._socket.write_message(json.dumps(part))
            except (WebSocketClosedError, StreamClosedError) as error:
                raise TroubleError("the server has closed the page") from error

    async def _read(self) -> None:
        try:
            while (first := await self._socket.read_message()) is not None:
                header = json.loads(first)
                await self._socket.read_message()
                content = json.loads(await self._part())
                buffers = {}
                for _ in range(header.get("num_buffers", 0)):
                    name = json.loads(await self._part())["id"]
                    buffers[name] = await self._part()
                self._take(header["msgtype"], content, buffers)
                for watcher in list(self._watchers):
                    watcher()
            self.problem = "the server has closed the page"
        except Exception as error:  # noqa: BLE001 - whoever waits is told, and nobody else listens
            self.problem = f"{type(error).__name__}: {error}"
        for watcher in list(self._watchers):
            watcher()

    async def _part(self) -> str | bytes:
        part = await self._socket.read_message()
        if part is None:
            raise TroubleError("the server has closed the page in the middle of a message")
        return part

    def _take(self, kind: str, content: dict[str, Any], buffers: dict[str, Any]) -> None:
        if kind == "ERROR":
            raise TroubleError(f"the server says: {content.get('text')}")
        if kind == "ACK":
            self._greeted.set_result(None)
        elif kind == "PULL-DOC-REPLY":
            self._roots = [self._value(root, buffers)["id"] for root in content["doc"]["roots"]]
            self._pulled.set_result(None)
        elif kind == "PATCH-DOC":
            for event in content["events"]:
                self._patch(event, buffers)

    def _patch(self, event: dict[str, Any], buffers: dict[str, Any]) -> None:
        if event["kind"] == "ModelChanged":
            self.models[event["model"]["id"]][event["attr"]] = self._value(event["new"], buffers)
        elif event["kind"] == "MessageSent":
            data = self._value(event.get("msg_data"), buffers)
            if isinstance(data, dict) and isinstance(data.get("data"), dict):
                self.told.append(data["data"])

    def _value(self, value: Any, buffers: dict[str, Any]) -> Any:
        """What a serialised value stands for; models are kept, and named by their ids."""
        if isinstance(value, list):
            return [self._value(one, buffers) for one in value]
        if not isinstance(value, dict):
            return value
        match value.get("type"):
            case "object":
                attributes = value.get("attributes", {})
                if "id" not in value:
                    return None
                self.models[value["id"]] = {}
                self.models[value["id"]] |= {n: self._value(one, buffers) for n, one in attributes.items()}
                return {"id": value["id"]}
            case "map":
                return {name: self._value(one, buffers) for name, one in value.get("entries", [])}
            case "bytes":
                return buffers.get(value["data"].get("id"), b"") if isinstance(value["data"], dict) else b""
            case "event":
                return self._value(value.get("values"), buffers)
            case "set":
                return self._value(value.get("entries", []), buffers)
        return {name: self._value(one, buffers) for name, one in value.items()}

    def _shown(self) -> Iterator[str]:
        """The ids of the models that the page consists of now."""
        seen: set[str] = set()
        waiting: list[Any] = [{"id": root} for root in reversed(self._roots)]
        while waiting:
            one = waiting.pop()
            if isinstance(one, list):
                waiting += reversed(one)
            elif isinstance(one, dict):
                key = one.get("id")
                if set(one) == {"id"} and key in self.models and key not in seen:
                    seen.add(key)
                    yield key
                    waiting += reversed(list(self.models[key].values()))


def _encoded(value: Any) -> Any:
    if isinstance(value, dict):
        return {"type": "map", "entries": [[name, _encoded(one)] for name, one in value.items()]}
    return [_encoded(one) for one in value] if isinstance(value, list) else value

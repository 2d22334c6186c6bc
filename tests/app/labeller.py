"""A simulated labeller: goes through the queue in the app's editor as a person does in a browser.

Moves points, takes moves back, accepts faces or leaves them for later, loads the page again, looks at the
photos and at the grid, and may lose the connection with changes on the way, which go again then. Keeps
account of what the server has acknowledged (`Labeller.saved`, `Labeller.left`), so that it can be compared
with the database afterwards, and of what went wrong (`Labeller.problems`).
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from .wire import Browser, Page, TroubleError

#: As the editor's outbox does it: everything is sent again after so many seconds without an answer.
_RETRY = 1.5

Points = list[tuple[float, float] | None]

#: Is told how many seconds something took.
Heard = Callable[[str, float], None]


@dataclass(frozen=True)
class Saved:
    """What a labeller was told is saved: the points of a face, and in which state it was left."""

    face: int
    author: str
    xy: tuple[tuple[float, float] | None, ...]
    state: str


@dataclass
class Desks:
    """Who has which face before them, in all browsers: nobody may be given what another one has."""

    taken: dict[str, str] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)

    def sit(self, name: str, key: str) -> None:
        """``name`` has this face, and no other."""
        self.rise(name)
        if key in self.taken:
            self.twice.append(f"{self.taken[key]} and {name} were both given face {key}")
        self.taken[key] = name

    def rise(self, name: str) -> None:
        """``name`` has no face any more."""
        self.taken = {key: one for key, one in self.taken.items() if one != name}


class Desk:
    """The editor of a page, as its script works it: an outbox, and what Python shows. The ids of edits
    that are acknowledged go into ``edits``."""

    def __init__(self, page: Page, heard: Heard, edits: set[str], left: list[dict[str, Any]]) -> None:
        self.page, self._heard, self._edits = page, heard, edits
        self._model, self._client, self.problem = page.traits(_named(page, "Editor")), uuid4().hex, ""
        self._entries: list[tuple[dict[str, Any], float]] = []
        self._number = self._attempt = 0
        page.watch(self._acknowledge)
        for entry in left:
            self._add({**entry, "replayed": True})

    @property
    def current(self) -> str:
        """The key of the face that is shown, "" for none."""
        return str(self.page.models[self._model].get("current", ""))

    @property
    def face(self) -> dict[str, Any]:
        """The face that is shown."""
        return dict(self._trait("faces")[self.current])

    @property
    def unsaved(self) -> list[dict[str, Any]]:
        """The changes that nobody has acknowledged."""
        return [entry for entry, _ in self._entries if entry["type"] not in ("hello", "gone")]

    async def add(self, entry: dict[str, Any]) -> None:
        """Put something into the outbox, and send all of it."""
        self._add(entry)
        await self._send()

    async def saved(self) -> None:
        """Wait until everything is acknowledged, sending it again now and then."""

        def done() -> bool | None:
            return None if self._entries else True

        asking = asyncio.create_task(self._insist())
        try:
            await self.page.until(done, "the editor to say that it has saved")
        finally:
            asking.cancel()
        if self.problem:
            raise TroubleError(f"the editor says: {self.problem}")

    async def moved_on(self, key: str) -> None:
        """Wait for another face, with its photo."""

        def there() -> bool | None:
            return True if self.current != key and (not self.current or self._photo()) else None

        await self.page.until(there, "the next face")

    def _photo(self) -> bool:
        """Whether the photo of the present face has come."""
        slot = self._trait("photos").get(self.face["image"]["path"])
        return slot is not None and bool(self.page.models[self._model][f"photo_{slot}"])

    def _trait(self, name: str) -> dict[str, Any]:
        return dict(json.loads(self.page.models[self._model].get(name) or "{}"))

    def _add(self, entry: dict[str, Any]) -> None:
        self._number += 1
        full = {"id": f"{self._client}/{self._number}", **entry, "seq": self._number}
        self._entries.append((full, time.monotonic()))

    async def _send(self) -> None:
        entries = [entry for entry, _ in self._entries]
        said = {"client": self._client, "attempt": self._attempt, "entries": entries}
        await self.page.set(self._model, "outbox", json.dumps(said))

    async def _insist(self) -> None:
        while True:
            await asyncio.sleep(_RETRY)
            self._attempt += 1
            await self._send()

    def _acknowledge(self) -> None:
        self.problem = self.problem or self._trait("status").get("problem", "")
        told = self._trait("acknowledged").get(self._client, 0)
        now = time.monotonic()
        for entry, since in self._entries:
            if entry["seq"] <= told:
                self._edits |= {entry["edit"]["id"]} if entry["type"] == "edit" else set()
                self._heard("hello" if entry["type"] == "hello" else "save", now - since)
        self._entries = [one for one in self._entries if one[0]["seq"] > told]


class Labeller:
    """A person who labels until they are told that it is enough.

    ``pace`` is how long they look at a face before they do something, in seconds: a third to the whole of
    it. ``drops`` says whether their connection is lost now and then.
    """

    def __init__(
        self,
        browser: Browser,
        name: str,
        password: str,
        desks: Desks,
        *,
        pace: float = 3.0,
        drops: bool = False,
        heard: Heard = lambda what, seconds: None,
        seed: int = 0,
    ) -> None:
        self.name, self.saved, self.problems = name, list[Saved](), list[str]()
        self.left, self.edits = dict[int, Points](), set[str]()
        self.faces = self.pages = self.drops = self.rounds = 0
        self._browser, self._password, self._desks = browser, password, desks
        self._pace, self._drops, self._heard = pace, drops, heard
        self._random = random.Random(seed)
        self._points: Points = []
        self._edits: list[dict[str, Any]] = []

    async def work(self, over: Callable[[Labeller], bool]) -> None:
        """Label until it is ``over``; what goes wrong is kept in ``problems``."""
        try:
            await self._browser.login(self.name, self._password)
            await self._label(over)
        except Exception as error:  # noqa: BLE001 - all of it counts as an error of the server
            self.problems.append(f"{self.name}: {type(error).__name__}: {error}")
        finally:
            self._desks.rise(self.name)
            self._browser.close()

    async def _label(self, over: Callable[[Labeller], bool]) -> None:
        ways = (self._look_at_photos, self._look_at_grid, self._load_again)
        desk, turn = await self._arrive([]), self._random.randrange(len(ways))
        while not over(self) and desk.current:
            for _ in range(self._random.randint(1, 4)):
                if over(self) or not desk.current:
                    break
                await self._face(desk)
            if over(self) or not desk.current:
                break
            self.rounds, turn = self.rounds + 1, turn + 1
            desk = await (self._lose_connection if self._drops and turn % 2 else ways[turn % len(ways)])(desk)
        await self._begin(desk)
        await desk.saved()
        await self._leave(desk)

    # Faces

    async def _face(self, desk: Desk) -> None:
        """Correct a face, and go on to the next one."""
        await self._begin(desk)
        for _ in range(self._random.randint(1, 4)):
            await self._think()
            await self._move(desk)
        if self._random.random() < 0.3:
            await self._think()
            await self._undo(desk)
        key, xy = desk.current, tuple(self._points)
        leaves = bool(self._edits) and self._random.random() < 0.1
        self._desks.rise(self.name)  # the server may give it to somebody else before it tells us
        began = time.monotonic()
        await desk.add(
            {**self._about(desk), "type": "command", "command": {"name": "next" if leaves else "accept"}}
        )
        await desk.saved()
        self.saved.append(Saved(int(key), self.name, xy, "in progress" if leaves else "done"))
        self.left.pop(int(key), None)
        self.faces += 1
        await desk.moved_on(key)
        self._heard("next face", time.monotonic() - began)
        self._sit(desk)

    async def _begin(self, desk: Desk) -> None:
        """Take up the face that is shown, with the changes that it has."""
        if not desk.current:
            return
        face = desk.face
        self._points = _places(face)
        self._edits = list(face["done"])

    async def _move(self, desk: Desk) -> None:
        """Drag a point, with its neighbours behind it."""
        known = [number for number, place in enumerate(self._points) if place is not None]
        first = self._random.randrange(len(known))
        places, before = {}, {}
        for distance, number in enumerate(known[first : first + 3]):
            x, y = self._points[number] or (0.0, 0.0)
            share = 1.0 / (1 + distance)
            before[str(number)] = [x, y]
            places[str(number)] = [
                x + share * self._random.uniform(-5, 5),
                y + share * self._random.uniform(-5, 5),
            ]
        states = {str(known[first]): 1}
        edit = {
            "id": uuid4().hex,
            "label": "move",
            "before": {"xy": before, "state": dict.fromkeys(states, 0)},
            "after": {"xy": places, "state": states},
        }
        self._put(places)
        self._edits.append(edit)
        self.left[int(desk.current)] = list(self._points)
        await desk.add({**self._about(desk), "type": "edit", "edit": edit})

    async def _undo(self, desk: Desk) -> None:
        if not self._edits:
            return
        edit = self._edits.pop()
        self._put(edit["before"].get("xy", {}))
        self.left[int(desk.current)] = list(self._points)
        await desk.add({**self._about(desk), "type": "undo", "edit": {"id": edit["id"]}})

    def _put(self, places: dict[str, Any]) -> None:
        for number, place in places.items():
            self._points[int(number)] = None if place is None else (place[0], place[1])

    def _about(self, desk: Desk) -> dict[str, Any]:
        face = desk.face
        return {"key": face["key"], "revision": face["revision"], "scheme": face["scheme"]}

    async def _think(self) -> None:
        await asyncio.sleep(self._random.uniform(self._pace / 3, self._pace))

    # Pages

    async def _arrive(self, left: list[dict[str, Any]]) -> Desk:
        """Load the page Review; ``left`` are changes that an earlier page could not save."""
        began = time.monotonic()
        page = await self._browser.open("/review")
        desk = Desk(page, self._heard, self.edits, left)
        self._heard("page", time.monotonic() - began)
        self.pages += 1
        await desk.add({"type": "hello"})
        await desk.saved()
        self._check(page)
        self._sit(desk)
        return desk

    def _sit(self, desk: Desk) -> None:
        if desk.current:
            self._desks.sit(self.name, desk.current)

    async def _leave(self, desk: Desk) -> None:
        self._check(desk.page)
        await desk.page.close()

    async def _load_again(self, desk: Desk) -> Desk:
        """Load the page again in the middle of a face: its unsaved changes are there again."""
        await self._begin(desk)
        await self._move(desk)
        await desk.saved()
        await self._leave(desk)
        return await self._same(await self._arrive([]))

    async def _lose_connection(self, desk: Desk) -> Desk:
        """Lose the connection with changes on the way: the next page sends them again."""
        await self._begin(desk)
        await self._move(desk)
        await desk.saved()
        for _ in range(self._random.randint(1, 3)):
            await self._move(desk)
        left = desk.unsaved
        await desk.page.vanish()
        self.drops += 1
        await asyncio.sleep(self._random.uniform(0, self._pace / 3))
        return await self._same(await self._arrive(left))

    async def _same(self, desk: Desk) -> Desk:
        """The face of before is shown, as it was left, when what was sent again has been seen to."""
        if not desk.current or int(desk.current) not in self.left:
            raise TroubleError(f"another face is shown than the one that was begun: {desk.current}")
        wanted = self.left[int(desk.current)]

        def there() -> bool | None:
            return True if _places(desk.face) == wanted else None

        await desk.page.until(there, f"face {desk.current} as it was left")
        return desk

    async def _look_at_photos(self, desk: Desk) -> Desk:
        """Turn to the page Images and back."""
        page = desk.page
        shell = _named(page, "Shell")
        began = time.monotonic()
        await page.say(shell, {"type": "go", "page": "images"})
        gallery = await page.until(lambda: page.component("Gallery"), "the photos")
        self._heard("photos", time.monotonic() - began)
        items = page.models[page.traits(gallery)]["items"]
        await self._pictures(f"/media/photo/{one['id']}?side=320&v={one['version']}" for one in items[:24])
        await self._think()
        await page.say(shell, {"type": "go", "page": "review"})
        return await self._back(page)

    async def _look_at_grid(self, desk: Desk) -> Desk:
        """Look at many faces at once, and go back to the one."""
        page = desk.page
        mode = page.find(labels=["One by one", "Many at once"])
        assert mode is not None
        began = time.monotonic()
        await page.set(mode, "active", 1)
        grid = await page.until(lambda: page.component("FaceGrid"), "the grid")
        self._heard("grid", time.monotonic() - began)
        await self._pictures(tile["src"] for tile in page.models[page.traits(grid)]["tiles"])
        await self._think()
        await page.set(mode, "active", 0)
        return await self._back(page)

    async def _back(self, page: Page) -> Desk:
        await page.until(lambda: page.component("Editor"), "the editor")
        desk = Desk(page, self._heard, self.edits, [])
        await desk.add({"type": "hello"})
        await desk.saved()
        self._check(page)
        self._sit(desk)
        return desk

    async def _pictures(self, paths: Any) -> None:
        await asyncio.gather(*(self._browser.picture(path) for path in paths))

    def _check(self, page: Page) -> None:
        """Nothing may have been told that went wrong."""
        wrong = [str(one.get("text")) for one in page.told if one.get("kind") == "bad"]
        if wrong:
            raise TroubleError(f"the app says: {'; '.join(wrong)}")


def _named(page: Page, name: str) -> str:
    """The component of this class in a page."""
    found = page.component(name)
    if found is None:
        raise TroubleError(f"the page has no {name}")
    return found


def _places(face: dict[str, Any]) -> Points:
    """The points of a face."""
    return [None if place is None else (place[0], place[1]) for place in face["xy"]]

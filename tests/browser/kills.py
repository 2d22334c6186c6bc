"""Somebody labels while the server is killed and the tab is closed at random moments, over and over:
is any edit lost? Used by test_hosts_kill.py and benchmarks/editor_kill.py."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from threading import Timer

from playwright.sync_api import BrowserContext, Page

from labelkit.landmarks import Face
from labelkit.project import Project
from labelkit.project.editing import open_desk
from labelkit.store import FaceState

from .hosts import PanelServer, ask, drag, grab, ready, saved

AUTHOR = "ann"


@dataclass
class Kills:
    """``rounds`` of work, each ended by a kill; ``made`` are the ids of all edits that were released,
    ``accepted`` the photos whose faces were accepted."""

    context: BrowserContext
    project: Project
    server: PanelServer
    random: random.Random
    servers: int = 0
    tabs: int = 0
    unsaved: int = 0
    made: set[str] = field(default_factory=set)
    accepted: list[str] = field(default_factory=list)

    def run(self, rounds: int) -> None:
        page = self.opened()
        for number in range(rounds):
            page = self.server_dies(page) if number % 2 else self.tab_dies(page)
        self.page = page

    def opened(self) -> Page:
        page = self.context.new_page()
        page.goto(f"{self.server.url}?author={AUTHOR}")
        ready(page)
        saved(page)
        return page

    def server_dies(self, page: Page) -> Page:
        timer = Timer(self.random.uniform(0, 0.6), self.server.kill)
        timer.start()
        for _ in range(self.random.randint(2, 5)):
            self.work(page)
        timer.join()
        self.note(page)
        self.servers += 1
        self.server.start()
        # The page finds out by itself.
        saved(page)
        ready(page)
        return page

    def tab_dies(self, page: Page) -> Page:
        for _ in range(self.random.randint(1, 3)):
            self.work(page)
        if self.random.random() < 0.3:
            grab(page, self.random.randrange(98))
        self.note(page)
        page.close()
        self.tabs += 1
        return self.opened()

    def work(self, page: Page) -> None:
        """A drag, or now and then something else."""
        what = self.random.random()
        if what < 0.1:
            page.locator(".lk-editor").press("Control+z")
        elif what < 0.15 and self.next(page):
            self.accepted.append(ask(page, "w.face.image.path"))
            page.locator(".lk-editor").press("Control+Enter")
        else:
            drag(page, self.random.randrange(98), self.random.uniform(-9, 9), self.random.uniform(-9, 9))
        self.made |= self.ids(page)

    def next(self, page: Page) -> bool:
        return bool(ask(page, "w.face.next"))

    def ids(self, page: Page) -> set[str]:
        return set(ask(page, "[...w.document.done, ...w.document.undone].map((edit) => edit.id)"))

    def note(self, page: Page) -> None:
        self.made |= self.ids(page)
        self.unsaved += int(page.locator(".lk-host").get_attribute("data-unsaved") or 0)

    def lost(self) -> list[str]:
        """Edits that are not in the database, and decisions that were not taken; also a page that shows
        something else than is stored."""
        with closing(sqlite3.connect(self.project.store.path)) as database:
            query = "SELECT json_extract(edit, '$.id') FROM journal_entries WHERE edit IS NOT NULL"
            kept = {row[0] for row in database.execute(query)}
        lost = sorted(self.made - kept)
        lost += [name for name in self.accepted if self.project.find(Face(name)).state != FaceState.DONE]
        image = ask(self.page, "w.face.image.path")
        desk = open_desk(self.project, AUTHOR)
        stored = desk.open(desk.key(Face(image))).draft.landmarks.xy.tolist()
        return lost + ([f"{image}: is shown otherwise"] if stored != ask(self.page, "w.document.xy") else [])

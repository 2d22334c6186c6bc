"""Victims that people wait for: the editor's server, and a program that annotates."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from kills import made
from kills.processes import Child, Line
from kills.victim import Problem, Round, Victim

from labelkit.editor.session import EditSession
from labelkit.landmarks import Face, State
from labelkit.project import Project
from labelkit.project.editing import open_desk
from labelkit.store import EventKind, FaceState

AUTHOR = "ann"


@dataclass
class Page:
    """What a browser that survives its server believes about a face: the places of all points, the
    edits that are done and undone, the revisions that were accepted, what was said about it."""

    xy: dict[int, tuple[float, float]] = field(default_factory=dict)
    done: list[dict[str, Any]] = field(default_factory=list)
    undone: list[dict[str, Any]] = field(default_factory=list)
    accepted: list[dict[int, tuple[float, float]]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)

    def take(self, entry: dict[str, Any]) -> None:
        """What an entry does to the face."""
        kind = entry["type"]
        if kind == "edit":
            self.done.append(entry["edit"])
            self.undone.clear()
        elif kind == "undo":
            self.undone.append(self.done.pop())
        elif kind == "redo":
            self.done.append(self.undone.pop())
        elif entry["command"]["name"] == "comment":
            self.comments.append(entry["command"]["text"])
        else:
            self.accepted.append(self.places())
            self.xy, self.done, self.undone = self.places(), [], []

    def places(self) -> dict[int, tuple[float, float]]:
        """Where the points are that were ever moved."""
        moved = dict(self.xy)
        for edit in self.done:
            moved |= {int(i): (x, y) for i, (x, y) in edit["after"]["xy"].items()}
        return moved


class Editor(Victim):
    """The server's side of the editor (session, desk, journal, accepting), and a browser that sends
    it edits, undoes, redoes, accepts and comments, some at once, and sends again what was not
    acknowledged when the server died. What counts is exact: after a kill every face is as the
    browser knows it, with at most the first few of the entries that were on their way."""

    name, share, rounds = "editor", 120, 30

    def prepare(self, home: Path) -> None:
        made.project(home, 0)

    def work(self, home: Path, number: int, line: Line) -> None:
        news: dict[str, Any] = {}
        with Project.open(home / "work") as project:
            faces = [Face(name) for name in made.names()]
            session = EditSession(open_desk(project, AUTHOR, faces), news.update)
            session.start()
            for outbox in line.heard():
                session.receive(outbox)
                line.say(json.dumps([news["acknowledged"], news["status"]["problem"]]))

    def before(self, home: Path, round_: Round) -> None:
        if round_.within == 0:
            self._pages = {number + 1: Page() for number in range(made.FACES)}
            self._waiting: list[dict[str, Any]] = []
            self._seq = 0
            self._refused: list[str] = []

    def attack(self, child: Child, home: Path, round_: Round) -> list[int]:
        moment = round_.moment
        early = moment.random() < 0.25
        until = child.began + (moment.uniform(0, 0.05) if early else 60)
        for entry in self._waiting:
            entry["replayed"] = True
        answers, known = 0, False
        while time.monotonic() < until and child.alive():
            if not self._waiting:
                self._waiting = self._entries(moment)
            child.tell(json.dumps({"client": "page", "entries": self._waiting}))
            heard = 0
            while time.monotonic() < until and not heard and child.alive():
                child.listen(until)
                heard = len(child.said) - answers
            for line in child.said[answers:]:
                self._acknowledge(line)
            answers = len(child.said)
            if answers and not known and not early:
                known, until = True, time.monotonic() + moment.uniform(0, self.span)
        return [child.pid]

    def _entries(self, moment: Random) -> list[dict[str, Any]]:
        """What somebody does next, up to four things at once."""
        pages, entries = copy.deepcopy(self._pages), []
        for _ in range(moment.choice((1, 1, 1, 2, 4))):
            key = moment.randrange(made.FACES) + 1
            entry = self._entry(key, pages[key], moment)
            pages[key].take(entry)
            entries.append(entry)
        return entries

    def _entry(self, key: int, page: Page, moment: Random) -> dict[str, Any]:
        self._seq += 1
        name = f"entry {self._seq}"
        entry = {
            "seq": self._seq,
            "id": name,
            "key": str(key),
            "revision": len(page.accepted) + 1,
            "scheme": 1,
        }
        what = moment.random()
        if what < 0.12 and page.done:
            return {**entry, "type": "undo", "edit": {"id": page.done[-1]["id"]}}
        if what < 0.18 and page.undone:
            return {**entry, "type": "redo", "edit": {"id": page.undone[-1]["id"]}}
        if what < 0.4:
            return {**entry, "type": "command", "command": {"name": "accept"}}
        if what < 0.45:
            return {**entry, "type": "command", "command": {"name": "comment", "text": name}}
        point, place = moment.randrange(68), [moment.randrange(4000) / 8, moment.randrange(4000) / 8]
        there = page.places().get(point, made.points(0)[point])
        before = {"xy": {str(point): [float(value) for value in there]}}
        after = {"xy": {str(point): place}, "state": {str(point): int(State.PLACED)}}
        edit = {"id": f"edit {self._seq}", "label": "", "before": before, "after": after}
        return {**entry, "type": "edit", "edit": edit}

    def _acknowledge(self, line: str) -> None:
        numbers, problem = json.loads(line)
        if problem:
            self._refused.append(problem)
        seen = numbers.get("page", 0)
        for entry in self._waiting:
            if entry["seq"] <= seen:
                self._pages[int(entry["key"])].take(entry)
        self._waiting = [entry for entry in self._waiting if entry["seq"] > seen]

    def judge(self, home: Path, project: Project, said: list[str]) -> Iterator[Problem]:
        yield from (("lost", f"an entry was refused: {problem}") for problem in self._refused)
        stored = {key: _stored(project, key) for key in self._pages}
        pages = copy.deepcopy(self._pages)
        for entry in [None, *self._waiting]:
            if entry is not None:
                pages[int(entry["key"])].take(entry)
            wrong = [key for key, page in pages.items() if stored[key] != _told(page)]
            if not wrong:
                return
        for key in [key for key, page in self._pages.items() if stored[key] != _told(page)]:
            yield "lost", f"face {key}: the browser knows {_told(self._pages[key])}, stored is {stored[key]}"


def _told(page: Page) -> list[Any]:
    done, undone = ([edit["id"] for edit in edits] for edits in (page.done, page.undone))
    revisions = [sorted((i, x, y) for i, (x, y) in places.items()) for places in page.accepted]
    return [revisions, done, undone, page.comments]


def _stored(project: Project, key: int) -> list[Any]:
    """As `_told`: of every accepted revision the points that are not where they were at first."""
    first, *others = project.store.history(key)
    revisions = []
    for one in others:
        moved = (abs(one.landmarks.xy - first.landmarks.xy) > 1e-6).any(axis=1)
        revisions.append([(i, *one.landmarks.xy[i]) for i in moved.nonzero()[0].tolist()])
    journal = project.store.journal.read(key, f"editor of {AUTHOR}")
    done = [] if journal is None else [one.edit["id"] for one in journal.done]
    undone = [] if journal is None else [one.edit["id"] for one in reversed(journal.undone)]
    comments = [one.text for one in project.store.events(key, kind=EventKind.COMMENT)]
    return [revisions, done, undone, comments]


class Annotate(Victim):
    """A program or a notebook that annotates, comments, notes and sends back."""

    name, share = "annotate", 80

    def prepare(self, home: Path) -> None:
        made.project(home, 0)

    def work(self, home: Path, number: int, line: Line) -> None:
        with Project.open(home / "work") as project:
            while True:
                number += 1
                face = Face(made.names()[number % made.FACES])
                project.annotate(face, made.points(number), author=AUTHOR)
                line.say(f"{face.image} {number}")
                if number % 3 == 0:
                    project.comment(face, f"about {number}", AUTHOR)
                    line.say(f"{face.image} {number} comment")
                if number % 4 == 0:
                    project.send_back(face, f"back {number}", AUTHOR, project.scheme.names[5])
                    line.say(f"{face.image} {number} back")
                if number % 5 == 0:
                    project.store.set_note(project.find(face).id, str(number), AUTHOR)
                    line.say(f"{face.image} {number} note")

    def judge(self, home: Path, project: Project, said: list[str]) -> Iterator[Problem]:
        for name in made.names():
            stored = made.values(project, name)
            if None in stored:
                yield "lost", f"{name}: a revision of mixed values"
            face_id = project.find(Face(name)).id
            events = project.store.events(face_id)
            comments = {one.text for one in events if one.kind is EventKind.COMMENT}
            notes = {one.text for one in events} | {str(one.after) for one in events}
            backs = {one.text for one in events if one.after == FaceState.RETURNED.value}
            known = {"": set(map(str, stored)), "note": notes}
            for line in said:
                image, number, *kind = line.split()
                if image != name:
                    continue
                what = kind[0] if kind else ""
                wanted = {"comment": f"about {number}", "back": f"back {number}"}.get(what, number)
                there = {"comment": comments, "back": backs}.get(what) or known.get(what, set())
                if wanted not in there:
                    yield "lost", f"{line}"

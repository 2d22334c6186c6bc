"""What a victim is: a project, work on it, and a judge who looks at what is left."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kills.processes import Child, Line

from labelkit.project import Project

#: What can be wrong: something acknowledged is gone; a file is there by half; a project or database
#: cannot be opened, or contradicts itself; a job can neither go on nor be begun anew; drafts are still
#: in a project's folder after it has been opened.
Kind = Literal["lost", "half_written", "unopenable", "stuck", "left_behind"]
KINDS: tuple[Kind, ...] = ("lost", "half_written", "unopenable", "stuck", "left_behind")

Problem = tuple[Kind, str]

#: The share of kills at the very start (within `EARLY` s), and of those at any moment after it; the
#: others come once the victim is known to be at work.
AT_START, ANY_TIME, EARLY = 0.15, 0.25, 0.02


@dataclass
class Round:
    """One kill: its number (within the victim, and within its project), what moments are drawn from,
    and what the project's victims have acknowledged so far, this one included."""

    number: int
    within: int
    moment: random.Random
    said: list[str] = field(default_factory=list)
    busy: bool = False


class Victim:
    """``share`` of all kills. ``span``: a kill comes at most so many seconds after the work has begun.
    ``rounds`` kills hit one project, then a fresh one is taken."""

    name: str
    share: int
    span: float = 0.25
    rounds: int = 20

    def warm(self) -> None:
        """Import what the forks would import again and again; nothing is computed."""

    def prepare(self, home: Path) -> None:
        """Make photos and project in an empty folder; called once, in a process of its own."""
        raise NotImplementedError

    def work(self, home: Path, number: int, line: Line) -> None:
        """Go on for ever with values from ``number`` on, and say a line for all that is stored."""
        raise NotImplementedError

    def judge(self, home: Path, project: Project, said: list[str]) -> Iterator[Problem]:
        """What of all that was ever said is not there, or there by half."""
        raise NotImplementedError

    def consistent(self, home: Path, project: Project) -> Iterator[Problem]:
        """What contradicts itself, whatever was acknowledged."""
        yield from ()

    def first_look(self, home: Path, said: list[str]) -> Iterator[Problem]:
        """What is wrong already before anybody opens the project."""
        yield from ()

    def before(self, home: Path, round_: Round) -> None:
        """Make ready for a round (what was judged may go); in the process that forks, hence without
        computing."""

    def attack(self, child: Child, home: Path, round_: Round) -> list[int]:
        """Wait for the moment; the processes to kill then."""
        early = round_.moment.random()
        if early < AT_START:
            until = child.began + round_.moment.uniform(0, EARLY)
        elif early < AT_START + ANY_TIME:
            until = child.began + round_.moment.uniform(0, self.span)
        else:
            while not child.listen(child.began + 120) and child.alive():
                if time.monotonic() > child.began + 120:
                    raise SystemExit(f"{self.name}: nothing was heard of it for two minutes")
            until = time.monotonic() + round_.moment.uniform(0, self.span)
        while time.monotonic() < until and child.alive():
            child.listen(until)
        return [child.pid]

    def folder(self, home: Path) -> Path:
        """The project's folder."""
        return home / "work"

    def openable(self, home: Path) -> bool:
        """Whether there must be a project that opens."""
        return True

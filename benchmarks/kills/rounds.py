"""Rounds of killing one victim, and what they came to."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

from kills import checks
from kills.processes import Child, asked, bury
from kills.victim import KINDS, Problem, Round, Victim

from labelkit.drafts import UNFINISHED
from labelkit.project import Project

#: Every so many rounds the command line is asked as well.
SAMPLED = 20

#: How many findings of a kind are told.
_TOLD = 10


@dataclass
class Tally:
    """What the kills of a victim came to. ``at_work`` kills came after something was acknowledged
    in their round, ``torn`` ones were looked at a second time with the end of the WAL missing."""

    kills: int = 0
    at_work: int = 0
    acknowledged: int = 0
    torn: int = 0
    drafts: int = 0
    lost: list[str] = field(default_factory=list)
    half_written: list[str] = field(default_factory=list)
    unopenable: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)
    torn_unopenable: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def note(self, number: int, problems: list[Problem]) -> None:
        for kind, text in problems:
            getattr(self, kind).append(f"round {number}: {text}")

    @property
    def clean(self) -> bool:
        return not any(getattr(self, kind) for kind in (*KINDS, "torn_unopenable"))

    def to_dict(self) -> dict[str, object]:
        found = asdict(self) | {"seconds": round(self.seconds, 1)}
        for kind in (*KINDS, "torn_unopenable"):
            problems = found[kind]
            found[kind] = len(problems)
            if problems:
                found[f"{kind}_first"] = problems[:_TOLD]
        return found


def run(
    victim: Victim, kills: int, seed: int, first: int = 0, heard: Callable[[Tally], None] = lambda tally: None
) -> Tally:
    """Kill a victim so many times; a round's moments come from the seed, the victim and its number.
    ``first``: the number of the first round, of those with which a project begins."""
    tally, began = Tally(), time.monotonic()
    victim.warm()
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        template, home = Path(name, "template"), Path(name, "home")
        template.mkdir()
        asked(lambda: victim.prepare(template))
        said: list[str] = []
        for number in range(first, first + kills):
            within = number % victim.rounds
            if within == 0:
                shutil.rmtree(home, ignore_errors=True)
                shutil.copytree(template, home)
                said = []
            moment = Random(f"{seed} {victim.name} {number}")
            round_ = Round(number, within, moment, said)
            _round(victim, home, round_, tally)
            tally.seconds = time.monotonic() - began
            heard(tally)
    return tally


def _round(victim: Victim, home: Path, round_: Round, tally: Tally) -> None:
    victim.before(home, round_)
    first = round_.within * 10_000
    child = Child(lambda line: victim.work(home, first, line), home / "victim.log")
    pids = victim.attack(child, home, round_)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    child.end()
    left = bury([pid for pid in pids if pid != child.pid])
    round_.busy = bool(child.said)
    round_.said += child.said
    tally.kills += 1
    tally.at_work += round_.busy
    tally.acknowledged += len(child.said)
    tally.drafts += sum(1 for path in home.rglob(f"{UNFINISHED}*"))
    if left:
        tally.note(round_.number, [("stuck", f"processes {left} are still there")])
    folder, copy = victim.folder(home), home / "torn"
    if victim.openable(home) and checks.torn(folder, copy, round_.moment):
        tally.torn += 1
        problems = _answer(lambda: _torn(victim, home, copy))
        tally.torn_unopenable += [f"round {round_.number}: {text}" for _, text in problems]
        shutil.rmtree(copy)
    tally.note(round_.number, _answer(lambda: _judged(victim, home, round_)))


def _answer(question: Callable[[], list[Problem]]) -> list[Problem]:
    try:
        return [(kind, text) for kind, text in asked(question)]
    except RuntimeError as error:
        return [("unopenable", str(error)[-2000:])]


def _judged(victim: Victim, home: Path, round_: Round) -> list[Problem]:
    folder = victim.folder(home)
    problems: list[Problem] = []
    if round_.number % SAMPLED == SAMPLED // 2 and victim.openable(home):
        problems += checks.status(folder)
    if not victim.openable(home):
        return problems + list(victim.judge(home, None, round_.said))
    problems += victim.first_look(home, round_.said)
    with Project.open(folder) as project:
        problems += checks.no_drafts(folder)
        problems += checks.consistent(project)
        problems += checks.nobody_at_work(project)
        problems += victim.consistent(home, project)
        problems += victim.judge(home, project, round_.said)
    problems += checks.whole_database(folder / "labelkit.db")
    return problems


def _torn(victim: Victim, home: Path, copy: Path) -> list[Problem]:
    with closing(Project.open(copy)) as project:
        problems = list(checks.consistent(project)) + list(victim.consistent(home, project))
    return problems + list(checks.whole_database(copy / "labelkit.db"))

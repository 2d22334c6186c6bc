"""Victims whose work goes wrong on purpose: python liars.py prints what the kills of benchmarks/kill.py
come to for each, so that it is known that a fault would be found."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from sqlalchemy import text

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from kills import editing, writing
from kills.processes import Line, adopt_orphans, asked
from kills.rounds import run

from labelkit.drafts import new_name
from labelkit.project import Project


def forever() -> None:
    while True:
        time.sleep(1)


class Forgets(editing.Annotate):
    """Says that it has annotated, and has not."""

    def work(self, home: Path, number: int, line: Line) -> None:
        line.say("000.png 77")
        forever()


class Halves(writing.Export):
    """Leaves the first half of an export."""

    def work(self, home: Path, number: int, line: Line) -> None:
        out = home / "work" / "exports" / "faces.csv"
        with Project.open(home / "work") as project:
            project.export("csv", out)
        out.write_bytes(out.read_bytes()[: out.stat().st_size // 2])
        line.say("faces.csv 0")
        forever()


class Breaks(editing.Annotate):
    """Writes over the middle of the database."""

    def work(self, home: Path, number: int, line: Line) -> None:
        path = home / "work" / "labelkit.db"
        with path.open("rb+") as file:
            file.seek(path.stat().st_size // 2)
            file.write(b"\xff" * 20_000)
        line.say("000.png 0")
        forever()


class Hangs(editing.Annotate):
    """Leaves a job that says it runs, and a draft, both of a process that lives: the one that measures."""

    def prepare(self, home: Path) -> None:
        super().prepare(home)
        with Project.open(home / "work") as project:
            project.store.jobs.start(project.store.jobs.add("prelabel", {}).id)

    def work(self, home: Path, number: int, line: Line) -> None:
        with Project.open(home / "work") as project:
            with project.store._database.write() as connection:
                connection.execute(text("UPDATE jobs SET pid = :pid"), {"pid": os.getppid()})
            models = home / "work" / "models"
            (models / new_name().replace(f"-{os.getpid()}-", f"-{os.getppid()}-")).touch()
        line.say("000.png 0")
        forever()


def main() -> None:
    """One kill of each, at work."""
    found = {}
    for liar in (Forgets(), Halves(), Breaks(), Hangs()):
        adopt_orphans()
        # Of this seed the second kill comes when the victim is at work.
        found[type(liar).__name__] = asked(lambda liar=liar: run(liar, 3, 1).to_dict())
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()

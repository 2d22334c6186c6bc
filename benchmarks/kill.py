"""kill -9 at random moments, over and over: is anything lost that was acknowledged?

    python benchmarks/kill.py [--kills 200] [--seed 0] [--victim annotate import ...]

Each round forks a process that works on a project and says a line for everything that is stored;
it is killed at a random moment, the project is opened again, and all that was ever acknowledged
must be there. Prints JSON: for each victim the kills, how many happened while it was at work, what
was acknowledged, what was lost, and the database's own integrity check. Exit code 1 when something
was lost. Linux and macOS only.

To add a victim, write its three functions and name them in ``VICTIMS``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labelkit.geometry import Box
from labelkit.landmarks import Landmarks
from labelkit.scheme import load_scheme
from labelkit.store import NewAnnotation, NewFace, NewImage, Store

FACES = 50

#: Says that something is stored.
Say = Callable[[str], None]


@dataclass(frozen=True)
class Victim:
    """``prepare`` makes a project in a folder; ``work`` (in a process of its own) goes on from a
    number for as long as it is let; ``lost`` names what was acknowledged and is not there."""

    prepare: Callable[[Path], None]
    work: Callable[[Path, int, Say], None]
    lost: Callable[[Path, list[str]], list[str]]


def database(folder: Path) -> Path:
    return folder / "labelkit.db"


def prepare(folder: Path) -> None:
    """A project with faces that nobody has annotated."""
    with Store.create(database(folder), load_scheme("wflw98")) as store:
        images = store.add_images([NewImage(f"{number}.jpg") for number in range(FACES)])
        store.add_faces([NewFace(image, Box(0, 0, 100, 100, "user")) for image in images])


def shape(store: Store, value: int) -> Landmarks:
    """Landmarks by which one can tell when they were stored."""
    scheme = store.scheme()
    return Landmarks(scheme, np.full((len(scheme), 2), float(value)))


def annotate(folder: Path, number: int, say: Say) -> None:
    """A labeller: edits go to the journal, then the face is accepted."""
    with Store.open(database(folder)) as store:
        faces = [face.id for face in store.page()]
        while True:
            number += 1
            face = faces[number % FACES]
            store.journal.append(face, "tab", "labeller", {"value": number})
            say(f"edit {face} {number}")
            if number % 2:
                store.annotate(face, shape(store, number), "labeller", session="tab")
                say(f"face {face} {number}")


def import_(folder: Path, number: int, say: Say) -> None:
    """The whole list again and again, each time with other values, in one transaction."""
    with Store.open(database(folder)) as store:
        faces = [face.id for face in store.page()]
        while True:
            number += 1
            landmarks = shape(store, number)
            store.import_annotations([NewAnnotation(face, landmarks) for face in faces], "importer")
            say(f"all {number}")


def stored(store: Store) -> dict[int, set[int]]:
    """The values of every revision, by face."""
    return {face.id: {int(one.landmarks.xy[0, 0]) for one in store.history(face.id)} for face in store.page()}


def open_edits(store: Store) -> set[tuple[int, int]]:
    """Face and value of every edit that no annotation has accepted."""
    journals = [store.journal.read(one.face_id, one.session) for one in store.journal.unfinished()]
    return {(one.face_id, edit.edit["value"]) for one in journals if one is not None for edit in one.done}


def lost_annotations(folder: Path, acknowledged: list[str]) -> list[str]:
    """Acknowledged faces, edits and imports that are not there, and imports of which only a part is."""
    with Store.open(database(folder)) as store:
        values = stored(store)
        edits = open_edits(store)
    lost = []
    for line in acknowledged:
        kind, *words = line.split()
        numbers = [int(word) for word in words]
        if kind == "all":
            there = all(numbers[0] in found for found in values.values())
        else:
            face, value = numbers
            # An edit is in the open journal, unless a later annotation of the face has accepted it.
            accepted = value in values[face] if kind == "face" else any(v >= value for v in values[face])
            there = accepted or (kind == "edit" and (face, value) in edits)
        if not there:
            lost.append(line)
    if any(line.startswith("all") for line in acknowledged):
        counts = Counter(value for found in values.values() for value in found)
        lost += [f"part of {value}" for value, count in counts.items() if count != FACES]
    return lost


VICTIMS = {
    "annotate": Victim(prepare, annotate, lost_annotations),
    "import": Victim(prepare, import_, lost_annotations),
}


def kill_once(victim: Victim, folder: Path, number: int, moment: random.Random) -> list[str]:
    """What a process acknowledged before it was killed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            victim.work(folder, number, lambda line: _say(writer, line))
        finally:
            os._exit(1)
    os.close(writer)
    # Every other one is killed when it is known to be at work, the rest at any moment.
    if number % 2_000_000:
        select.select([reader], [], [], 30)
    time.sleep(moment.uniform(0, 0.2))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reader) as pipe:
        said = pipe.read().splitlines()
    if not os.WIFSIGNALED(status):
        raise SystemExit(f"the process ended by itself after {said[-1:]}")
    return said


def _say(writer: int, line: str) -> None:
    os.write(writer, f"{line}\n".encode())  # a short write to a pipe is whole or not there


def integrity(folder: Path) -> str:
    """SQLite's own check."""
    connection = sqlite3.connect(database(folder))
    try:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
    finally:
        connection.close()


def run(victim: Victim, kills: int, seed: int) -> dict[str, object]:
    """Kill a victim again and again; a fresh project every 25 kills keeps the checks quick."""
    moment = random.Random(seed)
    acknowledged, busy, lost, checks = 0, 0, [], set()
    for first in range(0, kills, 25):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            victim.prepare(folder)
            lines: list[str] = []
            for number in range(first, min(first + 25, kills)):
                said = kill_once(victim, folder, number * 1_000_000, moment)
                busy += bool(said)
                lines += said
                lost += victim.lost(folder, lines)
            acknowledged += len(lines)
            checks.add(integrity(folder))
    return {
        "kills": kills,
        "while_at_work": busy,
        "acknowledged": acknowledged,
        "lost": sorted(set(lost)),
        "integrity": sorted(checks),
    }


def main(victims: dict[str, Victim], description: str | None) -> None:
    """The command line of this benchmark, and of others with victims of their own."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="of each victim")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--victim", nargs="*", choices=sorted(victims), default=sorted(victims))
    options = parser.parse_args()
    result = {name: run(victims[name], options.kills, options.seed) for name in options.victim}
    print(json.dumps(result, indent=1))
    whole = all(not one["lost"] and one["integrity"] == ["ok"] for one in result.values())
    sys.exit(0 if whole else 1)


if __name__ == "__main__":
    main(VICTIMS, __doc__)

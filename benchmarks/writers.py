"""Many write to one project at the same time: is anything lost, and how long does a labeller wait?

    python benchmarks/writers.py [--seconds 30] [--faces 2000]

First eight processes and four threads work on one project: they annotate the same faces, edit by the
session of the editor, import, prelabel and export, while one holds the database for longer than the
others' patience, one reads for seconds on end, and one is killed in mid-transaction over and over.
Then a labeller saves edits while another process imports ``--faces`` faces, twice.

Prints JSON: what was acknowledged and lost, refusals that were not clear, the largest size of the
write-ahead log and the one that is left in the end, and the milliseconds of a save (of the session's
call, and until it was acknowledged with a browser's retries). Exit code 1 when something was lost or
unclear, somebody came to nothing, the log did not shrink, or the 95th percentile of a save is above
300 ms. Not for Windows.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from threading import Thread
from typing import Any

from fake_model import Fake

from labelkit.dataset import Dataset, Sample
from labelkit.editor.session import EditSession
from labelkit.errors import LabelkitError
from labelkit.formats import read, write
from labelkit.geometry import Array, Box
from labelkit.images import ImageFile
from labelkit.landmarks import Face, Landmarks
from labelkit.prelabel import work as prelabelling
from labelkit.project import Project
from labelkit.project.editing import open_desk
from labelkit.scheme import load_scheme
from labelkit.store import database

PHOTOS = 24
SCHEME = load_scheme("ibug68")

#: How long the first part's writers wait for each other, and how long one of them holds all others up.
PATIENCE, HELD = 1.0, 1.5

#: How long each rests between two pieces of work, in seconds: a disk brings some thirty to rest a second.
PAUSE = 0.25

#: What a browser waits for an answer before it sends again, in seconds.
RETRY = 1.5

#: The largest acceptable 95th percentile of a save, in ms.
BAR = 300.0

Say = Callable[[str], None]


def points(value: int) -> Array:
    """A face by which one can tell when it was stored."""
    return SCHEME.plane * 100 + (200 + value % 1000 / 10, 200 + value // 1000 / 10)


def prepare(folder: Path, photos: int = PHOTOS) -> None:
    """Photos that nobody decodes, with a face each."""
    (folder / "photos").mkdir(parents=True)
    for number in range(photos):
        (folder / "photos" / f"{number}.jpg").write_bytes(b"x")
    with Project.create(folder / "work", folder / "photos", SCHEME, read=False) as project:
        for number in range(PHOTOS):
            face = project.add_face(f"{number}.jpg", Box(100, 100, 300, 300, "user"), "ann")
            project.annotate(face, points(0), author="ann")


def labels(folder: Path, photos: int, value: int, name: str) -> Path:
    """A table with a face in each photo."""
    files = [ImageFile(folder / "photos" / f"{number}.jpg") for number in range(photos)]
    faces = tuple(Sample(file, None, Landmarks(SCHEME, points(value))) for file in files)
    write(Dataset(faces, SCHEME, folder / "photos"), folder / name, "csv")
    return folder / name


# Those who work


def annotate(folder: Path, who: int, say: Say) -> None:
    """Revisions of any face, all of which are to be kept."""
    chance, number = random.Random(who), 0
    with Project.open(folder / "work") as project:
        while True:
            number += 1
            face = f"{chance.randrange(PHOTOS)}.jpg"

            def store(face: str = face, value: int = who * 10_000 + number) -> str:
                made = project.annotate(Face(face), points(value), author=f"p{who}")
                return f"annotate {face} {made.revision} {value}"

            attempt(store, say)


def threads(folder: Path, who: int, say: Say) -> None:
    """Four threads of one process, as a server has them: comments on any face."""
    with Project.open(folder / "work") as project:

        def work(thread: int) -> None:
            while True:

                def store() -> str:
                    return f"comment {project.comment(Face(f'{thread}.jpg'), f'by {thread}', 'ann').id}"

                attempt(store, say)

        started = [Thread(target=work, args=(thread,), daemon=True) for thread in range(4)]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()


class Tab:
    """A labeller's browser: what is not acknowledged is sent again."""

    def __init__(self, project: Project, author: str) -> None:
        self.traits: dict[str, Any] = {}
        self.session = EditSession(open_desk(project, author, project.faces()), self.traits.update)
        self.session.start()
        self.author, self.seq = author, 0
        self.calls: list[float] = []

    def save(self) -> str:
        """An edit until it is acknowledged; its id."""
        self.seq += 1
        name = f"{self.author}/{self.seq}"
        after = {"xy": {"30": [self.seq, 7]}, "state": {"30": 1}}
        said = {"id": name, "label": "drag", "before": {"xy": {"30": [0, 0]}}, "after": after}
        entry = {"seq": self.seq, "id": name, "key": self.session.current, "type": "edit", "edit": said}
        while self.traits.get("acknowledged", {}).get(self.author, 0) < self.seq:
            begun = time.monotonic()
            self.session.receive(json.dumps({"client": self.author, "entries": [{**entry, "scheme": 1}]}))
            self.calls.append(1000 * (time.monotonic() - begun))
            if self.traits.get("acknowledged", {}).get(self.author, 0) < self.seq:
                time.sleep(RETRY)
        return name


def edit(folder: Path, who: int, say: Say) -> None:
    with Project.open(folder / "work") as project:
        tab = Tab(project, f"p{who}")
        while True:
            say(f"ok edit {tab.save()}")
            time.sleep(0.05)


def import_(folder: Path, who: int, say: Say) -> None:
    number = 0
    with Project.open(folder / "work") as project:
        while True:
            number += 1
            file = labels(folder, PHOTOS, who * 10_000 + number, f"labels-{who}.csv")

            def store(file: Path = file) -> str:
                return f"import {project.import_annotations(file, author=f'p{who}').read}"

            attempt(store, say)


def prelabel(folder: Path, who: int, say: Say) -> None:
    """A new photo after the other, its face predicted."""
    number = 0
    with Project.open(folder / "work") as project:
        while True:
            number += 1
            name = f"new-{who}-{number}.jpg"
            (project.images / name).write_bytes(b"x")

            def store(number: int = number, name: str = name) -> str:
                model = Fake(f"fake@{number}")
                project.scan(read=False)
                prelabelling.prelabel(project.store, project.images, model, model.id)
                return f"prelabel {name}"

            attempt(store, say)


def export(folder: Path, who: int, say: Say) -> None:
    out = folder / "work" / "exports" / "all.csv"
    with Project.open(folder / "work") as project:
        while True:
            attempt(lambda: f"export {project.export('csv', out).faces}", say)
            if len(read(out, "csv", SCHEME, images=folder / "photos")) != PHOTOS:
                say("no LOST: an export is not whole")


def hold(folder: Path, who: int, say: Say) -> None:
    """Keeps everybody waiting, every few seconds."""
    with closing(sqlite3.connect(folder / "work" / "labelkit.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA busy_timeout = 60000")
        while True:
            connection.execute("BEGIN IMMEDIATE")
            time.sleep(HELD)
            connection.execute("ROLLBACK")
            say("ok hold")
            time.sleep(2 * HELD)


def read_on(folder: Path, who: int, say: Say) -> None:
    """Reads for seconds on end, so that the log cannot be folded in."""
    with Project.open(folder / "work") as project:
        while True:
            with project.store._database.read() as connection:
                connection.exec_driver_sql("SELECT count(*) FROM annotations").scalar()
                time.sleep(4.0)
            say("ok read")


def die(folder: Path, who: int, say: Say) -> None:
    """Children that are killed with half a transaction done."""
    while True:
        child = os.fork()
        if child == 0:
            with (
                suppress(LabelkitError),
                Project.open(folder / "work") as project,
                project.store.together(),
            ):
                for number in range(PHOTOS):
                    project.comment(Face(f"{number}.jpg"), "HALF", "nobody")
                os.kill(os.getpid(), signal.SIGKILL)
            os._exit(0)  # it was too busy
        os.waitpid(child, 0)
        say("ok die")
        time.sleep(0.3)


WORKERS = (annotate, annotate, annotate, edit, import_, prelabel, export, threads)
NUISANCES = (hold, read_on, die)


def attempt(store: Callable[[], str], say: Say) -> None:
    time.sleep(PAUSE)
    try:
        said = store()
    except LabelkitError as error:
        said = f"{error}".replace("\n", "|")
        say(f"no {'busy' if 'busy' in said else f'ODD {said}'}")
    else:
        say(f"ok {said}")


# What became of it


def play(folder: Path, seconds: float) -> dict[str, Any]:
    """All of them at once."""
    prepare(folder)
    pipes, pids = [], []
    for who, work in enumerate((*WORKERS, *NUISANCES), 1):
        reader, writer = os.pipe()
        pids.append(os.fork())
        if pids[-1] == 0:
            _be(work, folder, who, writer)
        os.close(writer)
        pipes.append(reader)
    said, largest = _listen(pipes, folder, seconds)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    left = _left(folder)
    return {**_told(folder, said), "log_mb": round(largest / 1e6, 1), "log_left_mb": left}


def _be(work: Callable[[Path, int, Say], None], folder: Path, who: int, writer: int) -> None:
    database.BUSY_SECONDS = PATIENCE
    try:
        work(folder, who, lambda line: _say(writer, line))
    except BaseException as error:  # noqa: BLE001 - it is told, and makes the benchmark fail
        _say(writer, f"no ODD {work.__name__}: {type(error).__name__}: {error}".replace("\n", "|"))
    finally:
        os._exit(1)


def _say(writer: int, line: str) -> None:
    os.write(writer, f"{line}\n".encode())


def _listen(pipes: list[int], folder: Path, seconds: float) -> tuple[list[str], int]:
    """What is said within so many seconds, and how large the write-ahead log was at most."""
    rest = dict.fromkeys(pipes, b"")
    log = folder / "work" / "labelkit.db-wal"
    end, largest, said = time.monotonic() + seconds, 0, []
    while time.monotonic() < end:
        for pipe in select.select(list(rest), [], [], 0.1)[0]:
            got = os.read(pipe, 1 << 16)
            if not got:
                del rest[pipe]
                continue
            *lines, rest[pipe] = (rest[pipe] + got).split(b"\n")
            said += [line.decode() for line in lines]
        largest = max(largest, log.stat().st_size if log.exists() else 0)
    return said, largest


def _told(folder: Path, said: list[str]) -> dict[str, Any]:
    done = [line[3:].split() for line in said if line.startswith("ok ")]
    counts = {kind: sum(words[0] == kind for words in done) for kind in sorted({words[0] for words in done})}
    with Project.open(folder / "work") as project:
        found = {
            (face.image, one.revision): tuple(one.landmarks.xy[0])
            for face in project.faces()
            for one in project.history(face)
        }
        predicted = {face.image for face in project.faces() if project.landmarks(face).present.all()}
    with closing(sqlite3.connect(folder / "work" / "labelkit.db")) as connection:
        edits = {
            json.loads(row[0])["id"]
            for row in connection.execute("SELECT edit FROM journal_entries WHERE kind = 'edit'")
        }
        comments = {row[0] for row in connection.execute("SELECT id FROM events WHERE kind = 'comment'")}
        half = connection.execute("SELECT count(*) FROM events WHERE text = 'HALF'").fetchone()[0]
        whole = connection.execute("PRAGMA integrity_check").fetchone()[0]
    lost = [f"{half} comments of a killed transaction"] if half else []
    for kind, *words in done:
        there = {
            "annotate": lambda w: found.get((w[0], int(w[1]))) == tuple(points(int(w[2]))[0]),
            "comment": lambda w: int(w[0]) in comments,
            "edit": lambda w: w[0] in edits,
            "prelabel": lambda w: w[0] in predicted,
        }.get(kind, lambda w: True)(words)
        lost += [] if there else [" ".join((kind, *words))]
    return {
        "acknowledged": counts,
        "busy": sum(line == "no busy" for line in said),
        "odd": sorted({line for line in said if line.startswith("no ") and line != "no busy"})[:5],
        "lost": lost,
        "integrity": whole,
    }


def _left(folder: Path) -> float:
    """The log's size in MB after one more save, with nobody else at work."""
    log = folder / "work" / "labelkit.db-wal"
    with Project.open(folder / "work") as project:
        for _ in range(2):
            project.comment(Face("0.jpg"), "last", "ann")
        return round(log.stat().st_size / 1e6, 1)


def while_importing(folder: Path, faces: int) -> dict[str, Any]:
    """Saves of a labeller, first alone, then while another process imports so many faces."""
    prepare(folder, faces)
    files = [labels(folder, faces, value, f"{value}.csv") for value in (1, 2)]
    result: dict[str, Any] = {}
    with Project.open(folder / "work") as project:
        tab = Tab(project, "b")
        result["alone"] = _saves(tab, lambda waits: len(waits) < 100)
        for name, file in zip(("new faces", "corrected faces"), files, strict=True):
            begun, child = time.monotonic(), os.fork()
            if child == 0:
                try:
                    with Project.open(folder / "work") as other:
                        other.import_annotations(file, author="a")
                finally:
                    os._exit(0)
            told = _saves(tab, lambda _, child=child: os.waitpid(child, os.WNOHANG)[0] == 0)
            result[name] = {"seconds": round(time.monotonic() - begun, 1), **told}
        with closing(sqlite3.connect(folder / "work" / "labelkit.db")) as connection:
            stored = connection.execute("SELECT count(*) FROM journal_entries").fetchone()[0]
        result["lost"] = tab.seq - stored
    return result


def _saves(tab: Tab, more: Callable[[list[float]], bool]) -> dict[str, Any]:
    waits: list[float] = []
    tab.calls = []
    while more(waits):
        begun = time.monotonic()
        tab.save()
        waits.append(1000 * (time.monotonic() - begun))
        time.sleep(0.02)
    return {"saves": len(waits), "saved_ms": _spread(waits), "call_ms": _spread(tab.calls)}


def _spread(values: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=20) if len(values) > 1 else [values[0]] * 19
    return {"p50": round(cuts[9], 1), "p95": round(cuts[18], 1), "max": round(max(values), 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--faces", type=int, default=2000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        together = play(Path(name), options.seconds)
    with tempfile.TemporaryDirectory() as name:
        importing = while_importing(Path(name), options.faces)
    print(json.dumps({"together": together, "importing": importing}, indent=1))
    quick = all(importing[name]["saved_ms"]["p95"] <= BAR for name in ("new faces", "corrected faces"))
    done = {"annotate", "comment", "edit", "import", "prelabel", "export"} <= set(together["acknowledged"])
    whole = done and not together["lost"] and not together["odd"] and together["integrity"] == "ok"
    sys.exit(0 if whole and quick and not importing["lost"] and together["log_left_mb"] <= 17 else 1)


if __name__ == "__main__":
    main()

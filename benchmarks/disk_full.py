"""The disk is full at random moments, and has room again: is anything lost that was acknowledged?

    python benchmarks/disk_full.py [--rounds 10] [--seed 0] [--megabytes 8] [--actor edit import ...]

In each round a process works on a project (edits by the session that also the server uses, imports,
prelabels, exports in several formats, backs up, changes the scheme) while its disk is filled and
freed again three times; every other process is killed while the disk is full. The disk is a tmpfs of a
few MB where one may be mounted (root on Linux), else a limit to the size of files.

All that was acknowledged must be there, exports and backups whole or absent, every refusal one line
that says why, and after each time the same process must go on by itself. At last each command is
tried on a disk without a free byte, and some on a disk that cannot be written at all. Prints JSON; exit
code 1 when anything of this fails. Linux only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from labelkit.dataset import Dataset, Sample
from labelkit.editor.session import EditSession
from labelkit.errors import LabelkitError
from labelkit.formats import read, write
from labelkit.geometry import Array, Box, Crop, Similarity
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks
from labelkit.prediction import Prediction
from labelkit.prelabel import work as prelabelling
from labelkit.project import Project
from labelkit.project.editing import open_desk
from labelkit.scheme import Scheme, load_scheme
from labelkit.scheme.edit import remove_points

PHOTOS = 12
SCHEME = load_scheme("ibug68")
FORMATS = {"wflw": "wflw.txt", "300w": "300w", "coco": "coco.json", "csv": "table.csv", "dlib": "dlib.xml"}

#: What a refusal may say, in one line.
CLEAR = (
    "disk is too full",
    "disk is full",
    "No space left on device",
    "File too large",
    "the disk reports an error",
)

#: No process may need longer to go on when there is room again, in seconds.
PATIENCE = 30.0

#: One piece of work: takes its number, returns what it acknowledges.
Work = Callable[[int], str]


def points(value: int) -> Array:
    """A face by which one can tell when it was stored."""
    return SCHEME.plane * 60 + (120 + value % 100 / 10, 100 + value // 100 / 10)


def prepare(folder: Path) -> None:
    """Small photos, and a face in each that somebody has annotated."""
    (folder / "photos").mkdir(parents=True)
    for number in range(PHOTOS):
        Image.new("RGB", (240, 200), (number, 90, 60)).save(folder / "photos" / f"{number}.png")
    with Project.create(folder / "work", folder / "photos", SCHEME, read=False) as project:
        for number in range(PHOTOS):
            face = project.add_face(f"{number}.png", Box(60, 40, 180, 160, "user"), "ann")
            project.annotate(face, points(0), author="ann")


# What processes do


def edit(project: Project, scratch: Path) -> Work:
    """Drags and accepted faces, sent until they are acknowledged, as a browser does."""
    traits: dict[str, Any] = {}
    session = EditSession(open_desk(project, "ann", project.faces()), traits.update)
    session.start()
    entries: list[dict[str, Any]] = []

    def send() -> None:
        session.receive(json.dumps({"client": "tab", "entries": entries}))
        done = traits.get("acknowledged", {}).get("tab", 0)
        entries[:] = [entry for entry in entries if entry["seq"] > done]

    def work(number: int) -> str:
        if not entries:
            about = {"seq": number, "id": f"{os.getpid()}/{number}", "key": session.current}
            after = {"xy": {"30": [number, 7]}, "state": {"30": 1}}
            said = {"id": about["id"], "label": "drag", "before": {"xy": {"30": [0, 0]}}, "after": after}
            told: dict[str, Any] = {"type": "edit", "edit": said}
            if number % 3 == 0:
                told = {"type": "command", "command": {"name": "accept"}}
            entries.append({**about, **told, "scheme": session._sheets[session.current].scheme_revision})
        waiting = str(entries[0]["id"])
        send()
        if entries:
            raise LabelkitError(str(traits["status"]["problem"]))
        return waiting

    return work


def lost_edits(folder: Path, said: list[str]) -> list[str]:
    """Entries that are not known, and edits that are in no journal."""
    with closing(sqlite3.connect(folder / "work" / "labelkit.db")) as connection:
        known = {row[0] for row in connection.execute("SELECT id FROM editor_entries")}
        edits = connection.execute("SELECT edit FROM journal_entries WHERE kind = 'edit'")
        ids = {json.loads(row[0])["id"] for row in edits}
    return [one for one in said if one not in known or (int(one.split("/")[1]) % 3 and one not in ids)]


def import_(project: Project, scratch: Path) -> Work:
    def work(number: int) -> str:
        photos = [ImageFile(project.images / f"{i}.png") for i in range(PHOTOS)]
        faces = tuple(Sample(photo, None, Landmarks(SCHEME, points(number))) for photo in photos)
        write(Dataset(faces, SCHEME, project.images), scratch / "labels.csv", "csv")
        report = project.import_annotations(scratch / "labels.csv", author="importer")
        return f"{number} {report.added + report.unchanged}"

    return work


def lost_imports(folder: Path, said: list[str]) -> list[str]:
    """Imports that count fewer faces than the file had and kept none of them for a reason."""
    with Project.open(folder / "work") as project:
        known = {tuple(one.landmarks.xy[0]) for face in project.faces() for one in project.history(face)}
    numbers = [tuple(map(int, line.split())) for line in said]
    return [f"{n}" for n, count in numbers if count == PHOTOS and tuple(points(n)[0]) not in known]


@dataclass
class Result:
    boxes: tuple[Box, ...]
    predictions: list[Prediction]
    looks: list[bytes]
    problem: str | None = None


class Fake:
    """A model that needs no photo, and finds a face in each."""

    def __init__(self, name: str) -> None:
        self.id = name

    def __call__(
        self, photos: Iterable[tuple[ImageFile, tuple[Box, ...] | None]], scheme: Scheme
    ) -> Iterator[Result]:
        for _, given in photos:
            boxes = given or (Box(60, 40, 180, 160, "detector", "fake", 0.9),)
            crop = Crop(Similarity(50.0, 0.0, 120.0, 100.0))
            said = Prediction(crop.points_to_image(scheme.plane), self.id, crop, scheme.name)
            yield Result(boxes, [said] * len(boxes), [bytes(64)] * len(boxes))


def prelabel(project: Project, scratch: Path) -> Work:
    """A new photo's face, predicted; a model in this process."""

    def work(number: int) -> str:
        name = f"new-{os.getpid()}-{number}.png"
        try:
            Image.new("RGB", (240, 200), (number % 250, 9, 6)).save(project.images / name)
        except OSError as error:
            (project.images / name).unlink(missing_ok=True)
            raise OSError(error.errno, os.strerror(error.errno or 0), name) from error
        project.scan(read=False)
        model = Fake(f"fake@{number}")
        assert prelabelling.prelabel(project.store, project.images, model, model.id).faces
        return name

    return work


def lost_predictions(folder: Path, said: list[str]) -> list[str]:
    with Project.open(folder / "work") as project:
        there = {face.image: project.landmarks(face) for face in project.faces()}
    return [name for name in said if name not in there or not there[name].present.all()]


def export(project: Project, scratch: Path) -> Work:
    def work(number: int) -> str:
        kind = list(FORMATS)[number % len(FORMATS)]
        project.export(kind, project.folder / "exports" / FORMATS[kind])
        return kind

    return work


def lost_exports(folder: Path, said: list[str]) -> list[str]:
    """Exports that are not whole, or not there though they were acknowledged."""
    place, lost = folder / "work" / "exports", []
    for kind, name in FORMATS.items():
        out = place / name
        side = out / "labelkit.json" if kind == "300w" else place / f"{name}.labelkit.json"
        if not out.exists():
            lost += [f"{kind} is absent"] if kind in said else []
            continue
        if len(read(out, kind, SCHEME, images=folder / "photos")) != PHOTOS:
            lost.append(f"{kind} is not whole")
        for file, digest in json.loads(side.read_text())["sha256"].items():
            found = out / file if out.is_dir() else out
            if hashlib.sha256(found.read_bytes()).hexdigest() != digest:
                lost.append(f"{kind}: {file} is another than its side file says")
    return lost


def backup(project: Project, scratch: Path) -> Work:
    """A comment, then a backup, which must hold it."""

    def work(number: int) -> str:
        face = next(project.faces())
        event = project.comment(face, f"comment {number}", "ann")
        project.backup(project.folder / "exports" / "all.zip")
        return str(event.id)

    return work


def lost_backups(folder: Path, said: list[str]) -> list[str]:
    file = folder / "work" / "exports" / "all.zip"
    if not file.exists():
        return ["the backup is absent"] if said else []
    with tempfile.TemporaryDirectory() as name, zipfile.ZipFile(file) as archive:
        archive.extract("labelkit.db", name)
        with closing(sqlite3.connect(Path(name, "labelkit.db"))) as connection:
            newest = connection.execute("SELECT max(id) FROM events").fetchone()[0] or 0
    return [one for one in said if int(one) > newest]


def scheme(project: Project, scratch: Path) -> Work:
    def work(number: int) -> str:
        if len(project.scheme) == len(SCHEME):
            plan = project.plan_scheme_change(remove_points(project.scheme, [project.scheme.names[-1]]))
            return str(project.change_scheme(plan, "ann").revision.revision)
        return str(project.undo_scheme_change("ann").revision.revision)

    return work


def lost_schemes(folder: Path, said: list[str]) -> list[str]:
    with Project.open(folder / "work") as project:
        known = {one.revision for one in project.scheme_history()}
        whole = all(len(project.history(face)) == 1 for face in project.faces())
    for file in (folder / "work" / "schemes").iterdir():
        load_scheme(file)
    return [one for one in said if int(one) not in known] + ([] if whole else ["an annotation"])


ACTORS: dict[str, tuple[Callable[[Project, Path], Work], Callable[[Path, list[str]], list[str]]]] = {
    "edit": (edit, lost_edits),
    "import": (import_, lost_imports),
    "prelabel": (prelabel, lost_predictions),
    "export": (export, lost_exports),
    "backup": (backup, lost_backups),
    "scheme": (scheme, lost_schemes),
}


# The disk


class Tmpfs:
    """A small file system of its own, which a file fills."""

    kind = "tmpfs"

    def __init__(self, place: Path) -> None:
        self.filler = place / "filler"

    def fill(self, pid: int, spare: int) -> None:
        with self.filler.open("ab", buffering=0) as file:
            piece = bytes(4096)
            try:
                while True:
                    file.write(piece)
            except OSError:
                pass
            file.truncate(max(0, file.tell() - spare))

    def free(self, pid: int) -> None:
        self.filler.unlink(missing_ok=True)


class Limit:
    """No file may grow beyond a few KB, for one process."""

    kind = "limit"

    def fill(self, pid: int, spare: int) -> None:
        _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (spare // 4, most))

    def free(self, pid: int) -> None:
        _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))


@contextmanager
def disk(megabytes: int) -> Iterator[tuple[Path, Tmpfs | Limit]]:
    """A folder, and what fills its disk."""
    with tempfile.TemporaryDirectory() as name:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", name]
        may = os.geteuid() == 0 and shutil.which("mount") is not None
        if not may or subprocess.run(mount, capture_output=True, check=False).returncode:
            yield Path(name), Limit()
            return
        try:
            yield Path(name), Tmpfs(Path(name))
        finally:
            subprocess.run(["umount", "-l", name], check=False)


class Child:
    """A process at work; ``said`` are the lines it has acknowledged, ``refused`` those it has not."""

    def __init__(self, actor: str, folder: Path, scratch: Path) -> None:
        reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(reader)
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            try:
                _go_on(ACTORS[actor][0], folder, scratch, writer)
            finally:
                os._exit(1)
        os.close(writer)
        self._pipe, self._rest = reader, b""
        self.said: list[str] = []
        self.refused: list[str] = []

    def hear(self, seconds: float) -> None:
        """Take what is said within so many seconds."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self._pipe], [], [], left)[0]:
                return
            got = os.read(self._pipe, 1 << 16)
            if not got:
                raise SystemExit(f"the process ended by itself after {self.refused[-1:]}")
            self._take(got)

    def more(self, which: list[str], seconds: float) -> bool:
        """Wait until there is more in a list; whether there is."""
        count, end = len(which), time.monotonic() + seconds
        while len(which) == count and time.monotonic() < end:
            self.hear(0.05)
        return len(which) > count

    def end(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        with os.fdopen(self._pipe, "rb") as pipe:
            self._take(pipe.read())

    def _take(self, got: bytes) -> None:
        *lines, self._rest = (self._rest + got).split(b"\n")
        for line in lines:
            kind, _, text = line.decode().partition(" ")
            (self.said if kind == "ok" else self.refused).append(text)


def _go_on(begin: Callable[[Project, Path], Work], folder: Path, scratch: Path, writer: int) -> None:
    """Work for as long as it is let, with one and the same project."""

    def say(text: str) -> None:
        os.write(writer, f"{text}\n".encode())

    with Project.open(folder / "work") as project:
        work, number = begin(project, scratch), 0
        while True:
            number += 1
            try:
                say(f"ok {work(number)}")
            except (LabelkitError, OSError) as error:
                say(f"no {error}".replace("\n", "|"))
                time.sleep(0.01)
            except BaseException as error:
                say(f"no ODD {type(error).__name__}: {error}".replace("\n", "|"))
                raise


def play(actor: str, rounds: int, seed: int, megabytes: int) -> dict[str, Any]:
    """Fill and free the disk of a process over and over."""
    moment = random.Random(seed)
    told: dict[str, Any] = {"rounds": rounds, "filled": 0, "refused": 0, "acknowledged": 0}
    lost, odd, stuck, checks = set(), set(), 0, set()
    for number in range(rounds):
        with disk(megabytes) as (folder, full), tempfile.TemporaryDirectory() as scratch:
            told["disk"] = full.kind
            prepare(folder)
            child = Child(actor, folder, Path(scratch))
            if not child.more(child.said, PATIENCE):
                raise SystemExit(f"the process does nothing: {child.refused[-1:]}")
            for _ in range(3):
                child.hear(moment.uniform(0, 0.2))
                full.fill(child.pid, moment.choice([0, 0, 4096, 12288, 40960, 81920]))
                told["filled"] += child.more(child.refused, 3.0)
                child.hear(moment.uniform(0, 0.2))
                full.free(child.pid)
                stuck += not child.more(child.said, PATIENCE)
            if number % 2:
                full.fill(child.pid, moment.choice([0, 8192]))
                child.hear(0.2)
            child.end()
            full.free(os.getpid())
            odd |= {line for line in child.refused if not any(word in line for word in CLEAR)}
            told["refused"] += len(child.refused)
            told["acknowledged"] += len(child.said)
            lost |= set(ACTORS[actor][1](folder, child.said))
            with closing(sqlite3.connect(folder / "work" / "labelkit.db")) as connection:
                checks.add(str(connection.execute("PRAGMA integrity_check").fetchone()[0]))
    return {**told, "lost": sorted(lost), "odd": sorted(odd)[:5], "stuck": stuck, "integrity": sorted(checks)}


def commands(megabytes: int) -> dict[str, Any]:
    """Every command that writes, on a disk without a free byte: what it says and leaves; "" as it should."""
    with disk(megabytes) as (folder, full), tempfile.TemporaryDirectory() as scratch:
        prepare(folder)
        work = folder / "work"
        with Project.open(work) as project:
            project.export("csv", Path(scratch, "labels.csv"))
            project.backup(Path(scratch, "all.zip"))
        changed = remove_points(SCHEME, [SCHEME.names[-1]])
        Path(scratch, "scheme.json").write_text(changed.to_json())
        text = Path(scratch, "labels.csv").read_text()
        Path(scratch, "labels.csv").write_text(text.replace("1.png", "2.png"))
        tried = {
            "new": ["new", f"{folder}/other", "--images", f"{folder}/photos", "--scheme", "celeba5"],
            "import": ["import", f"{work}", f"{scratch}/labels.csv"],
            "export": ["export", f"{work}", "--format", "wflw", "-o", f"{folder}/list.txt"],
            "export 300w": ["export", f"{work}", "--format", "300w", "-o", f"{folder}/points"],
            "backup": ["backup", f"{work}", "-o", f"{folder}/all.zip"],
            "restore": ["restore", f"{scratch}/all.zip", f"{folder}/again"],
            "mark": ["mark", f"{work}", "0.png", "--as", "returned", "--comment", "chin"],
            "scheme-change": ["scheme-change", f"{work}", f"{scratch}/scheme.json", "--yes"],
            "prelabel": ["prelabel", f"{work}"],
            "train": ["train", f"{work}", "--steps", "1"],
            "serve": ["serve", f"{work}", "--port", "0"],
        }
        result = {name: _tried(folder, full, words) for name, words in tried.items()}
        if isinstance(full, Tmpfs):
            # What saves the labels, and what looks at them, needs no room here.
            for name, words in {
                "status": ["status", f"{work}"],
                "export elsewhere": ["export", f"{work}", "--format", "wflw", "-o", f"{scratch}/list.txt"],
                "backup elsewhere": ["backup", f"{work}", "-o", f"{scratch}/saved.zip"],
            }.items():
                done = _run(words)
                result[name] = done.stderr.strip()[-400:] if done.returncode else ""
        return result


def _tried(folder: Path, full: Tmpfs | Limit, words: list[str]) -> str:
    """ "" for a command that ended as it should."""
    if isinstance(full, Limit):
        return ""  # tests/test_disk_full.py does that
    full.free(0)
    full.fill(0, 0)
    before = _files(folder)
    done = _run(words)
    last = (done.stderr.strip().splitlines() or [""])[-1]
    after = _files(folder)
    if done.returncode != 1 or "Traceback" in done.stderr or not any(word in last for word in CLEAR):
        return f"exit code {done.returncode}: {done.stderr.strip()[-400:]}"
    return "" if before == after else f"has left {sorted(after.items() ^ before.items())}"


def read_only(megabytes: int) -> dict[str, str]:
    """What a project on a read-only disk can do, and what it refuses; "" for what it should."""
    with disk(megabytes) as (folder, full), tempfile.TemporaryDirectory() as scratch:
        if isinstance(full, Limit):
            return {}  # tests/test_read_only.py does that
        prepare(folder)
        subprocess.run(["mount", "-o", "remount,ro", f"{folder}"], check=True)
        work = str(folder / "work")
        fine = {
            "status": ["status", work],
            "queue": ["queue", work],
            "export": ["export", work, "--format", "wflw", "-o", f"{scratch}/list.txt"],
            "backup": ["backup", work, "-o", f"{scratch}/all.zip"],
        }
        refused = {
            "export into it": ["export", work, "--format", "wflw", "-o", f"{work}/exports/list.txt"],
            "mark": ["mark", work, "0.png", "--as", "skipped"],
            "scan": ["scan", work],
        }
        result = {}
        for name, words in {**fine, **refused}.items():
            done = _run(words)
            good = (
                done.returncode == 0 if name in fine else done.returncode == 1 and "ead-only" in done.stderr
            )
            result[name] = "" if good else f"exit code {done.returncode}: {done.stderr.strip()[-400:]}"
        return result


def _run(words: list[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from labelkit.cli import main; main()", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def _files(folder: Path) -> dict[str, int]:
    """Every file with its size, but for what SQLite and the filler take."""
    files = (file for file in folder.rglob("*") if file.is_file())
    own = ("labelkit.db", "filler", "turn.db")
    return {
        str(file.relative_to(folder)): file.stat().st_size for file in files if not file.name.startswith(own)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help="of each actor")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--megabytes", type=int, default=8)
    parser.add_argument("--actor", nargs="*", choices=sorted(ACTORS), default=sorted(ACTORS))
    parser.add_argument("--no-commands", action="store_true", help="leave the commands out")
    options = parser.parse_args()
    result: dict[str, Any] = {
        name: play(name, options.rounds, options.seed, options.megabytes) for name in options.actor
    }
    fine = all(
        not (one["lost"] or one["odd"] or one["stuck"]) and one["integrity"] == ["ok"] and one["acknowledged"]
        for one in result.values()
    )
    if not options.no_commands:
        result["commands"] = commands(options.megabytes)
        result["read_only"] = read_only(options.megabytes)
        fine = fine and not any((*result["commands"].values(), *result["read_only"].values()))
    print(json.dumps(result, indent=1))
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()

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
import json
import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from disk_actors import ACTORS, SCHEME, Work, prepare
from small_disk import Limit, Tmpfs, disk

from labelkit.errors import LabelkitError
from labelkit.project import Project
from labelkit.scheme.edit import remove_points

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

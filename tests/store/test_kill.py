"""kill -9 at any moment: what was acknowledged is there, and the database is whole."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from labelkit.store import Store

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")

KILLS = 20
FACES = 5


@pytest.fixture
def writer(store: Store, make: Any) -> Iterator[subprocess.Popen[str]]:
    make.faces(FACES)
    script = Path(__file__).with_name("writer.py")
    command = [sys.executable, str(script), str(store.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def killed(process: subprocess.Popen[str], number: int, moment: random.Random) -> list[list[str]]:
    """What a child acknowledged before it was killed."""
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None
    assert stdout is not None
    stdin.write(f"{number * 1_000_000}\n")
    stdin.flush()
    said = [stdout.readline().split()]
    # Every other child is known to be at work, the rest may still be on the way to it.
    while number % 2 and (len(said) < 2 or said[-1][0] == "child"):
        said.append(stdout.readline().split())
    child = next(int(words[1]) for words in said if words[0] == "child")
    time.sleep(moment.uniform(0, 0.1))
    os.kill(child, signal.SIGKILL)
    said += _until_gone(stdout)
    return [words for words in said if words[0] in ("one", "all", "edit")]


def _until_gone(stdout: IO[str]) -> Iterator[list[str]]:
    while (words := stdout.readline().split()) != ["gone"]:
        assert words, "the writer has ended by itself"
        yield words


def test_twenty_kills_lose_nothing(store: Store, writer: subprocess.Popen[str]) -> None:
    moment = random.Random(0)
    acknowledged: list[list[str]] = []
    for number in range(KILLS):
        acknowledged += killed(writer, number, moment)
        with Store.open(store.path) as again:
            faces = again.page()
            histories = {face.id: again.history(face.id) for face in faces}
            journal = again.journal.read(faces[0].id, "tab")
        for face in faces:
            revisions = [one.revision for one in histories[face.id]]
            assert revisions == list(range(1, face.revision + 1))
    values = {face: [int(one.landmarks.xy[0, 0]) for one in history] for face, history in histories.items()}
    edits = [] if journal is None else [one.edit["value"] for one in journal.done]
    for kind, *words in acknowledged:
        numbers = [int(word) for word in words]
        if kind == "one":
            assert numbers[1] in values[numbers[0]]
        elif kind == "all":
            assert all(numbers[0] in found for found in values.values())
        else:
            assert numbers[0] in edits
    imported = Counter(value for found in values.values() for value in found if value % 3 == 0)
    assert set(imported.values()) == {FACES}, "an import is there as a whole or not at all"
    assert len(acknowledged) >= KILLS / 2
    store.close()
    with sqlite3.connect(store.path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


SIMULTANEOUS = """
import sys, numpy as np
from labelkit.store import Store
from labelkit.landmarks import Landmarks
with Store.open(sys.argv[1]) as store:
    landmarks = Landmarks(store.scheme(), np.full((3, 2), float(sys.argv[2])))
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(10):
        store.annotate(1, landmarks, sys.argv[2], base_revision=0)
"""


def test_two_processes_on_one_face_are_both_kept(store: Store, make: Any) -> None:
    (face,) = make.faces()
    command = [sys.executable, "-c", SIMULTANEOUS, str(store.path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    people = [subprocess.Popen([*command, name], **pipes) for name in ("1", "2")]  # type: ignore[call-overload]
    for process in people:
        assert process.stdout.readline() == "ready\n"
    for process in people:
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate()[0] for process in people] == ["", ""]
    assert [process.returncode for process in people] == [0, 0]
    history = store.history(face)
    assert [one.revision for one in history] == list(range(1, 21))
    assert Counter(one.author for one in history) == {"1": 10, "2": 10}
    assert all(one.landmarks.xy[0, 0] == float(one.author) for one in history)
    assert [one.crossed for one in history] == [False] + [True] * 19

"""Writes into a project without end, for `test_kill`: run as a script, it is no test.

    python writer.py DATABASE

For every line that it reads, a number, it forks a process that writes and says so, a line each:
``one FACE VALUE`` when an annotation is stored, ``all VALUE`` when an import is, ``edit VALUE`` when
a journal entry is. Forking saves the imports, which would take most of the test's time.
"""

from __future__ import annotations

import os
import sys

import numpy as np

from labelkit.landmarks import Landmarks
from labelkit.store import NewAnnotation, Store


def say(*words: object) -> None:
    """A line to the parent, in one piece."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def write(path: str, value: int) -> None:
    with Store.open(path) as store:
        scheme = store.scheme()
        faces = [face.id for face in store.page()]
        while True:
            value += 1
            landmarks = Landmarks(scheme, np.full((len(scheme), 2), value))
            if value % 3 == 0:
                store.import_annotations([NewAnnotation(face, landmarks) for face in faces], "importer")
                say("all", value)
            elif value % 3 == 1:
                store.journal.append(faces[0], "tab", "writer", {"value": value})
                say("edit", value)
            else:
                face = faces[value % len(faces)]
                store.annotate(face, landmarks, "writer")
                say("one", face, value)


for line in sys.stdin:
    child = os.fork()
    if child == 0:
        write(sys.argv[1], int(line))
    say("child", child)
    os.waitpid(child, 0)
    say("gone")

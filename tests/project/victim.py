"""A process to be killed: python victim.py import|export DIR FILE

Says ``N`` on a line for every N faces that are stored, or exports that are in their place.
"""

from __future__ import annotations

import sys
from pathlib import Path

from labelkit.project import Project, importing


def say(number: int, total: int = 0) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def main(what: str, folder: str, file: str) -> None:
    importing._CHUNK = 3  # many small steps, so that a kill at any moment tells something
    with Project.open(folder) as project:
        say(0)
        if what == "import":
            project.import_annotations(file, author="victim", heard=say)
        for number in range(1, 1000 if what == "export" else 0):
            project.export("wflw", Path(file) / "list.txt")
            project.export("300w", Path(file) / "points")
            say(number)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A process that imports, a few faces at a time: python victim.py DIR FILE"""

from __future__ import annotations

import sys

from labelkit.project import Project, importing


def main(folder: str, file: str) -> None:
    importing._CHUNK = 3  # many small steps, so that two of these come between one another
    with Project.open(folder) as project:
        project.import_annotations(file, author="victim")


if __name__ == "__main__":
    main(*sys.argv[1:])

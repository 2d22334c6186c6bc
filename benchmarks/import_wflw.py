"""Importing a WFLW list of 7,500 faces into a project, without touching the photos.

    python benchmarks/import_wflw.py [--faces 7500]

Prints JSON: seconds for the import as confirmed, for the same file once more (nothing is added),
and for the import into a project of another scheme (translated). The photos are files of a single
byte, which nothing could decode, and their access times must not change.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from labelkit.project import Project
from labelkit.project.importing import ImportReport
from labelkit.scheme import Scheme, load_scheme

#: Faces a photo at most, as in crowds.
CROWD = 3


def make_list(folder: Path, faces: int, scheme: Scheme) -> Path:
    """A list of made-up faces in photos that are no pictures."""
    rng = np.random.default_rng(0)
    photos = folder / "photos"
    lines: list[str] = []
    while len(lines) < faces:
        name = f"{len(lines) % 61}--event/photo {len(lines)}.jpg"
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        (photos / name).write_bytes(b"x")
        for number in range(min(int(rng.integers(1, CROWD + 1)), faces - len(lines))):
            size = rng.uniform(20, 200)
            xy = scheme.plane * size + (400 * number + 200, 300) + rng.normal(0, size / 50, (len(scheme), 2))
            box = [*xy.min(axis=0) - size / 10, *xy.max(axis=0) + size / 10]
            numbers = " ".join(f"{value:.6f}" for value in [*xy.ravel(), *box])
            lines.append(f"{numbers} {' '.join(map(str, rng.integers(0, 2, 6)))} {name}")
    path = folder / "list.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def timed(project: Project, path: Path, images: Path) -> tuple[float, ImportReport]:
    started = time.perf_counter()
    report = project.import_annotations(path, "wflw", author="benchmark", images=images)
    return time.perf_counter() - started, report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=7500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        path = make_list(folder, options.faces, load_scheme("wflw98"))
        photos = folder / "photos"
        read_at = {file: file.stat().st_atime_ns for file in photos.rglob("*.jpg")}
        with Project.create(folder / "same", photos, "wflw98", read=False) as project:
            first, report = timed(project, path, photos)
            again, nothing = timed(project, path, photos)
        with Project.create(folder / "other", photos, "ibug68", read=False) as project:
            translated, other = timed(project, path, photos)
        touched = sum(file.stat().st_atime_ns != at for file, at in read_at.items())
    print(
        json.dumps(
            {
                "faces": options.faces,
                "photos": len(read_at),
                "photos_touched": touched,
                "import_s": round(first, 2),
                "added": report.added,
                "again_s": round(again, 2),
                "added_again": nothing.added,
                "translated_s": round(translated, 2),
                "translated": other.added,
            }
        )
    )


if __name__ == "__main__":
    main()

"""A format of one's own, which `read`, `write`, every command and the app then know.

    python examples/own_format.py export work --format jsonl -o labels.jsonl
    python examples/own_format.py import work labels.jsonl
    python examples/own_format.py evaluate labels.jsonl --scheme ibug68

This is the command ``labelkit`` with one format more. To have it everywhere, put the format into a
package of yours and name it in its pyproject.toml; once that is installed, labelkit finds it:

    [project.entry-points."labelkit.formats"]
    jsonl = "my_package.my_format:JSONL"

The format here is JSON lines, one face a line:

    {"image": "a.jpg", "scheme": "ibug68", "points": [[10.5, 20.25], null, ...]}

Pixels are 0-based as in labelkit, so nothing is added; null is a point that is not there. The photo's
name is relative to the file's folder. It cannot hold boxes, visibility, states or attributes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import labelkit as lk
from labelkit import atomic
from labelkit.errors import FormatError, InputError
from labelkit.formats import Format, WriteReport, register_format
from labelkit.formats.plaintext import glance, read_lines
from labelkit.formats.reading import FacesRead, choose_scheme, image_root, locate_image, scheme_name, tight
from labelkit.formats.writing import faces_to_write, lost_attributes, lost_knowledge, root_to_write
from labelkit.images import ImageFile


def read(
    path: str | Path,
    *,
    scheme: str | Path | lk.Scheme | None = None,
    images: str | Path | None = None,
    strict: bool = False,
) -> lk.Dataset:
    """The faces of a file; a line that is wrong is left out and named, or raised if ``strict``."""
    path = Path(path)
    root, faces = image_root(images, path.parent), FacesRead(strict)
    entries: list[tuple[int, dict[str, Any]]] = []
    for number, line in enumerate(read_lines(path), start=1):
        with faces.entry(path, number):
            if line.strip():
                entries.append((number, _entry(line)))
    chosen, count = choose_scheme(scheme, (len(entry["points"]) for _, entry in entries))
    for number, entry in entries:
        with faces.entry(path, number):
            faces.append(_face(entry, root, scheme_name(chosen, count), count))
    return faces.dataset(chosen, root)


def write(dataset: lk.Dataset, path: str | Path, *, images: str | Path | None = None) -> WriteReport:
    """Write a file, at once or not at all; the report says what it could not hold."""
    path = Path(path)
    if path.is_dir():
        raise FormatError(path, "is a folder; JSON lines are a file")
    root = root_to_write(dataset, images)
    faces = faces_to_write(dataset, root, "a file of JSON lines", missing_points=True)
    lines = [
        {"image": face.image, "scheme": face.landmarks.scheme, "points": _points(face.landmarks.xy)}
        for face in faces
    ]
    atomic.write_text(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    losses = lost_knowledge([face.landmarks for face in faces]) + lost_attributes(faces)
    return WriteReport(len(faces), (path,), root, tuple(losses))


def looks_like(path: Path) -> bool:
    """Whether a file could be of this format, by what it begins with."""
    return glance(path).startswith('{"image":')


def _entry(line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"is no JSON ({error})") from error
    if not isinstance(entry, dict) or not isinstance(entry.get("image"), str):
        raise InputError("names no image")
    if not isinstance(entry.get("points"), list):
        raise InputError("has no list of points")
    return entry


def _face(entry: dict[str, Any], root: Path, scheme: str, count: int) -> lk.Sample:
    points = entry["points"]
    if len(points) != count:
        raise InputError(f"has {len(points)} points, not {count}")
    try:
        xy = np.array([(np.nan, np.nan) if point is None else point for point in points], np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("a point is neither [x, y] nor null") from error
    if xy.shape != (count, 2):
        raise InputError("a point is neither [x, y] nor null")
    photo = ImageFile(locate_image(root, entry["image"]))
    return lk.Sample(photo, tight(xy, scheme), lk.Landmarks(scheme, xy))


def _points(xy: np.ndarray) -> Sequence[list[float] | None]:
    return [None if np.isnan(point).any() else point.tolist() for point in xy]


#: What an entry point of a package would name.
JSONL = Format("jsonl", "JSON lines, one face a line", read, write, looks_like)


if __name__ == "__main__":
    from labelkit.cli import main

    register_format(JSONL)
    main()

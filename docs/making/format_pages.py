"""A page for every format, made from its module: what it holds and reads, and what writing loses.

The losses are not typed in: two faces of which everything is known are written in every format,
and the page quotes what the writer says.
"""

from __future__ import annotations

import re
import tempfile
from importlib import import_module
from pathlib import Path

import numpy as np
from PIL import Image

from labelkit.dataset import Dataset, Sample
from labelkit.errors import LabelkitError
from labelkit.formats import FORMATS, Format, facefiles, tables
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks, State, Visibility
from labelkit.scheme import load_scheme

_TABLES, _FILES = (tables, "The columns"), (facefiles, "Files and their photos")
_SHARED = {"csv": _TABLES, "parquet": _TABLES, "300w": _FILES, "merl": _FILES, "lapa": _FILES}
_EXTRA = {"parquet": "pyarrow", "cofw": "h5py", "aflw": "scipy"}
_ENDS = {
    "wflw": "labels.txt",
    "coco": "labels.json",
    "csv": "labels.csv",
    "parquet": "labels.parquet",
    "dlib": "labels.xml",
    "cofw": "labels.mat",
    "aflw": "labels.mat",
}

#: What most people come for stands first.
_FIRST = ("wflw", "300w", "coco", "csv", "parquet")

_INDEX = """# Formats

`labelkit.read`, `labelkit.write` and the commands `import`, `export`, `predict`, `evaluate` and
`scheme convert` know these formats. Reading tells the format by the file where it is not given.
In memory everything has labelkit's [pixel convention](../guide/plane.md#pixels); each format
converts at its own border. Writing is atomic, clamps nothing, and refuses what a format cannot
hold at all.

| `--format` | what it is | written as | a missing point |
|---|---|---|---|
"""

_AFTER = """
The last column and the losses on each page are what the writers say themselves when this
page is made. Files that name their points (`coco`, `csv`, `parquet`) are matched to a scheme by
names, others by the number of points. `cofw`, `aflw` and `parquet` take
`pip install "labelkit[formats]"`.

An export of a project writes a side file beside the labels (`labels.txt.labelkit.json`, or
`labelkit.json` in a folder): the scheme with its definitions, models, annotators, counts, losses,
and the terms of the weights. An import of the same files believes it.
"""


_ASKED = (
    "What `write` says of two faces of which everything is known (some points occluded, some predicted; a "
    "detector's box; attributes of WFLW and others):"
)


def format_pages() -> dict[str, str]:
    """Markdown by the page's path below ``docs``; the index comes first."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        whole, lacking = _faces(root, missing=False), _faces(root, missing=True)
        said = {name: _losses(entry, whole, root) for name, entry in FORMATS.items()}
        refusal = {name: _refusal(entry, lacking, root) for name, entry in FORMATS.items()}
    names = sorted(FORMATS, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))
    rows = [
        f"| [`{name}`]({name}.md) | {entry.title} | {'a folder' if entry.folder else 'a file'} "
        f"| {'refused' if refusal[name] else 'can be held'} |"
        for name, entry in ((name, FORMATS[name]) for name in names)
    ]
    index = _INDEX + "\n".join(rows) + "\n" + _AFTER
    pages = {name: _page(FORMATS[name], said[name], refusal[name]) for name in names}
    return {"formats/index.md": index, **{f"formats/{name}.md": page for name, page in pages.items()}}


def _page(entry: Format, losses: list[str], refusal: str) -> str:
    module = import_module(entry.read.__module__)
    out = _ENDS.get(entry.name, "points/")
    also = "".join(f", `{name}`" for name in entry.also)
    facts = [f"`--format {entry.name}`{also and f' (also {also[2:]})'}."]
    if entry.name in _EXTRA:
        facts.append(f'It takes {_EXTRA[entry.name]}: `pip install "labelkit[formats]"`.')
    if entry.subsets:
        facts.append("Parts that `--subset` reads: " + ", ".join(f"`{part}`" for part in entry.subsets) + ".")
    parts = [
        f"# {entry.name}",
        entry.title[0].upper() + entry.title[1:] + ". " + " ".join(facts),
        f"```python\ndata = lk.read({out!r}, format={entry.name!r})\n"
        f"lk.write(data, {out!r}, format={entry.name!r})\n```".replace("'", '"'),
        "## What writing loses",
        *_losses_told(losses, refusal),
        "## The format",
        _lowered(module.__doc__),
    ]
    if entry.name in _SHARED:
        shared, title = _SHARED[entry.name]
        parts += [f"## {title}", _lowered(shared.__doc__)]
    where = module.__name__
    parts += ["## In Python", f"::: {where}.read", f"::: {where}.write"]
    options = "\n    options:\n      heading_level: 3"
    return "\n\n".join(f"{part}{options}" if part.startswith(":::") else part for part in parts) + "\n"


def _losses_told(losses: list[str], refusal: str) -> list[str]:
    told = ["Nothing of what a data set says about its faces."]
    if losses:
        told = [_ASKED, "\n".join(f"- {loss}" for loss in losses)]
    if refusal:
        told += [f"A face that lacks a point is refused, with nothing written: *{refusal}*."]
    return told


def _losses(entry: Format, data: Dataset, root: Path) -> list[str]:
    return list(entry.write(data, root / f"{entry.name}-{_ENDS.get(entry.name, 'points')}").losses)


def _refusal(entry: Format, data: Dataset, root: Path) -> str:
    """What the writer says to a face with a missing point; "" where it takes it."""
    try:
        entry.write(data, root / f"{entry.name}-lacking-{_ENDS.get(entry.name, 'points')}")
    except LabelkitError as error:
        return str(error).replace(str(root), "").replace(f"{entry.name}-lacking-", "").lstrip("/")
    return ""


def _faces(root: Path, missing: bool) -> Dataset:
    """Two made-up faces in two photos, of which everything is known."""
    scheme = load_scheme("ibug68")
    samples = []
    for number in range(2):
        path = root / f"photo-{number}.png"
        Image.new("RGB", (200, 200), (90, 90, 90)).save(path)
        xy = scheme.plane * 60 + 100.25
        if missing:
            xy[3] = np.nan
        state = np.full(len(scheme), State.CONFIRMED)
        state[:5] = State.PREDICTED
        seen = np.full(len(scheme), Visibility.VISIBLE)
        seen[:3], seen[3:6] = Visibility.OCCLUDED, Visibility.SELF_OCCLUDED
        samples.append(
            Sample(
                ImageFile(path),
                Box(40, 40, 180, 190, "detector", "facefinder", 0.9),
                Landmarks(scheme.name, xy, state, seen),
                {"pose": 1, "age": 31, "person": "ann"},
            )
        )
    return Dataset(tuple(samples), scheme, root)


def _lowered(text: str | None) -> str:
    """A docstring in Markdown, its headings below those of the page."""
    return re.sub(r"^(.+)\n-{3,}$", r"### \1", (text or "").strip(), flags=re.M)

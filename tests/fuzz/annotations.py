"""Every reader of annotation files, from what it reads to what the faces are written as again."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random

import h5py  # noqa: F401 - loaded before anything is watched: it asks the system what it runs on
import numpy as np
import pyarrow.parquet  # noqa: F401 - likewise
from scipy.io import savemat

from labelkit.dataset import Dataset, Sample
from labelkit.errors import LabelkitError
from labelkit.formats import FORMATS, find_format, read, reading, write
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks, State, Visibility
from labelkit.prelabel.boxtable import boxes_by_photo, read_boxes
from labelkit.project.side import read_side, side_path
from labelkit.scheme import Point, Scheme

from .mutate import json_values, words
from .rules import Emptied, Target, check_line

# They are no input here, and every reader looks through all of them.
reading._builtin_by_count = cache(reading._builtin_by_count)
reading.builtin_schemes = cache(reading.builtin_schemes)

#: The photos that are there.
PHOTOS = ("a.jpg", "b c.jpg", "sub/d.jpg")

#: Between the files of a folder.
PART = b"\n%%\n"

DRAWN = Scheme("drawn", tuple(Point(f"p{i}", i / 10, i / 7) for i in range(3)))

#: One of so many inputs is written again in every way: writing waits for the disk.
_WRITTEN = 8


def photos(folder: Path) -> None:
    """Empty files in the place of photos."""
    (folder / "sub").mkdir()
    for name in PHOTOS:
        (folder / name).touch()


def faces(root: Path, count: int = 3) -> Dataset:
    """Two faces of ``count`` points with all that a data set may say about them."""
    scheme = Scheme("drawn", tuple(Point(f"p{i}", i / 10, (i % 7) / 7) for i in range(count)))
    xy = scheme.plane * 20 + 30.25
    landmarks = [
        Landmarks(scheme, xy + i, State.CONFIRMED, [Visibility.VISIBLE] * (count - 1) + [Visibility.OCCLUDED])
        for i in range(2)
    ]
    boxes = (Box(1, 2, 30.5, 40, "user", "somebody"), None)
    samples = [
        Sample(ImageFile(root / name), box, face, {"pose": 1, "blur": 0})
        for name, box, face in zip(PHOTOS, boxes, landmarks, strict=False)
    ]
    return Dataset(tuple(samples), scheme, root)


def use(data: Dataset, name: str, folder: Path, *, again: bool) -> None:
    """Look at what was read; with ``again``, write it in its own format and as a table, and read both."""
    for left_out in data.report.left_out:
        check_line(left_out.problem)
    for sample in data:
        assert sample.image.path.resolve().is_relative_to(folder), f"leads out: {sample.image.path}"
    if again and len(data):
        _again(data, name, folder)
        _again(data, "csv", folder)


def _again(data: Dataset, name: str, folder: Path) -> None:
    out = folder / "out"
    try:
        write(data, out, name, images=folder)
    except LabelkitError as error:
        check_line(str(error))
        return
    images = folder / "out-photos" if name == "cofw" else folder
    found = read(out, name, scheme=data.scheme, images=images)
    if name in ("dlib", "wflw") and data.scheme is None:
        return  # how many points there are is guessed from what is there: otherwise in another order
    # Faces that are nearer to each other than what is written of a number become one.
    same = sum("is the same face as" in one.problem for one in found.report.left_out)
    assert len(found) + same == len(data), (
        f"{name}: {len(data)} faces written, {len(found)} read: {found.report.left_out[:1]}"
    )
    if name == "csv":
        known = {_key(sample) for sample in data}
        odd = [sample for sample in found if _key(sample) not in known]
        assert not odd, f"a table gave back another face: {odd[0]}"


def _key(sample: Sample) -> str:
    points = sample.landmarks
    told = None if points is None else (points.scheme, points.xy.tolist(), points.state.tolist())
    # Numbers as text, or NaN would be none of the known ones.
    return repr((sample.image, sample.box, told, sorted(sample.attributes.items())))


def _reader(name: str, file: str) -> Callable[[bytes, Path], None]:
    """Hands a reader a file, or, parted by `PART`, the files of a folder."""
    entry = FORMATS[name]
    also = (f"{Path(file).stem}_1{Path(file).suffix}", "images.tsv", "list.txt")

    def run(data: bytes, folder: Path) -> None:
        parts = data.split(PART)[: 1 + len(also)] if entry.folder else [data]
        with Emptied(folder):
            for part, place in zip(parts, (file, *also), strict=False):
                (folder / place).write_bytes(part)
            entry.looks_like(folder / file)
            path = folder if len(parts) > 1 else folder / file
            images = folder / "photos" if name == "cofw" else folder
            again = zlib.crc32(data) % _WRITTEN == 0
            use(entry.read(path, images=images), name, folder, again=again)
            if len(parts) > 1 and again:
                entry.looks_like(folder)
                use(read(folder / file, name, DRAWN, images=folder), name, folder, again=False)
            if len(parts) == 1 + len(also) and name == "300w":
                use(read(folder / also[-1], name, images=folder), name, folder, again=False)

    return run


def _seeds(name: str, file: str, *more: bytes) -> Callable[[Path], Iterable[bytes]]:
    def seeds(folder: Path) -> Iterable[bytes]:
        for count in (3, 19) if name == "aflw" else (3,):
            data = faces(folder, count)
            if name in ("300w", "merl", "lapa"):
                data = replace(data, samples=data.samples[:1]) if name == "lapa" else data
            if name == "cofw":
                data = _with_pictures(data, folder)
            out = folder / ("written" if find_format(name).folder else f"written{Path(file).suffix}")
            with Emptied(folder):
                report = write(data, out, name, images=folder)
                files = [path.read_bytes() for path in report.files]
                if find_format(name).folder:
                    listed = (out / "images.tsv").read_bytes()
                    yield files[0]
                    yield PART.join([files[0], files[-1], listed, f"{PHOTOS[0]}\n{file}\n".encode()])
                else:
                    yield files[0]
        yield from more

    return seeds


def _with_pictures(data: Dataset, folder: Path) -> Dataset:
    """The same faces in photos that can be read."""
    from PIL import Image

    samples = []
    for number, sample in enumerate(data):
        place = folder / f"made{number}.png"
        Image.new("RGB", (8, 6), (number, 100, 50)).save(place)
        samples.append(replace(sample, image=ImageFile(place)))
    return replace(data, samples=tuple(samples))


def _matlab(**changed: object) -> bytes:
    """A file of MATLAB 5 with three points a face, its elements not compressed."""
    names = np.empty((2, 1), object)
    names[:, 0] = PHOTOS[:2]
    table = {
        "nameList": names,
        "data": np.arange(12.0).reshape(2, 6),
        "mask_new": np.ones((2, 3)),
        "bbox": np.array([[1.0, 9, 2, 8]] * 2),
        "ra": np.array([[2.0], [1.0]]),
    }
    out = io.BytesIO()
    savemat(out, {**table, **changed}, do_compression=bool(changed.get("packed")))
    return out.getvalue()


def _boxes(data: bytes, folder: Path) -> None:
    with Emptied(folder):
        place = folder / "boxes.csv"
        place.write_bytes(data)
        rows = read_boxes(place)
        boxes_by_photo(place, rows, [ImageFile(folder / name) for name in PHOTOS])


def _side(data: bytes, folder: Path) -> None:
    """A side file beside an export: damaged ones are passed over."""
    with Emptied(folder):
        export = folder / "out.csv"
        export.write_bytes(b"image\na.jpg\n")
        side_path(export, False).write_bytes(data)
        side = read_side(export)
        if side is not None:
            assert len(side.scheme) > 0
            assert all(isinstance(name, str) for name in side.predicted)


def _side_seeds(folder: Path) -> Iterable[bytes]:
    import hashlib

    digest = hashlib.sha256(b"image\na.jpg\n").hexdigest()
    told = {"sha256": {"out.csv": digest}, "predicted": ["a.jpg, face 1"], "scheme": DRAWN.to_dict()}
    yield json.dumps(told).encode()
    yield json.dumps({**told, "predicted": [], "scheme": {}}).encode()


_WORDS = words(
    "p0_x", "p0_visibility", "visible", "pose:int", "x0", "scheme", "#", "n_points:", "version: 1", "{", "}"
)
_XML = words(
    "<part name='00' x='1' y='2'/>", "<!DOCTYPE a [<!ENTITY b 'c'>]>", "&b;", "&#0;", "<box>", "</box>"
)

_FILES = {
    "wflw": ("list.txt", _WORDS, 3.0, (b"1 2 3 4 5 6 a.jpg\n1 2 3 4 5 7 b c.jpg\n",)),
    "300w": ("a.pts", _WORDS, 3.0, (b"1 2\n3 4\n",)),
    "merl": ("a.pts", _WORDS, 3.0, (b"version: 1\nn_points:  3\n{\n-1 -1\n-3 -4\n5 6\n}\n",)),
    "lapa": ("a.txt", _WORDS, 3.0, (b"2\n1 2\n3 4\n",)),
    "csv": ("faces.csv", _WORDS, 3.0, (b'image,p_x,p_y,name:str\na.jpg,1,2,"""a"""\n',)),
    "coco": ("faces.json", json_values("keypoints", "a.jpg", "b c.jpg", "face"), 3.0, ()),
    "dlib": ("faces.xml", _XML, 3.0, ()),
    "parquet": ("faces.parquet", None, 0.4, ()),
    "cofw": ("faces.mat", None, 0.3, ()),
    "aflw": ("faces.mat", None, 0.4, (_matlab(),)),
}


def _format_targets() -> Iterable[Target]:
    for name in FORMATS:
        file, mutate, share, more = _FILES[name]  # a format without its line here is not fuzzed: add one
        yield Target(
            f"read-{name}",
            _reader(name, file),
            _seeds(name, file, *more),
            photos,
            mutate,
            share,
            16384 if mutate is None else 4096,
        )


def _table(data: bytes, random: Random, other: Callable[[bytes], bytes]) -> bytes:
    return _WORDS(data, random, other)


TARGETS = (
    *_format_targets(),
    Target(
        "boxes",
        _boxes,
        lambda folder: [
            b"image,x0,y0,x1,y1,kind,source\na.jpg,1,2,3,4,landmarks,ibug68\nsub/d.jpg,1,2,3,4,detector,x\n",
            b"x1,y1,x0,y0,image\n5,6,1,2,b c.jpg\n",
        ],
        photos,
        _table,
        3.0,
        2048,
        "boxes.csv",
    ),
    Target("side", _side, _side_seeds, photos, json_values("out.csv", "a.jpg, face 1"), 2.0, 4096),
)

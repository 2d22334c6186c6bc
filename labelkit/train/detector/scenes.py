"""Photos with labelled faces, as the detector's training sees them: whole, decoded, in memory.

A face is the outline of its 68 points and five points. Turning a photo changes the tight box of a
face, which cannot be told from the box before; from the outline it can. Where a table gives
the box and the five points only, the outline is that of the same face in another folder, known by
its five points (`with_outlines`), else the mean face, stretched to the box.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labelkit.boxrules import REFERENCE_SCHEME
from labelkit.errors import BoxError, ImageError, InputError
from labelkit.formats import read
from labelkit.geometry import Array, Similarity, tight_box
from labelkit.images import ImageFile, RGBImage, shrunk
from labelkit.scheme import Scheme, load_scheme

#: The longer side, in px, to which larger photos are shrunk.
MOST_SIDE = 512

#: The points of `ibug68` whose means are the five: the person's right comes first.
FIVE = (tuple(range(36, 42)), tuple(range(42, 48)), (30,), (48,), (54,))

#: The table of a folder of whole photos: it lies in the folder or beside it.
TABLE = "faces.csv"

#: Five-point shapes of two faces differ by more than a hundred times as much.
_SAME_SHAPE = 2e-5

_EDGES = ("x0", "y0", "x1", "y1")
_FIVE_NAMES = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")


@dataclass(frozen=True)
class SceneFace:
    """``outline`` (68, 2) and ``five`` points (5, 2), in px of the photo."""

    outline: Array
    five: Array

    @property
    def side(self) -> float:
        """The square root of the area of the tight box."""
        x0, y0, x1, y1 = tight_box(self.outline)
        return float(np.sqrt((x1 - x0) * (y1 - y0)))


@dataclass(frozen=True)
class Scene:
    """A photo (H, W, 3) with its labelled faces; there may be others that nobody labelled."""

    image: RGBImage
    faces: tuple[SceneFace, ...]


@dataclass(frozen=True)
class SceneSet:
    """The photos of one folder, under the name by which the card knows it."""

    name: str
    scenes: tuple[Scene, ...]
    whole: bool  # photos with a table of boxes, not faces cut out of photos

    @property
    def face_count(self) -> int:
        return sum(len(scene.faces) for scene in self.scenes)


def read_scenes(folder: Path) -> tuple[SceneSet, list[str]]:
    """The labelled photos of a folder, with `TABLE` or with `ibug68` annotations of any format;
    also returns what was left out. Raises `InputError` where there is no labelled face."""
    table = next((path for path in (folder / TABLE, folder.parent / TABLE) if path.is_file()), None)
    labels, problems = _from_table(table, folder) if table is not None else _from_annotations(folder)
    if not labels:
        raise InputError(f"{folder}: holds no labelled face")
    with ThreadPoolExecutor(2) as pool:
        loaded = list(pool.map(_load, labels.items()))
    problems += [str(entry) for entry in loaded if isinstance(entry, ImageError)]
    name = "/".join(folder.resolve().parts[-2:])
    scenes = tuple(entry for entry in loaded if isinstance(entry, Scene))
    return SceneSet(name, scenes, table is not None), problems


def with_outlines(scenes: SceneSet, known: Sequence[SceneFace]) -> tuple[SceneSet, int]:
    """The set with the outlines of those of its faces that are among ``known``, in photos of
    whatever size and cut; also returns how many were."""
    shapes = _unit_shapes(known)
    count = 0
    found = []
    for scene in scenes.scenes:
        faces = []
        for face in scene.faces:
            # Unit shapes z, w differ after the best turn by 1 - |<z, w>|.
            unlike = 1 - np.abs(shapes.conj() @ _unit_shapes([face])[0])
            best = int(unlike.argmin())
            same = unlike[best] < _SAME_SHAPE
            count += bool(same)
            faces.append(replace(face, outline=_moved(known[best], face)) if same else face)
        found.append(replace(scene, faces=tuple(faces)))
    return replace(scenes, scenes=tuple(found)), count


def outline_from_box(box: Sequence[float], five: Array, scheme: Scheme) -> Array:
    """The scheme's mean face on ``five`` points (5, 2), stretched along the photo's axes until
    its tight box is ``box``: (68, 2)."""
    plane = np.asarray(scheme.plane, np.float64)
    outline = Similarity.fit(five_points(plane), five)(plane)
    low, high = np.split(np.array(tight_box(outline)), 2)
    wanted_low, wanted_high = np.split(np.asarray(box, np.float64), 2)
    return np.asarray((outline - low) / (high - low) * (wanted_high - wanted_low) + wanted_low)


def five_points(points: Array) -> Array:
    """Eye centres, nose tip and mouth corners (5, 2) of the 68 points of `ibug68`."""
    return np.array([points[list(group)].mean(axis=0) for group in FIVE])


def _unit_shapes(faces: Sequence[SceneFace]) -> NDArray[np.complex128]:
    """The five points as complex numbers about 0, of length 1: (M, 5)."""
    shapes = np.array([face.five[:, 0] + 1j * face.five[:, 1] for face in faces]).reshape(-1, len(FIVE))
    shapes = shapes - shapes.mean(axis=1, keepdims=True)
    return np.asarray(shapes / np.linalg.norm(shapes, axis=1, keepdims=True))


def _moved(known: SceneFace, face: SceneFace) -> Array:
    return Similarity.fit(known.five, face.five)(known.outline)


def _from_table(table: Path, folder: Path) -> tuple[dict[Path, list[SceneFace]], list[str]]:
    scheme = load_scheme(REFERENCE_SCHEME)
    labels: dict[Path, list[SceneFace]] = {}
    problems: list[str] = []
    with table.open(newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            path = table.parent / (row.get("image") or "")
            if folder.resolve() not in path.resolve().parents:
                continue
            try:
                labels.setdefault(path, []).append(_row_face(row, scheme))
            except (KeyError, TypeError, ValueError, BoxError) as error:
                problems.append(f"{table}, line {number}: is not a labelled face ({error})")
    return labels, problems


def _row_face(row: dict[str, str], scheme: Scheme) -> SceneFace:
    five = np.array([[float(row[f"{name}_{axis}"]) for axis in "xy"] for name in _FIVE_NAMES])
    box = [float(row[edge]) for edge in _EDGES]
    if not np.isfinite(five).all() or not box[0] < box[2] or not box[1] < box[3]:
        raise ValueError("a coordinate is missing, or the box has no area")
    return SceneFace(outline_from_box(box, five, scheme), five)


def _from_annotations(folder: Path) -> tuple[dict[Path, list[SceneFace]], list[str]]:
    data = read(folder)
    if data.scheme is None or data.scheme.name != REFERENCE_SCHEME:
        raise InputError(f"{folder}: a detector learns from {TABLE} or from {REFERENCE_SCHEME} annotations")
    labels: dict[Path, list[SceneFace]] = {}
    for sample in data:
        if sample.landmarks is not None and sample.landmarks.present.all():
            xy = np.asarray(sample.landmarks.xy)
            labels.setdefault(sample.image.path, []).append(SceneFace(xy, five_points(xy)))
    return labels, [str(entry) for entry in data.report.left_out]


def _load(entry: tuple[Path, Iterable[SceneFace]]) -> Scene | ImageError:
    path, faces = entry
    try:
        image = ImageFile(path).load()
    except ImageError as error:
        return error
    small = shrunk(image, MOST_SIDE)
    factors = np.array(small.shape[1::-1]) / image.shape[1::-1]
    scaled = [
        SceneFace(*((points + 0.5) * factors - 0.5 for points in (face.outline, face.five))) for face in faces
    ]
    return Scene(small, tuple(scaled))

"""COCO keypoints: one JSON file for a data set (Lin et al. 2014; cocodataset.org, "Data format").

    {"images":      [{"id": 1, "file_name": "a.jpg", "width": 640, "height": 480}, ...],
     "annotations": [{"id": 1, "image_id": 1, "category_id": 1,
                      "keypoints": [x, y, v, x, y, v, ...], "num_keypoints": 68,
                      "bbox": [x, y, width, height], "area": 1234.5, "iscrowd": 0,
                      "segmentation": []}, ...],
     "categories":  [{"id": 1, "name": "face", "keypoints": ["jaw_0", ...],
                      "skeleton": [[1, 2], ...]}]}

*v* is 0 for a point that is absent (x and y are then 0), 1 for one that is occluded, 2 for one that
is visible; ``num_keypoints`` counts those above 0. The pairs in ``skeleton`` are **1-based**; they
are made from the scheme's curves and ignored on reading. A face is an annotation; a photo may have
several.

Pixels are **0-based** indices, x before y, which is how COCO's own annotators placed its keypoints:
the centre of the top-left pixel is (0, 0), so nothing is added or subtracted. COCO does not say
whether a bbox starts in the middle of a pixel or at its corner; here it is in the frame of the
keypoints, so that a tight one is tight. ``file_name`` is relative to an image root, by default the
folder in which the file lies.

It cannot hold which points are confirmed, whether a point that is not visible hides itself, why a
point is absent, where a box comes from, or the scheme beyond its name, the points' names and its
curves. Points of unknown visibility are written as visible.

Beyond COCO: the category names its ``scheme``; a face's attributes stand in ``attributes``, as with
CVAT and Datumaro. Other programs ignore both.

Reading
-------
The category with most annotated points is read; faces of other categories and crowds are left out.
Its names of points are matched to the scheme (`match_names`). A face without any point has no
landmarks, and a bbox of no size is none. A bbox that is not tight around the points is read as a
box of kind ``user``, source "coco". Attributes that are no number, text, true or false are ignored.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from labelkit import atomic
from labelkit.dataset import Attribute, Dataset, Sample
from labelkit.errors import FormatError, ImageError, InputError
from labelkit.formats.plaintext import brief, glance, read_text
from labelkit.formats.reading import FacesRead, box_read, image_root, locate_image, match_names, scheme_name
from labelkit.formats.writing import (
    WriteReport,
    attributes_to_write,
    loses_origin,
    lost_states,
    photo_names,
    root_to_write,
    said,
    scheme_to_write,
)
from labelkit.geometry import Array, tight_box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks, Visibility
from labelkit.scheme import Scheme

_PARTS = ("images", "annotations", "categories")

#: The id of the only category that is written.
_CATEGORY = 1

#: By COCO's v: 0, 1, 2.
_VISIBILITY = np.array([Visibility.UNKNOWN, Visibility.OCCLUDED, Visibility.VISIBLE], np.int8)

#: COCO's v of a point that is there, by `Visibility`: unknown, visible, occluded, self-occluded.
_FLAG = np.array([2, 2, 1, 1], np.int8)


def read(
    path: str | Path,
    *,
    scheme: str | Path | Scheme | None = None,
    images: str | Path | None = None,
    strict: bool = False,
) -> Dataset:
    """The faces of a file; their photos are looked for, not opened.

    ``images`` is the image root. Raises `FormatError` for a file that is no such annotation or has
    not the points of ``scheme``, and with ``strict`` for the first bad entry; otherwise the data
    set's report names the bad entries.
    """
    path = Path(path)
    content = _load(path)
    root = image_root(images, path.parent)
    points = _points_of(path, content, scheme)
    faces = FacesRead(strict)
    names = _file_names(path, content["images"], faces)
    for index, entry in enumerate(content["annotations"]):
        with faces.entry(path, name=f"annotations[{index}]"):
            faces.append(_face(entry, points, names, root))
    return faces.dataset(points.scheme, root)


def write(dataset: Dataset, path: str | Path, *, images: str | Path | None = None) -> WriteReport:
    """Write a file, photos relative to ``images``.

    Of the photos only the headers are read, for width and height; where a photo is not there, both
    are left out, and the report says so. A face without a box gets the tight box of its points.
    Raises `InputError`, with nothing written, for a face with neither box nor points, an attribute
    or a photo's name that cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        raise FormatError(path, "is a folder; COCO annotations are a file")
    root = root_to_write(dataset, images)
    names = photo_names(dataset, root, "a COCO file", line_breaks=True)
    photos = {name: sample.image for name, sample in zip(names, dataset, strict=True)}
    number = {name: index for index, name in enumerate(photos, 1)}
    count = len(scheme_to_write(dataset)[2])
    annotations = [
        {"id": index, "image_id": number[name], **_annotation(name, sample, count)}
        for index, (name, sample) in enumerate(zip(names, dataset, strict=True), 1)
    ]
    entries = [{"id": number[name], "file_name": name, **_size(image)} for name, image in photos.items()]
    parts = {"images": entries, "annotations": annotations, "categories": [_category(dataset)]}
    atomic.write_text(path, _json(parts))
    return WriteReport(len(annotations), (path,), root, tuple(_losses(dataset, entries)))


def looks_like(path: Path) -> bool:
    """Whether a file begins as a JSON object with one of COCO's lists."""
    text = glance(path).lstrip()
    return text.startswith("{") and any(f'"{part}"' in text for part in _PARTS)


@dataclass(frozen=True)
class _Points:
    """The category that is read: its id, how many points its faces have in the file, which of them
    are the scheme's, in the scheme's order, and what landmarks are called."""

    category: object
    count: int
    order: list[int]
    scheme: Scheme | None
    name: str


def _load(path: Path) -> dict[str, Any]:
    text = read_text(path)
    if not text.strip():
        raise FormatError(path, "is empty")
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise FormatError(path, f"is not JSON ({error.msg}); is it cut off?", error.lineno) from error
    except (ValueError, RecursionError) as error:  # a number of 5000 digits, 5000 brackets
        raise FormatError(path, f"is not JSON that can be read ({error})") from error
    if not isinstance(content, dict):
        raise FormatError(path, "is no COCO annotation: it is no JSON object")
    missing = [part for part in _PARTS if not isinstance(content.get(part), list)]
    if missing:
        raise FormatError(path, f"is no COCO annotation: it has no list {missing[0]!r}")
    return content


def _points_of(path: Path, content: Mapping[str, Any], scheme: str | Path | Scheme | None) -> _Points:
    category = _category_of(path, content)
    names = category.get("keypoints", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise FormatError(path, f"category {_shown(category)}: its keypoints are not a list of names")
    if len(set(names)) < len(names):
        raise FormatError(path, f"category {_shown(category)}: two of its keypoints have one name")
    called = category.get("scheme")
    called = called if isinstance(called, str) else ""
    try:
        kind, order = match_names(scheme, names, called)
    except InputError as error:
        raise FormatError(path, f"category {_shown(category)}: {error}") from error
    name = called if kind is None and called else scheme_name(kind, len(names))
    return _Points(category.get("id"), len(names), order, kind, name)


def _category_of(path: Path, content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The category with most annotated points; a single one also without any."""
    categories = [entry for entry in content["categories"] if isinstance(entry, dict)]
    with_points = [entry for entry in categories if entry.get("keypoints")]
    if not with_points and len(categories) == 1:
        return categories[0]
    if not with_points:
        raise FormatError(path, "has no category with keypoints")
    votes = Counter(
        str(entry.get("category_id"))
        for entry in content["annotations"]
        if isinstance(entry, dict) and entry.get("keypoints")
    )
    return max(with_points, key=lambda entry: votes[str(entry.get("id"))])


def _file_names(path: Path, images: Iterable[Any], faces: FacesRead) -> dict[int | str, str]:
    names: dict[int | str, str] = {}
    for index, image in enumerate(images):
        with faces.entry(path, name=f"images[{index}]"):
            if not isinstance(image, dict) or not isinstance(image.get("id"), int | str):
                raise InputError("has no id")
            if not isinstance(image.get("file_name"), str) or not image["file_name"]:
                raise InputError("has no file_name")
            if names.setdefault(image["id"], image["file_name"]) != image["file_name"]:
                raise InputError(f"has the id {brief(str(image['id']))} of another image")
    return names


def _face(entry: Any, points: _Points, names: Mapping[int | str, str], root: Path) -> Sample:
    if not isinstance(entry, dict):
        raise InputError("is no object")
    if entry.get("category_id") != points.category:
        other, own = (brief(str(category)) for category in (entry.get("category_id"), points.category))
        raise InputError(f"is of category {other}, not of {own}")
    if entry.get("iscrowd"):
        raise InputError("is a crowd, not one face")
    image = entry.get("image_id")
    if not isinstance(image, int | str) or image not in names:
        raise InputError(f"there is no image with the id {brief(str(image))}")
    photo = ImageFile(locate_image(root, names[image]))
    landmarks = _landmarks(entry.get("keypoints"), points)
    rectangle = _rectangle(entry.get("bbox"))
    if landmarks is None and rectangle is None:
        raise InputError("has neither points nor a bbox")
    xy = landmarks.xy if landmarks is not None else np.empty((0, 2))
    box = box_read(rectangle, xy, points.name, "coco")
    return Sample(photo, box, landmarks, _attributes(entry.get("attributes")))


def _landmarks(keypoints: Any, points: _Points) -> Landmarks | None:
    if keypoints is None:
        return None
    values = _numbers(keypoints, 3 * points.count, "keypoints").reshape(-1, 3)[points.order]
    xy, flags = values[:, :2], values[:, 2]
    if not np.isin(flags, (0, 1, 2)).all():
        wrong = flags[~np.isin(flags, (0, 1, 2))][0]
        raise InputError(f"has a keypoint of visibility {wrong:g}, which is none of 0, 1 and 2")
    there = flags > 0
    if not np.isfinite(xy[there]).all():
        raise InputError(f"point {np.flatnonzero(there & ~np.isfinite(xy).all(axis=1))[0]} is not finite")
    if not there.any():
        return None
    xy = np.where(there[:, None], xy, np.nan)
    return Landmarks(points.name, xy, visibility=_VISIBILITY[flags.astype(np.intp)])


def _rectangle(bbox: Any) -> Array | None:
    if bbox is None or bbox == []:
        return None
    x, y, width, height = _numbers(bbox, 4, "bbox")
    return np.array([x, y, x + width, y + height]) if width or height else None


def _numbers(values: Any, count: int, what: str) -> Array:
    if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
        raise InputError(f"{what} is no list of numbers")
    if len(values) != count:
        raise InputError(f"{what} has {len(values)} numbers, not {count}")
    try:
        return np.array(values, np.float64)
    except OverflowError as error:
        raise InputError(f"{what} has a number that is too large") from error


def _attributes(found: Any) -> dict[str, Attribute]:
    if not isinstance(found, dict):
        return {}
    return {name: value for name, value in found.items() if isinstance(value, bool | int | float | str)}


def _shown(category: Mapping[str, Any]) -> str:
    return brief(str(category.get("name", category.get("id"))))


def _size(image: ImageFile) -> dict[str, int]:
    try:
        width, height = image.size
    except ImageError:
        return {}
    return {"width": width, "height": height}


def _annotation(name: str, sample: Sample, count: int) -> dict[str, Any]:
    keypoints = _keypoints(sample.landmarks, count)
    there = keypoints[:, 2] > 0
    if sample.box is None and not there.any():
        raise InputError(f"{name!r}: a face has neither a box nor points, which COCO cannot hold")
    x0, y0, x1, y1 = sample.box.xyxy if sample.box is not None else tight_box(keypoints[there, :2])
    entry = {
        "category_id": _CATEGORY,
        "keypoints": [value for x, y, v in keypoints.tolist() for value in (x, y, int(v))],
        "num_keypoints": int(there.sum()),
        "bbox": [float(x0), float(y0), float(x1 - x0), float(y1 - y0)],
        "area": float((x1 - x0) * (y1 - y0)),
        "iscrowd": 0,
        "segmentation": [],
    }
    attributes = {key: value for key, value in attributes_to_write(name, sample).items() if _fits(value)}
    return {**entry, "attributes": attributes} if attributes else entry


def _keypoints(landmarks: Landmarks | None, count: int) -> Array:
    """x, y, v of every point, (N, 3); zeros for what is not there."""
    if landmarks is None:
        return np.zeros((count, 3))
    flags = np.where(landmarks.present, _FLAG[landmarks.visibility], 0)
    return np.column_stack([np.where(landmarks.present[:, None], landmarks.xy, 0), flags])


def _fits(value: Attribute) -> bool:
    """Whether JSON can hold it: it knows neither NaN nor infinity."""
    return not isinstance(value, float) or math.isfinite(value)


def _category(dataset: Dataset) -> dict[str, Any]:
    name, scheme, points = scheme_to_write(dataset)
    curves = scheme.curves if scheme is not None else ()
    lines = [(*curve.points, *curve.points[: curve.closed]) for curve in curves]
    return {
        "id": _CATEGORY,
        "name": "face",
        "supercategory": "person",
        "scheme": name,
        "keypoints": list(points),
        "skeleton": [[first + 1, second + 1] for line in lines for first, second in pairwise(line)],
    }


def _json(parts: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """The file's text: one line per entry, so that a change shows as one line."""
    lists = []
    for key, entries in parts.items():
        lines = ",\n  ".join(json.dumps(entry, ensure_ascii=False, allow_nan=False) for entry in entries)
        lists.append(f' "{key}": [\n  {lines}\n ]')
    return '{\n "info": {"description": "face landmarks, written by labelkit"},\n "licenses": [],\n' + (
        ",\n".join(lists) + "\n}\n"
    )


def _losses(dataset: Dataset, photos: Sequence[Mapping[str, Any]]) -> list[str]:
    known = [sample.landmarks for sample in dataset if sample.landmarks is not None]
    unknown, hidden, absent = (sum(map(test, known)) for test in (_of_unknown, _self_occluded, _absent))
    losses = said("points of unknown visibility are written as visible", unknown, len(known))
    losses += said("that points are hidden by the face itself is written as occluded", hidden, len(known))
    losses += said("why points are absent is lost", absent, len(known))
    losses += lost_states(known)
    boxes = sum(loses_origin(sample, "coco") for sample in dataset)
    losses += said("where the box comes from is lost", boxes, len(dataset))
    values = [(name, value) for sample in dataset for name, value in sample.attributes.items()]
    odd = sorted({str(name) for name, value in values if not _fits(value)})
    if odd:
        losses.append(f"attributes that are NaN or infinite are lost: {', '.join(odd)}")
    without = sum("width" not in photo for photo in photos)
    if without:
        problem = "width and height are left out where a photo cannot be read"
        losses.append(f"{problem} ({without} of {len(photos)} photos)")
    return losses


def _of_unknown(face: Landmarks) -> bool:
    return bool((face.visibility[face.present] == Visibility.UNKNOWN).any())


def _self_occluded(face: Landmarks) -> bool:
    return bool((face.visibility[face.present] == Visibility.SELF_OCCLUDED).any())


def _absent(face: Landmarks) -> bool:
    return bool((face.visibility[~face.present] != Visibility.UNKNOWN).any())

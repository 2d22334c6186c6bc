"""dlib's imglab XML: all faces of a data set, with their boxes and parts (King 2009).

    <?xml version='1.0' encoding='UTF-8'?>
    <dataset>
    <name>ibug68</name>
    <comment>...</comment>
    <images>
      <image file='a.jpg'>
        <box top='20' left='10' width='51' height='71' ignore='0'>
          <label>face</label>
          <part name='00' x='10' y='20'/>
          ...
        </box>
      </image>
    </images>
    </dataset>

Pixels are **0-based** integers; a part has x before y, a box top before left. A box includes its last
pixel, as dlib's rectangles do: it reaches from ``left`` to ``left + width - 1``, and these are our x0
and x1. ``file`` is relative to an image root, by default the folder of the XML file, where dlib looks
for photos. The faces of a photo stand together.

dlib numbers the parts of a file by sorting their names *as text*, so names are numbers with leading
zeros. A part that is not there is left out. A face without a box gets the tight box of its points.

It cannot hold fractions of a pixel, which points are visible or confirmed, where a box comes from,
or the names of points. ``name`` is that of the scheme. Of attributes it holds ``ignore``,
``difficult``, ``truncated`` and ``occluded`` (0 or 1), ``angle``, ``age`` and ``detection_score``
(numbers), ``gender`` (female or male) and ``label``; dlib's ``pose`` means something else than WFLW's
and is left alone.

Reading
-------
Names that are all numbers say which point a part is: from 0, or from 1 where no part is called 0
and one is called by the number of points. Other names are sorted as dlib sorts them and matched to
the scheme (`match_names`). A scheme that is not given is the built-in one called ``name``, or that with
this number of points. A box without parts has no landmarks; one that is not tight around the points
is read as of kind ``user``, source "dlib".

imglab declares ISO-8859-1 whatever names are written in, so one that means no photo is tried as UTF-8.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labelkit import atomic
from labelkit.dataset import Attribute, Dataset, Sample
from labelkit.errors import FormatError, InputError
from labelkit.formats.imglab import ImglabBox, ImglabFile
from labelkit.formats.plaintext import brief, glance, is_number
from labelkit.formats.reading import (
    FacesRead,
    box_read,
    choose_scheme,
    image_root,
    locate_image,
    match_names,
    scheme_name,
)
from labelkit.formats.writing import (
    WriteReport,
    attributes_to_write,
    loses_origin,
    lost_knowledge,
    photo_names,
    root_to_write,
    said,
    scheme_to_write,
)
from labelkit.geometry import Array, tight_box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks
from labelkit.scheme import Scheme, builtin_schemes

_FLAGS = ("ignore", "difficult", "truncated", "occluded")
_NUMBERS = ("angle", "age", "detection_score")
_GENDERS = ("female", "male")

#: What XML has no way to say.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

#: So many points of all faces together may be missing; more, and the file must be as long as they are many.
_MOST = 1_000_000

#: dlib's integers have 32 bits on some systems.
_LARGEST = 2**31 - 1


def read(
    path: str | Path,
    *,
    scheme: str | Path | Scheme | None = None,
    images: str | Path | None = None,
    strict: bool = False,
) -> Dataset:
    """The faces of a file; their photos are looked for, not opened.

    ``images`` is the image root. Raises `FormatError` for a file that is no such XML or has not the
    points of ``scheme``, and with ``strict`` for the first bad box; otherwise the data set's report
    names the bad boxes by their lines. Of a file that is damaged what stands before is read.
    """
    path = Path(path)
    faces = FacesRead(strict)
    file = ImglabFile(path, faces)
    root = image_root(images, path.parent)
    parts = _parts_of(path, file, scheme)
    if parts.count * len(file.boxes) > max(_MOST, path.stat().st_size):
        raise FormatError(
            path, f"numbers parts up to {parts.count} in {len(file.boxes)} boxes: too many to be there"
        )
    for box in file.boxes:
        with faces.entry(path, box.line):
            faces.append(_face(box, parts, root))
    return faces.dataset(parts.scheme, root)


def write(dataset: Dataset, path: str | Path, *, images: str | Path | None = None) -> WriteReport:
    """Write a file, photos relative to ``images``, coordinates rounded to whole pixels.

    Raises `InputError`, with nothing written, for a face with neither box nor points, a box or a
    coordinate that whole pixels cannot hold, or a photo that cannot be named.
    """
    path = Path(path)
    if path.is_dir():
        raise FormatError(path, "is a folder; an imglab file is a file")
    root = root_to_write(dataset, images)
    _, scheme, points = scheme_to_write(dataset)
    photos: dict[str, list[str]] = {}
    for image, sample in zip(photo_names(dataset, root, "an imglab file"), dataset, strict=True):
        photos.setdefault(image, []).append(_element(image, sample))
    elements = (
        f"  <image file={_quoted(name)}>\n{''.join(boxes)}  </image>\n" for name, boxes in photos.items()
    )
    name = scheme.name if scheme is not None else ""
    comment = f"{len(points)} points, written by labelkit"
    head = f"<dataset>\n<name>{name}</name>\n<comment>{comment}</comment>\n<images>\n"
    text = f"<?xml version='1.0' encoding='UTF-8'?>\n{head}{''.join(elements)}</images>\n</dataset>\n"
    atomic.write_text(path, text)
    return WriteReport(len(dataset), (path,), root, tuple(_losses(dataset, list(photos), points)))


def looks_like(path: Path) -> bool:
    """Whether a file begins as an imglab file."""
    text = glance(path).lstrip()
    return text.startswith("<") and "<dataset" in text and "<image" in text


@dataclass(frozen=True)
class _Parts:
    """Which point a part is, by its name; how many there are, and what landmarks are called."""

    place: Mapping[str, int]
    count: int
    scheme: Scheme | None
    name: str


def _parts_of(path: Path, file: ImglabFile, given: str | Path | Scheme | None) -> _Parts:
    names = sorted({name for box in file.boxes for name in box.parts})
    if all(re.fullmatch(r"[0-9]{1,4}", name) for name in names):
        place, kind, count = _numbered(names, file, given)
    else:
        try:
            kind, order = match_names(given, names)
        except InputError as error:
            raise FormatError(path, str(error)) from error
        place, count = {names[index]: point for point, index in enumerate(order)}, len(order)
    return _Parts(place, count, kind, scheme_name(kind, count))


def _numbered(
    names: Sequence[str], file: ImglabFile, given: str | Path | Scheme | None
) -> tuple[dict[str, int], Scheme | None, int]:
    numbers = {name: int(name) for name in names}
    known = given if given is not None else file.name if file.name in builtin_schemes() else None
    start = 0 if 0 in numbers.values() else 1
    kind, count = choose_scheme(
        known, (max(map(int, box.parts)) + 1 - start for box in file.boxes if box.parts)
    )
    start = start if count in numbers.values() else 0
    return {name: number - start for name, number in numbers.items()}, kind, count


def _face(box: ImglabBox, parts: _Parts, root: Path) -> Sample:
    if box.problem:
        raise InputError(box.problem)
    if box.image is None:
        raise InputError("is a box of no image, or of one without a file")
    photo = ImageFile(_photo(root, box.image))
    landmarks = _landmarks(box, parts)
    xy = landmarks.xy if landmarks is not None else np.empty((0, 2))
    return Sample(photo, box_read(_rectangle(box.given), xy, parts.name, "dlib"), landmarks, _attributes(box))


def _photo(root: Path, name: str) -> Path:
    try:
        return locate_image(root, name)
    except InputError:
        with suppress(UnicodeError, InputError):
            return locate_image(root, name.encode("latin-1").decode("utf-8"))
        raise


def _landmarks(box: ImglabBox, parts: _Parts) -> Landmarks | None:
    xy = np.full((parts.count, 2), np.nan)
    # A given scheme may have fewer points than the file names.
    found = {name: parts.place[name] for name in box.parts if name in parts.place}
    outside = [name for name, point in found.items() if point >= parts.count]
    if outside:
        raise InputError(f"has a part {brief(outside[0])}, but {parts.name} has {parts.count} points")
    if len(set(found.values())) < len(found):
        raise InputError("has a point twice, with a zero before its number and without")
    if not found:
        return None
    places = [
        (_number(f"x of part {name}", x), _number(f"y of part {name}", y))
        for name, (x, y) in box.parts.items()
        if name in found
    ]
    xy[list(found.values())] = places
    return Landmarks(parts.name, xy)


def _rectangle(given: Mapping[str, str]) -> Array:
    missing = [side for side in ("left", "top", "width", "height") if side not in given]
    if missing:
        raise InputError(f"is a box without {missing[0]}")
    left, top, width, height = (_number(side, given[side]) for side in ("left", "top", "width", "height"))
    return np.array([left, top, left + width - 1, top + height - 1])


def _number(what: str, text: str) -> float:
    if not is_number(text.strip()) or not math.isfinite(float(text)):
        raise InputError(f"{what} is {brief(text)}, not a number")
    return float(text)


def _attributes(box: ImglabBox) -> dict[str, Attribute]:
    found: dict[str, Attribute] = {}
    for name in _FLAGS:
        if name in box.given:
            if box.given[name] not in ("0", "1", "false", "true"):
                raise InputError(f"{name} is {brief(box.given[name])}, neither 0 nor 1")
            found[name] = box.given[name] in ("1", "true")
    found |= {name: _number(name, box.given[name]) for name in _NUMBERS if name in box.given}
    if box.given.get("gender") in _GENDERS:
        found["gender"] = box.given["gender"]
    return found | ({"label": box.label.strip()} if box.label.strip() else {})


def _quoted(name: str) -> str:
    """A name as an XML attribute. dlib undoes no references there, so there are as few as can be."""
    if _NO_XML.search(name):
        raise InputError(f"{name!r}: an imglab file cannot hold this name")
    mark, reference = ('"', "&quot;") if "'" in name and '"' not in name else ("'", "&apos;")
    return mark + escape(name, {mark: reference}) + mark


def _element(image: str, sample: Sample) -> str:
    """The box of a face with all that it holds."""
    xy = sample.landmarks.xy if sample.landmarks is not None else np.empty((0, 2))
    there = np.isfinite(xy).all(axis=1)
    points = _whole(image, xy[there])
    x0, y0, x1, y1 = _corners(image, sample, points)
    held = {key: _held(key, value) for key, value in attributes_to_write(image, sample).items()}
    label = held.pop("label", None)
    given = {"top": y0, "left": x0, "width": x1 - x0 + 1, "height": y1 - y0 + 1, **held}
    attributes = "".join(f" {key}='{value}'" for key, value in given.items() if value is not None)
    inside = [f"      <label>{escape(label)}</label>\n"] if label is not None else []
    digits = max(2, len(str(len(xy) - 1)))
    inside += [
        f"      <part name='{number:0{digits}}' x='{x}' y='{y}'/>\n"
        for number, (x, y) in zip(np.flatnonzero(there).tolist(), points.tolist(), strict=True)
    ]
    return f"    <box{attributes}>\n{''.join(inside)}    </box>\n"


def _corners(image: str, sample: Sample, points: NDArray[np.int64]) -> list[int]:
    if sample.box is None and not len(points):
        raise InputError(f"{image!r}: a face has neither a box nor points, which imglab cannot hold")
    corners = _whole(image, sample.box.xyxy if sample.box is not None else tight_box(points))
    if (corners[2:] <= corners[:2]).any() and not (len(points) and tight_box(points) == tuple(corners)):
        raise InputError(f"{image!r}: a box is smaller than a pixel, which imglab cannot hold")
    return [int(side) for side in corners]


def _whole(image: str, values: ArrayLike) -> NDArray[np.int64]:
    rounded = np.rint(np.asarray(values, np.float64))
    if (np.abs(rounded) > _LARGEST).any():
        raise InputError(f"{image!r}: a coordinate is larger than dlib's integers")
    return rounded.astype(np.int64)


def _held(name: str, value: Attribute) -> str | None:
    """An attribute as imglab writes it; None where it has no place for it."""
    if isinstance(value, str):
        plain = value == value.strip() != "" and "\r" not in value and not _NO_XML.search(value)
        return value if (name == "label" and plain) or (name == "gender" and value in _GENDERS) else None
    if name in _FLAGS:
        return str(int(value)) if value in (0, 1) else None
    fits = name in _NUMBERS and not isinstance(value, bool) and np.isfinite(value)
    return repr(float(value)) if fits else None


def _losses(dataset: Dataset, photos: Sequence[str], names: Sequence[str]) -> list[str]:
    known = [sample.landmarks for sample in dataset if sample.landmarks is not None]
    losses = said("coordinates are rounded to whole pixels", sum(map(_is_rounded, dataset)), len(dataset))
    losses += lost_knowledge(known)
    boxes = sum(loses_origin(sample, "dlib") for sample in dataset)
    losses += said("where the box comes from is lost", boxes, len(dataset))
    lost = {
        name for sample in dataset for name, value in sample.attributes.items() if _held(name, value) is None
    }
    if lost:
        losses.append(f"attributes that imglab has no place for are lost: {', '.join(sorted(lost))}")
    there = (
        np.flatnonzero(np.any([face.present for face in known], axis=0)) if known else np.empty(0, np.intp)
    )
    gaps = np.setdiff1d(np.arange(there[-1]), there) if len(there) else there
    if len(gaps):
        losses.append(f"no face has point {names[gaps[0]]!r}: dlib numbers the points after it anew")
    references = sum(_quoted(name)[1:-1] != name for name in photos)
    if references:
        problem = "dlib looks for other names where a photo's holds '&', '<' or '>'"
        losses.append(f"{problem} ({references} of {len(photos)} photos)")
    return losses


def _is_rounded(sample: Sample) -> bool:
    sides = sample.box.xyxy if sample.box is not None else ()
    xy = sample.landmarks.xy[sample.landmarks.present].ravel() if sample.landmarks is not None else ()
    values = np.array([*sides, *xy])
    return bool((values != np.rint(values)).any())

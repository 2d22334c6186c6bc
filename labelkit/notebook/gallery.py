"""`gallery`: many faces with their points at once, as plain HTML that outlives its kernel."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image

from labelkit.dataset import Dataset
from labelkit.errors import ImageError, InputError
from labelkit.figures import Tile, contact_sheet
from labelkit.images import ImageFile
from labelkit.landmarks import Face, Landmarks
from labelkit.notebook.shapes import Photo, as_photo, as_shape
from labelkit.overlay import Picture, Points, Shape, draw_over
from labelkit.prediction import Prediction
from labelkit.project import Project
from labelkit.queue import QueueItem
from labelkit.scheme import Scheme

#: Landmarks and predictions of one face.
Several = Sequence[Landmarks | Prediction]

#: A photo, the points of a face in it (a list or tuple of several, to be compared) and, if one is
#: wanted, a title.
Item = tuple[Photo, Points | Several] | tuple[Photo, Points | Several, str]

#: What stands in for a photo that cannot be read.
_NOTHING = np.full((64, 64, 3), 127, np.uint8)


@dataclass(frozen=True)
class _Entry:
    """A face that is to be drawn; its photo is opened then."""

    photo: Photo
    shapes: tuple[Shape, ...]
    title: str


@dataclass(frozen=True)
class Gallery:
    """Faces that were drawn: ``pictures`` (size, size, 3) RGB uint8, with a title each.

    In a notebook they stand side by side, as many in a row as there is room for. ``more``: there
    were more faces than were to be shown.
    """

    pictures: tuple[Picture, ...]
    titles: tuple[str, ...]
    more: bool = False

    def __len__(self) -> int:
        return len(self.pictures)

    def __repr__(self) -> str:
        return f"<Gallery of {len(self)} faces{', there are more' if self.more else ''}>"

    def write(self, path: str | Path, columns: int = 6) -> None:
        """Write the faces as one PNG; raises `InputError` when there is none."""
        side = len(self.pictures[0]) if self.pictures else 32
        tiles: list[Tile] = [
            (picture, (), title) for picture, title in zip(self.pictures, self.titles, strict=True)
        ]
        contact_sheet(tiles, path, columns, side)

    def _repr_html_(self) -> str:
        figures = "".join(_figure(*pair) for pair in zip(self.pictures, self.titles, strict=True))
        note = f"<div>The first {len(self)} faces; <code>most=</code> shows more.</div>" if self.more else ""
        return f'<div style="display:flex;flex-wrap:wrap;gap:8px">{figures}</div>{note}'


def gallery(
    faces: Project | Dataset | Iterable[Item],
    only: Iterable[Face | QueueItem] | None = None,
    *,
    scheme: str | Path | Scheme | None = None,
    colours: Sequence[str] = (),
    level: float | None = 0.95,
    size: int = 220,
    most: int = 24,
) -> Gallery:
    """Faces with their points, side by side: squares of ``size`` px around the points.

        lk.gallery(project, project.queue(12))
        lk.gallery(lk.read("train/", format="300w"))
        lk.gallery([(image, prediction) for prediction in predictions])
        lk.gallery([(image, (labels, prediction), "a")], colours=["#D55E00", "#0072B2"])

    ``faces`` are a project's (all of them, or ``only`` some), a data set's, or pairs of a photo and
    points as `labelkit.draw` takes them, with a title as a third where one is wanted. Several
    `Landmarks` and `Prediction` in place of the points are drawn over one another, in ``colours``
    where these are given. At most ``most`` are drawn, and no more photos opened; one that cannot be
    read says so in its place. Raises `InputError` when points do not fit their scheme.
    """
    if most < 1 or size < 32:
        raise InputError(f"a gallery of {most} faces of {size} px shows nothing")
    if only is not None and not isinstance(faces, Project):
        raise InputError("only= chooses among the faces of a project; other faces are chosen before")
    entries = _entries(faces, only, scheme, colours)
    drawn = [_drawn(entry, size, level) for entry in islice(entries, most)]
    return Gallery(
        tuple(picture for picture, _ in drawn),
        tuple(title for _, title in drawn),
        more=next(entries, None) is not None,
    )


def _entries(
    faces: Project | Dataset | Iterable[Item],
    only: Iterable[Face | QueueItem] | None,
    scheme: str | Path | Scheme | None,
    colours: Sequence[str],
) -> Iterator[_Entry]:
    if isinstance(faces, Project):
        return _of_project(faces, faces.faces() if only is None else only)
    if isinstance(faces, Dataset):
        return _of_dataset(faces)
    return (_of_item(item, scheme, colours) for item in faces)


def _of_project(project: Project, faces: Iterable[Face | QueueItem]) -> Iterator[_Entry]:
    scheme = project.scheme
    for item in faces:
        face = item.face if isinstance(item, QueueItem) else item
        title = f"{face.image} ({project.find(face).state})"
        yield _Entry(project.image(face), ((project.landmarks(face), scheme),), title)


def _of_dataset(data: Dataset) -> Iterator[_Entry]:
    for sample in data:
        shapes = () if sample.landmarks is None else (as_shape(sample.landmarks, data.scheme),)
        yield _Entry(sample.image, shapes, sample.image.path.name)


def _of_item(item: Item, scheme: str | Path | Scheme | None, colours: Sequence[str]) -> _Entry:
    photo, title = item[0], item[2] if len(item) == 3 else ""
    if not title and isinstance(photo, ImageFile | str | Path):
        title = photo.path.name if isinstance(photo, ImageFile) else Path(photo).name
    return _Entry(photo, _shapes(item[1], scheme, colours), title)


def _shapes(
    points: Points | Several, scheme: str | Path | Scheme | None, colours: Sequence[str]
) -> tuple[Shape, ...]:
    several = isinstance(points, list | tuple) and any(isinstance(p, Landmarks | Prediction) for p in points)
    shown = cast("Sequence[Any]", points) if several else [points]
    if colours and len(colours) != len(shown):
        raise InputError(f"{len(colours)} colours are given for {len(shown)} sets of points")
    given: Sequence[str | None] = colours or [None] * len(shown)
    return tuple(as_shape(one, scheme, colour) for one, colour in zip(shown, given, strict=True))


def _drawn(entry: _Entry, size: int, level: float | None) -> tuple[Picture, str]:
    try:
        image = as_photo(entry.photo)
    except ImageError as error:
        return draw_over(_NOTHING, (), size)[0], str(error)
    return draw_over(image, entry.shapes, size, level=level)[0], entry.title


def _figure(picture: Picture, title: str) -> str:
    side, text = len(picture), escape(title, quote=True)
    return (
        f'<figure style="margin:0;width:{side}px">'
        f'<img src="data:image/jpeg;base64,{_jpeg(picture)}" width="{side}" height="{side}" alt="{text}"/>'
        f'<figcaption style="overflow:hidden;white-space:nowrap" title="{text}">{text}</figcaption></figure>'
    )


def _jpeg(picture: Picture) -> str:
    file = BytesIO()
    # Thin coloured lines need their colours at full resolution.
    Image.fromarray(picture).save(file, format="JPEG", quality=90, subsampling=0)
    return base64.b64encode(file.getvalue()).decode("ascii")

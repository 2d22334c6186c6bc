"""The journey on example faces: find them, label them by two schemes, export, draw, and a project of
them for the app."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from labelkit.atomic import replacing
from labelkit.errors import InputError
from labelkit.figures import Tile, contact_sheet
from labelkit.formats import WriteReport
from labelkit.images import ImageFile, example_faces, find_images
from labelkit.models.predictor import LandmarkModel
from labelkit.models.stream import Photo
from labelkit.overlay import Shape
from labelkit.prelabel.child import predictor
from labelkit.prelabel.files import database
from labelkit.prelabel.predict import Labelled, label_photos, write_labels
from labelkit.prelabel.work import prelabel
from labelkit.project import Project
from labelkit.scheme import Scheme, load_scheme

SCHEMES = ("ibug68", "wflw98")

#: How many faces the contact sheet shows at most.
MOST_SHOWN = 60


@dataclass(frozen=True)
class DemoReport:
    """What the demo made: ``photos`` is the folder of the photos, ``labels`` by scheme what was
    found, ``lists`` and ``folders`` by scheme its WFLW list and its folder of .pts files."""

    photos: Path
    labels: dict[str, Labelled]
    lists: dict[str, Path]
    folders: dict[str, Path]
    sheet: Path
    losses: tuple[str, ...]


def run_demo(model: LandmarkModel, out: Path, images: Path | None = None) -> DemoReport:
    """Label the example faces, or the photos in ``images``, and write everything into ``out``.

    The example faces are copied to ``out/photos``, so that the exported paths lead to them;
    photos of one's own stay where they are. Raises `InputError` when no face is found.
    """
    folder, photos = _photos(out, images)
    first, second = (load_scheme(name) for name in SCHEMES)
    labels = {first.name: label_photos(model, [Photo(photo) for photo in photos], first)}
    # The same boxes for the second scheme: nobody is searched for twice.
    boxed = [
        Photo(photo, tuple(face.box for face in faces))
        for photo, faces in labels[first.name].by_photo().items()
    ]
    if not boxed:
        raise InputError(f"{folder}: nobody was found in {len(photos)} photos")
    labels[second.name] = label_photos(model, boxed, second)
    reports = [_export(labels[scheme.name], scheme, out, folder) for scheme in (first, second)]
    sheet = out / "contact-sheet.png"
    shown = min(len(labels[first.name].faces), MOST_SHOWN)
    contact_sheet(_tiles(labels, (first, second)), sheet, columns=2 if shown <= 3 else 6, size=400)
    return DemoReport(
        folder,
        labels,
        {name: _list(out, name) for name in labels},
        {name: out / name for name in labels},
        sheet,
        tuple(dict.fromkeys(loss for report in reports for loss in report.losses)),
    )


def example_project(model: LandmarkModel, report: DemoReport, out: Path) -> Path:
    """A project of the demo's photos in ``out/project``, prelabelled, for the app to serve; one that
    is there already is gone on with, and keeps what was labelled in it."""
    folder = out / "project"
    made = database(folder).exists()
    scheme = load_scheme(SCHEMES[-1])
    opened = Project.open(folder) if made else Project.create(folder, report.photos, scheme, name="demo")
    with opened as project:
        if made:
            project.scan()
        prelabel(project.store, project.images, predictor(model), model.id)
    return folder


def _photos(out: Path, images: Path | None) -> tuple[Path, list[ImageFile]]:
    if images is not None:
        return images, [ImageFile(path) for path in find_images(images)]
    folder, copies = out / "photos", []
    for portrait in example_faces():
        copies.append(ImageFile(folder / portrait.path.name))
        with replacing(copies[-1].path) as draft:
            shutil.copyfile(portrait.path, draft)
    return folder, copies


def _list(out: Path, scheme: str) -> Path:
    return out / f"{scheme}.txt"


def _export(labelled: Labelled, scheme: Scheme, out: Path, photos: Path) -> WriteReport:
    """A WFLW list beside the photos' folder and .pts files in a folder of their own."""
    inside = photos.absolute().is_relative_to(out.absolute())
    files = write_labels(labelled.faces, scheme, out / scheme.name, "300w", photos)
    lines = write_labels(labelled.faces, scheme, _list(out, scheme.name), "wflw", out if inside else photos)
    losses = tuple(dict.fromkeys(lines.losses + files.losses))
    return WriteReport(lines.written, lines.files + files.files, lines.images, losses)


def _tiles(labels: dict[str, Labelled], schemes: Sequence[Scheme]) -> Iterator[Tile]:
    """Every face once for each scheme, side by side; photos are opened one by one."""
    return islice(_all_tiles(labels, schemes), MOST_SHOWN * len(schemes))


def _all_tiles(labels: dict[str, Labelled], schemes: Sequence[Scheme]) -> Iterator[Tile]:
    by_photo = [labels[scheme.name].by_photo() for scheme in schemes]
    for photo in by_photo[0]:
        image = photo.load()
        # A second scheme may have been refused a photo that vanished meanwhile.
        for faces in zip(*(found.get(photo, []) for found in by_photo), strict=False):
            for face, scheme in zip(faces, schemes, strict=True):
                shape: Shape = (face.prediction.xy, scheme)
                yield image, [shape], f"{photo.path.name} {scheme.name}"

"""``labelkit predict``: labels for photos, without a project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelkit.cli.output import (
    AsJson,
    Device,
    Flip,
    ModelName,
    Passes,
    SchemeName,
    note,
    note_all,
    photo_bar,
    say,
    say_json,
    shown,
)
from labelkit.errors import InputError

if TYPE_CHECKING:
    from labelkit.formats import WriteReport
    from labelkit.images import ImageFile
    from labelkit.models.stream import Photo
    from labelkit.prelabel.predict import Labelled


#: Not a format of data sets: it holds what only a prediction says.
_JSON = "json"


def predict(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", help="Photos, or folders of photos.")],
    scheme: SchemeName,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write; a folder for 300w.")],
    label_format: Annotated[
        str,
        typer.Option("--format", help="json (with spread and confidence), wflw, 300w, coco, csv and more."),
    ] = _JSON,
    boxes: Annotated[
        Path | None,
        typer.Option(
            "--boxes",
            help="CSV with the columns image,x0,y0,x1,y1 (0-based px) and, if need be, kind: landmarks "
            "(tight around the scheme's points; so without the column), user or detector. "
            "One row a face. Photos without a row are searched by the detector.",
        ),
    ] = None,
    model: ModelName = "base",
    device: Device = "auto",
    flip: Flip = False,
    passes: Passes = None,
    as_json: AsJson = False,
) -> None:
    """Label the faces in photos: find them, or take their boxes from a table, and place every point.

    Photos without a face are listed as "no face"; those that cannot be read are named, and the rest goes on.
    """
    from labelkit.models.registry import load_model
    from labelkit.prelabel.predict import find_photos, label_photos, write_labels
    from labelkit.scheme import load_scheme

    label_format = _known(label_format)
    chosen = load_scheme(scheme)
    files = find_photos(images)
    _check_out(out, [*(file.path for file in files), *([boxes] if boxes else [])], label_format)
    photos = _with_boxes(files, boxes)
    network = load_model(model, device)
    with photo_bar(len(photos)) as bar:
        labelled = label_photos(
            network, photos, chosen, passes=passes, flip=flip, heard=lambda _: bar.advance(bar.task_ids[0])
        )
    note_all(labelled.problems)
    note_all([f"{file.path}: no face" for file in labelled.no_face])
    report = write_labels(labelled.faces, chosen, out, label_format)
    _tell(labelled, report, out, label_format, network.id, as_json)


def _known(label_format: str) -> str:
    from labelkit.formats import find_format

    if label_format == _JSON:
        return _JSON
    try:
        return find_format(label_format).name
    except InputError as error:
        raise typer.BadParameter(f"{error}, and {_JSON}", param_hint="--format") from error


def _check_out(out: Path, inputs: Sequence[Path], label_format: str) -> None:
    """Hours of labelling should not end at a wrong name, nor a slip of it cost a photo."""
    from labelkit.formats import find_format

    folder = label_format != _JSON and find_format(label_format).folder
    if any(out.resolve() == path.resolve() for path in inputs):
        raise InputError(f"{out}: is one of the files to read; choose another name with -o")
    if folder and out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file; {label_format} is written to a folder")
    if not folder and out.is_dir():
        raise InputError(f"{out}: is a folder; {label_format} is written to a file")


def _with_boxes(files: Sequence[ImageFile], table: Path | None) -> list[Photo]:
    from labelkit.models.stream import Photo
    from labelkit.prelabel.boxtable import boxes_by_photo, read_boxes

    if table is None:
        return [Photo(file) for file in files]
    known, unused = boxes_by_photo(table, read_boxes(table), files)
    if unused:
        first = f"{table}:{unused[0].line}: {unused[0].image!r}"
        note(f"rows about photos that were not given: {len(unused)}, the first at {first}")
    without = sum(file not in known for file in files)
    if without:
        note(f"{table}: has no row for {without} of {len(files)} photos; the detector looks for their faces")
    return [Photo(file, known.get(file)) for file in files]


def _tell(
    labelled: Labelled,
    report: WriteReport,
    out: Path,
    label_format: str,
    model: str,
    as_json: bool,
) -> None:
    from labelkit.formats import find_format

    note_all([f"{label_format}: {loss}" for loss in report.losses])
    if as_json:
        facts = {"out": out, "format": label_format, "images": report.images, "model": model}
        counts = {"photos": labelled.photos, "faces": len(labelled.faces)}
        no_face = [file.path for file in labelled.no_face]
        rest = {"no_face": no_face, "problems": labelled.problems, "losses": report.losses}
        say_json({**facts, **counts, **rest})
        return
    unread = f", {len(labelled.problems)} not read" if labelled.problems else ""
    nobody = f", {len(labelled.no_face)} without a face" if labelled.no_face else ""
    say(f"{len(labelled.faces)} faces in {labelled.photos} photos{nobody}{unread} -> {shown(out)}")
    if label_format != _JSON and report.images != find_format(label_format).photo_root(out):
        note(f"photos are named relative to {report.images}: give it as --images where the labels are read")

"""Reading the annotation files that commands are given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelkit.cli.output import note, note_all
from labelkit.errors import InputError

if TYPE_CHECKING:
    from labelkit.dataset import Dataset
    from labelkit.formats import Format
    from labelkit.scheme import Scheme

LabelFormat = Annotated[
    str | None, typer.Option("--format", help="wflw, 300w, coco, csv and more; by default told by the file.")
]
LabelImages = Annotated[
    Path | None,
    typer.Option("--images", help="The folder to which photos are named; by default that of the file."),
]
Subset = Annotated[
    str | None,
    typer.Option("--subset", help="A part of a published data set: challenge of 300-W, largepose of WFLW."),
]


def format_called(name: str, option: str = "--format") -> Format:
    """The format of that name; wrong usage for one that we do not know."""
    from labelkit.formats import find_format

    try:
        return find_format(name)
    except InputError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def read_labels(
    data: Path,
    file_format: str | None,
    scheme: Scheme | None = None,
    *,
    images: Path | None = None,
    subset: str | None = None,
    strict: bool = False,
) -> Dataset:
    """The faces of an annotation file, of which there is at least one; what could not be read is
    listed on stderr."""
    from labelkit.formats import read

    name = format_called(file_format).name if file_format is not None else None
    labels = read(data, name, scheme, strict, images, subset)
    note_all([str(entry) for entry in labels.report.left_out])
    if labels.report.left_out:
        note(f"{data}: {labels.report}")
    if not len(labels):
        raise InputError(f"{data}: holds no face that could be read")
    return labels

"""``labelkit evaluate``: how far a model is from labels."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from labelkit.cli.output import (
    STDOUT,
    AsJson,
    Device,
    Flip,
    ModelName,
    Passes,
    SchemeName,
    note_all,
    say_json,
)
from labelkit.cli.reading import LabelFormat, LabelImages, Subset, read_labels
from labelkit.errors import InputError


class BoxSource(StrEnum):
    """Where the faces' boxes come from."""

    ANNOTATIONS = "annotations"
    DETECTOR = "detector"


#: What the table says of each entry: its name, its unit, how it is written.
_ROWS = {
    "faces": ("labelled faces", "", "d"),
    "found": ("found", "", "d"),
    "extra": ("found, but not labelled", "", "d"),
    "nme_io": ("mean error / eye distance", " %", ".2f"),
    "median_io": ("median of it", " %", ".2f"),
    "nme_box": ("mean error / box size", " %", ".2f"),
    "fr10": ("faces above 10 %, or missed", " %", ".1f"),
    "auc10": ("area under the curve to 10 %", "", ".3f"),
    "faces_per_s": ("faces a second", "", ".1f"),
    "network_faces_per_s": ("of the network alone", "", ".1f"),
}


def evaluate(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="An annotation file or folder.")],
    scheme: SchemeName,
    file_format: LabelFormat = None,
    subset: Subset = None,
    model: ModelName = "base",
    boxes: Annotated[
        BoxSource,
        typer.Option(help="Where the faces' boxes come from. Faces that a detector misses are failures."),
    ] = BoxSource.ANNOTATIONS,
    images: LabelImages = None,
    flip: Flip = False,
    passes: Passes = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset", help="Ask for the points as this data set of the model's training means them."
        ),
    ] = None,
    refine: Annotated[
        bool, typer.Option("--refine/--no-refine", help="With the model's refinement head, if it has one.")
    ] = True,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first bad annotation.")] = False,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Compare a model with labels. Errors are in percent of the distance of the outer eye corners."""
    from labelkit.scheme import load_scheme

    chosen = load_scheme(scheme)
    labels = read_labels(data, file_format, chosen, images=images, subset=subset, strict=strict)

    from labelkit.detect import detect_faces  # after reading: loading torch takes seconds
    from labelkit.models.registry import load_model
    from labelkit.train.evaluate import evaluate as compare

    network = load_model(model, device)
    result = compare(
        network,
        labels,
        chosen,
        boxes=boxes.value,
        find=detect_faces,
        passes=passes,
        flip=flip,
        dataset=dataset,
        refine=refine,
    )
    note_all(result.problems)
    figures = result.to_dict()
    if len(result.problems) == len(labels.by_image()):
        raise InputError(f"{data}: none of the photos could be used")
    if as_json:
        say_json(figures)
    else:
        STDOUT.print(_table(figures, f"{network.name} on {data}, {chosen.name}"))
        STDOUT.print(_group_table(figures))


def _table(figures: dict[str, Any], title: str) -> Table:
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for key, (label, unit, form) in _ROWS.items():
        name, value = label, _written(figures[key], form, unit)
        if key == "nme_io" and not math.isnan(figures["nme_io_interval"][0]):
            low, high = figures["nme_io_interval"]
            name = f"{name} (95 %: {low:.2f} to {high:.2f})"
        table.add_row(name, value)
    for level, share in figures["calibration"].items():
        if not math.isnan(share):  # a model without spread has no ellipses
            table.add_row(f"inside the {level[1:]} % ellipse", f"{share:.1f} %")
    return table


def _group_table(figures: dict[str, Any]) -> Table:
    """How near the points are, by their groups in the scheme, and all of them."""
    table = Table(title="points by group, errors / eye distance", title_justify="left")
    for column in ("group", "points", "mean error", "within 3 %", "within 5 %"):
        table.add_column(column, justify="left" if column == "group" else "right")
    for name, group in figures["points"].items():
        shares = [_written(group[key], ".1f", " %") for key in ("within3", "within5")]
        table.add_row(name, str(group["count"]), _written(group["mean_io"], ".2f", " %"), *shares)
    return table


def _written(value: float, form: str, unit: str) -> str:
    return "-" if math.isnan(value) else f"{value:{form}}{unit}"

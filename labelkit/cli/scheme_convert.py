"""``labelkit scheme convert`` and ``diff``: from one scheme to another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from labelkit.cli.output import STDOUT, AsJson, note, note_all, say, say_json, shown
from labelkit.cli.reading import LabelFormat, LabelImages, Subset, format_called, read_labels
from labelkit.errors import InputError

if TYPE_CHECKING:
    from labelkit.dataset import Dataset
    from labelkit.formats import Format, WriteReport
    from labelkit.geometry import Array
    from labelkit.scheme import Scheme
    from labelkit.scheme.convert import Conversion


def convert(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="An annotation file or folder.")],
    target: Annotated[str, typer.Option("--to", help="The scheme to write: a name or a .json file.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The annotation file or folder to write.")],
    source: Annotated[
        str | None, typer.Option("--from", help="The scheme of DATA; told by the file if not given.")
    ] = None,
    file_format: LabelFormat = None,
    out_format: Annotated[
        str | None, typer.Option("--format-out", help="The format to write; by default that of DATA.")
    ] = None,
    subset: Subset = None,
    images: LabelImages = None,
    as_json: AsJson = False,
) -> None:
    """Re-express annotated faces in another scheme.

    A smooth field from the plane to each face carries the points over. Points that both schemes
    have stay where they are; the others are estimates, with the error to expect in percent of IOD.
    """
    from labelkit.scheme import load_scheme
    from labelkit.scheme.convert import converter

    goal = load_scheme(target)
    reading, writing = _formats(data, file_format, out_format)
    if out.resolve() == data.resolve():
        raise InputError(f"{out}: is what is read; choose another name with -o")
    start = load_scheme(source) if source is not None else None
    labels = read_labels(data, reading.name, start, images=images, subset=subset)
    begin = labels.scheme
    if begin is None:
        raise InputError(f"{data}: does not tell its scheme; name it with --from")
    labels, faces = _placeable(labels, begin, data)
    conversion = converter(begin, goal)(faces)
    report = writing.write(type(labels).concat([labels], goal), out, images=images)
    _tell(begin, goal, conversion, report, out, as_json)
    if report.images != writing.photo_root(out):
        note(f"photos are named relative to {report.images}: give it as --images where the labels are read")


def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A scheme's name or .json file.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="A scheme's name or .json file.")],
    rename: Annotated[
        list[str] | None,
        typer.Option("--rename", help="OLD=NEW: the point OLD is called NEW now. Repeat it for several."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What a project's faces would go through if its scheme OLD became NEW.

    Points of one name are one point. A point that lies exactly where one with another name lay is
    taken for renamed.
    """
    from labelkit.scheme import load_scheme
    from labelkit.scheme.change import plan_change

    plan = plan_change(load_scheme(old), load_scheme(new), read_renames(rename or []), guess=True)
    if as_json:
        say_json(plan.to_dict())
        return
    say(f"From {plan.old.name} ({len(plan.old)} points) to {plan.new.name} ({len(plan.new)} points):")
    for line in plan.describe():
        say(f"    {line}")


def read_renames(texts: list[str]) -> dict[str, str]:
    """Old to new names from texts OLD=NEW; wrong usage for anything else, or for a name twice."""
    renamed: dict[str, str] = {}
    for text in texts:
        before, equals, after = text.partition("=")
        if not (before and equals and after):
            raise typer.BadParameter(f"{text}: is not OLD=NEW", param_hint="--rename")
        if before in renamed:
            raise typer.BadParameter(f"{before} is renamed twice", param_hint="--rename")
        renamed[before] = after
    return renamed


def _formats(data: Path, file_format: str | None, out_format: str | None) -> tuple[Format, Format]:
    """The formats to read and to write."""
    from labelkit.formats import guess_format

    writing = format_called(out_format, "--format-out") if out_format is not None else None
    reading = format_called(file_format) if file_format is not None else guess_format(data)
    return reading, writing or reading


def _placeable(labels: Dataset, scheme: Scheme, data: Path) -> tuple[Dataset, Array]:
    """The faces that have enough points to be converted, and these points (B, N, 2)."""
    from labelkit.scheme.convert import converter

    marked = labels.filter(lambda sample: sample.landmarks is not None)
    faces = np.array([sample.landmarks.xy for sample in marked if sample.landmarks is not None])
    error = converter(scheme, scheme)(faces.reshape(-1, len(scheme), 2)).error
    placed = np.flatnonzero(np.isfinite(error).all(axis=1))
    bad = sorted({*range(len(marked))} - {*placed.tolist()})
    note_all([f"{marked[i].image.path}: left out, too few points are there to place the face" for i in bad])
    if len(marked) < len(labels):
        note(f"{data}: faces without landmarks left out: {len(labels) - len(marked)}")
    if not len(placed):
        raise InputError(f"{data}: holds no face that could be converted")
    kept = tuple(marked[i] for i in placed.tolist())
    return replace(marked, samples=kept), faces[placed]


def _tell(
    source: Scheme, target: Scheme, conversion: Conversion, report: WriteReport, out: Path, as_json: bool
) -> None:
    mean, high = 100 * conversion.error.mean(axis=0), 100 * np.quantile(conversion.error, 0.9, axis=0)
    shared = conversion.shared
    if as_json:
        origins = [source.names[i] if i >= 0 else None for i in conversion.origin]
        rows = zip(target.names, origins, mean.tolist(), high.tolist(), strict=True)
        points = [
            {"name": name, "shared": origin is not None, "from": origin, "error": error, "error_p90": p90}
            for name, origin, error, p90 in rows
        ]
        facts = {"faces": report.written, "from": source.name, "to": target.name, "out": out}
        facts["images"] = report.images
        say_json({**facts, "shared": int(shared.sum()), "points": points, "losses": report.losses})
        return
    table = Table("", "point", f"of {source.name}", "error", "90 % below", title="in percent of IOD")
    for number, (name, origin) in enumerate(zip(target.names, conversion.origin.tolist(), strict=True)):
        where = f"{origin}" if origin >= 0 else "estimated"
        table.add_row(str(number), escape(name), where, f"{mean[number]:.1f}", f"{high[number]:.1f}")
    STDOUT.print(table)
    note_all(report.losses)
    say(f"{shown(out)}: {report.written} faces, from {source.name} to {target.name}")
    for these, what in ((shared, "shared with the old scheme"), (~shared, "estimated")):
        if these.any():
            say(f"{these.sum()} points {what}: error to expect {mean[these].mean():.1f} % of IOD")

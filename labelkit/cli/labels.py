"""``labelkit import``, ``prelabel``, ``queue`` and ``export``: labels into a project and out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table
from rich.text import Text

from labelkit.cli.output import (
    MOST_LINES,
    STDOUT,
    AsJson,
    Device,
    Flip,
    Passes,
    count,
    counting_bar,
    note,
    note_all,
    say,
    say_json,
    shown,
)
from labelkit.cli.project import Author, ProjectDir, user
from labelkit.cli.reading import LabelFormat, Subset
from labelkit.errors import InputError

if TYPE_CHECKING:
    from labelkit.prelabel.runner import PrelabelReport
    from labelkit.project.exporting import ExportReport
    from labelkit.project.importing import ImportReport
    from labelkit.store import Job

Format = Annotated[str, typer.Option("--format", help="wflw, 300w, coco, csv and more.")]


#: How many photos are named in which nobody was found.
_NAMED = 5


class Counts(StrEnum):
    """What imported labels count as."""

    CONFIRMED = "confirmed"
    TO_REVIEW = "to-review"


class Only(StrEnum):
    """Which faces are prelabelled, where not all are."""

    NEW = "new"


class Order(StrEnum):
    """The orders of the queue."""

    UNCERTAIN = "uncertain"
    TEACHING = "teaching"
    WORST = "worst"
    RANDOM = "random"
    OLDEST = "oldest"
    OUTLIERS = "outliers"


class By(StrEnum):
    """What a split never tears apart."""

    PHOTO = "photo"
    PERSON = "person"


def import_(
    folder: ProjectDir,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An annotation file, or a folder of them.")],
    label_format: LabelFormat = None,
    counts_as: Annotated[
        Counts, typer.Option("--as", help="Whether the labels count as confirmed, or are to be reviewed.")
    ] = Counts.CONFIRMED,
    scheme: Annotated[
        str | None, typer.Option("--scheme", help="The file's scheme, where it cannot be told.")
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images",
            help="The folder to which photos are named; by default the file's, or that of the project.",
        ),
    ] = None,
    subset: Subset = None,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Take over labels from an annotation file.

    Labels of another scheme than the project's are translated, and are then to be reviewed. What
    somebody annotated in the project stays as it is; the same file twice adds nothing.
    """
    from labelkit.project import Project

    with Project.open(folder) as project, counting_bar("faces") as bar:
        own = project.scheme.name
        try:
            report = project.import_annotations(
                file,
                label_format,
                author=author or user(),
                as_=counts_as.value,
                scheme=scheme,
                images=images,
                subset=subset,
                heard=bar,
            )
        except KeyboardInterrupt:
            note("What was imported stays; the same command adds the rest.")
            raise
    if as_json:
        say_json(asdict(report))
    else:
        _tell_import(report, own, shown(folder))
    if not report.read:
        raise InputError(f"{file}: holds no face that could be read")


def _tell_import(report: ImportReport, own: str, folder: str) -> None:
    confirmed = report.added - report.to_review if report.state == "done" else 0
    all_waiting = report.state != "done" or (report.added and not confirmed)
    kind = "to be reviewed" if all_waiting else "confirmed"
    say(f"{report.added} of {count(report.read, 'face')} imported from {shown(report.path)}, {kind}")
    if report.translated_from is not None:
        note(
            f"translated from {report.translated_from} to {own}, hence to be reviewed; "
            f"{len(report.estimated)} points have no counterpart and are estimated"
        )
    if report.to_review:
        note(f"{report.to_review} of them are predictions that nobody has confirmed: they are to be reviewed")
    if report.unchanged:
        say(f"{report.unchanged} were there already")
    _list("dealt with in the project already, left as they are", report.kept)
    _list("in photos that are not below the project's image root, left out", report.outside)
    _list("not read", report.left_out)
    if report.added:
        say(f"Next: labelkit {'status' if confirmed == report.added else 'queue'} {folder}")


def _list(what: str, names: Sequence[str], most: int = MOST_LINES) -> None:
    if names:
        note(f"{len(names)} {what}:")
        note_all([f"    {name}" for name in names], most)


def prelabel(
    folder: ProjectDir,
    model: Annotated[
        str | None, typer.Option("--model", help="A model's name or file; by default that of labelkit.toml.")
    ] = None,
    only: Annotated[
        Only | None, typer.Option("--only", help="new: leave alone what has a prediction of any model.")
    ] = None,
    device: Device = "auto",
    flip: Flip = False,
    passes: Passes = None,
    as_json: AsJson = False,
) -> None:
    """Find faces in photos that were not searched yet, and predict points that nobody has confirmed.

    Ctrl-C stops and keeps what is done; the same command goes on from there. Confirmed points are
    never touched.
    """
    from labelkit.project import Project
    from labelkit.store import FaceState

    wanted: Literal["new"] | None = "new" if only is Only.NEW else None
    with Project.open(folder) as project:
        work = project.start_prelabel(model, only=wanted, device=device, flip=flip, passes=passes)
        try:
            with counting_bar("photos") as bar:

                def heard(job: Job) -> None:
                    if job.total is not None:
                        bar(job.done, job.total)

                report = work.wait(heard)
        except KeyboardInterrupt:
            note("What is done is kept; the same command goes on from there.")
            raise
        waiting = project.store.count_by_state()[FaceState.PREDICTED]
        nobody = [face.image for face in project.faces(FaceState.NO_FACE)] if report.no_face else []
    if as_json:
        say_json(asdict(report))
        return
    _tell_prelabel(report, shown(folder), waiting, nobody)


def _tell_prelabel(report: PrelabelReport, folder: str, waiting: int, nobody: Sequence[str]) -> None:
    note_all(report.problems)
    if report.photos:
        told = f"{count(report.faces, 'face')} in {count(report.photos, 'photo')} labelled by {report.model}"
        say(f"{told}, {report.found} of them found by the detector" if report.found else told)
    else:
        say(f"nothing to do: every face has a prediction of {report.model}, or is confirmed")
    if report.no_face:
        more = ", ..." if len(nobody) > _NAMED else ""
        say(f"nobody was found in {count(report.no_face, 'photo')}: {', '.join(nobody[:_NAMED])}{more}")
    if report.terms and report.faces:
        note(f"model {report.model}: {report.terms}")
    if waiting:
        say(f"Next: labelkit queue {folder}    ({count(waiting, 'face')} to look at)")


def queue(
    folder: ProjectDir,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many to list.")] = 20,
    order: Annotated[
        Order,
        typer.Option(
            "--order",
            help="uncertain: what a model doubts, no two alike in a row; teaching: faces that speak for "
            "many others, for a model to learn from; worst: by the doubt alone; random; oldest: as they "
            "were added; outliers: the oddest shapes first.",
        ),
    ] = Order.UNCERTAIN,
    seed: Annotated[int, typer.Option("--seed", help="Of what is drawn at random.")] = 0,
    author: Annotated[
        str | None, typer.Option("--for", help="Leave out what others than this person have open.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Which faces to look at next, and why: returned ones, then those a model is least sure of."""
    from labelkit.project import Project
    from labelkit.queue import ORDER

    with Project.open(folder) as project:
        items = project.queue(limit, order=order.value, author=author, seed=seed)
        states = project.store.count_by_state()
    waiting = {state: states[state] for state in states if state in ORDER and states[state]}
    if as_json:
        listed = [
            {"image": item.face.image, "index": item.face.index, "score": item.score, "reason": item.reason}
            for item in items
        ]
        say_json({"waiting": sum(waiting.values()), "states": waiting, "queue": listed})
        return
    if not items:
        begun = any(states.values())
        told = (
            "every face has been dealt with" if begun else f"no face yet: labelkit prelabel {shown(folder)}"
        )
        say(f"nobody waits: {told}")
        return
    table = Table("", "photo", "face", "doubt", "why")
    for number, item in enumerate(items, 1):
        doubt = "" if item.score is None else f"{100 * item.score:.0f} %"
        # Names and remarks are not markup.
        photo, reason = Text(item.face.image), Text(item.reason)
        table.add_row(str(number), photo, str(item.face.index + 1), doubt, reason)
    STDOUT.print(table)
    counts = ", ".join(f"{faces} {state}" for state, faces in waiting.items())
    say(f"{len(items)} of {sum(waiting.values())} that wait ({counts})")


def export(
    folder: ProjectDir,
    label_format: Format,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The file to write; a folder for 300w and for splits.")
    ],
    include_predicted: Annotated[
        bool,
        typer.Option("--include-predicted", help="Also what nobody has confirmed; the side file names it."),
    ] = False,
    reviewed_only: Annotated[
        bool, typer.Option("--reviewed-only", help="Only faces that a second person has reviewed.")
    ] = False,
    split: Annotated[
        str | None,
        typer.Option("--split", help="Shares of train, dev and test, as 80/10/10; OUT is a folder then."),
    ] = None,
    by: Annotated[By, typer.Option("--by", help="What a split never tears apart.")] = By.PHOTO,
    as_json: AsJson = False,
) -> None:
    """Write the confirmed faces, with a side file (JSON) that says by what and by whom they were made.

    Faces of which only some points are confirmed are listed and left out.
    """
    from labelkit.project import Project

    with Project.open(folder) as project:
        report = project.export(
            label_format,
            out,
            include_predicted=include_predicted,
            reviewed_only=reviewed_only,
            split=split,
            by=by.value,
            heard=lambda loss: note(f"{label_format}: {loss}"),
        )
    if as_json:
        say_json(asdict(report))
        return
    _tell_export(report)


def _tell_export(report: ExportReport) -> None:
    parts = ", ".join(f"{name} {faces}" for name, faces in report.parts.items())
    told = f" ({parts})" if len(report.parts) > 1 else ""
    say(f"{count(report.faces, 'face')} in {count(report.photos, 'photo')} -> {shown(report.out)}{told}")
    say(f"whose they are: {shown(report.side)}")
    if report.missing:
        note(f"{count(len(report.missing), 'photo')} missing on the disk, the first: {report.missing[0]}")
    # Often all of them, and the side file has their names.
    _list("are predictions that nobody has confirmed, named in the side file", report.predicted, most=3)
    _list("are returned or confirmed in part only, left out", report.partly)
    if report.unreviewed:
        note(f"{report.unreviewed} are done but not reviewed, left out")
    note(f"photos are named relative to {report.images}: give it as --images where the labels are read")

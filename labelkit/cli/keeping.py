"""``labelkit log``, ``backup`` and ``restore``: who did what, and a project as one file and back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from labelkit.cli.output import STDOUT, AsJson, count, note, note_all, say, say_json, shown
from labelkit.cli.project import ProjectDir

if TYPE_CHECKING:
    from labelkit.project.backup import RestoreReport


def log(
    folder: ProjectDir,
    photo: Annotated[
        str | None,
        typer.Option("--photo", help="Only what was done to a face of this photo.", metavar="PHOTO"),
    ] = None,
    number: Annotated[int, typer.Option("--face", min=1, help="Which of its faces, from 1.")] = 1,
    person: Annotated[str | None, typer.Option("--person", help="Only what this person did.")] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="A date, a time (2026-03-01T14:30), or a span: 90m, 12h, 3d, 2w."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many of the newest to list.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Who did what, when, and to which face: labels, states, comments, schemes, imports, exports.

    Nothing of it can be changed or removed.
    """
    from labelkit.landmarks import Face
    from labelkit.project import Project

    face = None if photo is None else Face(photo, number - 1)
    with Project.open(folder) as project:
        found = project.log_entries(face=face, person=person, since=since, limit=limit)
    if as_json:
        say_json({"entries": [{**asdict(one), "time": one.time.isoformat()} for one in found]})
        return
    if not found:
        say("nothing of the kind was done")
        return
    table = Table("time", "who", "what", "face", "")
    for one in found:
        where = "" if one.image is None or one.index is None else f"{one.image}, face {one.index + 1}"
        when = f"{one.time.astimezone():%Y-%m-%d %H:%M:%S}"
        # Names and comments are not markup.
        table.add_row(when, Text(one.author), one.what, Text(where), Text(one.text))
    STDOUT.print(table)
    if len(found) == limit:
        note(f"the newest {limit}; --limit lists more")


def backup(
    folder: ProjectDir,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            help="The file; by default a new one here, named by project and time.",
            metavar="FILE",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a project to one file: labels with all their revisions, settings, schemes and models.

    People may go on working meanwhile. Photos stay where they are; exports can be made again, and
    passwords are not passed on.
    """
    from labelkit.project import Project

    with Project.open(folder) as project:
        report = project.backup(out)
    if as_json:
        say_json(asdict(report))
        return
    say(f"{shown(report.path)}: {count(report.files, 'file')}, {report.bytes / 1e6:.1f} MB before packing")
    note_all([f"a link that leads out of the project, left out: {name}" for name in report.outside])
    say(f"To get it back: labelkit restore {shown(report.path)} NEW-FOLDER")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What labelkit backup wrote.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or an empty folder.")],
    as_json: AsJson = False,
) -> None:
    """Make a project again from its backup, in a new or an empty folder.

    Every file is compared with its SHA-256 first; what is damaged is not restored at all.
    """
    from labelkit.project.backup import restore as make_again

    report = make_again(file, folder)
    if as_json:
        say_json(asdict(report))
        return
    say(f"{shown(folder)}: the project as it was at {report.saved} ({count(report.files, 'file')})")
    _tell_photos(report)


def _tell_photos(report: RestoreReport) -> None:
    """Where the photos are, which no backup holds."""
    if report.found == report.photos:
        say(f"{count(report.photos, 'photo')} in {shown(report.images)}")
    else:
        before = report.before or "a place that is not known"
        note(
            f"photos found in {shown(report.images)}: {report.found} of {report.photos}; a backup holds none "
            f"(they were in {before})"
        )
        say(f"Next: labelkit relocate {shown(report.folder)} --images FOLDER")
    say(f"Passwords were not in it: labelkit users add {shown(report.folder)} NAME, where others are to come")

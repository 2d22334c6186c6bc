"""``labelkit backup`` and ``restore``: a project as one file, and back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelkit.cli.output import AsJson, count, note, note_all, say, say_json, shown
from labelkit.cli.project import ProjectDir

if TYPE_CHECKING:
    from labelkit.project.backup import RestoreReport


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

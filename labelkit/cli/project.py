"""``labelkit new``, ``scan``, ``relocate`` and ``status``: a project and its photos."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from labelkit.cli.output import (
    STDOUT,
    AsJson,
    SchemeName,
    count,
    counting_bar,
    note,
    note_all,
    say,
    say_json,
    shown,
)

if TYPE_CHECKING:
    from labelkit.project.photos import ScanReport
    from labelkit.project.status import Status


def user() -> str:
    """Who is logged in."""
    from getpass import getuser

    try:
        return getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"


ProjectDir = Annotated[Path, typer.Argument(metavar="DIR", help="The project's folder.")]
Author = Annotated[str | None, typer.Option("--author", help="Who does this; by default you.")]
NoHash = Annotated[
    bool,
    typer.Option("--no-hash", help="Do not read the photos now; labelkit scan does it later."),
]


def new(
    folder: ProjectDir,
    images: Annotated[Path, typer.Option("--images", help="The folder of photos; they stay where they are.")],
    scheme: SchemeName,
    name: Annotated[str | None, typer.Option("--name", help="By default the folder's.")] = None,
    no_hash: NoHash = False,
    as_json: AsJson = False,
) -> None:
    """Make a project: a folder that holds the labels of a folder of photos.

    Every photo is read once, so that it can be found again when it is moved or renamed, and so that
    duplicates are noticed. Ctrl-C leaves a whole project; labelkit scan goes on with the reading.
    """
    from labelkit.project import Project

    with counting_bar("photos") as bar:
        project = Project.create(folder, images, scheme, name=name, author=user(), read=False)
        with project:
            report = project.scan(read=not no_hash, heard=bar)
            chosen = project.scheme
    if as_json:
        facts = {"project": folder, "scheme": chosen.name, "points": len(chosen)}
        say_json({**facts, **asdict(report), "added": report.photos})
        return
    photos = count(report.photos, "photo")
    say(f"{shown(folder)}: a project of {photos}, scheme {chosen.name} ({len(chosen)} points)")
    _tell_rest(report)
    say("What to do next:")
    say(f"    labelkit prelabel {shown(folder)}            find faces and predict their points")
    say(f"    labelkit import {shown(folder)} FILE         if you have labels already")
    say(f"    labelkit serve {shown(folder)}               both, and everything else, in the browser")


def scan(folder: ProjectDir, no_hash: NoHash = False, as_json: AsJson = False) -> None:
    """Look for photos that are new, moved, changed or missing, below the project's image root.

    Photos that were moved or renamed are found by their content and keep their labels.
    """
    from labelkit.project import Project

    with Project.open(folder) as project, counting_bar("photos") as bar:
        report = project.scan(read=not no_hash, heard=bar)
    if as_json:
        say_json(asdict(report))
        return
    _tell_scan(report)
    if report.added:
        say(f"Next: labelkit prelabel {shown(folder)}")


def relocate(
    folder: ProjectDir,
    images: Annotated[Path, typer.Option("--images", help="The folder in which the photos are now.")],
    no_hash: NoHash = False,
    as_json: AsJson = False,
) -> None:
    """Tell a project where its photos are now; they are found by name, else by content."""
    from labelkit.project import Project

    with Project.open(folder) as project, counting_bar("photos") as bar:
        report = project.relocate(images, read=not no_hash, heard=bar)
    if as_json:
        say_json({"images": images.absolute(), **asdict(report)})
        return
    say(f"{shown(folder)}: the photos are in {shown(images)}")
    _tell_scan(report)


def status(folder: ProjectDir, as_json: AsJson = False) -> None:
    """How a project stands: faces by state, photos, scheme, models, people, work in progress."""
    from labelkit.project import Project

    with Project.open(folder) as project:
        found = project.status()
    if as_json:
        say_json(asdict(found))
        return
    say(
        f"{found.name}: {count(found.faces, 'face')} in {count(found.photos.total, 'photo')}, "
        f"scheme {found.scheme} ({found.points} points, revision {found.scheme_revision})"
    )
    STDOUT.print(_states(found))
    for line in _lines(found):
        say(line)
    say(f"Next: {_next(found)}")


def _states(found: Status) -> Table:
    table = Table("state", "faces", "share")
    whole = max(found.faces, 1)
    for state, faces in found.states.items():
        if faces:
            share = "" if state == "no face" else f"{100 * faces / whole:.0f} %"
            table.add_row(state.value, str(faces), share)
    if not any(found.states.values()):
        table.add_row("none yet", "0", "")
    return table


def _lines(found: Status) -> list[str]:
    """What there is to know beside the states; nothing is said of what is as it should be."""
    photos = found.photos
    gone = "" if found.images.is_dir() else " (there is no such folder: labelkit relocate)"
    lines = [f"photos in   {found.images}{gone}"]
    if photos.unsearched:
        lines.append(f"            {photos.unsearched} not searched for faces, or not readable")
    if photos.missing:
        lines.append(f"            {photos.missing} missing, the first: {found.missing[0]}")
    if found.duplicates:
        same = " = ".join(found.duplicates[0][:3])
        lines.append(f"            {photos.repeated} with the content of another, the first: {same}")
    if found.unhashed:
        lines.append(f"            {found.unhashed} not read yet (labelkit scan)")
    if found.new_points:
        lines.append(f"waiting     {count(found.new_points, 'face')} for points added to the scheme")
    lines += [f"model       {model}: {count(faces, 'face')}" for model, faces in found.models.items()]
    lines += [f"annotator   {author}: {count(faces, 'face')}" for author, faces in found.annotators.items()]
    for job in found.jobs:
        done = f"{job.done} of {job.total}" if job.total is not None else str(job.done)
        lines.append(f"job {job.id:<7} {job.kind}, {job.state}: {done} photos. {job.message}".rstrip())
    return lines


def _next(found: Status) -> str:
    """The command that would take this project further."""
    from labelkit.store import FaceState

    folder, states = shown(found.folder), found.states
    if any(job.state == "running" for job in found.jobs):
        return "wait for the job, or label meanwhile"
    if found.unpredicted or any(job.state == "interrupted" for job in found.jobs):
        return f"labelkit prelabel {folder}"
    begun = bool(found.models or found.annotators)
    if states[FaceState.PREDICTED] or states[FaceState.RETURNED]:
        return f"labelkit queue {folder}"
    if begun and not states[FaceState.TODO]:
        return f"labelkit export {folder} --format wflw -o labels.txt"
    return f"labelkit prelabel {folder}"


def _tell_scan(report: ScanReport) -> None:
    moved, missing = len(report.moved), len(report.missing)
    say(f"{count(report.photos, 'photo')}: {report.added} new, {moved} moved, {missing} missing")
    note_all([f"moved: {before} -> {after}" for before, after in report.moved])
    note_all([f"missing: {name}" for name in report.missing])
    _tell_rest(report)


def _tell_rest(report: ScanReport) -> None:
    note_all([f"other content than before, its points may not fit: {name}" for name in report.changed])
    note_all([f"a link that leads out of the image root, left alone: {name}" for name in report.outside])
    note_all(list(report.problems))
    if report.repeated:
        note(f"{count(report.repeated, 'photo')} with the content of another, see labelkit status")
    if report.unhashed:
        note(f"{count(report.unhashed, 'photo')} not read yet: labelkit scan does that")

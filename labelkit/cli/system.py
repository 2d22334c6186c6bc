"""``labelkit demo`` and ``labelkit doctor``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelkit.cli.output import STDERR, AsJson, Device, ModelName, note_all, say, say_json, shown
from labelkit.cli.serve import Port, run

if TYPE_CHECKING:
    from labelkit.demo import DemoReport
    from labelkit.doctor import Finding


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write into.")] = Path("demo"),
    images: Annotated[
        Path | None, typer.Option("--images", help="A folder of photos, instead of the example faces.")
    ] = None,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Stop before the app is served.")] = False,
    model: ModelName = "base",
    device: Device = "auto",
    port: Port = 5006,
    as_json: AsJson = False,
) -> None:
    """The journey on example faces: find them, label them by two schemes, export, draw, and serve them.

    The app ends with Ctrl-C; with --json or --no-serve it is not served at all.
    """
    with STDERR.status("loading the model"):
        from labelkit.demo import example_project, run_demo
        from labelkit.models.registry import load_model

        network = load_model(model, device)
    with STDERR.status("labelling"):
        report = run_demo(network, out, images)
    found = next(iter(report.labels.values()))
    note_all(found.problems)
    note_all([f"{file.path}: no face" for file in found.no_face])
    if as_json:
        say_json(_facts(report))
        return
    _tell(report)
    if not no_serve:
        with STDERR.status("making a project of them"):
            project = example_project(network, report, out)
        run(project, port, "127.0.0.1")


def _facts(report: DemoReport) -> dict[str, object]:
    found = next(iter(report.labels.values()))
    return {
        "photos": report.photos,
        "faces": len(found.faces),
        "no_face": [file.path for file in found.no_face],
        "problems": found.problems,
        "wflw": report.lists,
        "300w": report.folders,
        "contact_sheet": report.sheet,
        "losses": report.losses,
    }


def _tell(report: DemoReport) -> None:
    found = next(iter(report.labels.values()))
    photos = shown(report.photos)
    say(f"{len(found.faces)} faces in {found.photos} photos, labelled by {' and '.join(report.labels)}:")
    say(f"    photos          {photos}")
    for scheme, path in report.lists.items():
        say(f"    WFLW list       {shown(path)}")
        say(f"    300-W .pts      {shown(report.folders[scheme])}")
    say(f"    contact sheet   {shown(report.sheet)}   <- look at this first")
    scheme, folder = next(reversed(report.folders.items()))
    place = shown(folder.parent)
    say("What to try next:")
    say(f"    labelkit predict {photos} --scheme {scheme} -o {place}/labels.json")
    say(f"    labelkit scheme show {scheme} -o {place}/{scheme}.png")
    say(f"    labelkit demo --no-serve --images YOUR_PHOTOS -o {place}-of-mine")
    say("    labelkit doctor")


def doctor(
    project: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR",
            help="A project to look at as well; by default the one in this folder, if it holds one.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at what is installed, which device will be used and what is missing, with the fix for each.

    Exit code 1 where labels cannot be made, or the project cannot be worked on.
    """
    from labelkit.doctor import examine, usable

    findings = []
    for finding in examine(project):
        findings.append(finding)
        if not as_json:
            _tell_finding(finding)
    ready = usable(findings)
    if as_json:
        say_json({"usable": ready, "findings": [asdict(finding) for finding in findings]})
    else:
        say("labelkit is ready." if ready else "Mend what is BROKEN first: labels cannot be made before.")
    if not ready:
        raise typer.Exit(1)


def _tell_finding(finding: Finding) -> None:
    mark = "ok" if finding.ok else "BROKEN" if finding.essential else "missing"
    say(f"{mark:8}{finding.name:24}{finding.detail}")
    if not finding.ok:
        say(f"{'':8}{'':24}-> {finding.fix}")

"""``labelkit train``: fine-tunes a model to a project's confirmed faces."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from labelkit.cli.output import AsJson, Device, count, counting_bar, note, note_all, say, say_json, shown
from labelkit.cli.project import ProjectDir

if TYPE_CHECKING:
    from labelkit.project.tuning import TuneReport
    from labelkit.store import Job

#: What the refinement head does now, in words.
_HEADS = {
    "heads": "has learnt what points look like",
    "offsets": "has learnt offsets of points",
    "step": "works as before",
    "spread": "moves no point, and only says how sure it is",
}


def train(
    folder: ProjectDir,
    faces: Annotated[
        int | None, typer.Option("--faces", min=1, help="Learn from so many of the confirmed faces only.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="The model to begin with; by default that of labelkit.toml."),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option("--steps", min=0, help="Steps of the whole network's training, which takes 20 people."),
    ] = None,
    use: Annotated[
        bool, typer.Option("--use/--no-use", help="Prelabel with the new model from now on, if it is better.")
    ] = True,
    device: Device = "auto",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of all that is drawn at random.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Teach a model the project's scheme by its confirmed faces; ten are a good start.

    The new model lies in the project's folder models, and the error that it makes on people whom it
    did not learn from is told. Ctrl-C keeps the best so far.
    """
    from labelkit.project import Project

    with Project.open(folder) as project:
        work = project.start_fine_tune(model, faces=faces, steps=steps, device=device, seed=seed)
        try:
            with counting_bar("steps") as bar:

                def heard(job: Job) -> None:
                    if job.total is not None:
                        bar(job.done, job.total)

                report = work.wait(heard)
        except KeyboardInterrupt:
            note("The best so far is kept, if there was any: see labelkit status.")
            raise
        used = use and report.better
        if used:
            project.use_model(report.name)
        model_in_use = project.settings.model
    if as_json:
        say_json({**asdict(report), "used": used})
        return
    _tell(report, used, shown(folder), model_in_use)


def _tell(report: TuneReport, used: bool, folder: str, in_use: str) -> None:
    note_all(report.problems)
    if not report.name:
        say("stopped before there was anything to keep")
        return
    people = "" if report.people == report.faces else f" of {count(report.people, 'person')}"
    say(f"{report.name}: learnt from {count(report.faces, 'face')}{people} in {report.seconds:.0f} s")
    say(f"what was learnt: {report.what}")
    if report.before is None or report.after is None:
        say(f"whether that is better is not known: {report.how}")
    else:
        change = f" ({100 * (report.after / report.before - 1):+.0f} %)" if report.before else ""
        say(
            f"mean error {report.before:.2f} % before, {report.after:.2f} % after{change}, on "
            f"{count(report.checked, 'face')}, by {report.how}"
        )
    if report.head:
        alone = "" if report.alone is None else f"; {report.alone:.2f} % without it"
        say(f"its refinement head: {_HEADS.get(str(report.head.get('stage')), 'is kept')}{alone}")
    if report.terms:
        note(f"model {report.name}: {report.terms}")
    if used:
        say(f"Next: labelkit prelabel {folder}    (with the new model; confirmed points stay)")
    elif not report.learnt:
        why = "better came of it" if report.corrected else "was corrected, so there is nothing to learn"
        say(f"Nothing {why}: {in_use} stays in use; correct some faces, then train again")
    else:
        say(f"To use it all the same: labelkit prelabel {folder} --model {report.name}")

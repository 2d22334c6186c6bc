"""``labelkit scheme-change``: another scheme for a project that is under way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelkit.cli.output import STDERR, AsJson, count, note, say, say_json, shown
from labelkit.cli.project import Author, ProjectDir, user
from labelkit.cli.scheme_convert import read_renames
from labelkit.errors import InputError

if TYPE_CHECKING:
    from labelkit.project import Project
    from labelkit.scheme.change import SchemeChange


def scheme_change(
    folder: ProjectDir,
    scheme: Annotated[
        Path | None, typer.Argument(metavar="[NEW.json]", help="The new scheme; none with --undo.")
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option("--rename", help="OLD=NEW: the point OLD is called NEW now. Repeat it for several."),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the last change back.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")] = False,
    remark: Annotated[str, typer.Option("--note", help="Why, for the history.")] = "",
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Change the scheme of a project: points added, moved, renamed, removed or in another order.

    The plan is shown first. Annotations stay: those of removed points are kept for an undo, and
    finished faces wait for the points that are new.
    """
    from labelkit.project import Project

    if (scheme is None) != undo:
        raise typer.BadParameter("give either the new scheme's file or --undo")
    with Project.open(folder) as project:
        plan = project.plan_scheme_undo() if undo else _plan(project, str(scheme), rename or [])
        if not as_json:
            _show(project, plan)
        if not (yes or (not as_json and _agreed())):
            if as_json:
                say_json({"changed": False, "plan": plan.to_dict()})
            else:
                say("nothing was changed; --yes makes the change")
            return
        who = author or user()
        switch = project.undo_scheme_change(who) if undo else project.change_scheme(plan, who, remark)
    revision = switch.revision.revision
    if as_json:
        facts = {"revision": revision, "waiting": switch.waiting, "finished": switch.finished}
        say_json({"changed": True, "plan": plan.to_dict(), **facts})
        return
    say(f"{shown(folder)}: scheme {plan.new.name}, {len(plan.new)} points, revision {revision}")
    if switch.waiting:
        say(f"{count(switch.waiting, 'finished face')} now waiting for the new points")
    if switch.finished:
        say(f"{count(switch.finished, 'face')} finished again")
    if plan.added and (switch.waiting or not undo):
        say(f"Next: labelkit prelabel {shown(folder)}    to predict the new points")
    if not undo:
        say(f"Back: labelkit scheme-change {shown(folder)} --undo")


def _plan(project: Project, scheme: str, renames: list[str]) -> SchemeChange:
    from labelkit.scheme import load_scheme
    from labelkit.scheme.change import plan_change

    plan = plan_change(project.scheme, load_scheme(scheme), read_renames(renames), guess=True)
    if plan.old == plan.new:
        raise InputError(f"{scheme}: is the scheme that the project has already")
    return plan


def _show(project: Project, plan: SchemeChange) -> None:
    from labelkit.store import FINISHED

    states = project.store.count_by_state()
    say(f"From {plan.old.name} ({len(plan.old)} points) to {plan.new.name} ({len(plan.new)} points):")
    for line in plan.describe():
        say(f"    {line}")
    finished = sum(states[state] for state in FINISHED)
    if plan.added and finished:
        say(f"    {count(finished, 'finished face')} will wait for the new points")
    say("No annotation is lost, and --undo takes the change back.")


def _agreed() -> bool:
    """Asks, where there is somebody to ask."""
    if not STDERR.is_terminal:
        return False
    try:
        return typer.confirm("Change the scheme?", err=True)
    except typer.Abort:
        note("")
        return False

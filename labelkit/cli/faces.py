"""``labelkit mark``: what somebody decided about one face."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from labelkit.cli.output import AsJson, say, say_json
from labelkit.cli.project import Author, ProjectDir, user


class Decision(StrEnum):
    """What may be decided about a face."""

    REVIEWED = "reviewed"
    RETURNED = "returned"
    REJECTED = "rejected"
    SKIPPED = "skipped"
    RESTORED = "restored"


def mark(
    folder: ProjectDir,
    photo: Annotated[str, typer.Argument(metavar="PHOTO", help="The photo, as the queue names it.")],
    number: Annotated[int, typer.Option("--face", min=1, help="Which of its faces, from 1.")] = 1,
    decision: Annotated[
        Decision | None,
        typer.Option(
            "--as",
            help="reviewed: a second person agrees; returned: to be corrected (says why in --comment); "
            "rejected: no face, or none to label; skipped: not now; restored: a rejected face as it was.",
        ),
    ] = None,
    comment: Annotated[str, typer.Option("--comment", help="Why, or anything about the face.")] = "",
    point: Annotated[
        str | None, typer.Option("--point", help="The point that the comment is about, by name.")
    ] = None,
    author: Author = None,
    as_json: AsJson = False,
) -> None:
    """Decide about one face, comment on it, or both."""
    from labelkit.landmarks import Face
    from labelkit.project import Project

    about_points = decision in (None, Decision.RETURNED)
    if about_points and not comment:
        raise typer.BadParameter("say what is meant", param_hint="--comment")
    if point is not None and not about_points:
        raise typer.BadParameter("goes with a comment, or with --as returned", param_hint="--point")
    face, who = Face(photo, number - 1), author or user()
    with Project.open(folder) as project:
        match decision:
            case Decision.RETURNED:
                project.send_back(face, comment, who, point)
            case Decision.REJECTED:
                project.reject(face, who, comment)
            case Decision.SKIPPED:
                project.skip(face, who, comment)
            case Decision.REVIEWED:
                project.review(face, who)
            case Decision.RESTORED:
                project.restore_face(face, who)
        if comment and decision in (None, Decision.REVIEWED, Decision.RESTORED):
            project.comment(face, comment, who, point)
        state = project.find(face).state
    if as_json:
        say_json({"image": photo, "index": number - 1, "state": state, "comment": comment, "point": point})
    else:
        say(f"{photo}, face {number}: {state}" + (f" ({comment})" if comment else ""))

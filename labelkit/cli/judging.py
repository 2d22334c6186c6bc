"""``labelkit outliers`` and ``agreement``: what the shapes of faces say about their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.table import Table
from rich.text import Text

from labelkit.cli.output import STDOUT, AsJson, count, note, say, say_json, shown
from labelkit.cli.project import ProjectDir

if TYPE_CHECKING:
    from labelkit.quality import Agreement

#: So many points are listed for each two people.
_POINTS = 8


def outliers(
    folder: ProjectDir,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many to list.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Faces whose shapes can hardly be right, predicted or annotated, the oddest first, and why.

    Left and right swapped, the points of a curve out of order, points where the others do not
    expect them: each face is judged by what all of them look like.
    """
    from labelkit.project import Project

    with Project.open(folder) as project:
        found = project.outliers()
    if as_json:
        listed = [
            {"image": one.face.image, "index": one.face.index, "state": one.state, "size": one.size}
            | {"reason": one.reason}
            for one in found[:limit]
        ]
        say_json({"odd": len(found), "outliers": listed})
        return
    if not found:
        say("no shape is odd")
        return
    table = Table("", "photo", "face", "state", "oddness", "why")
    for number, one in enumerate(found[:limit], 1):
        # Names are not markup.
        place = (str(number), Text(one.face.image), str(one.face.index + 1))
        table.add_row(*place, one.state.value, f"{one.size:.1f}", Text(one.reason))
    STDOUT.print(table)
    say(f"{min(limit, len(found))} of {count(len(found), 'odd face')} (oddness: 1 is the limit)")
    say(f"Next: labelkit serve {shown(folder)}    (Quality shows them)")


def agreement(folder: ProjectDir, as_json: AsJson = False) -> None:
    """How far people agree on faces that more than one of them annotated.

    Tells what somebody always does otherwise ("places all brow points higher") from noise.
    """
    from labelkit.project import Project

    with Project.open(folder) as project:
        found = project.agreement()
    if as_json:
        say_json({"pairs": [_as_dict(one) for one in found]})
        return
    if not found:
        say("no face has been annotated by more than one person")
        return
    for one in found:
        _tell(one)


def _tell(one: Agreement) -> None:
    say(
        f"{one.first} and {one.second}: {count(one.faces, 'face')}, "
        f"{one.mean:.2f} % of the eye distance apart on average"
    )
    if one.seen:
        note(f"on {one.seen} of them one began with what the other had saved, and may have left it")
    habits = one.in_words()
    for line in habits:
        say(f"    {line}")
    if not habits:
        say("    neither does anything otherwise always")
    order = np.argsort(-np.nan_to_num(one.distance), kind="stable")[:_POINTS]
    table = Table("point", "apart", "always", "interval", "scatter", "faces")
    for i in (int(number) for number in order):
        always = _pair(one.habit[i]) if one.sure[i] else ""
        cells = (f"{one.distance[i]:.2f} %", always, f"± {_pair(one.interval[i])}", f"{one.scatter[i]:.2f} %")
        table.add_row(Text(one.scheme.names[i]), *cells, str(one.counts[i]))
    STDOUT.print(table)


def _pair(values: Any) -> str:
    x, y = values
    return f"{x:.2f}, {y:.2f} %"


def _as_dict(one: Agreement) -> dict[str, Any]:
    """What `Agreement` holds, without the scheme, by the names of its points."""
    facts = {
        key: value.tolist() if isinstance(value, np.ndarray) else value
        for key, value in vars(one).items()
        if key != "scheme"
    }
    return {**facts, "mean": one.mean, "points": list(one.scheme.names), "habits": one.in_words()}

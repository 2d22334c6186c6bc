"""``labelkit scheme``: the schemes there are, and those of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from labelkit.cli import scheme_convert, scheme_fit
from labelkit.cli.output import STDOUT, AsJson, count, say, say_json, shown

app = typer.Typer(help="Landmark schemes: list, draw, check, fit, convert.", no_args_is_help=True)


@app.command("list", epilog="Example: labelkit scheme list")
def list_schemes(as_json: AsJson = False) -> None:
    """The built-in schemes."""
    from labelkit.scheme import builtin_schemes, load_scheme

    schemes = [load_scheme(name) for name in builtin_schemes()]
    if as_json:
        facts = [{"name": s.name, "title": s.title, "points": len(s), "version": s.version} for s in schemes]
        say_json({"schemes": facts})
        return
    table = Table("name", "points", "title")
    for scheme in schemes:
        table.add_row(scheme.name, str(len(scheme)), scheme.title)
    STDOUT.print(table)


@app.command(epilog="Example: labelkit scheme show wflw98 -o wflw98.png")
def show(
    scheme: Annotated[str, typer.Argument(metavar="SCHEME", help="A scheme's name or .json file.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A .png or .svg; by default SCHEME.png here.")
    ] = None,
    names: Annotated[
        bool, typer.Option("--names", help="Write every point's name beside its number.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Draw a scheme on the plane, every point with its number."""
    from labelkit.figures import draw_scheme
    from labelkit.scheme import load_scheme

    chosen = load_scheme(scheme)
    target = out if out is not None else Path(f"{chosen.name}.png")
    draw_scheme(chosen, target, names=names)
    if as_json:
        say_json({"out": target, "name": chosen.name, "points": list(chosen.names)})
    else:
        say(f"{chosen.name}: {len(chosen)} points -> {shown(target)}")


@app.command(epilog="Example: labelkit scheme validate my-scheme.json")
def validate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A scheme file.")], as_json: AsJson = False
) -> None:
    """Check a scheme file; says what is wrong with it, or what it holds."""
    from labelkit.scheme import read_scheme

    scheme = read_scheme(file)
    facts = {
        "name": scheme.name,
        "points": len(scheme),
        "mirror_pairs": sum(i != j for i, j in scheme.mirror),
        "symmetric": bool(scheme.mirror),
        "curves": [curve.name for curve in scheme.curves],
        "normalizers": list(scheme.normalizers),
    }
    if as_json:
        say_json({"valid": True, **facts})
        return
    kind = count(sum(i != j for i, j in scheme.mirror), "mirror pair") if scheme.mirror else "asymmetric"
    normalizers = ", ".join(scheme.normalizers) or "the eye distance of the plane, as large as the face is"
    points, curves = count(len(scheme), "point"), count(len(scheme.curves), "curve")
    say(f"{file}: a valid scheme, {scheme.name}: {points}, {kind}, {curves}")
    say(f"errors are divided by: {normalizers}")


@app.command(epilog="Example: labelkit scheme schema -o scheme.schema.json")
def schema(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The file to write; by default it is printed.")
    ] = None,
) -> None:
    """Print the JSON Schema of scheme files, with which editors check them while one types.

    A scheme file that begins with {"$schema": "scheme.schema.json", ...} is checked by a schema beside it.
    """
    from labelkit.atomic import write_text
    from labelkit.scheme import scheme_schema

    if out is None:
        say_json(json.loads(scheme_schema()))
        return
    write_text(out, scheme_schema())
    say(f"the JSON Schema of scheme files -> {shown(out)}")


app.command("fit", epilog="Example: labelkit scheme fit faces/ --format 300w -o mine.json")(scheme_fit.fit)
app.command(epilog="Example: labelkit scheme convert faces/ --to wflw98 -o out.txt --format-out wflw")(
    scheme_convert.convert
)
app.command(epilog="Example: labelkit scheme diff wflw98 my-scheme.json --rename old=new")(
    scheme_convert.diff
)

"""``labelkit models``: the models there are, and those of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from labelkit.cli.output import AsJson, say, say_json, shown
from labelkit.errors import CheckpointError

app = typer.Typer(help="Models: list, describe, add.", no_args_is_help=True)


@app.command("list", epilog="Example: labelkit models list")
def list_models(as_json: AsJson = False) -> None:
    """The models that can be asked for by their name."""
    from labelkit.models.registry import list_models as known

    entries = [_entry(name, path) for name, path in known().items()]
    if as_json:
        say_json({"models": entries})
        return
    if not entries:
        say("no model is here; labelkit models add FILE registers one")
    for entry in entries:
        said = entry["problem"] or f"{entry['hash']}  {entry['date']}  {entry['terms'] or 'no terms'}"
        say(f"{entry['name']}  {entry['path']}")
        say(f"    {said}")


@app.command(epilog="Example: labelkit models show base")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model's name or file.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write it as a Markdown page: NAME.md.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """A model's card: what it is for, what it was trained on and under which terms, what it reaches."""
    from labelkit.atomic import write_text
    from labelkit.checkpoint import read_card
    from labelkit.models.card import as_markdown, as_text
    from labelkit.models.registry import find_model

    if out is not None and out.suffix != ".md":
        raise typer.BadParameter(f"{out}: a card is written as Markdown, .md", param_hint="--out")
    path = find_model(name)
    card = read_card(path)
    if out is not None:
        write_text(out, as_markdown(card))
    if as_json:
        say_json(card)
        return
    say(f"file: {shown(path)}" if out is None else f"{card.get('name', name)} -> {shown(out)}")
    for line in as_text(card) if out is None else ():
        say(line)


@app.command(epilog="Example: labelkit models add mine.safetensors")
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A model that labelkit fit wrote.")],
    as_json: AsJson = False,
) -> None:
    """Check a model file and keep a copy, so that it can be asked for by its name."""
    from labelkit.models.registry import add_model

    target = add_model(file)
    if as_json:
        say_json({"name": target.stem, "path": target})
    else:
        say(f"{target.stem} -> {shown(target)}; use it with --model {target.stem}")


def _entry(name: str, path: Path) -> dict[str, Any]:
    from labelkit.checkpoint import read_card

    entry = {"name": name, "path": path, "hash": "", "date": "", "terms": "", "problem": None}
    try:
        card = read_card(path)
    except CheckpointError as error:
        return {**entry, "problem": str(error)}
    return {
        **entry,
        **{key: card.get(key, "") for key in ("date", "terms")},
        "hash": card.get("hash", "")[:12],
    }

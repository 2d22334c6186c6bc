"""``labelkit models``: the models there are, and those of one's own."""

from __future__ import annotations

from collections.abc import Iterator
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
    as_json: AsJson = False,
) -> None:
    """A model's card: what it is, what it was trained on and under which terms, what it reaches."""
    from labelkit.checkpoint import read_card
    from labelkit.models.registry import find_model

    path = find_model(name)
    card = read_card(path)
    if as_json:
        say_json(card)
        return
    say(f"file: {path}")
    for line in _lines(card):
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


def _lines(card: dict[str, Any], indent: str = "") -> Iterator[str]:
    """The card as indented lines; long lists (anchors, point names) are counted instead."""
    for key, value in card.items():
        if isinstance(value, dict) and value:
            yield f"{indent}{key}:"
            yield from _lines(value, indent + "    ")
        elif isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
            yield f"{indent}{key}:"
            for entry in value:
                yield f"{indent}    {', '.join(f'{k} {v}' for k, v in entry.items())}"
        elif isinstance(value, list) and len(value) > 20:
            yield f"{indent}{key}: {len(value)} entries"
        else:
            yield f"{indent}{key}: {'-' if value in (None, '', [], {}) else value}"

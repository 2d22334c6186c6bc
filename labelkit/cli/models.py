"""``labelkit models``: the models there are, and those of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from labelkit.cli.output import AsJson, say, say_json, shown
from labelkit.errors import CheckpointError

app = typer.Typer(help="Models: list, describe, add.", no_args_is_help=True)


@app.command("list", epilog="Example: labelkit models list")
def list_models(as_json: AsJson = False) -> None:
    """The models that can be asked for by their name, their refinement heads, and face detectors."""
    entries = list(_entries())
    if as_json:
        say_json({"models": entries})
        return
    if not entries:
        say("no model is here; labelkit models add FILE registers one")
    for entry in entries:
        for line in _told(entry):
            say(line)


@app.command(epilog="Example: labelkit models show base")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model's name or file.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write it as a Markdown page: NAME.md.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """A model's card: what it is for, what it was trained on and under which terms, what it reaches;
    then the card of its refinement head."""
    from labelkit.atomic import write_text
    from labelkit.checkpoint import read_card
    from labelkit.models.card import as_markdown, as_text
    from labelkit.models.heads import head_of
    from labelkit.models.measures import with_measures
    from labelkit.models.registry import find_model

    if out is not None and out.suffix != ".md":
        raise typer.BadParameter(f"{out}: a card is written as Markdown, .md", param_hint="--out")
    path = find_model(name)
    card = with_measures(path, read_card(path))
    head = head_of(path, card)
    cards = {path: card} if head is None else {path: card, head: read_card(head)}
    if out is not None:
        write_text(out, "\n".join(as_markdown(one) for one in cards.values()))
    if as_json:
        say_json(card if head is None else {**card, "refinement_head": cards[head]})
        return
    if out is not None:
        say(f"{card.get('name', name)} -> {shown(out)}")
        return
    for file, one in cards.items():
        say(f"file: {shown(file)}")
        for line in as_text(one):
            say(line)


@app.command(epilog="Example: labelkit models add mine.safetensors")
def add(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A model or a refinement head that labelkit fit wrote."),
    ],
    as_json: AsJson = False,
) -> None:
    """Check a model file and keep a copy, so that it can be asked for by its name.

    A refinement head that lies beside the model comes along. One by itself is used from then on by the
    model for which it was made.
    """
    from labelkit.checkpoint import read_card
    from labelkit.models.heads import FILE, head_of
    from labelkit.models.registry import add_model

    target = add_model(file)
    of_model = target.name.removesuffix(f".{FILE}") if target.name.endswith(f".{FILE}") else None
    name = of_model or target.stem
    head = target if of_model else head_of(target, read_card(target))
    if as_json:
        say_json({"name": name, "path": target, "refinement_head": head})
    elif of_model:
        say(f"{shown(target)}; {name} uses it from now on")
    else:
        beside = " with its refinement head" if head is not None else ""
        say(f"{name}{beside} -> {shown(target)}; use it with --model {name}")


#: What the kinds in cards are called.
_KINDS = {"tufa": "model", "dslpt": "refinement head", "detector": "face detector"}


def _entries() -> Iterator[dict[str, Any]]:
    """Every file of weights; a head that a model here uses stands with its model."""
    from labelkit.checkpoint import read_card
    from labelkit.models.folders import list_files
    from labelkit.models.heads import head_of

    entries, used = [], set()
    for name, path in list_files().items():
        entry = _entry(name, path)
        head = None
        if entry["kind"] == "model":
            with suppress(CheckpointError):  # a damaged head is told of in its own line
                head = head_of(path, read_card(path))
        used.add(head)
        beside = None if head is None else {key: _entry("", head)[key] for key in ("hash", "date", "path")}
        entries.append({**entry, "refinement_head": beside})
    return (entry for entry in entries if entry["path"] not in used)


def _entry(name: str, path: Path) -> dict[str, Any]:
    from labelkit.checkpoint import read_card

    entry = {"name": name, "path": path, "kind": "", "hash": "", "date": "", "terms": "", "problem": None}
    try:
        card = read_card(path)
    except CheckpointError as error:
        return {**entry, "problem": str(error)}
    return {
        **entry,
        **{key: card.get(key, "") for key in ("date", "terms")},
        "kind": _KINDS.get(str(card.get("kind")), str(card.get("kind"))),
        "hash": card.get("hash", "")[:12],
    }


def _told(entry: dict[str, Any]) -> Iterator[str]:
    kind = "" if entry["kind"] in ("", "model") else f" ({entry['kind']})"
    yield f"{entry['name']}{kind}  {entry['path']}"
    yield f"    {entry['problem'] or _summary(entry)}"
    if entry["refinement_head"] is not None:
        head = entry["refinement_head"]
        yield f"    refinement head {head['hash']}  {head['date']}  {head['path']}"


def _summary(entry: dict[str, Any]) -> str:
    return f"{entry['hash']}  {entry['date']}  {entry['terms'] or 'no terms'}"

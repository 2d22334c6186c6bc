"""The page of the command line, made from the commands themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from labelkit.cli import app

_HEAD = """# Commands

Made from the commands themselves: this is what `labelkit COMMAND --help` says. What a command
found goes to standard output, everything else to standard error. With `--json` a command prints
one JSON object and nothing else. Exit codes: 0 done, 1 a problem with the input (one line that
names the file), 2 wrong usage, 130 stopped by Ctrl-C.
"""


def commands() -> dict[str, Any]:
    """Every command that does something, by its words after ``labelkit``."""
    return dict(_leaves(typer.main.get_command(app), ()))


def commands_page() -> str:
    """The page in Markdown, a section for every command."""
    return "\n".join([_HEAD, *(_section(words, command) for words, command in commands().items())])


def example_of(command: Any) -> str:
    """The command line that stands as an example in a command's help; "" for none."""
    found = re.fullmatch(r"Example: (.+)", command.epilog or "")
    return found[1] if found else ""


def _leaves(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield " ".join(words), command
        return
    for name, child in children.items():
        yield from _leaves(child, (*words, name))


def _section(words: str, command: Any) -> str:
    context = command.context_class(command, info_name=f"labelkit {words}")
    usage = " ".join(command.get_usage(context).removeprefix("Usage: ").split())
    rows = [record for param in command.params if (record := param.get_help_record(context))]
    lines = [
        f"## labelkit {words}",
        "",
        _plain(command.help),
        "",
        "```text",
        usage,
        "```",
        "",
        "| | |",
        "|---|---|",
        *(f"| {_code(name)} | {_cell(text)} |" for name, text in rows),
        "",
        "```sh",
        example_of(command),
        "```",
        "",
    ]
    return "\n".join(lines)


def _plain(text: str | None) -> str:
    return (text or "").replace("\b", "").strip()


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def _code(name: str) -> str:
    # In a table a bar ends a cell, also within code.
    return f"`{name}`".replace("|", "\\|")

"""``labelkit serve`` and ``labelkit users``: the app in the browser, and who may log in there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labelkit.cli.output import note, say, shown
from labelkit.cli.project import ProjectDir
from labelkit.errors import InputError

users = typer.Typer(
    name="users", help="Who may log in where the app is reached from other machines.", no_args_is_help=True
)

Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")]
Host = Annotated[
    str, typer.Option("--host", help="The address to listen on; others than this machine's ask for a login.")
]


def serve(
    folder: ProjectDir,
    port: Port = 5006,
    host: Host = "127.0.0.1",
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            help="A further host name by which browsers reach this server; with a port if it is unusual.",
        ),
    ] = None,
    proxy: Annotated[
        list[str] | None,
        typer.Option(
            "--behind-proxy",
            metavar="ADDRESS",
            help="A proxy's address or network: it is believed about who asks; logins are asked for.",
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Serve a project's app, until Ctrl-C: everything from photos to label files in the browser."""
    run(folder, port, host, tuple(name or ()), show, tuple(proxy or ()))


def run(
    folder: Path,
    port: int,
    host: str,
    names: tuple[str, ...] = (),
    show: bool = False,
    proxies: tuple[str, ...] = (),
) -> None:
    """Serve, and say where."""
    from labelkit.app import serve as serve_app

    def heard(url: str) -> None:
        say(f"{shown(folder)} is served at {url}")
        note("Ctrl-C ends it; everything is saved as it is made.")
        if show:
            typer.launch(url)

    serve_app(folder, port=port, host=host, names=names, proxies=proxies, heard=heard)


@users.command(epilog="Example: labelkit users add work ann")
def add(
    folder: ProjectDir,
    name: Annotated[str, typer.Argument(metavar="NAME", help="It stands with everything they label.")],
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the password from standard input, without asking twice.")
    ] = False,
) -> None:
    """Let somebody log in, or give them another password."""
    from labelkit.app.users import add_user
    from labelkit.project.settings import read_settings

    read_settings(folder)
    password = _given() if stdin else typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    new = add_user(folder, name, password)
    say(f"{shown(folder)}: {name} {'can log in' if new else 'has a new password'}")
    note("A server that is running and asks for logins hears of it within seconds.")


@users.command("list", epilog="Example: labelkit users list work")
def list_(folder: ProjectDir) -> None:
    """Who may log in."""
    from labelkit.app.users import read_users
    from labelkit.project.settings import read_settings

    read_settings(folder)
    known = read_users(folder)
    for name in known.hashes if known is not None else ():
        say(name)
    if known is None:
        note(f"nobody yet; begin with: labelkit users add {shown(folder)} NAME")


@users.command(epilog="Example: labelkit users remove work ann")
def remove(
    folder: ProjectDir, name: Annotated[str, typer.Argument(metavar="NAME", help="As in the list.")]
) -> None:
    """Let somebody log in no more."""
    from labelkit.app.users import remove_user
    from labelkit.project.settings import read_settings

    read_settings(folder)
    remove_user(folder, name)
    say(f"{shown(folder)}: {name} can log in no more")


def _given() -> str:
    line = typer.get_text_stream("stdin").readline().rstrip("\r\n")
    if not line:
        raise InputError("no password on standard input")
    return line

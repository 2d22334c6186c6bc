"""The command line: thin, each command reads its options, calls the library and says what came of it.

What a command found goes to stdout, everything else (progress, terms, what was left out) to
stderr. Exit codes: 0 done, 1 a problem with the input (one line), 2 wrong usage, 130 stopped
by Ctrl-C. torch is loaded inside commands only, so that ``--help`` is quick.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from labelkit import __version__
from labelkit.cli import (
    evaluate,
    faces,
    fit,
    judging,
    keeping,
    labels,
    models,
    predict,
    project,
    scheme_change,
    schemes,
    serve,
    system,
    train,
)
from labelkit.cli.output import complain, listen, say
from labelkit.errors import LabelkitError

__all__ = ["app", "main"]


class _Commands(TyperGroup):
    """Turns what labelkit raises into one line and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except LabelkitError as error:
            complain(str(error))
        except BrokenPipeError:
            raise  # whoever read our output has seen enough: no news
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            complain(f"{where}{error.strerror or error}")
        except KeyboardInterrupt:
            complain("stopped")
            raise typer.Exit(130) from None
        raise typer.Exit(1)


app = typer.Typer(
    cls=_Commands,
    name="labelkit",
    help="Draw the face-landmark scheme you need, get labels for it, correct them, export them.",
    epilog="Begin with: labelkit demo",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"labelkit {__version__}")
        raise typer.Exit


@app.callback()
def _before_every_command(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    listen()


app.command(epilog="Example: labelkit demo --no-serve")(system.demo)
app.command(epilog="Example: labelkit new work --images photos/ --scheme wflw98")(project.new)
app.command("import", epilog="Example: labelkit import work labels.txt --format wflw")(labels.import_)
app.command(epilog="Example: labelkit prelabel work")(labels.prelabel)
app.command(epilog="Example: labelkit queue work")(labels.queue)
app.command(epilog='Example: labelkit mark work a.jpg --as returned --comment "chin too low" --point jaw_8')(
    faces.mark
)
app.command(epilog="Example: labelkit outliers work")(judging.outliers)
app.command(epilog="Example: labelkit agreement work")(judging.agreement)
app.command(epilog="Example: labelkit train work")(train.train)
app.command(epilog="Example: labelkit status work")(project.status)
app.command(epilog="Example: labelkit export work --format wflw -o labels.txt")(labels.export)
app.command(epilog="Example: labelkit serve work")(serve.serve)
app.add_typer(serve.users, name="users")
app.command(epilog="Example: labelkit scan work")(project.scan)
app.command(epilog="Example: labelkit relocate work --images /data/photos")(project.relocate)
app.command(epilog="Example: labelkit log work --person ann --since 3d")(keeping.log)
app.command(epilog="Example: labelkit backup work -o work.zip")(keeping.backup)
app.command(epilog="Example: labelkit restore work.zip again")(keeping.restore)
app.command(epilog="Example: labelkit scheme-change work my-scheme.json --rename old=new")(
    scheme_change.scheme_change
)
app.command(epilog="Example: labelkit predict photos/ --scheme wflw98 --format wflw -o labels.txt")(
    predict.predict
)
app.command(epilog="Example: labelkit evaluate faces/ --format 300w --scheme ibug68")(evaluate.evaluate)
app.command(epilog="Example: labelkit fit base --data faces/ -o mine.safetensors --minutes 60")(fit.fit)
app.add_typer(schemes.app, name="scheme")
app.add_typer(models.app, name="models")
app.command(epilog="Example: labelkit doctor")(system.doctor)


def main() -> None:
    """The entry point ``labelkit``."""
    app()

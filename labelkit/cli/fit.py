"""``labelkit fit``: trains a model from annotated folders."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bar

from labelkit.cli.fit_detector import fit_detector
from labelkit.cli.fit_refine import HEADS, fit_refine
from labelkit.cli.output import STDERR, AsJson, Device, note, note_all, say, say_json, shown

if TYPE_CHECKING:
    from labelkit.train.engine import Progress
    from labelkit.train.fit import FitPaths
    from labelkit.train.pack import FacePack
    from labelkit.train.recipes import Recipe

#: Seconds between lines where there is no terminal to draw a bar in.
_QUIET = 30.0


class Report(Protocol):
    """Hears how far a training is."""

    def __call__(self, progress: Progress) -> None: ...


def fit(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE",
            help="base, polish to go on from one, paper-s16, tiny to try data; refine for a model's "
            "refinement head (--start names the model), tiny-refine; or detector.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The model file to write: NAME.safetensors.")],
    more: Annotated[
        list[Path] | None,
        typer.Argument(metavar="DIR", help="More folders, as in --data A B.", show_default=False),
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", metavar="DIR...", help="Annotated folders, each a dataset of its own."),
    ] = None,
    dev: Annotated[
        Path | None, typer.Option("--dev", help="An annotated folder that is only measured on.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run to OUT stopped.")] = False,
    start: Annotated[
        str | None, typer.Option("--start", help="A model whose weights a new run begins with.")
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            "--backbone",
            metavar="FILE",
            help="What a new run's backbone begins with: a safetensors file, or timm to fetch it.",
        ),
    ] = None,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="End by the clock.")] = None,
    passes: Annotated[int | None, typer.Option(min=1, help="Faces to see, instead of the recipe's.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Faces a step, instead of the recipe's.")] = None,
    leave_out: Annotated[
        str, typer.Option(help="Points never asked for, such as 1,5,11,15: closed under mirroring.")
    ] = "",
    head: Annotated[
        Path | None,
        typer.Option("--head", help="A 3D head, ict_face_model_light.npz, to fit for dense points."),
    ] = None,
    dense: Annotated[
        int | None, typer.Option(min=0, help="Dense points a face, instead of the recipe's; takes --head.")
    ] = None,
    device: Device = "auto",
    seed: Annotated[int | None, typer.Option(min=0, help="Of all that is drawn at random.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train a model from annotated folders. Ctrl-C keeps what is done; --resume goes on from there.

    Beside the model lie its curves as .csv and .png, and the state from which a run is resumed.
    """
    folders = [*(data or []), *(more or [])]
    if not folders:
        raise typer.BadParameter("name at least one annotated folder", param_hint="--data")
    if out.suffix != ".safetensors":
        raise typer.BadParameter(f"{out}: a model file ends in .safetensors", param_hint="--out")
    if backbone is not None and start is not None:
        raise typer.BadParameter("a model that is started from has a backbone", param_hint="--backbone")
    if recipe == "detector":
        _refuse_for_detector({"--start": start, "--head": head, "--dense": dense, "--leave-out": leave_out})
        fit_detector(
            folders,
            out,
            dev=dev,
            resume=resume,
            minutes=minutes,
            passes=passes,
            batch=batch,
            device=device,
            seed=seed,
            as_json=as_json,
        )
        return
    from labelkit.models.registry import load_model
    from labelkit.train import fit as training

    paths = training.FitPaths(out)
    if recipe in HEADS:
        if backbone is not None:
            raise typer.BadParameter("a head begins with its model's backbone", param_hint="--backbone")
        if not resume:
            _keep_old_state(paths)
        fit_refine(
            recipe,
            folders,
            paths,
            watched=_watched,
            dev=dev,
            start=start,
            resume=resume,
            minutes=minutes,
            passes=passes,
            batch=batch,
            leave_out=leave_out,
            head=head,
            dense=dense,
            device=device,
            seed=seed,
        )
        _tell(paths, as_json, "lay it as refine.safetensors beside its model's file, and it is used")
        return
    from labelkit.train.head.model import load_head
    from labelkit.train.recipes import load_recipe

    chosen = _adjusted(load_recipe(recipe), passes, batch, seed, dense)
    if (head is not None) != bool(chosen.dense):
        problem = "dense points take a head model" if head is None else "name the number of points: --dense N"
        raise typer.BadParameter(problem, param_hint="--head")
    left_out = training.points_by_number(leave_out)
    model = load_head(head) if head is not None else None
    packs, problems = training.load_packs(folders, chosen, left_out)
    measured, more_problems = training.load_packs([dev], chosen) if dev is not None else ([], [])
    problems += more_problems
    if model is not None:
        packs = training.add_dense(packs, model, left_out)
    note_all(problems)
    if problems:
        note(f"{len(problems)} annotations or photos left out")
    begun = load_model(start, device=device) if start is not None else None
    if not resume:
        _keep_old_state(paths)
    for pack in packs:
        note(f"{pack.name}: {len(pack)} faces, {pack.scheme.name}{_dense_faces(pack)}")
    try:
        with _watched(chosen.passes) as report:
            training.fit(
                chosen,
                packs,
                out,
                dev=measured[0] if measured else None,
                device=device,
                left_out=left_out,
                minutes=minutes,
                resume=resume,
                start=begun,
                backbone=backbone,
                report=report,
            )
    except KeyboardInterrupt:
        note(f"stopped; kept in {shown(paths.state)}: the same command with --resume goes on from there")
        raise typer.Exit(130) from None
    try_it = f"try it: labelkit predict PHOTOS --scheme ibug68 --model {shown(out)} -o labels.json"
    _tell(paths, as_json, try_it)


def _refuse_for_detector(options: dict[str, object]) -> None:
    for name, value in options.items():
        if value not in (None, ""):
            raise typer.BadParameter("is nothing that a detector takes", param_hint=name)


def _adjusted(
    recipe: Recipe, passes: int | None, batch: int | None, seed: int | None, dense: int | None
) -> Recipe:
    return replace(
        recipe,
        passes=recipe.passes if passes is None else passes,
        batch=recipe.batch if batch is None else batch,
        seed=recipe.seed if seed is None else seed,
        dense=recipe.dense if dense is None else dense,
    )


def _dense_faces(pack: FacePack) -> str:
    if pack.dense is None:
        return ""
    fitted = int((pack.dense.weights > 0).any(dim=1).sum())
    return f", dense points on {fitted} of them"


def _keep_old_state(paths: FitPaths) -> None:
    """Whoever forgets ``--resume`` has not lost hours of training."""
    if paths.state.exists():
        old = paths.state.with_suffix(".before.safetensors")
        paths.state.replace(old)
        note(f"a new run; the state of the one before is now {shown(old)} (--resume would have gone on)")


@contextmanager
def _watched(passes: int) -> Iterator[Report]:
    """A bar with loss, error on ``--dev`` and an estimate; lines where there is no terminal."""
    if not STDERR.is_terminal:
        yield _Lines()
        return
    columns = (TextColumn("training"), BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"))
    with Bar(*columns, console=STDERR) as bar:
        task = bar.add_task(f"up to {passes} faces", total=1.0)
        nme: list[float] = []

        def report(progress: Progress) -> None:
            nme.extend([progress.dev_nme] if progress.dev_nme is not None else [])
            bar.update(
                task, completed=progress.done, description=describe(progress, nme[-1] if nme else None)
            )

        yield report


class _Lines:
    """A line every now and then, as for a log file."""

    def __init__(self) -> None:
        self._last = -_QUIET

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.dev_nme is None and progress.done < 1 and now - self._last < _QUIET:
            return
        self._last = now
        note(f"{progress.done:4.0%} {describe(progress, progress.dev_nme)}")


def describe(progress: Progress, nme: float | None) -> str:
    """Where a run stands, in one line; the estimate goes by the run's own clock, which also
    counts what was done before it was resumed."""
    parts = [f"{progress.passes} faces", f"loss {progress.loss:.4f}"]
    if nme is not None:
        parts.append(f"dev {nme:.2f} %")
    left = progress.seconds * (1 - progress.done) / progress.done if progress.done else 0.0
    return ", ".join([*parts, f"{_clock(left)} left"])


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _tell(paths: FitPaths, as_json: bool, what_next: str) -> None:
    from labelkit.checkpoint import read_card

    card = read_card(paths.model)
    if as_json:
        files = {"model": paths.model, "state": paths.state, "csv": paths.csv, "png": paths.png}
        say_json({**files, "training": card["training"], "metrics": card["metrics"]})
        return
    seen = card["training"]
    say(f"{shown(paths.model)}: {seen['passes']} faces seen in {_clock(seen['seconds'])}")
    say(f"curves: {shown(paths.csv)}, {shown(paths.png)}")
    say(what_next)

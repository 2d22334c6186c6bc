"""What the commands that train have in common: their options, their data, and how a run is watched."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import typer
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bar

from labelkit.cli.output import STDERR, note, note_all, shown

if TYPE_CHECKING:
    from labelkit.train.loop import Progress
    from labelkit.train.pack import FacePack
    from labelkit.train.recipes import Recipe
    from labelkit.train.refine import RefineRecipe

    AnyRecipe = TypeVar("AnyRecipe", Recipe, RefineRecipe)

#: Seconds between lines where there is no terminal to draw a bar in.
_QUIET = 30.0


@dataclass(frozen=True)
class FitOptions:
    """The options of ``labelkit fit``; None is what the recipe says."""

    folders: list[Path]
    dev: Path | None
    resume: bool
    start: str | None
    backbone: str | None
    minutes: float | None
    passes: int | None
    batch: int | None
    leave_out: str
    head: Path | None
    dense: int | None
    device: str
    seed: int | None

    def adjust(self, recipe: AnyRecipe) -> AnyRecipe:
        """The recipe with what was asked for in place of its own."""
        asked = {name: getattr(self, name) for name in ("passes", "batch", "seed", "dense")}
        return replace(recipe, **{name: value for name, value in asked.items() if value is not None})


@dataclass(frozen=True)
class FitData:
    """Packed faces to train and to measure on, and the points that are left out."""

    packs: list[FacePack]
    dev: FacePack | None
    left_out: tuple[int, ...]


def load_data(options: FitOptions, recipe: Recipe | RefineRecipe, margin: float | None = None) -> FitData:
    """The faces of the folders, with dense points where the recipe asks for some; what was left out of
    them is told. ``margin`` as in `labelkit.train.fit.load_packs`."""
    from labelkit.train import fit as training
    from labelkit.train.head.model import load_head
    from labelkit.train.pack import MARGIN

    around = MARGIN if margin is None else margin
    left_out = training.points_by_number(options.leave_out)
    model = load_head(options.head) if options.head is not None and recipe.dense else None
    packs, problems = training.load_packs(options.folders, recipe, left_out, around)
    dev, more = training.load_packs([options.dev], recipe, (), around) if options.dev else ([], [])
    if model is not None:
        packs = training.add_dense(packs, model, left_out)
    note_all(problems + more)
    if problems + more:
        note(f"{len(problems + more)} annotations or photos left out")
    for pack in packs:
        note(f"{pack.name}: {len(pack)} faces, {pack.scheme.name}{_dense_faces(pack)}")
    return FitData(packs, dev[0] if dev else None, left_out)


def _dense_faces(pack: FacePack) -> str:
    if pack.dense is None:
        return ""
    fitted = int((pack.dense.weights > 0).any(dim=1).sum())
    return f", dense points on {fitted} of them"


def keep_old_state(state: Path) -> None:
    """Whoever forgets ``--resume`` has not lost hours of training."""
    if state.exists():
        old = state.with_suffix(".before.safetensors")
        state.replace(old)
        note(f"a new run; the state of the one before is now {shown(old)} (--resume would have gone on)")


@contextmanager
def until_stopped(state: Path) -> Iterator[None]:
    """Ctrl-C ends the command and tells how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        note(f"stopped; kept in {shown(state)}: the same command with --resume goes on from there")
        raise typer.Exit(130) from None


class Report(Protocol):
    """Is told where a run stands."""

    def __call__(self, progress: Progress) -> None: ...


@contextmanager
def watched(passes: int) -> Iterator[Report]:
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
    return ", ".join([*parts, f"{clock(left)} left"])


def clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"

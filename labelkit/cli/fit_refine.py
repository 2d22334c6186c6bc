"""``labelkit fit refine``: trains a refinement head for a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from labelkit.cli.output import note, note_all, shown

if TYPE_CHECKING:
    from labelkit.train.fit import FitPaths
    from labelkit.train.loop import Progress

#: The recipes of refinement heads.
HEADS = ("refine", "tiny-refine")


def fit_refine(
    recipe: str,
    folders: Sequence[Path],
    paths: FitPaths,
    *,
    watched: Callable[[int], AbstractContextManager[Callable[[Progress], None]]],
    dev: Path | None,
    start: str | None,
    resume: bool,
    minutes: float | None,
    passes: int | None,
    batch: int | None,
    leave_out: str,
    head: Path | None,
    dense: int | None,
    device: str,
    seed: int | None,
) -> None:
    """What ``labelkit fit`` does for the recipes of refinement heads; ``start`` names their model."""
    from labelkit.models.registry import load_model
    from labelkit.train import fit as training
    from labelkit.train.head.model import load_head
    from labelkit.train.refine import refine_recipe, tiny_refine_recipe
    from labelkit.train.refine_fit import fit_refiner

    chosen = refine_recipe() if recipe == "refine" else tiny_refine_recipe()
    chosen = replace(
        chosen,
        passes=chosen.passes if passes is None else passes,
        batch=chosen.batch if batch is None else batch,
        seed=chosen.seed if seed is None else seed,
        dense=(chosen.dense if head is not None else 0) if dense is None else dense,
    )
    if chosen.dense and head is None:
        raise typer.BadParameter("dense points take a head model", param_hint="--head")
    left_out = training.points_by_number(leave_out)
    model = load_head(head) if head is not None and chosen.dense else None
    packs, problems = training.load_packs(folders, chosen, left_out, chosen.margin)
    measured, more = training.load_packs([dev], chosen, (), chosen.margin) if dev is not None else ([], [])
    note_all(problems + more)
    if model is not None:
        packs = training.add_dense(packs, model, left_out)
    base = load_model(start or "base", device=device)
    for pack in packs:
        note(f"{pack.name}: {len(pack)} faces, {pack.scheme.name}")
    try:
        with watched(chosen.passes) as report:
            fit_refiner(
                chosen,
                packs,
                base,
                paths.model,
                dev=measured[0] if measured else None,
                device=device,
                left_out=left_out,
                minutes=minutes,
                resume=resume,
                report=report,
            )
    except KeyboardInterrupt:
        note(f"stopped; kept in {shown(paths.state)}: the same command with --resume goes on from there")
        raise typer.Exit(130) from None

"""``labelkit fit refine``: trains a refinement head for a model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from labelkit.cli.fitting import FitOptions, keep_old_state, load_data, until_stopped, watched
from labelkit.cli.output import note

if TYPE_CHECKING:
    from labelkit.train.fit import FitPaths

#: The recipes of refinement heads.
HEADS = ("refine", "tiny-refine")


def fit_refine(recipe: str, options: FitOptions, paths: FitPaths) -> None:
    """What ``labelkit fit`` does for the recipes of refinement heads; ``--start`` names their model."""
    from labelkit.models.registry import load_model
    from labelkit.train.refine import refine_recipe, tiny_refine_recipe
    from labelkit.train.refine_fit import fit_refiner

    if options.backbone is not None:
        raise typer.BadParameter("a head begins with its model's backbone", param_hint="--backbone")
    chosen = options.adjust(refine_recipe() if recipe == "refine" else tiny_refine_recipe())
    if options.dense is None and options.head is None:
        chosen = replace(chosen, dense=0)
    if chosen.dense and options.head is None:
        raise typer.BadParameter("dense points take a head model", param_hint="--head")
    # First, since it is quick to say that there is no such model.
    model = load_model(options.start or "base", device=options.device)
    data = load_data(options, chosen, chosen.margin)
    if data.dev is None:
        note("without --dev nothing tells how far the head's spread can be believed: no confidence")
    if not options.resume:
        keep_old_state(paths.state)
    with until_stopped(paths.state), watched(chosen.passes) as report:
        fit_refiner(
            chosen,
            data.packs,
            model,
            paths.model,
            dev=data.dev,
            device=options.device,
            left_out=data.left_out,
            minutes=options.minutes,
            resume=options.resume,
            report=report,
        )

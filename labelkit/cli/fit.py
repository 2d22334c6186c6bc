"""``labelkit fit``: trains a model from annotated folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelkit.cli.fit_detector import fit_detector
from labelkit.cli.fit_refine import HEADS, fit_refine
from labelkit.cli.fitting import FitOptions, clock, keep_old_state, load_data, until_stopped, watched
from labelkit.cli.output import AsJson, Device, say, say_json, shown

if TYPE_CHECKING:
    from labelkit.train.fit import FitPaths


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
    from labelkit.train.fit import FitPaths

    paths = FitPaths(out)
    options = FitOptions(
        folders, dev, resume, start, backbone, minutes, passes, batch, leave_out, head, dense, device, seed
    )
    if recipe in HEADS:
        fit_refine(recipe, options, paths)
        _tell(paths, as_json, f"use it: labelkit models add {shown(out)}")
        return
    _fit_model(recipe, options, paths)
    try_it = f"try it: labelkit predict PHOTOS --scheme ibug68 --model {shown(out)} -o labels.json"
    _tell(paths, as_json, try_it)


def _fit_model(recipe: str, options: FitOptions, paths: FitPaths) -> None:
    from labelkit.models.registry import load_model
    from labelkit.train import fit as training
    from labelkit.train.recipes import load_recipe

    chosen = options.adjust(load_recipe(recipe))
    if (options.head is not None) != bool(chosen.dense):
        missing = options.head is None
        problem = "dense points take a head model" if missing else "name the number of points: --dense N"
        raise typer.BadParameter(problem, param_hint="--head")
    begun = load_model(options.start, device=options.device) if options.start is not None else None
    data = load_data(options, chosen)
    if not options.resume:
        keep_old_state(paths.state)
    with until_stopped(paths.state), watched(chosen.passes) as report:
        training.fit(
            chosen,
            data.packs,
            paths.model,
            dev=data.dev,
            device=options.device,
            left_out=data.left_out,
            minutes=options.minutes,
            resume=options.resume,
            start=begun,
            backbone=options.backbone,
            report=report,
        )


def _refuse_for_detector(options: dict[str, object]) -> None:
    for name, value in options.items():
        if value not in (None, ""):
            raise typer.BadParameter("is nothing that a detector takes", param_hint=name)


def _tell(paths: FitPaths, as_json: bool, what_next: str) -> None:
    from labelkit.checkpoint import read_card

    card = read_card(paths.model)
    if as_json:
        files = {"model": paths.model, "state": paths.state, "csv": paths.csv, "png": paths.png}
        say_json({**files, "training": card["training"], "metrics": card.get("metrics", {})})
        return
    seen = card["training"]
    say(f"{shown(paths.model)}: {seen['passes']} faces seen in {clock(seen['seconds'])}")
    say(f"curves: {shown(paths.csv)}, {shown(paths.png)}")
    say(what_next)

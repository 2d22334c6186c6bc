"""From annotated folders and a model to its refinement head: what ``labelkit fit refine`` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from labelkit import __version__
from labelkit.calibration import fit_calibration, fit_readout
from labelkit.errors import InputError
from labelkit.geometry import Array
from labelkit.metrics import calibration
from labelkit.models.predictor import LandmarkModel, choose_device
from labelkit.models.refiner import save_refiner
from labelkit.train.fit import SOURCES, TERMS_300W, FitPaths, read_curves, write_curves
from labelkit.train.loop import Progress
from labelkit.train.pack import FacePack
from labelkit.train.refine import RefineRecipe, RefineTrainer

#: The shares of the head's step that are tried.
BLENDS = tuple(i / 20 for i in range(1, 21))


def fit_refiner(
    recipe: RefineRecipe,
    packs: Sequence[FacePack],
    base: LandmarkModel,
    out: Path,
    *,
    dev: FacePack | None = None,
    device: str = "auto",
    left_out: tuple[int, ...] = (),
    minutes: float | None = None,
    resume: bool = False,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Path:
    """Train a head for ``base``, keep state and curves beside ``out``, and write the head to ``out``,
    calibrated on ``dev`` where there is one. Interrupts and ``resume`` as in `fit`."""
    paths = FitPaths(out)
    trainer = RefineTrainer(recipe, packs, base, choose_device(device), left_out, minutes)
    rows: list[Progress] = []
    if resume:
        if not paths.state.exists():
            raise InputError(f"{paths.state}: there is no state to resume from")
        trainer.load_state(paths.state)
        rows = [row for row in read_curves(paths.csv) if row.step <= trainer.step_number]

    def note(progress: Progress) -> None:
        rows.append(progress)
        report(progress)

    def keep() -> None:
        trainer.save_state(paths.state)
        write_curves(paths, rows)

    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        trainer.run(note, dev, save=keep)
    finally:
        keep()
        measured = measure(trainer, dev) if dev is not None else {}
        save_refiner(out, trainer.averaged(), _card(trainer, out.stem, measured))
    return out


def measure(trainer: RefineTrainer, dev: FacePack) -> dict[str, Any]:
    """What the averaged weights make of ``dev``: errors in percent of the IOD before and after every
    stage, how much of the head's step is best taken (``blend``), and the readout and calibration that fit
    then."""
    found, faces = trainer.dev_points(dev)
    step = found.xy[-1, -1] - faces.start
    blend = min(BLENDS, key=lambda share: float(faces.errors(faces.start + share * step).mean()))
    points = faces.start + blend * step
    told: dict[str, Any] = {
        "dev_base_nme_io": 100 * float(faces.errors(faces.start).mean()),
        "dev_nme_io": 100 * float(faces.errors(points).mean()),
        "dev_stage_nme_io": [100 * float(faces.errors(stage[-1]).mean()) for stage in found.xy],
    }
    if found.spread is None or found.read is None:
        return {"blend": blend, "metrics": told}
    iod = faces.iod.double().cpu().numpy()[:, None, None]
    errors = (points - faces.points).double().cpu().numpy() / iod
    spread = found.spread[-1, -1].double().cpu().numpy() / iod
    read = found.read.double().cpu().numpy()
    known, inside = _believed(errors, spread, read, dev.scheme.plane)
    return {"blend": blend, "metrics": {**told, **inside}, **known}


def _believed(
    errors: Array, spread: Array, read: Array, plane: Array
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Readout and calibration for the card, as far as there are faces enough for them, and the percentage
    of the points inside the ellipses."""
    known: dict[str, Any] = {}
    with suppress(InputError):
        readout, spread = fit_readout(errors, spread, read)
        known["readout"] = readout.to_dict()
    try:
        fitted = fit_calibration(errors, spread, plane)
    except InputError:
        return {}, {}
    inside = calibration(errors, fitted.cov(spread, plane), np.where(np.isfinite(errors), 0.0, np.nan))
    told = {"dev_calibration": {name: 100 * share for name, share in inside.items()}}
    return {**known, "calibration": fitted.to_dict()}, told


def _card(trainer: RefineTrainer, name: str, measured: dict[str, Any]) -> dict[str, Any]:
    recipe = asdict(trainer.recipe)
    architecture = recipe.pop("network")
    base = trainer.base
    return {
        "name": name,
        "labelkit": __version__,
        "date": datetime.now(UTC).date().isoformat(),
        "architecture": architecture,
        "base": {"name": base.name, "hash": base.card["hash"]},
        "crop": "a window of the plane, by least squares from the points that the base model found",
        "recipe": recipe,
        "training": {
            "data": [
                {"name": p.name, "scheme": p.scheme.name, "faces": len(p), "source": SOURCES.get(p.name, "")}
                for p in trainer.packs
            ],
            "dense": [p.name for p in trainer.packs if p.dense is not None and trainer.recipe.dense],
            "left_out": list(trainer.left_out),
            "backbone": str(base.card.get("training", {}).get("backbone", "")),
            "passes": trainer.passes,
            "seconds": round(trainer.seconds),
            "device": str(trainer.device),
        },
        **measured,
        "terms": TERMS_300W if any(p.name in ("ibug68", "300w") for p in trainer.packs) else "",
    }

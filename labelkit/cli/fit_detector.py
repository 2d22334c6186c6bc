"""``labelkit fit detector``: trains a face detector from labelled photos."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from labelkit.cli.fitting import keep_old_state, until_stopped
from labelkit.cli.output import note, note_all, say, say_json, shown

if TYPE_CHECKING:
    from labelkit.train.detector.loop import DetectorProgress

#: Seconds between lines.
_QUIET = 30.0


def fit_detector(
    folders: Sequence[Path],
    out: Path,
    *,
    dev: Path | None,
    resume: bool,
    minutes: float | None,
    passes: int | None,
    batch: int | None,
    device: str,
    seed: int | None,
    as_json: bool,
) -> None:
    """What ``labelkit fit`` does for the recipe ``detector``."""
    from dataclasses import replace

    from labelkit.checkpoint import read_card
    from labelkit.models.predictor import choose_device
    from labelkit.train.detector import fit as training
    from labelkit.train.detector.loop import DetectorRecipe

    recipe = DetectorRecipe()
    recipe = replace(
        recipe,
        passes=recipe.passes if passes is None else passes,
        batch=recipe.batch if batch is None else batch,
        seed=recipe.seed if seed is None else seed,
    )
    sets, problems = training.load_sets(folders)
    measured, more = training.load_sets([dev]) if dev is not None else ([], [])
    note_all(problems + more)
    state = training.state_path(out)
    if not resume:
        keep_old_state(state)
    for entry in sets:
        note(f"{entry.name}: {len(entry.scenes)} photos, {entry.face_count} faces")
    with until_stopped(state):
        training.fit_detector(
            recipe,
            sets,
            out,
            dev=measured[0] if measured else None,
            device=choose_device(device),
            minutes=minutes,
            resume=resume,
            report=_Lines(),
        )
    card = read_card(out)
    if as_json:
        say_json({"model": out, "state": state, "training": card["training"], "metrics": card["metrics"]})
        return
    say(f"{shown(out)}: {card['training']['passes']} images seen in {card['training']['seconds']} s")


class _Lines:
    """A line every now and then."""

    def __init__(self) -> None:
        self._last = -_QUIET

    def __call__(self, progress: DetectorProgress) -> None:
        now = time.monotonic()
        if progress.recall is None and now - self._last < _QUIET:
            return
        self._last = now
        parts = [f"{progress.done:4.0%} {progress.passes} images, loss {progress.loss:.3f}"]
        if progress.recall is not None:
            parts.append(f"dev {progress.recall:.1f} % found, {progress.false:.2f} other boxes a photo")
        note(", ".join(parts))

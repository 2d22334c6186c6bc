"""Where fine-tuning leaves things in a project's folder, for those who do not load torch."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

#: The kind of its jobs.
KIND = "train"

#: The process that does the work, and is told the folder and the job.
CHILD = ("-m", "labelkit.train.few_shot_child")

#: The columns of the curve's file, as `labelkit.figures.training_curves` reads them.
COLUMNS = ("step", "loss", "val_nme")


class CurvePoint(NamedTuple):
    """The mean loss before a ``step`` (None at step 0) and the error in percent on people that were not
    learnt from."""

    step: int
    loss: float | None
    error: float


def curve_path(folder: Path, job: int) -> Path:
    """The curve of a job, which grows while it runs."""
    return folder / "cache" / f"{KIND}-{job}.csv"


def read_curve(folder: Path, job: int) -> list[CurvePoint]:
    """The curve so far; empty where there is none yet."""
    path = curve_path(folder, job)
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [
            CurvePoint(int(row["step"]), float(row["loss"]) if row["loss"] else None, float(row["val_nme"]))
            for row in csv.DictReader(file)
        ]

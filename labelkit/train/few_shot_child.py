"""``python -m labelkit.train.few_shot_child DIR JOB``: the process that fine-tunes a project's model.

It takes a job of the project's store and reports through it. The new model comes to ``models/``, with
its refinement head beside it where its parent has one, what is worth telling beyond that to
``cache/train-JOB.json``, the curve while it grows to ``cache/train-JOB.csv``.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from labelkit import __version__, atomic
from labelkit.dataset import Sample
from labelkit.errors import CheckpointError, ImageError, InputError
from labelkit.geometry import Box
from labelkit.images import image_below
from labelkit.landmarks import Landmarks, State
from labelkit.models.heads import FILE
from labelkit.models.predictor import LandmarkModel
from labelkit.models.refiner import Refiner, save_refiner
from labelkit.models.registry import load_model, save_model
from labelkit.scheme import Scheme
from labelkit.store import FINISHED, FaceState, Job, Store, StoredFace
from labelkit.store.process import database, give_up, report_path
from labelkit.store.pulse import Pulse
from labelkit.train.few_shot import END_TO_END, Tuned, TuneProgress, fine_tune
from labelkit.train.few_shot_files import COLUMNS, KIND, curve_path
from labelkit.train.few_shot_loop import TuneConfig
from labelkit.train.few_shot_refine import FittedRefiner

#: States of faces whose confirmed points count; what was returned or rejected is in doubt.
_TAUGHT = (*FINISHED, FaceState.PREDICTED, FaceState.IN_PROGRESS)

#: What is known of the network holds for that of another training no more.
_STALE = ("measured", "metrics", "uses", "title", "description", "hash", "kind")


def work(folder: Path, job_id: int) -> bool:
    """Do a job of the project in ``folder``; whether it ended well (stopped when asked is well)."""
    with Store.open(database(folder)) as store:
        job = store.jobs.start(job_id)
        try:
            with Pulse(store, job) as pulse:
                pulse.stop_on_signals()
                report = _run(store, folder, job, pulse)
            if report["cancelled"]:
                store.jobs.cancel(job.id)
            atomic.write_text(report_path(folder, KIND, job.id), json.dumps(report))
            store.jobs.finish(job, report["name"] or "stopped before there was anything to keep")
        except Exception as error:  # noqa: BLE001 - the user shall be told, whatever it is
            give_up(store, job, error)
            return False
        return True


def _run(store: Store, folder: Path, job: Job, pulse: Pulse) -> dict[str, Any]:
    arguments = job.arguments
    pulse.say("loading the model")
    model, start = _parent(str(arguments["model"]), str(arguments.get("device", "auto")))
    scheme = store.scheme()
    samples, problems = taught(store, Path(arguments["images"]), scheme)
    samples = _some(samples, arguments.get("faces"))
    people = len({str(s.attributes.get("person") or s.image.path) for s in samples})
    config = _config(arguments)
    curve = _Curve(curve_path(folder, job.id))
    training = config.steps if people >= END_TO_END else 0
    total = len(samples) + 1 + training + (model.refiner is not None)
    begun = {"looking at the faces": 0, "training": len(samples) + 1, "refinement head": total - 1}

    def heard(progress: TuneProgress) -> bool:
        pulse.say(progress.stage)
        curve.add(progress)
        return pulse.heard(begun.get(progress.stage, len(samples)) + progress.done, total)

    tuned = fine_tune(model, samples, scheme, config, heard)
    if tuned is None:
        return {"name": "", "cancelled": True, "problems": problems, "parent": model.id}
    path = _free(folder / "models", str(arguments["name"]))
    card = _card(model.card, path.stem, start, model.id, scheme, tuned, config)
    _keep(path, tuned.model, _tensors(model), card)
    pulse.heard(total, total)
    return {
        "name": path.stem,
        "parent": model.id,
        "terms": model.terms,
        "problems": [*problems, *tuned.problems],
        "cancelled": tuned.cancelled,
        **_figures(tuned),
    }


def taught(store: Store, images: Path, scheme: Scheme) -> tuple[list[Sample], list[str]]:
    """The faces with confirmed points, everything else NaN; and what is wrong with photos."""
    samples: list[Sample] = []
    problems: list[str] = []
    for face, landmarks in store.iter_current(_TAUGHT):
        # In older projects a finished face has as "placed" what its labeller had dragged.
        least = State.PLACED if face.state in FINISHED else State.CONFIRMED
        confirmed = landmarks.present & (landmarks.state >= least)
        if not confirmed.any():
            continue
        try:
            file = image_below(images, face.face.image)
        except ImageError as error:
            problems.append(str(error))
            continue
        person = store.image(face.image_id).person or face.attributes.get("person") or face.face.image
        xy = np.where(confirmed[:, None], landmarks.xy, np.nan)
        box = _box(face)
        samples.append(Sample(file, box, Landmarks(scheme, xy), {"person": str(person)}))
    return samples, problems


def _box(face: StoredFace) -> Box | None:
    """The box that a prelabelling began with; one around points goes by the points themselves."""
    box = face.face.box
    return box if box is not None and box.kind != "landmarks" else None


def _some(samples: list[Sample], count: int | None) -> list[Sample]:
    """``count`` of them, spread evenly, or all."""
    if count is None or count >= len(samples):
        return samples
    return [samples[i] for i in np.linspace(0, len(samples) - 1, count).round().astype(int)]


def _config(arguments: Mapping[str, Any]) -> TuneConfig:
    config = TuneConfig(seed=int(arguments.get("seed") or 0))
    steps = arguments.get("steps")
    return config if steps is None else replace(config, steps=int(steps))


def _parent(name: str, device: str) -> tuple[LandmarkModel, str]:
    """The model to begin with, and how it was called. All faces are learnt from every time, so that of
    a fine-tuned model it is the one from which that was made: nothing adds up over versions."""
    model = load_model(name, device)
    tuned = model.card.get("tuned")
    if not isinstance(tuned, dict):
        return model, name
    start = str(tuned.get("start", ""))
    try:
        return load_model(start, device), start
    except (CheckpointError, InputError) as error:
        raise InputError(
            f"{name}: was fine-tuned from {start!r}, which cannot be loaded ({error})"
        ) from error


def _free(folder: Path, name: str) -> Path:
    """The next version's file."""
    base = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-._") or "model"
    taken = [re.fullmatch(re.escape(base) + r"-(\d+)", path.stem) for path in folder.glob("*.safetensors")]
    number = max((int(match[1]) for match in taken if match), default=0) + 1
    return folder / f"{base}-{number:04d}.safetensors"


def _keep(path: Path, model: LandmarkModel, offsets: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
    """Write the model, and its refinement head beside it. The head is there before the model is, so that
    nobody finds a version without it."""
    with atomic.replacing(path) as draft:
        digest = save_model(draft, model.network.state_dict(), offsets, card, model.heads)
        if model.refiner is not None:
            told = _head_card(model.refiner, str(card["name"]), digest, _mapping(card["tuned"]))
            beside = path.with_name(f"{path.stem}.{FILE}")
            save_refiner(beside, model.refiner.network.state_dict(), told, model.refiner.heads)


def _head_card(head: Refiner, name: str, digest: str, tuned: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in head.card.items() if key not in _STALE}
    about = {key: tuned.get(key) for key in ("scheme", "faces", "people", "head")}
    return {
        **kept,
        "labelkit": __version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "base": {"name": name, "hash": digest},
        "fitted": {"parent": head.id, **about},
    }


def _card(
    parent: Mapping[str, Any],
    name: str,
    start: str,
    parent_id: str,
    scheme: Scheme,
    tuned: Tuned,
    config: TuneConfig,
) -> dict[str, Any]:
    kept = {key: value for key, value in parent.items() if key not in _STALE}
    faces = f"{tuned.faces} face{'s' if tuned.faces > 1 else ''}"
    training = {**_mapping(parent.get("training")), "started_from": parent_id}
    return {
        **kept,
        "name": name,
        "labelkit": __version__,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "description": f"{parent.get('name')}, fine-tuned to {faces} of the scheme {scheme.name}",
        "training": training,
        "metrics": {"dev_nme_io": tuned.after},
        "tuned": {
            "start": start,
            "parent": parent_id,
            "scheme": scheme.name,
            "points": len(scheme),
            "seed": config.seed,
            "device": str(tuned.model.device),
            **_figures(tuned),
        },
    }


def _figures(tuned: Tuned) -> dict[str, Any]:
    return {
        "faces": tuned.faces,
        "people": tuned.people,
        "before": tuned.before,
        "after": tuned.after,
        "checked": tuned.checked,
        "how": tuned.how,
        "stage": tuned.stage,
        "head": _head(tuned.head),
        "alone": tuned.alone,
        "steps": tuned.steps,
        "seconds": round(tuned.seconds, 1),
    }


def _head(fitted: FittedRefiner | None) -> dict[str, Any]:
    """What the refinement head does now; empty without one."""
    if fitted is None:
        return {}
    return {"stage": fitted.stage, "share": fitted.share, "spread": round(fitted.spread, 3)}


def _tensors(model: LandmarkModel) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.array(shift)) for name, shift in model.offsets.items()}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


class _Curve:
    """The errors and losses so far, in a file that is whole at any moment."""

    def __init__(self, path: Path) -> None:
        self._path, self._rows = path, [tuple(COLUMNS)]

    def add(self, progress: TuneProgress) -> None:
        if progress.error is None:
            return
        loss = "" if progress.loss is None else f"{progress.loss:.6f}"
        self._rows.append((str(progress.step), loss, f"{progress.error:.4f}"))
        with atomic.replacing(self._path) as draft, draft.open("w", newline="") as file:
            csv.writer(file).writerows(self._rows)


def main(arguments: Sequence[str]) -> int:
    """The process itself: the project's folder and the job's number; returns the exit code."""
    return 0 if work(Path(arguments[0]), int(arguments[1])) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""``python -m labelkit.prelabel.child DIR JOB``: the process that prelabels a project.

It takes a job of the project's store, loads the model (torch is loaded nowhere else) and reports
through the job. What is worth keeping beyond that, it leaves in ``cache/prelabel-JOB.json``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from labelkit import atomic
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.prediction import Model
from labelkit.prelabel.files import card_path, local_model
from labelkit.prelabel.photos import Find, one_by_one
from labelkit.prelabel.runner import KIND
from labelkit.prelabel.work import Predict, Result, Tally, prelabel
from labelkit.scheme import Scheme
from labelkit.store import Job, Store
from labelkit.store.process import database, give_up, report_path
from labelkit.store.pulse import Pulse

#: What is kept of a model's card beside the project: enough to say whose labels these are.
_CARD = ("name", "hash", "date", "title", "description", "terms", "data")


@dataclass(frozen=True)
class Loaded:
    """A model that is ready: its id, what predicts with it, and its card."""

    id: str
    predict: Predict
    card: Mapping[str, Any]


def work(folder: Path, job_id: int, load: Callable[[Mapping[str, Any]], Loaded]) -> bool:
    """Do a job of the project in ``folder``; whether it ended well (stopped when asked is well).

    ``load`` makes a model ready, as the job's arguments say.
    """
    with Store.open(database(folder)) as store:
        job = store.jobs.start(job_id)
        try:
            with Pulse(store, job) as pulse:
                pulse.stop_on_signals()
                tally, model = _run(store, folder, job, pulse, load)
            if tally.cancelled:
                store.jobs.cancel(job.id)
            text = json.dumps({"model": model.id, "terms": str(model.card.get("terms", "")), **asdict(tally)})
            atomic.write_text(report_path(folder, KIND, job.id), text)
            store.jobs.finish(job, f"{tally.faces} faces in {tally.photos} photos")
        except Exception as error:  # noqa: BLE001 - the user shall be told, whatever it is
            give_up(store, job, error)
            return False
        return True


def _run(
    store: Store, folder: Path, job: Job, pulse: Pulse, load: Callable[[Mapping[str, Any]], Loaded]
) -> tuple[Tally, Loaded]:
    pulse.say("loading the model")
    model = load(job.arguments)
    keep_card(folder, model)
    pulse.say(f"labelling with {model.id}")
    images, only_new = Path(job.arguments["images"]), job.arguments.get("only") == "new"
    tally = prelabel(store, images, model.predict, model.id, only_new=only_new, heard=pulse.heard)
    return tally, model


def keep_card(folder: Path, model: Loaded) -> None:
    """Leave beside the project's labels whose they are, and on what terms."""
    card = {"id": model.id, **{key: model.card[key] for key in _CARD if key in model.card}}
    atomic.write_text(card_path(folder, model.id), json.dumps(card, indent=1))


def load_named(
    folder: Path,
    name: str,
    device: str = "auto",
    passes: int | None = None,
    flip: bool = False,
    find: Find | None = None,
) -> Loaded:
    """A model of the project in ``folder``, or one by its name or file."""
    from labelkit.models.registry import load_model

    model = load_model(local_model(folder, name) or name, device)
    card = {**model.card, "terms": model.terms}  # those of its refinement head as well
    return Loaded(model.id, predictor(model, passes, flip, find), card)


def _load(folder: Path, arguments: Mapping[str, Any]) -> Loaded:
    device, flip = str(arguments.get("device", "auto")), bool(arguments.get("flip", False))
    return load_named(folder, str(arguments["model"]), device, arguments.get("passes"), flip)


def predictor(
    model: Model, passes: int | None = None, flip: bool = False, find: Find | None = None
) -> Predict:
    """What `prelabel` asks about photos: ``find`` for faces, by default the detector, and ``model`` for
    their points. ``passes`` and ``flip`` are for labelkit's own models."""

    def predict(
        photos: Iterable[tuple[ImageFile, tuple[Box, ...] | None]], scheme: Scheme
    ) -> Iterable[Result]:
        from labelkit.detect import detect_faces
        from labelkit.models.predictor import LandmarkModel
        from labelkit.models.stream import Photo, predict_photos

        faces = find or detect_faces
        if not isinstance(model, LandmarkModel):
            return one_by_one(model, faces, photos, scheme)
        asked = (Photo(file, boxes) for file, boxes in photos)
        return predict_photos(model, asked, scheme, find=faces, passes=passes, flip=flip)

    return predict


def main(arguments: list[str]) -> int:
    """The process itself: the project's folder and the job's number; returns the exit code."""
    folder, job_id = Path(arguments[0]), int(arguments[1])
    return 0 if work(folder, job_id, lambda job: _load(folder, job)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

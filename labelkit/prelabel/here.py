"""Prelabelling in this process: with a model or a detector that is an object, and no file's name.

It is a job of the project like any other: no second one runs beside it, and the app shows it.
"""

from __future__ import annotations

import json
import re
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labelkit.errors import InputError
from labelkit.prediction import Model
from labelkit.prelabel.child import Loaded, load_named, predictor, work
from labelkit.prelabel.photos import Find
from labelkit.prelabel.runner import KIND, Prelabelling, PrelabelReport
from labelkit.store import Store
from labelkit.store.process import report_path

#: What the id of a model may hold: a file is called by it.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9@+_.-]*")


def prelabel_here(
    folder: Path, store: Store, arguments: Mapping[str, Any], model: Model | None, find: Find | None
) -> PrelabelReport:
    """Prelabel the project in ``folder`` by ``model``, or by the one that ``arguments`` (those of
    `Prelabelling.start`) names; ``find`` looks for faces, by default the detector.

    Ctrl-C ends it early with what is done kept, which the report calls ``cancelled``. Raises
    `InputError` where a prelabelling runs already, the model is none, or the work failed.
    """
    if model is not None:
        _check(model)
    Prelabelling.refuse_second(folder, store)
    job = store.jobs.add(KIND, {**arguments, "model": model.id if model is not None else arguments["model"]})

    def load(told: Mapping[str, Any]) -> Loaded:
        passes, flip = told.get("passes"), bool(told.get("flip", False))
        if model is None:
            return load_named(folder, str(told["model"]), str(told["device"]), passes, flip, find)
        return Loaded(model.id, predictor(model, passes, flip, find), getattr(model, "card", {}))

    with _signals_as_before():
        done = work(folder, job.id, load)
    if not done:
        raise InputError(store.jobs.get(job.id).message)
    report: dict[str, Any] = json.loads(report_path(folder, KIND, job.id).read_text(encoding="utf-8"))
    return PrelabelReport(job=job.id, **{**report, "problems": tuple(report["problems"])})


def _check(model: Model) -> None:
    """Raises `InputError` for what is no `Model`."""
    if not isinstance(model, Model):
        raise InputError(f"{type(model).__name__} is no model: it needs name, id and predict")
    if not isinstance(model.id, str) or not _ID.fullmatch(model.id):
        raise InputError(
            f"{model.id!r} is no id for a model: a file is called by it (letters, digits, @+_.-)"
        )


@contextmanager
def _signals_as_before() -> Iterator[None]:
    """Ctrl-C means afterwards what it meant before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)

"""Starts the process that prelabels a project, and follows it. Loads no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelkit.progress import told
from labelkit.store import Job, Store
from labelkit.store.process import ChildJob

KIND = "prelabel"

#: The process that does the work, and is told the folder and the job.
CHILD = ("-m", "labelkit.prelabel.child")


@dataclass(frozen=True)
class PrelabelReport:
    """What a prelabelling did.

    ``photos`` were dealt with, ``faces`` got a prediction of ``model``, ``found`` of them are new;
    in ``no_face`` photos nobody was found. ``problems`` names what was left out. ``cancelled``:
    it was stopped before the end; the same call goes on where it ended. ``terms`` are those of
    the model's weights.
    """

    job: int
    model: str
    terms: str
    photos: int
    faces: int
    found: int
    no_face: int
    problems: tuple[str, ...]
    cancelled: bool


class Prelabelling(ChildJob):
    """A prelabelling in a process of its own: ``start`` begins it, ``wait`` follows it to its end."""

    kind = KIND
    what = "prelabelling"

    @classmethod
    def start(
        cls,
        folder: Path,
        store: Store,
        arguments: Mapping[str, Any],
        child: Sequence[str] = CHILD,
    ) -> Prelabelling:
        """Start a job on the project in ``folder``; ``arguments`` are ``images`` (the image root),
        ``model``, ``device``, ``only``, ``flip`` and ``passes``. ``child`` is what Python is to run.

        Raises `InputError` when one is running already.
        """
        return cls.begin(folder, store, arguments, child)

    def wait(self, heard: Callable[[Job], None] | None = None) -> PrelabelReport:
        """Follow the job to its end; ``heard`` is told of it several times a second, without it a
        notebook shows a bar. Raises as `ChildJob.follow` does.
        """
        with _listener(heard) as tell:
            return PrelabelReport(job=self.job.id, **self.follow(tell))


@contextmanager
def _listener(heard: Callable[[Job], None] | None) -> Iterator[Callable[[Job], None]]:
    if heard is not None:
        yield heard
        return
    with told(None, "photos") as count:

        def tell(job: Job) -> None:
            if job.total is not None:
                count(job.done, job.total)

        yield tell

"""How a project stands, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from labelkit.project.photos import all_images
from labelkit.project.settings import Settings
from labelkit.store import NEW_POINTS, FaceState, ImageCounts, Job, JobState, Store, StoredFace

#: Jobs that somebody may want to know about: those at work, and those that did not get to their end.
_AT_WORK = (JobState.RUNNING, JobState.WAITING)
_ENDED = (JobState.INTERRUPTED, JobState.FAILED)


@dataclass(frozen=True)
class Status:
    """A project's numbers.

    ``states`` counts faces by state, ``models`` by whose newest prediction they have,
    ``annotators`` by who annotated them last. ``new_points`` faces wait for points that were added
    to the scheme. ``duplicates`` are names of photos with equal content, ``missing`` of those that
    are not there. ``jobs`` are at work, or ended before their time and were not repeated since.
    ``unpredicted`` says whether faces wait for points that no prediction has.
    """

    name: str
    folder: Path
    images: Path
    scheme: str
    points: int
    scheme_revision: int
    photos: ImageCounts
    unhashed: int
    states: dict[FaceState, int]
    new_points: int
    models: dict[str, int]
    annotators: dict[str, int]
    duplicates: tuple[tuple[str, ...], ...]
    missing: tuple[str, ...]
    jobs: tuple[Job, ...]
    unpredicted: bool = False

    @property
    def faces(self) -> int:
        """How many faces there are, those with no face to label not counted."""
        return sum(self.states.values()) - self.states[FaceState.NO_FACE]

    def _repr_html_(self) -> str:
        title = f"<b>{escape(self.name)}</b>: scheme {escape(self.scheme)}, {self.points} points"
        rows = [
            ("photos", {"": self.photos.total, "missing": self.photos.missing}),
            ("faces", {state.value: count for state, count in self.states.items()}),
            ("predicted by", self.models),
            ("annotated by", self.annotators),
        ]
        told = "".join(f"<br/>{what}: {text}" for what, counts in rows if (text := _counted(counts)))
        return f"<div>{title}{told}</div>"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{escape(name)} {count:,}".strip() for name, count in counts.items() if count)


def look(store: Store, folder: Path, settings: Settings) -> Status:
    """The numbers of the project in ``folder``, as they are now."""
    revision, photos = store.scheme_revision(), store.count_images()
    missing = tuple(image.path for image in all_images(store) if image.missing) if photos.missing else ()
    new_points, first = _waiting_for_points(store) if revision.revision > 1 else (0, None)
    return Status(
        name=settings.name,
        folder=folder,
        images=settings.image_root(folder),
        scheme=revision.scheme.name,
        points=len(revision.scheme),
        scheme_revision=revision.revision,
        photos=photos,
        unhashed=sum(not image.missing for image in all_images(store, unhashed=True)),
        states=store.count_by_state(),
        new_points=new_points,
        models=store.models(),
        annotators=store.annotators(),
        duplicates=tuple(tuple(image.path for image in group) for group in store.duplicates()),
        missing=missing,
        jobs=_open_jobs(store),
        unpredicted=first is not None and _is_unpredicted(store, first, revision.revision),
    )


def _open_jobs(store: Store) -> tuple[Job, ...]:
    """What is at work, and of each kind the newest job if it did not get to its end."""
    jobs = store.jobs.list()
    newest = {job.kind: job.id for job in reversed(jobs)}
    return tuple(
        job for job in jobs if job.state in _AT_WORK or (job.state in _ENDED and job.id == newest[job.kind])
    )


def _waiting_for_points(store: Store) -> tuple[int, StoredFace | None]:
    """How many faces wait for points that were added, and the first of them."""
    count, last, first = 0, None, None
    while page := store.page(FaceState.PREDICTED, last, 5000):
        waiting = [face for face in page if face.reason == NEW_POINTS]
        first = first or next(iter(waiting), None)
        count += len(waiting)
        last = page[-1]
    return count, first


def _is_unpredicted(store: Store, face: StoredFace, revision: int) -> bool:
    made = store.prediction(face.id)
    return made is None or made.scheme_revision < revision

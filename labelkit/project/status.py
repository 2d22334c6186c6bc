"""How a project stands, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from labelkit.project.photos import all_images
from labelkit.project.settings import Settings
from labelkit.store import NEW_POINTS, FaceState, ImageCounts, Job, JobState, Store

#: Jobs that somebody may want to know about: those at work, and those that did not get to their end.
_OPEN = (JobState.RUNNING, JobState.WAITING, JobState.INTERRUPTED, JobState.FAILED)


@dataclass(frozen=True)
class Status:
    """A project's numbers.

    ``states`` counts faces by state, ``models`` by whose newest prediction they have,
    ``annotators`` by who annotated them last. ``new_points`` faces wait for points that were added
    to the scheme. ``duplicates`` are names of photos with equal content, ``missing`` of those that
    are not there. ``jobs`` are at work, or ended before their time.
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

    @property
    def faces(self) -> int:
        """How many faces there are, those with no face to label not counted."""
        return sum(self.states.values()) - self.states[FaceState.NO_FACE]


def look(store: Store, folder: Path, settings: Settings) -> Status:
    """The numbers of the project in ``folder``, as they are now."""
    revision, photos = store.scheme_revision(), store.count_images()
    missing = tuple(image.path for image in all_images(store) if image.missing) if photos.missing else ()
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
        new_points=_waiting_for_points(store) if revision.revision > 1 else 0,
        models=store.models(),
        annotators=store.annotators(),
        duplicates=tuple(tuple(image.path for image in group) for group in store.duplicates()),
        missing=missing,
        jobs=tuple(job for job in store.jobs.list() if job.state in _OPEN),
    )


def _waiting_for_points(store: Store) -> int:
    count, last = 0, None
    while page := store.page(FaceState.PREDICTED, last, 5000):
        count += sum(face.reason == NEW_POINTS for face in page)
        last = page[-1]
    return count

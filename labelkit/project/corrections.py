"""What people made of a model's predictions: corrections by face and by point, progress by person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from labelkit.geometry import Array
from labelkit.landmarks import Landmarks
from labelkit.scheme import Scheme
from labelkit.store import FINISHED, FaceState, Store, StoredFace, StoredPrediction

if TYPE_CHECKING:
    from labelkit.project.project import Project

#: A point that moved by less than this share of the eye distance (in %) was left where it was.
UNTOUCHED = 0.05

_WAITING = (FaceState.PREDICTED, FaceState.RETURNED, FaceState.IN_PROGRESS)
_SET_ASIDE = (FaceState.REJECTED, FaceState.SKIPPED)
_CHUNK = 500


@dataclass(frozen=True)
class Corrections:
    """``moved`` (F, N): how far each point of each finished face lies from the newest prediction, in
    % of the distance of the outer eye corners, NaN where either is not there. ``scores`` are the
    uncertainties of waiting faces in %, ``people`` by author how many faces whose newest annotation
    is theirs are finished, at work and set aside."""

    scheme: Scheme
    moved: Array
    scores: Array
    people: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    @property
    def faces(self) -> int:
        return len(self.moved)

    @property
    def per_face(self) -> Array:
        """The mean correction of each face, (F,)."""
        return np.asarray(np.nanmean(self.moved, axis=1))

    @property
    def mean(self) -> float:
        return float(self.per_face.mean())

    @property
    def worst(self) -> float:
        return float(self.per_face.max())

    @property
    def untouched(self) -> float:
        """The share of points that nobody moved."""
        known = np.isfinite(self.moved)
        return float((self.moved[known] < UNTOUCHED).mean())

    def histogram(self, bins: int = 24) -> tuple[list[int], list[float]]:
        """Faces by their mean correction."""
        high = max(float(np.ceil(self.per_face.max())), 1.0)
        counts, edges = np.histogram(self.per_face, bins, (0.0, high))
        return counts.tolist(), edges.tolist()

    def doubts(self, bins: int = 20) -> tuple[list[int], list[float]]:
        """Waiting faces by their uncertainty."""
        counts, edges = np.histogram(self.scores, bins, (0.0, 100.0))
        return counts.tolist(), edges.tolist()

    def by_point(self) -> list[tuple[str, float]]:
        """Every point with its mean correction, the largest first; without those nobody compared."""
        means = self._means()
        order = [int(i) for i in np.argsort(-np.nan_to_num(means, nan=-1.0), kind="stable")]
        return [(self.scheme.names[i], float(means[i])) for i in order if np.isfinite(means[i])]

    def weights(self) -> tuple[list[float], list[str]]:
        """Every point's mean correction as a share of the largest, and a line about it."""
        means = self._means()
        high = float(np.nanmax(means)) or 1.0
        told = [
            f"{name}: {value:.2f} %" if np.isfinite(value) else f"{name}: not compared"
            for name, value in zip(self.scheme.names, means, strict=True)
        ]
        return np.nan_to_num(means / high).tolist(), told

    def _means(self) -> Array:
        known = np.isfinite(self.moved)
        total = np.where(known, self.moved, 0.0).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(total / known.sum(axis=0))


def collect(project: Project) -> Corrections:
    """What there is to know about the corrections in ``project`` now.

    Only predictions for the present scheme are compared, and only with faces that are finished.
    """
    store, scheme = project.store, project.store.scheme_revision()
    rows = [
        row
        for faces, points in _finished(store)
        for row in _moved(scheme.scheme, scheme.revision, points, store.predictions([f.id for f in faces]))
    ]
    scores = [100 * face.score for face in _waiting(store) if face.score is not None]
    moved = np.stack(rows) if rows else np.empty((0, len(scheme.scheme)))
    return Corrections(scheme.scheme, moved, np.array(scores), _people(store))


def _finished(store: Store) -> Iterator[tuple[list[StoredFace], dict[int, Landmarks]]]:
    for state in FINISHED:
        last: StoredFace | None = None
        while page := store.page(state, last, _CHUNK):
            yield page, store.currents([face.id for face in page])
            last = page[-1]


def _waiting(store: Store) -> Iterator[StoredFace]:
    last: StoredFace | None = None
    while page := store.page(FaceState.PREDICTED, last, _CHUNK):
        yield from page
        last = page[-1]


def _moved(
    scheme: Scheme, revision: int, points: dict[int, Landmarks], made: dict[int, StoredPrediction]
) -> Iterator[Array]:
    """A row for each face that has a prediction for this revision of the scheme."""
    for face_id, one in made.items():
        if one.scheme_revision != revision:
            continue
        xy = points[face_id].xy
        distance = np.linalg.norm(xy - one.prediction.xy, axis=1)
        unit = _unit(scheme, xy)
        if unit > 0 and np.isfinite(distance).any():
            yield np.asarray(100 * distance / unit)


def _unit(scheme: Scheme, xy: Array) -> float:
    """The distance of the outer eye corners, or what stands for it; 0 where it cannot be told."""
    try:
        return float(scheme.normalizer(xy))
    except ValueError:
        return 0.0


def _people(store: Store) -> dict[str, tuple[int, int, int]]:
    groups = [store.annotators(states) for states in (FINISHED, _WAITING, _SET_ASIDE)]
    names = sorted({name for group in groups for name in group})
    counts = {
        name: (groups[0].get(name, 0), groups[1].get(name, 0), groups[2].get(name, 0)) for name in names
    }
    return dict(sorted(counts.items(), key=lambda entry: -sum(entry[1])))

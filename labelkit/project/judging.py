"""What the shapes of a project's faces say about its labels: odd ones, and how people differ."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, islice

import numpy as np

from labelkit.errors import StoreError
from labelkit.geometry import Array
from labelkit.landmarks import Face
from labelkit.quality import Agreement, compare_people, find_oddities
from labelkit.store import FaceState, Said, Store, StoredOddity

#: States of faces that are no faces, or whose points nobody will use.
_SET_ASIDE = (FaceState.NO_FACE, FaceState.REJECTED)

#: The states of faces whose shapes are judged.
JUDGED = tuple(state for state in FaceState if state not in _SET_ASIDE)

#: Odd shapes are looked for anew when more than this share of the faces has changed since.
CHANGED = 0.02

_CHUNK = 500

_log = logging.getLogger("labelkit")


@dataclass(frozen=True)
class Outlier:
    """A face whose shape can hardly be right. ``state`` tells whether a person has confirmed it;
    ``size`` how odd it is (1 is the limit), ``reason`` in words what is."""

    face: Face
    state: FaceState
    size: float
    reason: str


def renew_oddities(store: Store) -> list[StoredOddity]:
    """Compare the shapes of all faces, predicted and annotated, and keep what is odd about them."""
    scheme = store.scheme()
    faces: list[tuple[int, int, int | None]] = []
    shapes: list[Array] = []
    for face, landmarks in store.iter_current(JUDGED, fill=True):
        if landmarks.present.any():
            faces.append((face.id, face.revision, face.prediction_id))
            shapes.append(landmarks.xy)
    found = find_oddities(np.stack(shapes) if shapes else np.empty((0, len(scheme), 2)), scheme)
    words = {one.row: one.in_words(scheme) for one in found.found}
    kept = [
        StoredOddity(face_id, float(size), words.get(row, ""), revision, prediction)
        for row, ((face_id, revision, prediction), size) in enumerate(zip(faces, found.sizes, strict=True))
        if np.isfinite(size)
    ]
    store.set_oddities(kept)
    return kept


def fresh_oddities(
    store: Store,
    states: tuple[FaceState, ...] = JUDGED,
    least: float = 0.0,
    limit: int | None = None,
    changed: float = CHANGED,
) -> list[StoredOddity]:
    """The oddest faces in these states; compared anew if more than the share ``changed`` of the faces
    have other points since they were."""
    if store.stale_oddities() > changed:
        try:
            renew_oddities(store)
        except StoreError as error:  # no room for it: what was known before is told
            _log.warning("%s", error)
    return store.oddities(states, least, limit)


def outliers(store: Store, limit: int | None = None) -> list[Outlier]:
    """The faces whose shapes can hardly be right, the oddest first, compared anew."""
    renew_oddities(store)
    found = store.oddities(JUDGED, 1.0, limit)
    faces = store.faces(one.face_id for one in found)
    return [
        Outlier(face.face, face.state, one.size, one.reason) for face, one in zip(faces, found, strict=True)
    ]


def agreement(store: Store) -> list[Agreement]:
    """How far each two people agree on the faces that both annotated; those with most faces first."""
    scheme = store.scheme()
    pairs: dict[tuple[str, str], list[tuple[Array, Array, bool]]] = {}
    for said in _shared(store):
        for one, other in combinations(sorted(said, key=lambda entry: entry.author), 2):
            if (one.landmarks.present & other.landmarks.present).any():
                both = (one.landmarks.xy, other.landmarks.xy, one.alone and other.alone)
                pairs.setdefault((one.author, other.author), []).append(both)
    found = []
    for names, rows in pairs.items():
        first, second = (np.stack([row[side] for row in rows]) for side in (0, 1))
        compared = compare_people(first, second, scheme, names)
        found.append(replace(compared, seen=sum(not row[2] for row in rows)))
    return sorted(found, key=lambda one: (-one.faces, one.first, one.second))


def _shared(store: Store) -> Iterator[list[Said]]:
    faces = iter(store.shared_faces())
    while chunk := list(islice(faces, _CHUNK)):
        yield from store.said_by(chunk).values()

"""The faces of a project that wait for a person, as the queue wants them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from labelkit import queue
from labelkit.queue import QueueItem, Waiting
from labelkit.store import FaceState, Store, StoredFace, StoredPrediction

_PAGE = 500


def items(store: Store, limit: int | None = None) -> list[QueueItem]:
    """The first ``limit`` faces of the queue, or all; most urgent first."""
    found: list[Waiting] = []
    # The store sorts each state by the queue's own score, so that the first pages are enough.
    for state in map(FaceState, queue.ORDER):
        for page in _pages(store, state, limit):
            made = store.predictions([face.id for face in page])
            found += [_waiting(face, made.get(face.id)) for face in page]
            if limit is not None and len(found) >= limit:
                return queue.order(found)[:limit]
    return queue.order(found)


def _pages(store: Store, state: FaceState, limit: int | None) -> Iterator[list[StoredFace]]:
    size = _PAGE if limit is None else min(_PAGE, max(limit, 1))
    last: StoredFace | None = None
    while page := store.page(state, last, size, order="score"):
        yield page
        last = page[-1]


def _waiting(face: StoredFace, made: StoredPrediction | None) -> Waiting:
    if made is None:
        return Waiting(face.face, face.state, face.score, face.reason)
    spread = queue.has_spread(made.prediction)
    return Waiting(face.face, face.state, face.score, face.reason, made.prediction.model, spread)


def described(store: Store, faces: Sequence[StoredFace]) -> list[QueueItem]:
    """Faces in any state as the queue describes them, in the given order."""
    made = store.predictions([face.id for face in faces])
    waiting = [_waiting(face, made.get(face.id)) for face in faces]
    return [QueueItem(one.face, one.score, queue.reason(one)) for one in waiting]

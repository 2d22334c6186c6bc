"""The queue of a project: one order of faces for the command line, notebooks and the app."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from labelkit import queue
from labelkit.errors import InputError
from labelkit.project.judging import fresh_oddities
from labelkit.queue import Look, QueueItem, Waiting, Way
from labelkit.store import FINISHED, FaceState, Store, StoredFace

#: The states that wait, the most urgent first.
STATES = tuple(map(FaceState, queue.ORDER))

#: So many faces of about the same doubt are put in order by what sets them apart; the time that
#: takes grows with the square of it.
BLOCK = 300

#: A queue that begins with the oddest shapes is content with what was known of them before this share
#: of the faces had changed: to compare all of a large project takes a minute.
_CHANGED = 0.2

_PAGE = 500


def items(
    store: Store, limit: int | None = None, way: Way = "uncertain", author: str | None = None, seed: int = 0
) -> list[QueueItem]:
    """The first ``limit`` faces of the queue, or all, as `described`."""
    ids = islice(line(store, way, author, seed), limit)
    found: list[QueueItem] = []
    while page := list(islice(ids, _PAGE)):
        found += described(store, store.faces(page), author)
    return found


def line(store: Store, way: Way = "uncertain", author: str | None = None, seed: int = 0) -> Iterator[int]:
    """The ids of the faces that wait, in the order ``way``, read as they are asked for.

    What anybody but ``author`` has open is left out; with None nothing is. Raises `InputError` for
    an unknown way.
    """
    taken: set[int] = set()
    if author is not None:
        taken = {face_id for face_id, lease in store.leases.held().items() if lease.holder != author}
    return (face_id for face_id in _ids(store, way, seed) if face_id not in taken)


def _ids(store: Store, way: Way, seed: int) -> Iterator[int]:
    match way:
        case "uncertain":
            return (one for state in STATES for page in _pages(store, state) for one in _spread(store, page))
        case "teaching":
            return _teaching(store, seed)
        case "worst":
            return (face.id for state in STATES for page in _pages(store, state) for face in page)
        case "random":
            return iter(queue.shuffled(store.face_ids(STATES), seed).tolist())
        case "oldest":
            return iter(store.face_ids(STATES))
        case "outliers":
            return _odd_first(store)
    raise InputError(f"{way!r} is no order of the queue; there are {', '.join(queue.WAYS)}")


def _pages(store: Store, state: FaceState) -> Iterator[list[StoredFace]]:
    """The faces in a state, most doubted first. The store sorts by the queue's own score, so that the
    first page is quick however many there are."""
    last: StoredFace | None = None
    while page := store.page(state, last, BLOCK, order="score"):
        yield page
        last = page[-1]


def _spread(store: Store, page: Sequence[StoredFace]) -> list[int]:
    return [page[place].id for place in queue.spread_out(_looks(store, page))]


def _teaching(store: Store, seed: int) -> Iterator[int]:
    """Blocks that are drawn at random, each in the order in which its faces speak for the others of it:
    a block stands for all that waits, however much that is."""
    corrected = _looks(store, store.faces(_drawn(store, FINISHED, seed)[:BLOCK]))
    waiting = _drawn(store, STATES, seed)
    for start in range(0, len(waiting), BLOCK):
        looks = _looks(store, faces := store.faces(waiting[start : start + BLOCK]))
        order = queue.speak_for_others(looks, corrected)
        yield from (faces[place].id for place in order)
        corrected = looks


def _drawn(store: Store, states: Collection[FaceState], seed: int) -> list[int]:
    drawn: list[int] = queue.shuffled(store.face_ids(states), seed).tolist()
    return drawn


def _looks(store: Store, faces: Sequence[StoredFace]) -> list[Look]:
    known = store.likeness([face.id for face in faces])
    return [Look(face.score, face.face.image, *known[face.id]) for face in faces]


def _odd_first(store: Store) -> Iterator[int]:
    """Those of which a shape is known, the oddest first, then the others."""
    seen: set[int] = set()
    for one in fresh_oddities(store, STATES, changed=_CHANGED):
        seen.add(one.face_id)
        yield one.face_id
    yield from (face_id for face_id in store.face_ids(STATES) if face_id not in seen)


def described(store: Store, faces: Sequence[StoredFace], author: str | None = None) -> list[QueueItem]:
    """Faces in any state as the queue describes them to ``author``, in the given order."""
    made = store.predictions([face.id for face in faces])
    held, odd = store.leases.held(), store.odd_among([face.id for face in faces])
    revisions = {one.scheme_revision for one in made.values()}
    schemes = {revision: store.scheme_revision(revision).scheme for revision in revisions}

    def item(face: StoredFace) -> QueueItem:
        one, lease = made.get(face.id), held.get(face.id)
        doubt = "" if one is None else queue.in_words(one.prediction, schemes[one.scheme_revision])
        model = None if one is None else one.prediction.model
        holder = "" if lease is None or lease.holder == author else lease.holder
        shape = odd.get(face.id, "")
        waiting = Waiting(face.face, face.state, face.score, face.reason, model, doubt, shape, holder)
        return QueueItem(face.face, face.score, queue.reason(waiting))

    return [item(face) for face in faces]

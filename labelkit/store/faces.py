"""The project's faces: where they stand, and pages of them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Select, bindparam, insert, select, tuple_, update

from labelkit.errors import InputError
from labelkit.geometry import Box
from labelkit.landmarks import State
from labelkit.store import tables
from labelkit.store.checks import checked_object, checked_text
from labelkit.store.current import merged
from labelkit.store.facerows import FACES, box_columns, box_list, load_face, load_faces, stored_face
from labelkit.store.newfaces import insert_faces, insert_marks
from labelkit.store.part import Part, chunks
from labelkit.store.states import move
from labelkit.store.tables import events, faces, images, state_counts
from labelkit.store.values import FINISHED, Attributes, EventKind, FaceState, NewFace, Order, StoredFace

#: Why a face that was rejected waits again.
BROUGHT_BACK = "brought back"

#: Where a face goes that cannot be as it was, the first that makes sense: the last always does.
_FALLBACK = (FaceState.PREDICTED, FaceState.TODO, FaceState.IN_PROGRESS, FaceState.NO_FACE, FaceState.SKIPPED)


class FaceCalls(Part):
    """The part of `Store` about faces."""

    def add_faces(self, faces: Iterable[NewFace], author: str = "") -> list[int]:
        """The ids of the faces in the same order; new ones are added as ``todo``, and where ``author``
        is given the history says that they drew the box.

        A face whose photo has one of that index already is that face, and is left as it is. The
        first face of a photo marked ``no face`` takes the place of that mark. Raises
        `InputError` for an unknown photo.
        """
        new = list(faces)
        checked_text(author, "an author")
        with self._database.write() as connection:
            return insert_faces(connection, new, author)

    def mark_no_face(self, image_ids: Iterable[int]) -> int:
        """Note that nobody was found in these photos; the number of photos newly marked.

        Each gets a face of index 0 in the state ``no face`` and without a box, which a person
        can draw with `set_box`. Photos that have a face are left as they are.
        """
        wanted = list(image_ids)
        with self._database.write() as connection:
            return insert_marks(connection, wanted)

    def face(self, face_id: int) -> StoredFace:
        """The face with this id; `InputError` when there is none."""
        with self._database.read() as connection:
            return load_face(connection, face_id)

    def faces(self, face_ids: Iterable[int]) -> list[StoredFace]:
        """The faces with these ids in the same order; `InputError` when one is unknown."""
        wanted = list(face_ids)
        with self._database.read() as connection:
            found = load_faces(connection, wanted)
        return [found[face_id] for face_id in wanted]

    def find_face(self, path: str, index: int = 0) -> StoredFace | None:
        """The face of this number in the photo of this path, None when there is none."""
        checked_text(path, "a photo's path")
        found = self._faces(FACES.where(images.c.path == path, faces.c.number == index))
        return found[0] if found else None

    def faces_of_image(self, image_id: int) -> list[StoredFace]:
        """The faces of a photo, by their number."""
        return self.faces_of_images([image_id])[image_id]

    def faces_of_images(self, image_ids: Iterable[int]) -> dict[int, list[StoredFace]]:
        """The faces of many photos, by the photo's id; an entry for each that was asked for."""
        found: dict[int, list[StoredFace]] = {image_id: [] for image_id in image_ids}
        for some in chunks(found):
            query = FACES.where(faces.c.image_id.in_(some)).order_by(faces.c.image_id, faces.c.number)
            for face in self._faces(query):
                found[face.image_id].append(face)
        return found

    def count_by_state(self) -> dict[FaceState, int]:
        """How many faces are in each state; every state has an entry."""
        with self._database.read() as connection:
            counts = {row[0]: row[1] for row in connection.execute(select(state_counts))}
        return {state: counts.get(state.value, 0) for state in FaceState}

    def page(
        self,
        state: FaceState | None = None,
        after: StoredFace | None = None,
        limit: int = 50,
        order: Order = "id",
    ) -> list[StoredFace]:
        """The next ``limit`` faces after the face ``after`` (the last of the page before).

        ``order`` "score" puts the most uncertain first, those without a score last, ties by id.
        """
        return self._faces(page_query(state, after, limit, order))

    def face_ids(self, states: Collection[FaceState]) -> list[int]:
        """The ids of all faces in these states, in the order in which they were added."""
        query = select(faces.c.id).where(faces.c.state.in_([state.value for state in states]))
        with self._database.read() as connection:
            return sorted(connection.scalars(query))

    def set_state(self, face_id: int, state: FaceState, author: str, reason: str = "") -> StoredFace:
        """Move a face to another state and write that into its history.

        Raises `InputError` for a step that makes no sense (to ``returned`` what nobody has
        annotated, to ``todo`` what has no box), and for ``done`` or ``reviewed`` while a point of
        the present scheme has not been confirmed.
        """
        checked_text(author, "an author")
        checked_text(reason, "a reason")
        with self._database.write() as connection:
            face = load_face(connection, face_id)
            if (face.state, face.reason) == (state, reason):
                return face
            problem = None if face.state == state else _objection(connection, face, state)
            if problem is not None:
                name = f"{face.face.image}, face {face.face.index + 1}"
                raise InputError(f"{name}: cannot become {state.value!r}: {problem}")
            move(connection, [(face_id, face.state)], state, author, reason)
            return load_face(connection, face_id)

    def restore_face(self, face_id: int, author: str) -> StoredFace:
        """Bring a face back that was rejected: to the state that it had before, or, where that makes
        no sense by now (points were added since), to the last that does.

        Raises `InputError` for a face that is not rejected.
        """
        checked_text(author, "an author")
        with self._database.write() as connection:
            face = load_face(connection, face_id)
            if face.state != FaceState.REJECTED:
                name = f"{face.face.image}, face {face.face.index + 1}"
                raise InputError(f"{name}: is {face.state.value}; only a rejected face is brought back")
            wanted = (_before(connection, face), *_FALLBACK)
            state = next(one for one in wanted if _objection(connection, face, one) is None)
            move(connection, [(face_id, face.state)], state, author, BROUGHT_BACK)
            return load_face(connection, face_id)

    def set_note(self, face_id: int, note: str, author: str) -> StoredFace:
        """Replace the note of a face."""
        checked_text(note, "a note")
        with self._database.write() as connection:
            before = load_face(connection, face_id).note
            return _replace(connection, face_id, author, EventKind.NOTE, before, note, {"note": note})

    def set_attributes(self, face_id: int, attributes: Attributes, author: str) -> StoredFace:
        """Replace the attributes of a face."""
        new = checked_object(attributes, "the attributes")
        with self._database.write() as connection:
            before = dict(load_face(connection, face_id).attributes)
            return _replace(
                connection, face_id, author, EventKind.ATTRIBUTES, before, new, {"attributes": new}
            )

    def set_box(self, face_id: int, box: Box, author: str) -> StoredFace:
        """Replace the box of a face; one that was ``no face`` becomes ``todo``."""
        with self._database.write() as connection:
            face = load_face(connection, face_id)
            before, after = box_list(face.face.box), box_list(box)
            if face.state == FaceState.NO_FACE:
                move(connection, [(face_id, face.state)], FaceState.TODO, author, "a box was drawn")
            return _replace(connection, face_id, author, EventKind.BOX, before, after, box_columns(box))

    def set_scores(self, scores: Mapping[int, float | None]) -> None:
        """Set the uncertainty of faces by id. Raises `InputError` for NaN and infinity."""
        rows = [{"face": face_id, "new": to_rank(score)} for face_id, score in scores.items()]
        if rows:
            with self._database.write() as connection:
                set_ranks(connection, rows)

    def _faces(self, query: Any) -> list[StoredFace]:
        with self._database.read() as connection:
            return [stored_face(row) for row in connection.execute(query)]


def page_query(state: FaceState | None, after: StoredFace | None, limit: int, order: Order) -> Select[Any]:
    """A page without a look at the pages before it: an index leads to where it begins."""
    query = FACES.limit(limit)
    if state is not None:
        query = query.where(faces.c.state == state.value)
    if order == "score":
        query = query.order_by(faces.c.rank, faces.c.id)
        if after is not None:
            last = (to_rank(after.score), after.id)
            query = query.where(tuple_(faces.c.rank, faces.c.id) > last)
    else:
        query = query.order_by(faces.c.id)
        if after is not None:
            query = query.where(faces.c.id > after.id)
    return query


def set_ranks(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Set the rank ``new`` of each face ``face``."""
    query = update(faces).where(faces.c.id == bindparam("face")).values(rank=bindparam("new"))
    connection.execute(query, rows)


def to_rank(score: float | None) -> float:
    """What the column ``rank`` holds for a score; `InputError` for NaN and infinity."""
    if score is None:
        return math.inf
    if not math.isfinite(score):
        raise InputError(f"a score is a number or None, not {score}")
    return -float(score)


def _objection(connection: Connection, face: StoredFace, state: FaceState) -> str | None:
    """Why a face may not go to ``state``, None when it may."""
    begun = face.revision > 0
    if state == FaceState.NO_FACE and begun:
        return "somebody has annotated it"
    if state in (FaceState.TODO, FaceState.IN_PROGRESS) and face.face.box is None and not begun:
        return "it has no box"
    if state == FaceState.TODO and begun:
        return "somebody has annotated it"
    if state == FaceState.PREDICTED and face.prediction_id is None and not begun:
        return "it has no prediction"
    if state == FaceState.RETURNED and not begun:
        return "nobody has annotated it"
    if state in FINISHED:
        open_points = int((merged(connection, [face.id])[face.id].state == State.PREDICTED).sum())
        return f"{open_points} of its points are not confirmed" if open_points else None
    return None


def _before(connection: Connection, face: StoredFace) -> FaceState:
    """The state of a face before it was rejected."""
    query = (
        select(events.c.before)
        .where(
            events.c.face_id == face.id,
            events.c.kind == EventKind.STATE.value,
            events.c.after == FaceState.REJECTED.value,
        )
        .order_by(events.c.id.desc())
        .limit(1)
    )
    return FaceState(connection.scalar(query) or FaceState.TODO.value)


def _replace(
    connection: Connection,
    face_id: int,
    author: str,
    kind: EventKind,
    before: Any,
    after: Any,
    columns: Mapping[str, Any],
) -> StoredFace:
    """Set columns of a face, with an entry in its history unless nothing has changed."""
    if before != after:
        time = tables.now()
        connection.execute(update(faces).where(faces.c.id == face_id).values(updated=time, **columns))
        entry = {
            "face_id": face_id,
            "kind": kind.value,
            "author": checked_text(author, "an author"),
            "time": time,
            "before": before,
            "after": after,
        }
        connection.execute(insert(events), entry)
    return load_face(connection, face_id)

"""What people confirmed: append-only revisions, and what they amount to in the present scheme."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from labelkit.errors import InputError
from labelkit.landmarks import Annotation, Landmarks, State, Visibility
from labelkit.store import tables
from labelkit.store.blobs import landmark_columns, numbers, points
from labelkit.store.bulk import import_all
from labelkit.store.checks import checked_text
from labelkit.store.current import Merger, merged
from labelkit.store.facerows import FACES, load_face, load_faces, stored_face
from labelkit.store.fitting import accepted, check_fits
from labelkit.store.journal import close_journal
from labelkit.store.part import Part, chunks
from labelkit.store.schemes import scheme_at
from labelkit.store.states import move
from labelkit.store.tables import annotation_rows, events, faces, predictions
from labelkit.store.values import (
    FINISHED,
    NEW_POINTS,
    EventKind,
    FaceState,
    ImportCounts,
    NewAnnotation,
    Said,
    StoredFace,
)


class AnnotationCalls(Part):
    """The part of `Store` about annotations."""

    def annotate(
        self,
        face_id: int,
        landmarks: Landmarks,
        author: str,
        *,
        state: FaceState = FaceState.DONE,
        started_from: int | None = None,
        base_revision: int | None = None,
        scheme_revision: int | None = None,
        session: str | None = None,
        source: str = "person",
    ) -> Annotation:
        """Store ``landmarks`` as the next revision of a face and move it to ``state``.

        ``state`` is one of ``predicted``, ``in progress``, ``done``, ``reviewed``; the last two
        confirm the points that are still ``predicted``. ``started_from`` is the id of the
        prediction that the author began with, ``base_revision`` the revision that they saw (0
        for none): when another has been stored since, both are kept, this one is the newest, the
        result's ``crossed`` is True and the history has an event. ``scheme_revision`` is the one
        that ``landmarks`` are of, the present one by default; when points were added since, a
        finished face becomes ``predicted`` with the reason "new points". ``session`` names the
        journal that this closes. Raises `InputError` when the landmarks do not fit the scheme.
        """
        checked_text(author, "an author")
        checked_text(source, "a source")
        with self._database.write() as connection:
            face = load_face(connection, face_id)
            scheme = scheme_at(connection, scheme_revision)
            check_fits(landmarks, scheme, face)
            landmarks = accepted(landmarks, state)
            annotation = Annotation(
                face.face,
                landmarks,
                author,
                tables.now(),
                face.revision + 1,
                _model(connection, face_id, started_from),
                source,
                base_revision,
            )
            _insert(connection, face_id, annotation, scheme.revision, state, started_from)
            _settle(connection, face, annotation, state)
            if session is not None:
                close_journal(connection, face_id, session, annotation.revision)
            return annotation

    def import_annotations(
        self,
        annotations: Iterable[NewAnnotation],
        author: str,
        *,
        state: FaceState = FaceState.DONE,
        source: str = "import",
        reason: str = "",
    ) -> ImportCounts:
        """Store many annotations of the present scheme at once, all or none.

        As `annotate`, except that a face whose newest annotation is equal in value is left
        alone, so that an import can be repeated, and so is one with a newer revision than its
        ``base_revision``.
        """
        checked_text(author, "an author")
        checked_text(source, "a source")
        checked_text(reason, "a reason")
        # Before the transaction begins: files may be read while this list is made.
        new = list(annotations)
        with self._database.write() as connection:
            return import_all(connection, new, author, state, source, reason)

    def history(self, face_id: int) -> list[Annotation]:
        """Every annotation of a face, the oldest first, each in the scheme of its time."""
        query = (
            select(annotation_rows)
            .where(annotation_rows.c.face_id == face_id)
            .order_by(annotation_rows.c.revision)
        )
        with self._database.read() as connection:
            face = load_face(connection, face_id)
            rows = connection.execute(query).all()
            names = {
                revision: scheme_at(connection, revision).scheme.name
                for revision in {row.scheme_revision for row in rows}
            }
            return [
                Annotation(
                    face.face,
                    Landmarks(
                        names[row.scheme_revision],
                        points(row.xy),
                        numbers(row.states, State),
                        numbers(row.visibility, Visibility),
                    ),
                    row.author,
                    row.time,
                    row.revision,
                    row.model,
                    row.source,
                    row.base_revision,
                )
                for row in rows
            ]

    def current(self, face_id: int, *, fill: bool = False) -> Landmarks:
        """What is known about a face, in the project's present scheme.

        Each point has the newest value that a revision gives it, so that one that was removed
        and brought back is as it was; what a person placed or confirmed gives way only to what
        a person placed or confirmed. A point that nobody has annotated is NaN and ``predicted``
        or, with ``fill``, where the newest prediction puts it; ``fill`` also renews points that
        were stored as ``predicted`` before that prediction was made.
        """
        return self.currents([face_id], fill=fill)[face_id]

    def currents(self, face_ids: Iterable[int], *, fill: bool = False) -> dict[int, Landmarks]:
        """`current` for many faces, by id, with a handful of queries."""
        wanted = list(face_ids)
        with self._database.read() as connection:
            load_faces(connection, wanted)
            return merged(connection, wanted, fill)

    def iter_current(
        self, states: Collection[FaceState] | None = None, *, fill: bool = False, chunk: int = 500
    ) -> Iterator[tuple[StoredFace, Landmarks]]:
        """Every face, or those in ``states``, with its `current` landmarks, by id.

        All of it is as it was when the iteration began (one read transaction, which ends with
        the iteration): for exports, not for work that takes hours.
        """
        query = FACES.order_by(faces.c.id)
        if states is not None:
            query = query.where(faces.c.state.in_([state.value for state in states]))
        with self._database.read() as connection:
            merger = Merger(connection)
            for rows in connection.execute(query).partitions(chunk):
                landmarks = merger.merge(connection, [row.id for row in rows], fill)
                yield from ((stored_face(row), landmarks[row.id]) for row in rows)

    def shared_faces(self) -> list[int]:
        """The ids of the faces that more than one person has annotated."""
        rows = annotation_rows.c
        query = (
            select(rows.face_id)
            .group_by(rows.face_id)
            .having(func.count(func.distinct(rows.author)) > 1)
            .order_by(rows.face_id)
        )
        with self._database.read() as connection:
            return list(connection.scalars(query))

    def said_by(self, face_ids: Iterable[int]) -> dict[int, list[Said]]:
        """What each person has said about faces, in the project's present scheme, whoever came after
        them; by the face's id, in the order in which they came."""
        found: dict[int, list[Said]] = {}
        with self._database.read() as connection:
            merger = Merger(connection)
            for chunk in chunks(face_ids):
                found.update(merger.by_person(connection, chunk))
        return found

    def annotators(self, states: Collection[FaceState] | None = None) -> dict[str, int]:
        """How many faces (of all, or of those in ``states``) carry whose newest annotation."""
        newest = (annotation_rows.c.face_id == faces.c.id) & (annotation_rows.c.revision == faces.c.revision)
        query = (
            select(annotation_rows.c.author, func.count())
            .join(faces, newest)
            .group_by(annotation_rows.c.author)
            .order_by(annotation_rows.c.author)
        )
        if states is not None:
            query = query.where(faces.c.state.in_([state.value for state in states]))
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}


def _insert(
    connection: Connection,
    face_id: int,
    annotation: Annotation,
    scheme_revision: int,
    state: FaceState,
    prediction_id: int | None,
) -> None:
    row: dict[str, Any] = {
        "face_id": face_id,
        "revision": annotation.revision,
        "scheme_revision": scheme_revision,
        "face_state": state.value,
        "author": annotation.author,
        "time": annotation.time,
        "prediction_id": prediction_id if annotation.started_from is not None else None,
        "model": annotation.started_from,
        "source": annotation.source,
        "base_revision": annotation.base_revision,
        **landmark_columns(annotation.landmarks),
    }
    connection.execute(insert(annotation_rows), row)
    newest = (
        update(faces)
        .where(faces.c.id == face_id)
        .values(revision=annotation.revision, updated=annotation.time)
    )
    connection.execute(newest)


def _settle(connection: Connection, face: StoredFace, annotation: Annotation, state: FaceState) -> None:
    """Move the face to its new state, and note when two people's work has crossed."""
    move(connection, [(face.id, face.state)], state, annotation.author)
    # Landmarks of an older scheme may finish a face that lacks points by now.
    if state in FINISHED and (merged(connection, [face.id])[face.id].state == State.PREDICTED).any():
        move(connection, [(face.id, state)], FaceState.PREDICTED, annotation.author, NEW_POINTS)
    if annotation.crossed:
        entry = {
            "face_id": face.id,
            "kind": EventKind.CROSSED.value,
            "author": annotation.author,
            "time": annotation.time,
            "text": f"saved without having seen revision {face.revision}",
            "before": annotation.base_revision,
            "after": annotation.revision,
        }
        connection.execute(insert(events), entry)


def _model(connection: Connection, face_id: int, prediction_id: int | None) -> str | None:
    """The model whose prediction this is; `InputError` when the face has no such prediction."""
    if prediction_id is None:
        return None
    query = select(predictions.c.model).where(
        predictions.c.id == prediction_id, predictions.c.face_id == face_id
    )
    model: str | None = connection.scalar(query)
    if model is None:
        raise InputError(f"face {face_id} has no prediction {prediction_id}")
    return model

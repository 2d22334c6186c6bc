"""What models said. Never touches what people said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from labelkit.errors import InputError
from labelkit.store import tables
from labelkit.store.blobs import prediction_columns, prediction_from
from labelkit.store.checks import checked_text
from labelkit.store.facerows import load_faces
from labelkit.store.faces import set_ranks, to_rank
from labelkit.store.part import Part, chunks
from labelkit.store.schemes import scheme_at
from labelkit.store.signatures import put_signatures
from labelkit.store.states import move
from labelkit.store.tables import annotation_rows, faces, predictions
from labelkit.store.values import FaceState, NewPrediction, SchemeRevision, StoredFace, StoredPrediction


class PredictionCalls(Part):
    """The part of `Store` about predictions."""

    def put_predictions(
        self, predictions: Iterable[NewPrediction], scheme_revision: int | None = None
    ) -> None:
        """Store predictions as the newest of their faces, with their scores.

        Faces that are ``todo`` become ``predicted``; the state of others stays. Of a face's
        older predictions the newest one and those from which an annotation started are kept.
        ``scheme_revision`` is the one they were made for, the present one by default. Raises
        `InputError` for an unknown face or when a prediction does not fit the scheme.
        """
        # Before the transaction begins: a model may be working while this list is made.
        new = list({one.face_id: one for one in predictions}.values())
        if not new:
            return
        with self._database.write() as connection:
            scheme = scheme_at(connection, scheme_revision)
            known = load_faces(connection, (one.face_id for one in new))
            _insert(connection, [_row(one, known[one.face_id], scheme) for one in new])
            for chunk in chunks(known):
                _point_to_newest(connection, chunk)
                _prune(connection, chunk)
            ranks = [{"face": one.face_id, "new": to_rank(one.score)} for one in new]
            set_ranks(connection, ranks)
            put_signatures(connection, {one.face_id: one.signature for one in new})
            todo = [(face.id, face.state) for face in known.values() if face.state == FaceState.TODO]
            move(connection, todo, FaceState.PREDICTED, author="")

    def prediction(self, face_id: int) -> StoredPrediction | None:
        """The newest prediction of a face."""
        return self.predictions([face_id]).get(face_id)

    def predictions(self, face_ids: Iterable[int]) -> dict[int, StoredPrediction]:
        """The newest prediction of each face that has one, by face id."""
        found: dict[int, StoredPrediction] = {}
        with self._database.read() as connection:
            names: dict[int, str] = {}
            for chunk in chunks(face_ids):
                query = (
                    select(predictions)
                    .join(faces, faces.c.prediction_id == predictions.c.id)
                    .where(faces.c.id.in_(chunk))
                )
                for row in connection.execute(query):
                    revision = row.scheme_revision
                    if revision not in names:
                        names[revision] = scheme_at(connection, revision).scheme.name
                    one = prediction_from(row, names[revision])
                    found[row.face_id] = StoredPrediction(row.id, row.face_id, revision, one, row.time)
        return found

    def models(self) -> dict[str, int]:
        """How many faces carry whose newest prediction, by model id."""
        query = (
            select(predictions.c.model, func.count())
            .join(faces, faces.c.prediction_id == predictions.c.id)
            .group_by(predictions.c.model)
            .order_by(predictions.c.model)
        )
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}


def _row(new: NewPrediction, face: StoredFace, scheme: SchemeRevision) -> dict[str, Any]:
    made_for, count = new.prediction.scheme, len(new.prediction)
    if (made_for, count) != (scheme.scheme.name, len(scheme.scheme)):
        raise InputError(
            f"{face.face.image}: a prediction of {made_for!r} with {count} points does not fit the "
            f"project's scheme {scheme.scheme.name!r} with {len(scheme.scheme)}"
        )
    checked_text(new.prediction.model, "a model's id")
    return {
        "face_id": face.id,
        "scheme_revision": scheme.revision,
        "after_revision": face.revision,
        "time": tables.now(),
        **prediction_columns(new.prediction),
    }


def _insert(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    connection.execute(insert(predictions), list(rows))


def _point_to_newest(connection: Connection, face_ids: list[int]) -> None:
    newest = (
        select(predictions.c.face_id, func.max(predictions.c.id))
        .where(predictions.c.face_id.in_(face_ids))
        .group_by(predictions.c.face_id)
    )
    rows = [{"face": face_id, "new": newest_id} for face_id, newest_id in connection.execute(newest)]
    query = update(faces).where(faces.c.id == bindparam("face"))
    connection.execute(query.values(prediction_id=bindparam("new"), updated=tables.now()), rows)


def _prune(connection: Connection, face_ids: list[int]) -> None:
    """Drop what nobody can have before their eyes: all but the newest two predictions of a face
    and those from which an annotation started."""
    place = func.row_number().over(partition_by=predictions.c.face_id, order_by=predictions.c.id.desc())
    ranked = (
        select(predictions.c.id, place.label("place")).where(predictions.c.face_id.in_(face_ids)).subquery()
    )
    used = select(annotation_rows.c.id).where(annotation_rows.c.prediction_id == ranked.c.id).exists()
    old = connection.scalars(select(ranked.c.id).where(ranked.c.place > 2, ~used)).all()
    for chunk in chunks(old):
        connection.execute(delete(predictions).where(predictions.c.id.in_(chunk)))

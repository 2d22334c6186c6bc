"""What a face's annotations and prediction amount to in the project's present scheme.

Points are followed by their uid through every change of the scheme. A value that a person gave
(``placed`` or ``confirmed``, also "is not there") is replaced by a later one of a person only; a
``predicted`` point in an annotation, by any later one. An annotation that withdraws what was said
before is taken as it is: its predicted points are as if nobody had said anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, select

from labelkit.landmarks import Landmarks, State, Visibility
from labelkit.store import blobs
from labelkit.store.part import chunks
from labelkit.store.schemes import scheme_at
from labelkit.store.tables import annotation_rows, faces, predictions, schemes
from labelkit.store.values import WITHDRAWN, Said, SchemeRevision


def merged(connection: Connection, face_ids: Iterable[int], fill: bool = False) -> dict[int, Landmarks]:
    """The landmarks of each face in the present scheme, filled from predictions on request."""
    merger = Merger(connection)
    result: dict[int, Landmarks] = {}
    for chunk in chunks(face_ids):
        result.update(merger.merge(connection, chunk, fill))
    return result


class Merger:
    """Puts revisions together; knows the scheme and its past."""

    def __init__(self, connection: Connection) -> None:
        self.present: SchemeRevision = scheme_at(connection)
        rows = connection.execute(select(schemes.c.revision, schemes.c.uids))
        place = {uid: index for index, uid in enumerate(self.present.uids)}
        #: For each revision, where its points are in the present scheme; -1 for removed ones.
        self._places: Mapping[int, NDArray[np.intp]] = {
            row.revision: np.array([place.get(uid, -1) for uid in row.uids], np.intp) for row in rows
        }

    def merge(self, connection: Connection, face_ids: list[int], fill: bool) -> dict[int, Landmarks]:
        """The landmarks of up to a chunk of faces."""
        drafts = {face_id: _Draft(len(self.present.uids)) for face_id in face_ids}
        said = (
            select(annotation_rows)
            .where(annotation_rows.c.face_id.in_(face_ids))
            .order_by(annotation_rows.c.face_id, annotation_rows.c.revision)
        )
        for row in connection.execute(said):
            drafts[row.face_id].say(row, self._places[row.scheme_revision])
        if fill:
            guessed = (
                select(predictions)
                .join(faces, faces.c.prediction_id == predictions.c.id)
                .where(faces.c.id.in_(face_ids))
            )
            for row in connection.execute(guessed):
                drafts[row.face_id].guess(row, self._places[row.scheme_revision])
        name = self.present.scheme.name
        return {face_id: draft.landmarks(name) for face_id, draft in drafts.items()}

    def by_person(self, connection: Connection, face_ids: list[int]) -> dict[int, list[Said]]:
        """What each person said about up to a chunk of faces."""
        drafts: dict[int, dict[str, _Draft]] = {face_id: {} for face_id in face_ids}
        alone: dict[tuple[int, str], bool] = {}
        said = (
            select(annotation_rows)
            .where(annotation_rows.c.face_id.in_(face_ids))
            .order_by(annotation_rows.c.face_id, annotation_rows.c.revision)
        )
        for row in connection.execute(said):
            people = drafts[row.face_id]
            # Who does not say what they have seen (a file, say) has seen nothing.
            alone.setdefault((row.face_id, row.author), not people or not row.base_revision)
            people.setdefault(row.author, _Draft(len(self.present.uids))).say(
                row, self._places[row.scheme_revision]
            )
        name = self.present.scheme.name
        return {
            face_id: [
                Said(author, draft.by_hand(name), alone[face_id, author]) for author, draft in people.items()
            ]
            for face_id, people in drafts.items()
        }


class _Draft:
    """The points of one face while its revisions are put together."""

    def __init__(self, count: int) -> None:
        self.xy = np.full((count, 2), np.nan)
        self.state = np.full(count, State.PREDICTED, np.int8)
        self.visibility = np.zeros(count, np.int8)
        #: The revision from which each point's value is, 0 for none.
        self.revision = np.zeros(count, np.int64)

    def say(self, row: Row[Any], places: NDArray[np.intp]) -> None:
        """Take over what an annotation says. A predicted point without a place says nothing."""
        xy, state = blobs.points(row.xy), blobs.numbers(row.states, State)
        by_person = state != State.PREDICTED
        withdrawn = row.source == WITHDRAWN
        counts = places >= 0
        if not withdrawn:
            counts &= by_person | np.isfinite(xy).all(axis=1)
            # Where a point was removed, -1 reads some other state, but does not count anyway.
            counts &= by_person | (self.state[places] == State.PREDICTED)
        target = places[counts]
        self.xy[target] = xy[counts]
        self.state[target] = state[counts]
        self.visibility[target] = blobs.numbers(row.visibility, Visibility)[counts]
        self.revision[target] = np.where(by_person[counts] | (not withdrawn), row.revision, 0)

    def guess(self, row: Row[Any], places: NDArray[np.intp]) -> None:
        """Take over where the prediction puts points that no person has placed or confirmed,
        unless an annotation, made after it, has already said the same or better."""
        counts = places >= 0
        counts &= (self.state[places] == State.PREDICTED) & (self.revision[places] <= row.after_revision)
        self.xy[places[counts]] = blobs.points(row.xy)[counts]

    def by_hand(self, scheme: str) -> Landmarks:
        """Only what a person placed or confirmed."""
        own = self.state != State.PREDICTED
        return Landmarks(scheme, np.where(own[:, None], self.xy, np.nan), self.state, self.visibility)

    def landmarks(self, scheme: str) -> Landmarks:
        return Landmarks(scheme, self.xy, self.state, self.visibility)

"""How odd the shapes of faces are, kept from one comparison of all of them to the next."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict

from sqlalchemy import ColumnElement, and_, delete, func, insert, not_, or_, select

from labelkit.store.part import Part, chunks
from labelkit.store.tables import faces, oddities
from labelkit.store.values import FaceState, StoredOddity


class OddityCalls(Part):
    """The part of `Store` about odd shapes."""

    def set_oddities(self, found: Iterable[StoredOddity]) -> None:
        """Replace what is known about odd shapes."""
        rows = [asdict(one) for one in found]
        with self._database.write() as connection:
            connection.execute(delete(oddities))
            if rows:
                connection.execute(insert(oddities), rows)

    def oddities(
        self, states: Collection[FaceState], least: float = 0.0, limit: int | None = None
    ) -> list[StoredOddity]:
        """How odd the faces in these states are, the oddest first, from a size of ``least`` on; without
        those that have other points by now than when they were compared."""
        query = (
            select(oddities)
            .join(faces, faces.c.id == oddities.c.face_id)
            .where(_fresh(), oddities.c.size >= least, faces.c.state.in_([state.value for state in states]))
            .order_by(oddities.c.size.desc(), oddities.c.face_id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [StoredOddity(**row) for row in connection.execute(query).mappings()]

    def odd_among(self, face_ids: Iterable[int]) -> dict[int, str]:
        """Why the odd ones (from a size of 1 on) among these faces are odd, by their ids."""
        found: dict[int, str] = {}
        with self._database.read() as connection:
            for chunk in chunks(face_ids):
                query = (
                    select(oddities.c.face_id, oddities.c.reason)
                    .join(faces, faces.c.id == oddities.c.face_id)
                    .where(_fresh(), oddities.c.size >= 1, oddities.c.face_id.in_(chunk))
                )
                found.update((row.face_id, row.reason) for row in connection.execute(query))
        return found

    def stale_oddities(self) -> float:
        """The share of the faces with points, 0 to 1, of which nothing is known, or only what was so
        before their points changed."""
        pointed = or_(faces.c.revision > 0, faces.c.prediction_id.is_not(None))
        known = select(oddities.c.face_id).where(oddities.c.face_id == faces.c.id, _fresh()).exists()
        query = select(func.count(), func.count().filter(not_(known))).select_from(faces).where(pointed)
        with self._database.read() as connection:
            every, stale = connection.execute(query).one()
        return stale / every if every else 0.0


def _fresh() -> ColumnElement[bool]:
    """Whether a face has the points that were compared."""
    return and_(
        oddities.c.revision == faces.c.revision,
        oddities.c.prediction_id.is_not_distinct_from(faces.c.prediction_id),
    )

"""Who has which face open, so that two people are not given the same one.

A lease ends by itself: whoever has a face open renews it, and a browser that has crashed does not.
It keeps nobody from saving: what two people did to one face is kept in any case.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, not_, or_, select
from sqlalchemy.dialects.sqlite import insert

from labelkit.errors import InputError
from labelkit.store.checks import checked_text
from labelkit.store.clock import Clock
from labelkit.store.database import Database
from labelkit.store.facerows import load_faces
from labelkit.store.part import Part, chunks
from labelkit.store.tables import leases
from labelkit.store.values import Lease

#: How long a lease lasts that nobody renews, in seconds: longer than a server takes to be started
#: again, short enough that colleagues need not wait for somebody who has left.
SECONDS = 180.0

_LASTS = timedelta(seconds=SECONDS)


class Leases(Part):
    """The leases of a store. ``holder`` is a person; all of one's windows hold the same leases.

    They last by a clock that nobody sets (`Clock`). One that would last for longer than leases do, which
    is from before the computer's clock was set back, has ended."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._clock = Clock(SECONDS)

    def take(self, face_ids: Iterable[int], holder: str) -> list[int]:
        """Lease faces to ``holder``, or renew that; those that are ``holder``'s now, in the given
        order, are returned: the others somebody else has open. Raises `InputError` for an unknown
        face or an empty name."""
        if not checked_text(holder, "a holder").strip():
            raise InputError("a lease needs somebody who holds it")
        wanted = list(dict.fromkeys(face_ids))
        if not wanted:
            return []
        with self._database.write() as connection:
            load_faces(connection, wanted)
            now = self._clock.now()
            until = now + _LASTS
            query = insert(leases)
            free = or_(not_(_lasts(now)), leases.c.holder == holder)
            taken = {"holder": query.excluded.holder, "until": query.excluded.until}
            rows = [{"face_id": face_id, "holder": holder, "until": until} for face_id in wanted]
            connection.execute(query.on_conflict_do_update(["face_id"], set_=taken, where=free), rows)
            mine: set[int] = set()
            for chunk in chunks(wanted):
                query_mine = select(leases.c.face_id).where(
                    leases.c.face_id.in_(chunk), leases.c.holder == holder
                )
                mine.update(connection.scalars(query_mine))
        return [face_id for face_id in wanted if face_id in mine]

    def release(self, holder: str, face_ids: Iterable[int] | None = None) -> None:
        """Give back faces that ``holder`` has, by default all of them."""
        with self._database.write() as connection:
            mine = leases.c.holder == checked_text(holder, "a holder")
            if face_ids is None:
                connection.execute(delete(leases).where(mine))
                return
            for chunk in chunks(face_ids):
                connection.execute(delete(leases).where(mine, leases.c.face_id.in_(chunk)))

    def held(self) -> dict[int, Lease]:
        """The leases that have not ended, by the face's id."""
        query = select(leases).where(_lasts(self._clock.now())).order_by(leases.c.face_id)
        with self._database.read() as connection:
            return {
                row.face_id: Lease(row.face_id, row.holder, row.until) for row in connection.execute(query)
            }


def _lasts(now: datetime) -> ColumnElement[bool]:
    """Whether a lease has not ended. Computers whose clocks differ by minutes may share a project."""
    return and_(leases.c.until > now, leases.c.until <= now + 2 * _LASTS)

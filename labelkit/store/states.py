"""Moving faces from state to state, with an entry in their history."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, insert, update

from labelkit.store import tables
from labelkit.store.tables import events, faces
from labelkit.store.values import EventKind, FaceState

#: A face's id and the state that it is in.
Move = tuple[int, FaceState]


def move(
    connection: Connection, moves: Sequence[Move], state: FaceState, author: str, reason: str = ""
) -> None:
    """Put faces into ``state``. Those that are in it already get the reason, but no entry."""
    if not moves:
        return
    time = tables.now()
    connection.execute(
        update(faces)
        .where(faces.c.id == bindparam("face"))
        .values(state=state.value, reason=reason, updated=time),
        [{"face": face_id} for face_id, _ in moves],
    )
    common = {"kind": EventKind.STATE.value, "author": author, "time": time, "text": reason}
    entries = [
        {**common, "face_id": face_id, "before": before.value, "after": state.value}
        for face_id, before in moves
        if before != state
    ]
    if entries:
        connection.execute(insert(events), entries)

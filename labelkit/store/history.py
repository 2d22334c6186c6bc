"""What happened to the faces: append-only."""

from __future__ import annotations

from labelkit.store.values import Event, EventKind


class HistoryCalls:
    """The part of `Store` about events and comments."""

    def add_comment(self, face_id: int, text: str, author: str, point: str | None = None) -> Event:
        """Write a comment on a face, pinned to the point of this name where one is given."""
        raise NotImplementedError

    def events(
        self,
        face_id: int | None = None,
        after: int = 0,
        limit: int = 1000,
        kind: EventKind | None = None,
    ) -> list[Event]:
        """The first ``limit`` events with an id above ``after``, the oldest first; of one face, or
        of one kind, where that is given. With the last id seen, it tells what is new."""
        raise NotImplementedError

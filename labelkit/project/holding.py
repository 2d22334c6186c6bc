"""The faces that one editor has open or ahead, held so that nobody else is given them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from weakref import WeakKeyDictionary, WeakSet

from labelkit.errors import StoreError
from labelkit.store import Store
from labelkit.store.leases import SECONDS

#: How long it is waited for other writers, in seconds: somebody wants to see a face.
_HURRY = 0.25

_log = logging.getLogger("labelkit")


class Hold:
    """What one editor of ``author`` holds. Leases that were taken a moment ago are not asked for
    again: an editor asks for the next face many times, and each lease is a write.

    Where the disk is full or the database busy, faces can be looked at all the same: one that nobody
    else holds then counts as ours until that can be written down."""

    def __init__(self, store: Store, author: str) -> None:
        self._store, self._leases, self._author = store, store.leases, author
        self._taken: dict[int, float] = {}
        # All windows of a person hold the same leases: one gives back only what no other one has.
        self._windows = _WINDOWS.setdefault(store, {}).setdefault(author, WeakSet())
        self._windows.add(self)

    def take(self, face_id: int) -> bool:
        """Whether the face is ours now; False while somebody else has it open."""
        return self._has(face_id, SECONDS / 3) or bool(self._take([face_id]))

    def first(self, face_ids: Iterable[int]) -> int | None:
        """The first of these faces that nobody else has open, which is ours now; None for none."""
        others: set[int] | None = None
        for face_id in face_ids:
            if self._has(face_id, SECONDS / 3):
                return face_id
            if others is None:  # what they have is seen in one look, without a write for each
                held = self._leases.held().values()
                others = {lease.face_id for lease in held if lease.holder != self._author}
            if face_id not in others and self._take([face_id]):
                return face_id
        return None

    def keep(self, face_ids: Iterable[int]) -> list[int]:
        """Hold these faces and no others; those that are ours now."""
        wanted = list(face_ids)
        self.drop([face_id for face_id in self._taken if face_id not in wanted])
        old = [face_id for face_id in wanted if not self._has(face_id, SECONDS / 3)]
        taken = self._take(old) if old else []
        return [face_id for face_id in wanted if face_id in taken or face_id in self._taken]

    def drop(self, face_ids: Iterable[int]) -> None:
        """Give faces back, as far as they are held here."""
        ours = [face_id for face_id in face_ids if self._taken.pop(face_id, None) is not None]
        free = [face_id for face_id in ours if not any(one._has(face_id, SECONDS) for one in self._windows)]
        if free:
            try:
                with self._store.patience(_HURRY):
                    self._leases.release(self._author, free)
            except StoreError as error:  # they end by themselves
                _log.warning("%s", error)

    def leave(self) -> None:
        """Give everything back that is held here."""
        self.drop(list(self._taken))

    def other(self, face_id: int) -> str:
        """Who else has the face open; nothing if nobody has."""
        lease = self._leases.held().get(face_id)
        return "" if lease is None or lease.holder == self._author else lease.holder

    def _has(self, face_id: int, seconds: float) -> bool:
        """Whether it was taken here less than so many seconds ago, and not given back since."""
        taken = self._taken.get(face_id)
        return taken is not None and time.monotonic() - taken < seconds

    def _take(self, face_ids: list[int]) -> list[int]:
        try:
            with self._store.patience(_HURRY):
                ours = self._leases.take(face_ids, self._author)
        except StoreError as error:
            _log.warning("%s", error)
            return [face_id for face_id in face_ids if not self.other(face_id)]
        self._taken |= dict.fromkeys(ours, time.monotonic())
        for face_id in face_ids:
            if face_id not in ours:
                self._taken.pop(face_id, None)
        return ours


#: What is held by this process: by store and person, their windows.
_WINDOWS: WeakKeyDictionary[Store, dict[str, WeakSet[Hold]]] = WeakKeyDictionary()

"""Unsaved edits: deltas with undo and redo that survive a reload and a crash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelkit.store.values import Journal, OpenJournal


class Journals:
    """The journals of a store. A journal belongs to one face and one session of an editor (any
    string that the editor chose); it ends with the annotation that accepts it, or is discarded."""

    def append(self, face_id: int, session: str, author: str, edit: Mapping[str, Any]) -> Journal:
        """Write one edit (a JSON object). What could have been redone no longer can."""
        raise NotImplementedError

    def undo(self, face_id: int, session: str) -> Journal:
        """Take the last edit back; `InputError` when there is none."""
        raise NotImplementedError

    def redo(self, face_id: int, session: str) -> Journal:
        """Bring back the edit that was undone last; `InputError` when there is none."""
        raise NotImplementedError

    def read(self, face_id: int, session: str) -> Journal | None:
        """The open journal of a session, None when it has none."""
        raise NotImplementedError

    def discard(self, face_id: int, session: str) -> None:
        """End the open journal of a session without an annotation, if there is one."""
        raise NotImplementedError

    def unfinished(self, face_id: int | None = None, author: str | None = None) -> list[OpenJournal]:
        """The open journals (of a face, of a person), the one last written to first."""
        raise NotImplementedError

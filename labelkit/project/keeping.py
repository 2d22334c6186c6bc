"""The part of `Project` that keeps what was done: backups, and faces that come back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from labelkit.project.backup import BackupReport, backup

if TYPE_CHECKING:
    from labelkit.project.settings import Settings
    from labelkit.store import Store


class KeepingCalls:
    """Calls on a project that lose nothing of it."""

    folder: Path
    settings: Settings
    store: Store

    def backup(self, out: str | Path | None = None) -> BackupReport:
        """Write settings, database, schemes and models to one file, while people go on working.

        ``out`` is by default a new file in the present folder, named by project and time. Photos stay
        where they are, and are found again by `relocate`; passwords are not in the file. `labelkit
        restore`, or `labelkit.project.backup.restore`, makes a project of it. Raises `InputError` when
        ``out`` is there and is no earlier backup, `StoreError` when the database is damaged.
        """
        images = self.settings.image_root(self.folder)
        return backup(self.folder, Path(out) if out is not None else self._backup_name(), images)

    def _backup_name(self) -> Path:
        stem = self.folder.resolve().name or "project"
        return Path(f"{stem}-{datetime.now(UTC):%Y%m%d-%H%M%S}.backup.zip")

"""The project's database as one object, put together from a part per subject."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from labelkit.atomic import replacing
from labelkit.errors import StoreError
from labelkit.scheme import Scheme
from labelkit.store.annotations import AnnotationCalls
from labelkit.store.browse import BrowseCalls
from labelkit.store.database import Database, in_one_line
from labelkit.store.faces import FaceCalls
from labelkit.store.history import HistoryCalls
from labelkit.store.images import ImageCalls
from labelkit.store.jobs import Jobs
from labelkit.store.journal import Journals
from labelkit.store.leases import Leases
from labelkit.store.log import LogCalls
from labelkit.store.migrations import create_tables, migrate
from labelkit.store.oddities import OddityCalls
from labelkit.store.predictions import PredictionCalls
from labelkit.store.schemes import SchemeCalls, first_scheme
from labelkit.store.signatures import SignatureCalls


class Store(
    SchemeCalls,
    ImageCalls,
    BrowseCalls,
    FaceCalls,
    HistoryCalls,
    AnnotationCalls,
    PredictionCalls,
    SignatureCalls,
    OddityCalls,
    LogCalls,
):
    """The project's SQLite database. Threads may share it; processes open their own.

    Every call is one short transaction: it happens as a whole or not at all, and when it has
    returned, its effect is on the disk. ``journal`` holds unsaved edits, ``leases`` who has which
    face open, ``jobs`` long work.
    Raises `StoreError` when the database cannot be read or written (the disk is full, another
    program keeps it locked, the file is damaged) and `InputError` for a wrong argument; either
    way nothing has changed.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.journal = Journals(database)
        self.leases = Leases(database)
        self.jobs = Jobs(database)

    @classmethod
    def create(cls, path: str | Path, scheme: Scheme, author: str = "") -> Self:
        """A new database with ``scheme`` as its first scheme revision.

        Raises `StoreError` when the file exists already or cannot be written.
        """
        path = Path(path)
        if path.exists():
            raise StoreError(path, "exists already")
        with in_one_line(path), replacing(path) as draft:
            draft.touch()
            try:
                _fill(Database(draft), scheme, author)
            except StoreError as error:  # which names the draft
                raise StoreError(path, error.problem) from error
        return cls.open(path)

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """The database of an existing project.

        One that an older labelkit wrote is brought up to date, after a backup copy beside it.
        One that cannot be written can be read, as long as nobody else writes it: every call that stores
        something then raises `StoreError`. Raises `StoreError` when there is none, when it is no labelkit
        database or is damaged, or when a newer labelkit wrote it.
        """
        path = Path(path)
        if not path.is_file():
            raise StoreError(path, "does not exist")
        database = Database(path)
        try:
            database.check_is_ours()
            migrate(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    def together(self) -> AbstractContextManager[None]:
        """Make all calls of this thread in the block one transaction: they happen together, or none
        does. A call that raises leaves nothing behind even where the block goes on without it."""
        return self._database.together()

    def patience(self, seconds: float) -> AbstractContextManager[None]:
        """Let what this thread writes in the block wait only so long for another writer (by default 30 s),
        and not at all within a second after somebody has waited in vain: for the one thread of a server
        on whom everybody's page depends."""
        return self._database.patience(seconds)

    @property
    def read_only(self) -> bool:
        """Whether nothing can be stored, because the file or its folder cannot be written, or the disk was
        full when it was opened."""
        return self._database.read_only

    @property
    def path(self) -> Path:
        """The database's file."""
        return self._database.path

    def close(self) -> None:
        """Give back the file. The store is not to be used afterwards."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _fill(database: Database, scheme: Scheme, author: str) -> None:
    try:
        database.mark_as_ours()
        create_tables(database)
        with database.write() as connection:
            first_scheme(connection, scheme, author)
    finally:
        database.close()

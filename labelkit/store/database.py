"""The SQLite file: connections, transactions, and errors in one line.

WAL lets readers go on while somebody writes; ``synchronous=FULL`` brings every commit to the disk
before it is acknowledged; a writer waits up to 30 s for another one, and in between (`Database.patience`)
less, where a whole server would wait with it.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from labelkit.errors import InputError, LabelkitError, StoreError

#: How long a writer waits for another one, in seconds.
BUSY_SECONDS = 30

#: Who has little patience, and has waited in vain, does not wait again within so many seconds.
_AGAIN = 1.0

#: Where less is free, in bytes, the disk is full, whatever SQLite makes of it: it may call a file that
#: cannot be made one that cannot be opened.
_ROOM = 64 * 1024

#: Marks the file as ours in its header ("lkit"), so that no other database is ever altered.
APPLICATION_ID = 0x6C6B6974

_PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = FULL",
    # Else INSERT OR REPLACE would remove rows behind the triggers that protect them.
    "PRAGMA recursive_triggers = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cache_size = -16000",
    # The WAL grows while a reader needs what is in it; afterwards the disk gets that back.
    "PRAGMA journal_size_limit = 16000000",
)

_PROBLEMS = {
    sqlite3.SQLITE_FULL: "the disk is full; nothing has been changed",
    sqlite3.SQLITE_BUSY: "another program keeps the database busy; nothing has been changed",
    sqlite3.SQLITE_READONLY: "cannot be written (it is read-only)",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened",
    sqlite3.SQLITE_CORRUPT: "is damaged; restore a backup copy",
    sqlite3.SQLITE_NOTADB: "is no labelkit database",
    sqlite3.SQLITE_IOERR: "the disk reports an error (or a limit to files); nothing has been changed",
    sqlite3.SQLITE_TOOBIG: "a value is too large; nothing has been changed",
}


def is_read_only(path: Path) -> bool:
    """Whether an existing file can only be read: as on a DVD, a snapshot or in somebody else's folder, or
    where nobody has it open and the disk has no room for what is made beside it then."""
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        return True
    return is_full(path.parent) and not path.with_name(f"{path.name}-shm").exists()


def connect(path: Path, read_only: bool | None = None) -> sqlite3.Connection:
    """A connection to an existing file, by default to one that `is_read_only` for reading alone; SQLite's
    own way of beginning transactions is off."""
    # Readers, too, write beside a database in WAL mode, unless they are told that it stays as it is.
    how = "mode=ro&immutable=1" if read_only or (read_only is None and is_read_only(path)) else "mode=rw"
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,  # the pool hands a connection to one thread at a time
        cached_statements=256,
    )


class Database:
    """Short transactions on one SQLite file, from any thread.

    One that is ``read_only`` is read as it is, and only for as long as nobody else changes it."""

    def __init__(self, path: Path) -> None:
        self.path, self.read_only = path, path.exists() and is_read_only(path)
        self._first_state = self._state()
        self._reader = _engine(path, self.read_only, self._wait)
        # The same connections; `_begin` looks at the option.
        self._writer = self._reader.execution_options(labelkit_write=True)
        self._mine = threading.local()
        self._in_vain = -_AGAIN

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction in which nothing changes, not even by other processes."""
        if (outer := self._outer) is not None:
            self._check_goes_on(outer)
            with _as_we_write(self.path):
                yield outer
            return
        self._check_still()
        with in_one_line(self.path), self._reader.begin() as connection, _as_we_write(self.path):
            yield connection
        self._check_still()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is on the disk when the block ends, and undone when it raises."""
        if (outer := self._outer) is not None:
            # What is undone alone when it raises: the rest of the outer one may go on.
            self._check_goes_on(outer)
            with in_one_line(self.path):
                inner = outer.begin_nested()
                try:
                    with _as_we_write(self.path):
                        yield outer
                except BaseException:
                    if _in_transaction(outer):
                        inner.rollback()
                    raise
                inner.commit()
            return
        with self._alone() as connection, _as_we_write(self.path):
            yield connection

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        """A transaction of its own, whatever else is done in it."""
        if self.read_only:
            why = sqlite3.SQLITE_FULL if is_full(self.path.parent) else sqlite3.SQLITE_READONLY
            raise StoreError(self.path, _PROBLEMS[why])
        with in_one_line(self.path), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def patience(self, seconds: float) -> Iterator[None]:
        """Let what this thread writes in the block wait only so long for another writer, and not at all
        where somebody has just waited in vain: for a thread that keeps many people waiting."""
        before = getattr(self._mine, "patience", None)
        self._mine.patience = seconds
        try:
            yield
        except StoreError as error:
            cause = error.__cause__
            busy = isinstance(cause, DBAPIError) and _code(cause.orig) == sqlite3.SQLITE_BUSY
            if busy and self._wait() > 0:
                self._in_vain = time.monotonic()
            raise
        finally:
            self._mine.patience = before

    def _wait(self) -> float:
        """How long this thread's next transaction waits for another writer, in seconds."""
        patience: float | None = getattr(self._mine, "patience", None)
        if patience is None:
            return BUSY_SECONDS
        return 0.0 if time.monotonic() - self._in_vain < _AGAIN else patience

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make everything that this thread reads and writes in the block one transaction."""
        if self._outer is not None:
            yield
            return
        with self._alone() as connection:
            self._mine.connection = connection
            try:
                yield
                self._check_goes_on(connection)
            finally:
                self._mine.connection = None

    def _check_goes_on(self, outer: Connection) -> None:
        """Raise `StoreError` where SQLite itself has ended the transaction of `together`, with all that was
        done in it, as it does on a full disk: what came then would be stored alone."""
        if not _in_transaction(outer):
            raise StoreError(self.path, "an error of the disk has undone all of it; nothing has been changed")

    @property
    def _outer(self) -> Connection | None:
        """The transaction of `together` in which this thread is."""
        return getattr(self._mine, "connection", None)

    def mark_as_ours(self) -> None:
        """Set the mark in the header and the journal mode, both of which stay with the file."""
        with in_one_line(self.path), self._reader.connect() as connection:
            cursor = connection.connection.cursor()
            cursor.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            cursor.execute("PRAGMA journal_mode = WAL")

    def check_is_ours(self) -> None:
        """Raise `StoreError` unless the file is a labelkit database."""
        with self.read() as connection:
            mark = connection.execute(text("PRAGMA application_id")).scalar()
        if mark != APPLICATION_ID:
            raise StoreError(self.path, "is no labelkit database")

    def _check_still(self) -> None:
        """Raise `StoreError` where a database that we cannot write is written by somebody else."""
        if self.read_only and self._state() != self._first_state:
            raise StoreError(self.path, "has been changed while it was read; try again")
        if self.read_only and self._first_state[2]:
            raise StoreError(
                self.path,
                f"is read-only, and what was stored last still lies in {self.path.name}-wal: copy the"
                " project to where it can be written, or open it once where that is so",
            )

    def _state(self) -> tuple[int, int, int]:
        """What changes when somebody writes: time and size of the file, and the size of its log."""
        sizes = []
        for file in (self.path, self.path.with_name(f"{self.path.name}-wal")):
            try:
                sizes.append((file.stat().st_mtime_ns, file.stat().st_size))
            except OSError:
                sizes.append((0, 0))
        return (*sizes[0], sizes[1][1])

    def close(self) -> None:
        """Close every connection; the last one of all processes folds the WAL into the file."""
        self._reader.dispose()


def _engine(path: Path, read_only: bool, wait: Callable[[], float]) -> Engine:
    engine = create_engine(
        "sqlite://", creator=lambda: connect(path, read_only), poolclass=QueuePool, max_overflow=20
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, record: object) -> None:
        for pragma in _PRAGMAS:
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # IMMEDIATE waits for its turn at once. A deferred transaction that comes to write after
        # it has read may fail without waiting, because its view is out of date.
        write = connection.get_execution_options().get("labelkit_write", False)
        if write:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(wait() * 1000)}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


@contextmanager
def in_one_line(path: Path) -> Iterator[None]:
    """Whatever goes wrong with the database ``path`` in the block, as a `StoreError`; a number that
    SQLite cannot hold, as an `InputError`."""
    try:
        yield
    except DBAPIError as error:
        raise StoreError(path, _problem(path, error.orig)) from error
    except sqlite3.Error as error:
        raise StoreError(path, _problem(path, error)) from error
    except PoolTimeoutError as error:
        raise StoreError(path, "too many threads use it at the same time") from error
    except OSError as error:
        raise StoreError(path, f"cannot be written ({error.strerror})") from error
    except UnicodeDecodeError as error:  # SQLite's word on a damaged schema, which quotes it
        raise StoreError(path, _PROBLEMS[sqlite3.SQLITE_CORRUPT]) from error
    except OverflowError as error:  # an integer of more than 64 bits
        raise InputError(f"{path}: a number is too large ({error})") from error


@contextmanager
def _as_we_write(path: Path) -> Iterator[None]:
    """What comes of a row that labelkit never wrote, whatever that is, as a `StoreError`: anybody may have
    altered a database that is handed over."""
    try:
        yield
    except LabelkitError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        told = f"holds what labelkit does not write ({type(error).__name__}: {str(error)[:200]})"
        raise StoreError(path, f"{told}; restore a backup copy") from error


def _problem(path: Path, error: BaseException | None) -> str:
    code = _code(error)
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and is_full(path.parent):
        code = sqlite3.SQLITE_FULL
    return _PROBLEMS.get(code, f"the database refuses this: {error}")


def _in_transaction(connection: Connection) -> bool:
    raw = connection.connection.driver_connection
    return isinstance(raw, sqlite3.Connection) and raw.in_transaction


def _code(error: BaseException | None) -> int:
    # The low byte is the kind of error, the rest its variant.
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def is_full(folder: Path) -> bool:
    """Whether the disk on which ``folder`` is has no room for even a small file."""
    with suppress(OSError):
        return shutil.disk_usage(folder).free < _ROOM
    return False

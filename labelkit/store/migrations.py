"""Steps that bring a database to the present layout. Only ever added to, never edited.

A step and its record in the table ``migrations`` are one transaction, so that a step has happened
as a whole or not at all; before the first step on an existing database it is copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, insert, select

from labelkit import __version__
from labelkit.errors import StoreError
from labelkit.store import tables
from labelkit.store.copying import copy_database
from labelkit.store.database import Database


@dataclass(frozen=True)
class Migration:
    """A step: its name, by which it is known for ever, and its SQL statements."""

    name: str
    statements: tuple[str, ...]


def _append_only(*names: str) -> tuple[str, ...]:
    return tuple(
        f"CREATE TRIGGER {name}_no_{verb.lower()} BEFORE {verb} ON {name} "
        f"BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
        for name in names
        for verb in ("UPDATE", "DELETE")
    )


_ONE_MORE = (
    "INSERT INTO state_counts VALUES (NEW.state, 1) ON CONFLICT (state) DO UPDATE SET count = count + 1"
)
_ONE_LESS = "UPDATE state_counts SET count = count - 1 WHERE state = OLD.state"

_FIRST = Migration(
    "0001 first tables",
    (
        """CREATE TABLE migrations (
            name TEXT PRIMARY KEY,
            applied TEXT NOT NULL,
            version TEXT NOT NULL
        )""",
        """CREATE TABLE schemes (
            revision INTEGER PRIMARY KEY,
            scheme TEXT NOT NULL,
            uids TEXT NOT NULL,
            restores INTEGER REFERENCES schemes,
            time TEXT NOT NULL,
            author TEXT NOT NULL,
            note TEXT NOT NULL
        )""",
        """CREATE TABLE images (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            path TEXT NOT NULL UNIQUE,
            hash TEXT,
            size INTEGER,
            mtime REAL,
            width INTEGER,
            height INTEGER,
            person TEXT,
            missing INTEGER NOT NULL DEFAULT 0
        )""",
        "CREATE INDEX images_hash ON images (hash)",
        "CREATE INDEX images_missing ON images (id) WHERE missing",
        """CREATE TABLE faces (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            image_id INTEGER NOT NULL REFERENCES images,
            number INTEGER NOT NULL,
            x0 REAL, y0 REAL, x1 REAL, y1 REAL,
            box_kind TEXT,
            box_source TEXT,
            box_score REAL,
            state TEXT NOT NULL,
            reason TEXT NOT NULL DEFAULT '',
            note TEXT NOT NULL DEFAULT '',
            attributes TEXT NOT NULL DEFAULT '{}',
            rank REAL NOT NULL DEFAULT 9e999,
            revision INTEGER NOT NULL DEFAULT 0,
            prediction_id INTEGER REFERENCES predictions,
            updated TEXT NOT NULL,
            UNIQUE (image_id, number)
        )""",
        "CREATE INDEX faces_state ON faces (state)",
        "CREATE INDEX faces_state_rank ON faces (state, rank, id)",
        "CREATE INDEX faces_rank ON faces (rank, id)",
        "CREATE INDEX faces_prediction ON faces (prediction_id) WHERE prediction_id IS NOT NULL",
        # Numbers stand before points: a long row's tail lies on other pages, read only when asked for.
        """CREATE TABLE annotations (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            face_id INTEGER NOT NULL REFERENCES faces,
            revision INTEGER NOT NULL,
            scheme_revision INTEGER NOT NULL REFERENCES schemes,
            complete INTEGER NOT NULL,
            face_state TEXT NOT NULL,
            author TEXT NOT NULL,
            time TEXT NOT NULL,
            prediction_id INTEGER REFERENCES predictions,
            model TEXT,
            source TEXT NOT NULL,
            base_revision INTEGER,
            states BLOB NOT NULL,
            visibility BLOB NOT NULL,
            xy BLOB NOT NULL,
            UNIQUE (face_id, revision),
            CHECK (length(xy) = 16 * length(states) AND length(visibility) = length(states))
        )""",
        """CREATE INDEX annotations_prediction ON annotations (prediction_id)
            WHERE prediction_id IS NOT NULL""",
        """CREATE TABLE predictions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            face_id INTEGER NOT NULL REFERENCES faces,
            scheme_revision INTEGER NOT NULL REFERENCES schemes,
            model TEXT NOT NULL,
            crop_a REAL NOT NULL, crop_b REAL NOT NULL, crop_tx REAL NOT NULL, crop_ty REAL NOT NULL,
            after_revision INTEGER NOT NULL,
            time TEXT NOT NULL,
            confidence BLOB,
            xy BLOB NOT NULL,
            cov BLOB
        )""",
        "CREATE INDEX predictions_face ON predictions (face_id)",
        """CREATE TABLE journals (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            face_id INTEGER NOT NULL REFERENCES faces,
            session TEXT NOT NULL,
            author TEXT NOT NULL,
            opened TEXT NOT NULL,
            touched TEXT NOT NULL,
            closed TEXT,
            revision INTEGER
        )""",
        "CREATE UNIQUE INDEX journals_open ON journals (face_id, session) WHERE closed IS NULL",
        """CREATE TABLE journal_entries (
            journal_id INTEGER NOT NULL REFERENCES journals,
            sequence INTEGER NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN ('edit', 'undo', 'redo')),
            edit TEXT,
            time TEXT NOT NULL,
            PRIMARY KEY (journal_id, sequence)
        ) WITHOUT ROWID""",
        """CREATE TABLE events (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            face_id INTEGER NOT NULL REFERENCES faces,
            kind TEXT NOT NULL,
            author TEXT NOT NULL,
            time TEXT NOT NULL,
            text TEXT NOT NULL DEFAULT '',
            "before" TEXT,
            "after" TEXT,
            point_uid INTEGER
        )""",
        "CREATE INDEX events_face ON events (face_id, kind)",
        "CREATE INDEX events_kind ON events (kind)",
        """CREATE TABLE jobs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL,
            arguments TEXT NOT NULL,
            state TEXT NOT NULL,
            attempt INTEGER NOT NULL DEFAULT 0,
            done INTEGER NOT NULL DEFAULT 0,
            total INTEGER,
            message TEXT NOT NULL DEFAULT '',
            host TEXT,
            pid INTEGER,
            cancel INTEGER NOT NULL DEFAULT 0,
            created TEXT NOT NULL,
            heartbeat TEXT,
            started TEXT,
            finished TEXT
        )""",
        # Counting 100,000 faces takes tens of milliseconds, and every page of the app wants to know.
        "CREATE TABLE state_counts (state TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID",
        f"CREATE TRIGGER faces_added AFTER INSERT ON faces BEGIN {_ONE_MORE}; END",
        f"CREATE TRIGGER faces_removed AFTER DELETE ON faces BEGIN {_ONE_LESS}; END",
        f"""CREATE TRIGGER faces_moved AFTER UPDATE OF state ON faces WHEN OLD.state <> NEW.state
            BEGIN {_ONE_LESS}; {_ONE_MORE}; END""",
        *_append_only("migrations", "schemes", "annotations", "journal_entries", "events"),
    ),
)

_EDITOR = Migration(
    "0002 entries of editors",
    (
        "CREATE TABLE editor_entries (id TEXT PRIMARY KEY, time TEXT NOT NULL) WITHOUT ROWID",
        *_append_only("editor_entries"),
    ),
)

_QUEUE = Migration(
    "0003 leases and signatures",
    (
        """CREATE TABLE leases (
            face_id INTEGER PRIMARY KEY REFERENCES faces,
            holder TEXT NOT NULL,
            until TEXT NOT NULL
        )""",
        "CREATE INDEX leases_holder ON leases (holder)",
        """CREATE TABLE signatures (
            face_id INTEGER PRIMARY KEY REFERENCES faces,
            signature BLOB NOT NULL
        )""",
    ),
)

_ODDITIES = Migration(
    "0004 oddities",
    (
        """CREATE TABLE oddities (
            face_id INTEGER PRIMARY KEY REFERENCES faces,
            size REAL NOT NULL,
            reason TEXT NOT NULL,
            revision INTEGER NOT NULL,
            prediction_id INTEGER
        )""",
        "CREATE INDEX oddities_size ON oddities (size)",
    ),
)

_ACTIONS = Migration(
    "0005 actions, and faces that stay",
    (
        """CREATE TABLE actions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL,
            author TEXT NOT NULL,
            time TEXT NOT NULL,
            text TEXT NOT NULL,
            details TEXT NOT NULL
        )""",
        *_append_only("actions"),
        # Whoever takes a face away rejects it: it is hidden, and can be brought back.
        """CREATE TRIGGER faces_no_delete BEFORE DELETE ON faces
            BEGIN SELECT RAISE(ABORT, 'faces are rejected, never deleted'); END""",
    ),
)

MIGRATIONS: tuple[Migration, ...] = (_FIRST, _EDITOR, _QUEUE, _ODDITIES, _ACTIONS)


def create_tables(database: Database, steps: Sequence[Migration] = MIGRATIONS) -> None:
    """Take every step on an empty database."""
    with database.write() as connection:
        for step in steps:
            _take(connection, step)


def migrate(database: Database, steps: Sequence[Migration] = MIGRATIONS) -> Path | None:
    """Take the steps that an existing database lacks; the path of its copy when there were any.

    Raises `StoreError` when the database knows a step that this labelkit does not.
    """
    with database.read() as connection:
        if not _pending(connection, steps, database.path):
            return None
    if database.read_only:
        raise StoreError(
            database.path,
            "was written by an older labelkit, and is read-only: open it once where it can be written",
        )
    copy = _back_up(database.path)
    with database.write() as connection:
        # Another process may have taken them while the copy was made.
        for step in _pending(connection, steps, database.path):
            _take(connection, step)
    return copy


def _pending(connection: Connection, steps: Sequence[Migration], path: Path) -> list[Migration]:
    taken = set(connection.scalars(select(tables.migrations.c.name)))
    if taken - {step.name for step in steps}:
        newest = connection.scalars(select(tables.migrations.c.version)).all()[-1]
        raise StoreError(path, f"was written by a newer labelkit ({newest}); please update labelkit")
    return [step for step in steps if step.name not in taken]


def _take(connection: Connection, step: Migration) -> None:
    for statement in step.statements:
        connection.exec_driver_sql(statement)
    record = {"name": step.name, "applied": tables.now(), "version": __version__}
    connection.execute(insert(tables.migrations), record)


def _back_up(path: Path) -> Path:
    """A copy beside the database, named with the present time; whole or not there at all."""
    copy = path.with_name(f"{path.stem}-{tables.now():%Y%m%d-%H%M%S}.backup{path.suffix}")
    copy_database(path, copy)
    return copy

"""The tables as the newest migration leaves them, for SQLAlchemy's expressions.

`migrations` is what makes them; a test compares the two. Times are text in ISO 8601 and UTC,
points little-endian float64 (N, 2) and int8 (N,) in BLOBs.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, Dialect, Float, Integer, LargeBinary, MetaData, Table, Text
from sqlalchemy.types import TypeDecorator


class Time(TypeDecorator[datetime]):
    """A moment with its time zone, as text that sorts by time."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


class Json(TypeDecorator[Any]):
    """A JSON value as text; None is NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, ensure_ascii=False, allow_nan=False)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


metadata = MetaData()

migrations = Table(
    "migrations",
    metadata,
    Column("name", Text, primary_key=True),
    Column("applied", Time),
    Column("version", Text),
)

schemes = Table(
    "schemes",
    metadata,
    Column("revision", Integer, primary_key=True),
    Column("scheme", Text),
    Column("uids", Json),
    Column("restores", Integer),
    Column("time", Time),
    Column("author", Text),
    Column("note", Text),
)

images = Table(
    "images",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path", Text),
    Column("hash", Text),
    Column("size", Integer),
    Column("mtime", Float),
    Column("width", Integer),
    Column("height", Integer),
    Column("person", Text),
    Column("missing", Integer),
)

faces = Table(
    "faces",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("image_id", Integer),
    Column("number", Integer),
    Column("x0", Float),
    Column("y0", Float),
    Column("x1", Float),
    Column("y1", Float),
    Column("box_kind", Text),
    Column("box_source", Text),
    Column("box_score", Float),
    Column("state", Text),
    Column("reason", Text),
    Column("note", Text),
    Column("attributes", Json),
    # The negative score, infinite where there is none: one index walked upwards then gives the
    # most uncertain first, unknown ones last, ties by id.
    Column("rank", Float),
    Column("revision", Integer),
    Column("prediction_id", Integer),
    Column("updated", Time),
)

# Kept by triggers: how many faces are in which state.
state_counts = Table(
    "state_counts",
    metadata,
    Column("state", Text, primary_key=True),
    Column("count", Integer),
)

annotation_rows = Table(
    "annotations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("face_id", Integer),
    Column("revision", Integer),
    Column("scheme_revision", Integer),
    # Whether a person has said something about every point.
    Column("complete", Integer),
    Column("face_state", Text),
    Column("author", Text),
    Column("time", Time),
    Column("prediction_id", Integer),
    Column("model", Text),
    Column("source", Text),
    Column("base_revision", Integer),
    Column("states", LargeBinary),
    Column("visibility", LargeBinary),
    Column("xy", LargeBinary),
)

predictions = Table(
    "predictions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("face_id", Integer),
    Column("scheme_revision", Integer),
    Column("model", Text),
    Column("crop_a", Float),
    Column("crop_b", Float),
    Column("crop_tx", Float),
    Column("crop_ty", Float),
    # The face's newest annotation when the prediction was stored: clocks can go back, this cannot.
    Column("after_revision", Integer),
    Column("time", Time),
    # NULL for a model that says nothing of the kind (all NaN).
    Column("confidence", LargeBinary),
    Column("xy", LargeBinary),
    Column("cov", LargeBinary),
)

journals = Table(
    "journals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("face_id", Integer),
    Column("session", Text),
    Column("author", Text),
    Column("opened", Time),
    Column("touched", Time),
    Column("closed", Time),
    # The annotation that accepted it, NULL when it was discarded.
    Column("revision", Integer),
)

journal_entries = Table(
    "journal_entries",
    metadata,
    Column("journal_id", Integer, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("kind", Text),
    Column("edit", Json),
    Column("time", Time),
)

# What an editor has reported, by the id that it gave it: a report that comes twice counts once.
editor_entries = Table(
    "editor_entries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("time", Time),
)

# Who has a face open, and until when nobody else gets it.
leases = Table(
    "leases",
    metadata,
    Column("face_id", Integer, primary_key=True),
    Column("holder", Text),
    Column("until", Time),
)

# What a face looks like, by which the queue tells that two are nearly the same.
signatures = Table(
    "signatures",
    metadata,
    Column("face_id", Integer, primary_key=True),
    Column("signature", LargeBinary),
)

# How odd the shape of a face was when all were last compared, and of which revision and prediction.
oddities = Table(
    "oddities",
    metadata,
    Column("face_id", Integer, primary_key=True),
    Column("size", Float),
    Column("reason", Text),
    Column("revision", Integer),
    Column("prediction_id", Integer),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("face_id", Integer),
    Column("kind", Text),
    Column("author", Text),
    Column("time", Time),
    Column("text", Text),
    Column("before", Json),
    Column("after", Json),
    Column("point_uid", Integer),
)

# What leaves no other trace: exports, imports, the start of long work.
actions = Table(
    "actions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", Text),
    Column("author", Text),
    Column("time", Time),
    Column("text", Text),
    Column("details", Json),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", Text),
    Column("arguments", Json),
    Column("state", Text),
    Column("attempt", Integer),
    Column("done", Integer),
    Column("total", Integer),
    Column("message", Text),
    # A process number means something on its own machine only.
    Column("host", Text),
    Column("pid", Integer),
    Column("cancel", Integer),
    Column("created", Time),
    Column("heartbeat", Time),
    Column("started", Time),
    Column("finished", Time),
)


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)

"""What the store takes and gives: plain values, so that callers never see a row or a connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal

from labelkit.geometry import Box
from labelkit.landmarks import Face, Landmarks
from labelkit.prediction import Prediction
from labelkit.scheme import Scheme

#: What is known about a face besides its points, as in a `Sample`.
Attributes = Mapping[str, bool | int | float | str]

#: How `page` sorts: by id, or by the score with the most uncertain face first.
Order = Literal["id", "score"]

#: The source of an annotation that takes earlier ones back: the points are what it says, also those
#: that it calls predicted.
WITHDRAWN = "withdrawn"

#: Why a finished face waits again after points were added to the scheme.
NEW_POINTS = "new points"

_NONE: Attributes = MappingProxyType({})


class FaceState(StrEnum):
    """Where a face stands on its way to being labelled."""

    NO_FACE = "no face"
    TODO = "todo"
    PREDICTED = "predicted"
    IN_PROGRESS = "in progress"
    DONE = "done"
    REVIEWED = "reviewed"
    RETURNED = "returned"
    REJECTED = "rejected"
    SKIPPED = "skipped"


#: The states in which every point of a face has been confirmed by a person.
FINISHED = (FaceState.DONE, FaceState.REVIEWED)


@dataclass(frozen=True)
class NewImage:
    """A photo to be added, or what has become known about one that is there.

    ``path`` is relative to the image root, with ``/`` between folders. ``hash`` is that of the
    content, ``size`` in bytes, ``mtime`` in seconds since 1970, ``width`` and ``height`` in px
    as the photo is shown (after its EXIF orientation). None is "not known".
    """

    path: str
    hash: str | None = None
    size: int | None = None
    mtime: float | None = None
    width: int | None = None
    height: int | None = None
    person: str | None = None


@dataclass(frozen=True)
class StoredImage:
    """A photo of the project; fields as in `NewImage`. ``missing``: its file was not found."""

    id: int
    path: str
    hash: str | None
    size: int | None
    mtime: float | None
    width: int | None
    height: int | None
    person: str | None
    missing: bool


@dataclass(frozen=True)
class ImageCounts:
    """How many photos there are, how many of them are missing, how many are not yet searched for
    faces (they have neither a face nor the mark that nobody is in them), and how many repeat the
    content of another."""

    total: int
    missing: int
    unsearched: int
    repeated: int


@dataclass(frozen=True)
class NewFace:
    """A face to be added to the photo ``image_id``. ``index`` None is the next free number."""

    image_id: int
    box: Box | None = None
    index: int | None = None
    attributes: Attributes = field(default_factory=lambda: _NONE)


@dataclass(frozen=True)
class StoredFace:
    """A face of the project.

    ``face`` names its photo, its number within it and its box. ``reason`` says why it is in its
    ``state`` where that is not obvious. ``score`` is the uncertainty (more is less sure), None
    where nobody has computed it. ``revision`` is that of the newest annotation, 0 for none;
    ``prediction_id`` the newest prediction.
    """

    id: int
    image_id: int
    face: Face
    state: FaceState
    reason: str
    note: str
    attributes: Attributes
    score: float | None
    revision: int
    prediction_id: int | None
    updated: datetime


@dataclass(frozen=True)
class SchemeRevision:
    """The project's scheme at one time.

    ``uids`` has one number per point, which stays with the point through every rename, move and
    re-order, for ever. ``restores`` is the earlier revision that an undo brought back, else None.
    """

    revision: int
    scheme: Scheme
    uids: tuple[int, ...]
    time: datetime
    author: str
    note: str
    restores: int | None = None


@dataclass(frozen=True)
class SchemeSwitch:
    """What a change of the scheme did: the new revision, how many finished faces now wait for
    new points, and how many that were waiting are finished again."""

    revision: SchemeRevision
    waiting: int
    finished: int


@dataclass(frozen=True)
class NewAnnotation:
    """Landmarks to be stored as a new revision of the face ``face_id``, in bulk.

    ``base_revision`` is the revision that whoever imports saw (0 for none): a face that somebody
    has annotated since is left alone. None stores it in any case.
    """

    face_id: int
    landmarks: Landmarks
    base_revision: int | None = None


@dataclass(frozen=True)
class Said:
    """What one person has said about a face: points that they neither placed nor confirmed are NaN.
    ``alone``: they had not seen what another had saved before them."""

    author: str
    landmarks: Landmarks
    alone: bool


@dataclass(frozen=True)
class ImportCounts:
    """How many annotations an import added, how many were there already, equal in value, and how
    many were left out because the face has been annotated meanwhile."""

    added: int
    unchanged: int
    overtaken: int = 0


@dataclass(frozen=True)
class NewPrediction:
    """What a model said about the face ``face_id``, with its uncertainty ``score`` and the
    ``signature`` by which the queue compares faces."""

    face_id: int
    prediction: Prediction
    score: float | None = None
    signature: bytes | None = None


@dataclass(frozen=True)
class StoredPrediction:
    """A prediction as it was made, in the scheme revision for which it was made."""

    id: int
    face_id: int
    scheme_revision: int
    prediction: Prediction
    time: datetime


class EventKind(StrEnum):
    """What happened to a face."""

    STATE = "state"
    COMMENT = "comment"
    NOTE = "note"
    ATTRIBUTES = "attributes"
    BOX = "box"
    CROSSED = "crossed"


@dataclass(frozen=True)
class Event:
    """One entry of the history, which nobody can change.

    ``before`` and ``after`` are states (str), notes (str), attributes (dict), boxes (list) or
    revisions (int) as ``kind`` says; ``text`` is the comment or the reason. ``point_uid`` is the
    point to which a comment is pinned, ``point`` its name in the project's present scheme: None
    when it is not pinned, or pinned to a point that has been removed.
    """

    id: int
    face_id: int
    kind: EventKind
    author: str
    time: datetime
    text: str = ""
    before: Any = None
    after: Any = None
    point_uid: int | None = None
    point: str | None = None


@dataclass(frozen=True)
class LogEntry:
    """What somebody did: when, who (empty: nobody in particular), ``what`` (an annotation, a kind of
    event, a scheme, a job, or an action such as an export), to which face, and in words.

    ``image`` and ``index`` name the face, None where it is about none. ``before`` and ``after`` are
    those of an event; ``after`` has the details of an action.
    """

    time: datetime
    author: str
    what: str
    face_id: int | None = None
    image: str | None = None
    index: int | None = None
    text: str = ""
    before: Any = None
    after: Any = None


@dataclass(frozen=True)
class Delta:
    """One edit in a journal: its number there, when, and the editor's own JSON object."""

    sequence: int
    time: datetime
    edit: Mapping[str, Any]


@dataclass(frozen=True)
class Journal:
    """The unsaved edits of one person's session on one face.

    ``done`` in the order in which they were made; ``undone`` those that a redo would bring back,
    the next one first.
    """

    face_id: int
    session: str
    author: str
    done: tuple[Delta, ...] = ()
    undone: tuple[Delta, ...] = ()


@dataclass(frozen=True)
class OpenJournal:
    """A journal that no annotation has closed: whose it is, and when it was last written to."""

    face_id: int
    session: str
    author: str
    touched: datetime


@dataclass(frozen=True)
class Lease:
    """Who has a face open, and until when nobody else is given it."""

    face_id: int
    holder: str
    until: datetime


@dataclass(frozen=True)
class StoredOddity:
    """How odd the shape of a face was when all were last compared: from a ``size`` of 1 on it can
    hardly be a face's, and ``reason`` says why. ``revision`` and ``prediction_id`` are those of the
    points that were judged."""

    face_id: int
    size: float
    reason: str
    revision: int
    prediction_id: int | None


class JobState(StrEnum):
    """Where long work stands. ``interrupted`` is work whose process is gone without a word."""

    WAITING = "waiting"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True)
class Job:
    """Long work in a process of its own.

    ``attempt`` counts how often it was started; ``done`` of ``total`` steps (None while unknown);
    ``cancel`` is True from when somebody asked it to stop.
    """

    id: int
    kind: str
    arguments: Mapping[str, Any]
    state: JobState
    attempt: int
    done: int
    total: int | None
    message: str
    pid: int | None
    cancel: bool
    created: datetime
    heartbeat: datetime | None
    started: datetime | None
    finished: datetime | None

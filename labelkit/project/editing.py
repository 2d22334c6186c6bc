"""The desk at which somebody corrects faces: a project as the editor sees it.

Edits go into the journal of the face (one per person, whatever window or server they work from),
so that they survive a reload, a crash and a closed tab. Accepting a face, or leaving it, writes one
annotation and closes the journal. Each entry of an editor is one transaction with a note of its
id: one that is sent again, because its answer was lost, does nothing.
"""

from __future__ import annotations

import getpass
import hashlib
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from labelkit.boxrules import REFERENCE_SCHEME, landmark_box
from labelkit.editor.edits import Draft, Edit, read_edit
from labelkit.editor.payload import Comment, Crossed, Neighbours, Other, Sheet
from labelkit.editor.photos import browser_photo
from labelkit.editor.session import Kind, Reply
from labelkit.errors import ImageError, InputError
from labelkit.geometry import Array, Box, Crop
from labelkit.landmarks import Face, Landmarks, State
from labelkit.prelabel.one import FacePlacer
from labelkit.progress import in_notebook
from labelkit.project.deciding import Decision
from labelkit.project.holding import Hold
from labelkit.project.project import Project
from labelkit.project.waiting import STATES as WAITING
from labelkit.project.waiting import line
from labelkit.queue import ORDER, Way, in_words
from labelkit.scheme import Scheme, load_scheme
from labelkit.store import (
    FINISHED,
    EventKind,
    FaceState,
    Journal,
    SchemeRevision,
    StoredFace,
    StoredPrediction,
)

#: The queue is read in pieces of so many faces, at its end not more often than every few seconds.
_AHEAD = 100
_PATIENCE = 5.0

#: How long a save waits for other writers, in seconds: everybody's page waits with it, and the browser
#: tries again by itself.
_HURRY = 0.5

#: So many faces are looked at together for one that is free: with many people most are not.
_LOOK = 10

#: Commands after which a face stays open.
_STAYING = ("comment", "keep", "take", "predict")

#: States in which a face no longer waits for anybody.
_SETTLED = (*FINISHED, FaceState.REJECTED, FaceState.SKIPPED)


def open_desk(
    project: Project,
    author: str | None = None,
    faces: Iterable[Face] | None = None,
    predict: Callable[[Face], None] | None = None,
    way: Way = "uncertain",
) -> Desk:
    """The desk of ``author`` (the one who is logged in to this computer by default).

    ``faces`` are to be gone through in this order, by default what waits in `Project.queue` in the
    order ``way``; ``predict`` has a model place the points of a face, where there is one: when it is
    asked for, and of a face that was added. Raises
    `InputError` for an unknown face or an empty author.
    """
    name = (getpass.getuser() if author is None else author).strip()
    if not name:
        raise InputError("an annotation needs an author; say who works here")
    order = None if faces is None else [str(project.find(face).id) for face in faces]
    return Desk(project, name, order, predict, way)


def placer(project: Project) -> FacePlacer:
    """What places single faces with the project's model of the moment."""
    return FacePlacer(project.store, project.folder, project.images, lambda: project.settings.model)


def editor(project: Project, face: Face | None, author: str | None, host: str) -> Any:
    """The widget of `Project.editor`."""
    if host not in ("auto", "jupyter", "panel"):
        raise InputError(f"{host!r} is no host of the editor; there are auto, jupyter and panel")
    desk = open_desk(project, author, predict=placer(project))
    key = None if face is None else desk.key(face)
    # Either host takes a second to import, and only one of them is needed.
    if host == "jupyter" or (host == "auto" and in_notebook()):
        from labelkit.editor.jupyter import EditorWidget

        return EditorWidget(desk, key)
    from labelkit.editor.panel import Editor

    return Editor(desk, key)


class Desk:
    """`labelkit.editor.session.Desk` over a project. A key is the id of a face in the store."""

    def __init__(
        self,
        project: Project,
        author: str,
        order: list[str] | None = None,
        predict: Callable[[Face], None] | None = None,
        way: Way = "uncertain",
    ) -> None:
        self.author, self._project, self._store = author, project, project.store
        self._predict, self._way = predict, way
        self._session = f"editor of {author}"
        self._hold = Hold(self._store, author)
        self._queued = order is None
        self._order = order if order is not None else []
        self._waiting, self._asked = 0, -math.inf
        self._sizes: dict[str, tuple[int, int]] = {}
        if order is None:
            self._extend()

    @property
    def project(self) -> str:
        """The database's place, in a form that says nothing about this computer."""
        place = str(self._store.path.resolve()).encode()
        return f"{self._project.settings.name}-{hashlib.sha256(place).hexdigest()[:16]}"

    @property
    def can_predict(self) -> bool:
        return self._predict is not None

    def key(self, face: Face) -> str:
        """The key of a face; raises `InputError`."""
        return str(self._project.find(face).id)

    def first(self) -> str | None:
        """What this person was at last, else the first face that waits."""
        for journal in self._store.journal.unfinished(author=self.author):
            key = str(journal.face_id)
            if journal.session == self._session and (self._queued or key in self._order):
                return key
        if not self._queued:
            return next(iter(self._order), None)
        found = self._hold.first(map(int, self._order))
        return None if found is None else str(found)

    def photo(self, image: str) -> bytes:
        return browser_photo(self._project.image(image))

    def neighbours(self, key: str) -> Neighbours:
        if key not in self._order:
            self._order.insert(0, key)
        place = self._order.index(key)
        following = self._following(place)
        if following is None and self._queued and self._extend():
            following = self._following(place)
        before = self._order[place - 1] if place else None
        return Neighbours(before, following, place + 1, max(len(self._order), self._waiting))

    def _following(self, place: int) -> str | None:
        """The next face; of a queue, the next that still waits and that nobody else has open, which
        this person then holds."""
        if not self._queued:
            return next(iter(self._order[place + 1 : place + 2]), None)
        start, count = place + 1, 1  # mostly it is the next one, which is held already
        while keys := self._order[start : start + count]:
            start, count = start + count, _LOOK
            faces = self._store.faces(map(int, keys))
            found = self._hold.first(face.id for face in faces if face.state not in _SETTLED)
            if found is not None:
                return str(found)
        return None

    def stay(self, keys: Sequence[str]) -> None:
        self._hold.keep(map(int, keys))

    def leave(self) -> None:
        self._hold.leave()

    def _extend(self) -> bool:
        """Take up what waits and is not in the order yet; whether there was anything."""
        if time.monotonic() - self._asked < _PATIENCE:
            return False
        self._asked = time.monotonic()
        known = set(self._order)
        if not known:
            counts = self._store.count_by_state()
            self._waiting = sum(counts[FaceState(state)] for state in ORDER)
        waiting = map(str, islice(line(self._store, self._way, self.author), len(known) + _AHEAD))
        new = [key for key in waiting if key not in known]
        self._order += new
        return bool(new)

    # Opening

    def open(self, key: str) -> Sheet:
        # What is read first is never newer than what is read later: a revision that somebody saves
        # meanwhile is then taken for unseen, at worst.
        face = self._face(key)
        scheme = self._store.scheme_revision()
        made = self._store.prediction(face.id)
        journal = self._store.journal.read(face.id, self._session)
        other = "" if self._hold.take(face.id) else self._hold.other(face.id)
        places = _Places(self._store.scheme_history(), scheme)
        sheet = Sheet(
            key=key,
            image=face.face.image,
            size=self._size(face),
            index=face.face.index,
            scheme=scheme.scheme,
            scheme_revision=scheme.revision,
            revision=face.revision,
            draft=Draft(self._landmarks(face), face.face.box, dict(face.attributes), face.note),
            started_from=face.prediction_id,
            state=face.state.value,
            reason=self._reason(face, made, other),
            attributes=self._project.settings.attributes,
            comments=[
                Comment(one.text, one.author, one.time, one.point)
                for one in self._store.events(face.id, kind=EventKind.COMMENT)
            ],
            others=self._others(face),
            places=places.all,
        )
        if made is not None:
            sheet.predicted, sheet.cov = places.prediction(made)
        if journal is not None:
            self._continue(sheet, face, journal, places)
        return sheet

    def _continue(self, sheet: Sheet, face: StoredFace, journal: Journal, places: _Places) -> None:
        """Put unsaved edits onto a sheet."""
        sheet.done = [places.edit(delta.edit) for delta in journal.done]
        sheet.undone = [places.edit(delta.edit) for delta in reversed(journal.undone)]
        sheet.draft = sheet.draft.replayed(sheet.done)
        if journal.done:
            sheet.revision = min(int(journal.done[0].edit.get("revision", face.revision)), face.revision)
        sheet.crossed = self._crossed(face, sheet.revision)

    def _reason(self, face: StoredFace, made: StoredPrediction | None, other: str) -> str:
        """What whoever opens a face is told: who else is at it, what is odd, of what a model is unsure."""
        odd = self._store.odd_among([face.id]).get(face.id, "")
        doubt = ""
        if made is not None and face.state in WAITING:
            doubt = in_words(made.prediction, self._store.scheme_revision(made.scheme_revision).scheme)
        told = (f"{other} has it open" if other else "", odd, face.reason, doubt)
        return "; ".join(part for part in told if part)

    def _face(self, key: str) -> StoredFace:
        if not (key.isascii() and key.isdecimal() and len(key) < 15):
            raise InputError(f"{key[:40]!r} is no face of the project")
        return self._store.face(int(key))

    def _landmarks(self, face: StoredFace) -> Landmarks:
        """What is known about a face; one without any point begins with the mean face in its box."""
        landmarks = self._store.current(face.id, fill=True)
        if landmarks.present.any() or face.face.box is None or (landmarks.state != State.PREDICTED).any():
            return landmarks
        return Landmarks(landmarks.scheme, _mean_face(self._project.scheme, face.face.box), State.PREDICTED)

    def _size(self, face: StoredFace) -> tuple[int, int]:
        """Width and height of the photo; of one that cannot be read, what the face needs."""
        image = face.face.image
        if image not in self._sizes:
            try:
                self._sizes[image] = self._project.image(image).size
            except ImageError:
                box = face.face.box
                return (640, 480) if box is None else (round(box.x1) + 1, round(box.y1) + 1)
        return self._sizes[image]

    def _others(self, face: StoredFace) -> list[Other]:
        beside = [
            one
            for one in self._store.faces_of_image(face.image_id)
            if one.id != face.id and one.state not in (FaceState.NO_FACE, FaceState.REJECTED)
        ]
        points = self._store.currents([one.id for one in beside], fill=True)
        return [Other(str(one.id), one.face.box, points[one.id]) for one in beside]

    def _crossed(self, face: StoredFace, seen: int) -> Crossed | None:
        """Who has saved a newer revision than the one that was ``seen``."""
        if face.revision <= seen:
            return None
        newest = self._store.history(face.id)[-1]
        return Crossed(newest.author, newest.time, newest.revision, newest.author == self.author)

    # Edits

    def record(self, entry: str, kind: Kind, sheet: Sheet, edit: Edit) -> Reply:
        face_id, journals = int(sheet.key), self._store.journal
        with self._store.patience(_HURRY), self._store.together():
            if not journals.claim(entry):
                return Reply(fresh=False)
            face = self._face(sheet.key)
            done, undone = journals.ends(face_id, self._session)
            last = undone if kind == "redo" else done
            last_id = None if last is None else last.edit.get("id")
            if kind != "edit" and last_id != edit.id:
                raise InputError(f"there is nothing to {kind}: another window has gone on since")
            seen = {"revision": sheet.revision, "scheme": sheet.scheme_revision}
            said = {**edit.to_json(), **seen} if kind == "edit" else None
            journals.add(face_id, self._session, self.author, kind, said)
        known = sheet.done[-1].id if sheet.done else None
        stale = kind == "edit" and last_id != known
        return Reply(stale=stale, crossed=self._crossed(face, sheet.revision))

    # Decisions

    def decide(self, entry: str, command: Mapping[str, Any], sheet: Sheet) -> Reply:
        if command.get("name") == "predict" and self._predict is None:
            raise InputError("no model is at hand here; labelkit prelabel places the points of new faces")
        with self._store.patience(_HURRY), self._store.together():
            if not self._store.journal.claim(entry):
                return Reply(fresh=False)
            face = self._face(sheet.key)
            crossed = self._crossed(face, sheet.revision)
            reply = Decision(self._project, self.author, self._session, face, sheet, command).take()
            if command.get("name") not in _STAYING:
                self._hold.drop([face.id])
        return replace(reply, crossed=crossed)

    def place(self, key: str) -> None:
        if self._predict is None:
            raise InputError("no model is at hand here")
        self._predict(self._face(key).face)


class _Places:
    """Where the points of earlier schemes are in the present one, by their uids."""

    def __init__(self, history: Sequence[SchemeRevision], present: SchemeRevision) -> None:
        index = {uid: i for i, uid in enumerate(present.uids)}
        self._count = len(present.uids)
        self.all = {one.revision: tuple(index.get(uid, -1) for uid in one.uids) for one in history}

    def edit(self, stored: Mapping[str, Any]) -> Edit:
        """An edit in a journal, in the present scheme."""
        places = self.all[int(stored["scheme"])]
        own = {name: stored[name] for name in ("id", "label", "before", "after")}
        return read_edit(own, len(places)).moved(places)

    def prediction(self, made: StoredPrediction) -> tuple[Array, Array]:
        """Where a model put the points of the present scheme, (N, 2), and how sure it was,
        (N, 2, 2); NaN for points that it was not asked for."""
        xy, cov = np.full((self._count, 2), np.nan), np.full((self._count, 2, 2), np.nan)
        places = np.array(self.all[made.scheme_revision])
        xy[places[places >= 0]] = made.prediction.xy[places >= 0]
        cov[places[places >= 0]] = made.prediction.cov[places >= 0]
        return xy, cov


def _mean_face(scheme: Scheme, box: Box) -> Array:
    """The plane's points of ``scheme`` laid into a box, (N, 2) image px."""
    own = box.kind == "landmarks" and box.source in (None, scheme.name)
    frame = scheme if own else load_scheme(REFERENCE_SCHEME)
    return Crop.from_box(landmark_box(box), frame.plane_box).points_to_image(scheme.plane)

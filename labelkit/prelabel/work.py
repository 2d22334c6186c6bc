"""What prelabelling does to a project, whatever the model is: no torch here.

Photos that nobody has searched are searched for faces; faces whose points nobody has confirmed get
a prediction. What is done is kept a piece at a time, so that the work can end at any moment and go
on later: a face that has a prediction of the same model for the same scheme is not done again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from labelkit import queue
from labelkit.boxrules import REFERENCE_SCHEME, box_of_points
from labelkit.errors import BoxError, ImageError
from labelkit.geometry import Box
from labelkit.images import ImageFile, image_below
from labelkit.landmarks import Landmarks, State
from labelkit.prediction import Prediction
from labelkit.scheme import Scheme
from labelkit.store import (
    FaceState,
    NewFace,
    NewPrediction,
    SchemeRevision,
    Store,
    StoredFace,
    StoredImage,
    StoredPrediction,
)

#: The states in which a face waits for points.
WAITING = (FaceState.TODO, FaceState.PREDICTED)

#: How the scheme is called while the network is asked. A project's scheme may be a changed
#: ``ibug68`` of the same name, but boxes of the source "ibug68" mean the built-in one.
ALIAS = "scheme-of-the-project"

#: What has been predicted is written at the latest after so many seconds.
_PATIENCE = 1.0

#: From so many points of a face its place is better known than from a box.
_ENOUGH = 3

_PAGE = 500


class Result(Protocol):
    """What became of a photo, as `labelkit.models.stream.PhotoResult` says it."""

    @property
    def boxes(self) -> Sequence[Box]: ...
    @property
    def predictions(self) -> Sequence[Prediction]: ...
    @property
    def looks(self) -> Sequence[bytes]: ...
    @property
    def problem(self) -> str | None: ...


#: Places the points of a scheme on photos, in order; boxes None: the faces are to be found.
Predict = Callable[[Iterable[tuple[ImageFile, tuple[Box, ...] | None]], Scheme], Iterable[Result]]

#: By photo the faces that wait for points; None for a photo that is to be searched.
Waiting = dict[int, tuple[int, ...] | None]


@dataclass
class Tally:
    """What prelabelling did: photos dealt with, faces that got a prediction, faces found among them,
    photos in which nobody was found, and a line for each photo or face that was left out."""

    photos: int = 0
    faces: int = 0
    found: int = 0
    no_face: int = 0
    problems: list[str] = field(default_factory=list)
    cancelled: bool = False


@dataclass(frozen=True)
class Task:
    """A photo and its waiting faces; None: the photo is to be searched."""

    image: StoredImage
    file: ImageFile
    faces: tuple[StoredFace, ...] | None = None
    boxes: tuple[Box, ...] | None = None


def plan(store: Store, model: str, only_new: bool = False) -> Waiting:
    """Which photos there is something to do in, by id, with the faces that wait for points; None for
    a photo that is to be searched.

    A face is left alone when a person has placed or confirmed all of its points, or when it has a
    prediction of ``model`` for the present scheme; with ``only_new`` when it has any prediction.
    """
    waiting: Waiting = {}
    for state in WAITING:
        for page in _pages(store, state):
            for face in _without_points(store, page, model, only_new):
                waiting[face.image_id] = (*(waiting.get(face.image_id) or ()), face.id)
    last = 0
    while images := store.images(last, _PAGE, unsearched=True):
        waiting |= {image.id: None for image in images if not image.missing}
        last = images[-1].id
    return waiting


def prelabel(
    store: Store,
    images: Path,
    predict: Predict,
    model: str,
    *,
    only_new: bool = False,
    heard: Callable[[int, int], bool] = lambda done, total: False,
) -> Tally:
    """Give every waiting face a prediction of ``predict``, whose model id is ``model``.

    ``images`` is the image root. ``heard`` is told how many photos of how many are done and kept,
    and says whether to stop.
    """
    work = _Work(store, images, store.scheme_revision())
    waiting = plan(store, model, only_new)
    stop, kept = heard(0, len(waiting)), time.monotonic()
    for task, result in () if stop else work.run(predict, waiting):
        work.take(task, result)
        if time.monotonic() - kept > _PATIENCE:
            work.keep()
            stop, kept = heard(work.tally.photos, len(waiting)), time.monotonic()
            if stop:
                break
    work.keep()
    heard(work.tally.photos, len(waiting))
    return replace(work.tally, cancelled=stop)


def place(store: Store, images: Path, predict: Predict, waiting: Waiting) -> Tally:
    """Give the faces of ``waiting`` a prediction now, whatever they have already."""
    work = _Work(store, images, store.scheme_revision())
    for task, result in work.run(predict, waiting):
        work.take(task, result)
    work.keep()
    return work.tally


def face_box(face: StoredFace, landmarks: Landmarks, scheme: Scheme) -> Box:
    """Where a face is: around the points of ``scheme`` that it has, else its box.

    Raises `BoxError` for a face with neither.
    """
    if landmarks.present.sum() >= _ENOUGH:
        with suppress(BoxError):  # all points in one place
            return box_of_points(scheme.plane, landmarks.xy)
    box = face.face.box
    if box is None:
        raise BoxError("has neither a box nor points; draw a box")
    if box.kind == "landmarks" and box.source != REFERENCE_SCHEME:
        raise BoxError(f"has a box around points of {box.source!r}, which are not there; draw a new one")
    return box


class _Work:
    """The photos on their way through the network, and the results that are not yet written."""

    def __init__(self, store: Store, images: Path, revision: SchemeRevision) -> None:
        self.tally = Tally()
        self._store, self._images = store, images
        self._scheme, self._revision = revision.scheme, revision.revision
        self._results: list[tuple[Task, Result]] = []

    def run(self, predict: Predict, waiting: Waiting) -> Iterator[tuple[Task, Result]]:
        """Every photo that can be asked about, with its result."""
        asked: deque[Task] = deque()

        def photos() -> Iterator[tuple[ImageFile, tuple[Box, ...] | None]]:
            for image_id, faces in waiting.items():
                task = self._task(image_id, faces)
                if task is None:
                    self.tally.photos += 1
                else:
                    asked.append(task)
                    yield task.file, task.boxes

        for result in predict(photos(), replace(self._scheme, name=ALIAS)):
            yield asked.popleft(), result

    def take(self, task: Task, result: Result) -> None:
        """Note what came of a photo; `keep` writes it."""
        self._results.append((task, result))

    def keep(self) -> None:
        """Write what was noted; from here on it stays."""
        good = [(task, result) for task, result in self._results if result.problem is None]
        nobody = [task.image.id for task, result in good if task.faces is None and not result.boxes]
        predictions = [
            self._prediction(face, found, look)
            for task, result in good
            for face, found, look in zip(
                self._faces(task, result), result.predictions, result.looks, strict=True
            )
            if face is not None
        ]
        self.tally.no_face += self._store.mark_no_face(nobody)
        self._store.put_predictions(predictions, self._revision)
        self.tally.faces += len(predictions)
        self.tally.photos += len(self._results)
        self.tally.problems += [result.problem for _, result in self._results if result.problem is not None]
        self._results = []

    def _task(self, image_id: int, faces: tuple[int, ...] | None) -> Task | None:
        """What to ask about a photo, as it stands now: hours may have passed since the plan."""
        image = self._store.image(image_id)
        try:
            file = image_below(self._images, image.path)
        except ImageError as error:
            self.tally.problems.append(str(error))
            return None
        if faces is None:
            return Task(image, file)
        boxed = list(self._boxed(image, faces))
        if not boxed:
            return None
        return Task(image, file, tuple(face for face, _ in boxed), tuple(box for _, box in boxed))

    def _boxed(self, image: StoredImage, faces: tuple[int, ...]) -> Iterator[tuple[StoredFace, Box]]:
        """The faces that still wait, each with the box from which to start."""
        landmarks = self._store.currents(faces)
        for face in self._store.faces(faces):
            if face.state in WAITING:
                try:
                    yield face, face_box(face, landmarks[face.id], self._scheme)
                except BoxError as error:
                    self.tally.problems.append(f"{image.path}, face {face.face.index + 1}: {error}")

    def _faces(self, task: Task, result: Result) -> Sequence[StoredFace | None]:
        """The faces of a result; None for one whose place somebody else took in the meantime."""
        if task.faces is not None:
            return task.faces
        new = [NewFace(task.image.id, box, index) for index, box in enumerate(result.boxes)]
        faces = self._store.faces(self._store.add_faces(new))
        ours = [face if face.face.box == box else None for face, box in zip(faces, result.boxes, strict=True)]
        self.tally.found += sum(face is not None for face in ours)
        return ours

    def _prediction(self, face: StoredFace, found: Prediction, look: bytes) -> NewPrediction:
        own = Prediction(found.xy, found.model, found.crop, self._scheme.name, found.cov, found.confidence)
        seen = queue.signature(own, self._scheme, look)
        return NewPrediction(face.id, own, queue.score(own, face.face.box), seen)


def _pages(store: Store, state: FaceState) -> Iterator[list[StoredFace]]:
    last: StoredFace | None = None
    while page := store.page(state, last, _PAGE):
        yield page
        last = page[-1]


def _without_points(
    store: Store, faces: Sequence[StoredFace], model: str, only_new: bool
) -> Iterator[StoredFace]:
    """Those of ``faces`` for which ``model`` has something to say."""
    revision = store.scheme_revision().revision
    made = store.predictions([face.id for face in faces])
    begun = store.currents([face.id for face in faces if face.revision])
    for face in faces:
        known = made.get(face.id)
        if known is not None and (only_new or _same(known, model, revision)):
            continue
        if face.id not in begun or (begun[face.id].state == State.PREDICTED).any():
            yield face


def _same(known: StoredPrediction, model: str, revision: int) -> bool:
    return (known.prediction.model, known.scheme_revision) == (model, revision)

"""What a person decides about many faces at once, and how it is taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labelkit.errors import InputError, LabelkitError
from labelkit.landmarks import Landmarks
from labelkit.store import FINISHED, WITHDRAWN, FaceState, StoredFace

if TYPE_CHECKING:
    from labelkit.project.project import Project

#: Why a face was set aside by `Bulk.decide` with "flag".
FLAGGED = "flagged"

#: So many decisions can be taken back.
_STEPS = 100


@dataclass
class Outcome:
    """What became of faces: the states of those that were changed, by id, and for each of the others
    a line that says why it was not."""

    states: dict[int, FaceState] = field(default_factory=dict)
    problems: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Before:
    """A face as it was before a decision, and its revision after it."""

    face: StoredFace
    landmarks: Landmarks | None
    revision: int


class Bulk:
    """Accepts, rejects, flags and brings back faces as ``author``; what was done last can be undone,
    step by step.

    Every decision is stored when a call returns. Accepting writes an annotation for each face, and
    undoing that another one, which withdraws it: nothing is ever removed from a face's history.
    """

    def __init__(self, project: Project, author: str) -> None:
        self._project, self._store, self._author = project, project.store, author
        self._steps: list[list[_Before]] = []

    @property
    def steps(self) -> int:
        """How many decisions can be undone."""
        return len(self._steps)

    def decide(self, name: str, seen: Mapping[int, int]) -> Outcome:
        """Decide about faces: ``name`` is accept, reject, flag or restore (a rejected face, to what it
        was before), ``seen`` the revision of each face that the person saw, by id.

        A face that has changed since, that somebody is working on, or that cannot be accepted
        because points have no place, stays as it is. Raises `InputError` for another name.
        """
        acts: dict[str, Callable[[StoredFace], Landmarks | None]] = {
            "accept": self._accept,
            "reject": lambda face: self._move(face, FaceState.REJECTED, ""),
            "flag": lambda face: self._move(face, FaceState.SKIPPED, FLAGGED),
            "restore": self._restore,
        }
        if name not in acts:
            raise InputError(f"{name!r} is nothing that can be decided; there are {', '.join(acts)}")
        outcome, step = Outcome(), list[_Before]()
        with self._store.together():
            for face in self._store.faces(seen):
                try:
                    self._check(face, seen[face.id])
                    before = acts[name](face)
                except LabelkitError as error:
                    outcome.problems[face.id] = str(error)
                    continue
                now = self._store.face(face.id)
                step.append(_Before(face, before, now.revision))
                outcome.states[face.id] = now.state
        if step:
            self._steps = [*self._steps[1 - _STEPS :], step]
        return outcome

    def undo(self) -> Outcome:
        """Take the last decision back; faces that somebody has changed since stay as they are.

        Raises `InputError` when there is nothing to undo.
        """
        if not self._steps:
            raise InputError("there is nothing to undo")
        outcome = Outcome()
        with self._store.together():
            for before in self._steps[-1]:
                try:
                    outcome.states[before.face.id] = self._take_back(before)
                except LabelkitError as error:
                    outcome.problems[before.face.id] = str(error)
        del self._steps[-1]
        return outcome

    def _check(self, face: StoredFace, revision: int) -> None:
        if face.revision != revision:
            raise InputError(f"{_name(face)}: somebody has changed it meanwhile")
        open_edits = [
            one for one in self._store.journal.unfinished(face.id) if self._has_edits(face, one.session)
        ]
        if open_edits:
            raise InputError(f"{_name(face)}: has unsaved edits of {open_edits[0].author}; open it")

    def _has_edits(self, face: StoredFace, session: str) -> bool:
        journal = self._store.journal.read(face.id, session)
        return journal is not None and bool(journal.done)

    def _accept(self, face: StoredFace) -> Landmarks:
        before = self._store.current(face.id)
        landmarks = self._store.current(face.id, fill=True)
        if not landmarks.present.all():
            raise InputError(f"{_name(face)}: has points without a place; open it")
        self._store.annotate(
            face.id,
            landmarks,
            self._author,
            state=FaceState.DONE,
            started_from=face.prediction_id,
            base_revision=face.revision,
        )
        return before

    def _move(self, face: StoredFace, state: FaceState, reason: str) -> None:
        self._store.set_state(face.id, state, self._author, reason)

    def _restore(self, face: StoredFace) -> None:
        self._store.restore_face(face.id, self._author)

    def _take_back(self, before: _Before) -> FaceState:
        face = self._store.face(before.face.id)
        if face.revision != before.revision:
            raise InputError(f"{_name(face)}: somebody has changed it meanwhile")
        if before.landmarks is not None:
            state = before.face.state if before.face.state in _KEPT else FaceState.PREDICTED
            self._store.annotate(
                face.id,
                before.landmarks,
                self._author,
                state=state,
                base_revision=face.revision,
                source=WITHDRAWN,
            )
        return self._store.set_state(face.id, before.face.state, self._author, before.face.reason).state


#: States that an annotation can leave a face in; to others it is moved afterwards.
_KEPT: Sequence[FaceState] = (FaceState.PREDICTED, FaceState.IN_PROGRESS, *FINISHED)


def _name(face: StoredFace) -> str:
    return f"{face.face.image}, face {face.face.index + 1}"

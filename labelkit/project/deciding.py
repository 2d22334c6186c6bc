"""What a person decides about a face in the editor, and what becomes of unsaved edits by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from labelkit.editor.edits import MAX_TEXT, Unchanged, as_box, as_text
from labelkit.editor.payload import Sheet
from labelkit.editor.session import Reply
from labelkit.errors import InputError
from labelkit.geometry import Box
from labelkit.landmarks import Landmarks, State
from labelkit.store import FINISHED, FaceState, StoredFace

if TYPE_CHECKING:
    from labelkit.project.project import Project


class Decision:
    """One command about one face. `take` is called within a transaction of the store.

    ``text`` in a command is a comment, note or reason, ``point`` the name of the point that it is
    about, ``box`` that of a new face, ``target`` the key of the face to open, ``revision`` the
    annotation to take over.
    """

    def __init__(
        self,
        project: Project,
        author: str,
        session: str,
        face: StoredFace,
        sheet: Sheet,
        command: Mapping[str, Any],
    ) -> None:
        self._project, self._store = project, project.store
        self._author, self._session = author, session
        self._face, self._sheet, self._command = face, sheet, command

    def take(self) -> Reply:
        """Do what the command says; raises `InputError` when that makes no sense."""
        acts: dict[str, Callable[[], Reply | None]] = {
            "accept": self._accept,
            "review": self._review,
            "reject": lambda: self._settle(FaceState.REJECTED, self._text()),
            "remove_face": lambda: self._settle(FaceState.REJECTED, self._text() or "no face"),
            "skip": lambda: self._settle(FaceState.SKIPPED, self._text()),
            "flag": self._flag,
            "return": self._send_back,
            "comment": self._comment,
            "add_face": self._add_face,
            "open": self._open,
            "next": self._leave,
            "previous": self._leave,
            "predict": self._leave,
            "keep": lambda: self._save(FaceState.IN_PROGRESS),
            "take": self._take_theirs,
        }
        act = acts.get(str(self._command.get("name")))
        if act is None:
            raise InputError(f"{str(self._command.get('name'))[:40]!r} is nothing that can be decided")
        return act() or Reply()

    def _accept(self) -> None:
        self._save(FaceState.DONE)

    def _review(self) -> None:
        if self._sheet.done or self._face.state not in FINISHED:
            self._save(FaceState.REVIEWED)
        else:
            self._store.set_state(self._face.id, FaceState.REVIEWED, self._author)

    def _settle(self, state: FaceState, reason: str) -> None:
        self._leave()
        if self._store.face(self._face.id).state is FaceState.NO_FACE:
            return  # there is nobody to be put aside: the photo stays as it is
        self._store.set_state(self._face.id, state, self._author, reason)

    def _flag(self) -> None:
        text = self._text()
        self._settle(FaceState.SKIPPED, f"flagged: {text}" if text else "flagged")
        if text:
            self._store.add_comment(self._face.id, text, self._author, self._point())

    def _send_back(self) -> None:
        text = self._text()
        if not text.strip():
            raise InputError("a face that is sent back needs a comment that says what is wrong")
        self._leave()
        self._store.set_state(self._face.id, FaceState.RETURNED, self._author, text)
        self._store.add_comment(self._face.id, text, self._author, self._point())

    def _comment(self) -> None:
        text = as_text(self._command.get("text"), "a comment", MAX_TEXT, empty=False)
        self._store.add_comment(self._face.id, text, self._author, self._point())

    def _add_face(self) -> Reply:
        box = Box(*as_box(self._command.get("box")), kind="user")
        self._leave()
        made = self._project.add_face(self._face.face.image, box, self._author)
        return Reply(opens=str(self._project.find(made).id))

    def _open(self) -> Reply:
        target = self._command.get("target")
        if not (isinstance(target, str) and target.isascii() and target.isdecimal() and len(target) < 15):
            raise InputError(f"{str(target)[:40]!r} is no face of the project")
        other = self._store.face(int(target))
        self._leave()
        return Reply(opens=str(other.id))

    def _take_theirs(self) -> None:
        """Make somebody else's revision the newest again; what is unsaved here is kept before it."""
        wanted = self._command.get("revision", self._face.revision)
        theirs = [one for one in self._store.history(self._face.id) if one.revision == wanted]
        if not theirs:
            raise InputError(f"{self._face.face.image}: the face has no revision {str(wanted)[:20]}")
        taken = theirs[0].landmarks
        self._leave()
        finished = bool((taken.state != State.PREDICTED).all())
        self._store.annotate(
            self._face.id,
            taken,
            self._author,
            state=FaceState.DONE if finished else FaceState.IN_PROGRESS,
            source=f"revision {theirs[0].revision} of {theirs[0].author}",
        )

    def _leave(self) -> None:
        """Keep what is unsaved as a revision in progress; nothing where no point was touched."""
        touched = any(edit.after.xy or edit.after.state or edit.after.visibility for edit in self._sheet.done)
        if touched:
            self._save(FaceState.IN_PROGRESS)
        else:
            self._keep_details()
            self._store.journal.discard(self._face.id, self._session)

    def _save(self, state: FaceState) -> None:
        landmarks: Landmarks = self._sheet.draft.landmarks
        if not landmarks.present.any():
            more = "; draw a box around it" if self._face.state is FaceState.NO_FACE else ""
            raise InputError(f"{self._face.face.image}: the face has no points yet{more}")
        self._keep_details()
        self._store.annotate(
            self._face.id,
            landmarks,
            self._author,
            state=state,
            started_from=self._sheet.started_from,
            base_revision=self._sheet.revision,
            scheme_revision=self._sheet.scheme_revision,
            session=self._session,
        )

    def _keep_details(self) -> None:
        """Store note, attributes and box where they were changed here: what somebody else has
        changed meanwhile stays."""
        draft, face, patches = self._sheet.draft, self._face, [edit.after for edit in self._sheet.done]
        if any(not isinstance(patch.note, Unchanged) for patch in patches):
            self._store.set_note(face.id, draft.note, self._author)
        named = {name for patch in patches for name in patch.attributes}
        if named:
            kept = {name: value for name, value in face.attributes.items() if name not in named}
            said = {name: value for name, value in draft.attributes.items() if name in named}
            self._store.set_attributes(face.id, {**kept, **said}, self._author)
        drawn = any(not isinstance(patch.box, Unchanged) for patch in patches)
        if (
            drawn
            and draft.box is not None
            and (face.face.box is None or draft.box.xyxy != face.face.box.xyxy)
        ):
            self._store.set_box(face.id, draft.box, self._author)

    def _text(self) -> str:
        for name in ("text", "note", "reason", "comment"):
            if self._command.get(name) is not None:
                return as_text(self._command[name], "a comment", MAX_TEXT)
        return ""

    def _point(self) -> str | None:
        point = self._command.get("point")
        return None if point is None else as_text(point, "a point", MAX_TEXT)

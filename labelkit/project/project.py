"""`Project`: a folder of photos on its way to a labelled data set."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from numpy.typing import ArrayLike

from labelkit.dataset.parts import By
from labelkit.drafts import sweep
from labelkit.errors import InputError
from labelkit.geometry import Box
from labelkit.images import ImageFile, RGBImage, find_images, image_below
from labelkit.landmarks import Annotation, Face, Landmarks
from labelkit.prediction import Model
from labelkit.prelabel.files import database, local_model
from labelkit.prelabel.here import prelabel_here
from labelkit.prelabel.runner import Prelabelling, PrelabelReport
from labelkit.project.describing import DescribingCalls
from labelkit.project.exporting import ExportOptions, ExportReport, export
from labelkit.project.folder import FOLDERS, create_folder, keep_scheme, one_at_a_time
from labelkit.project.importing import As, ImportReport, Source, import_dataset, read_for
from labelkit.project.keeping import KeepingCalls, person
from labelkit.project.looking import LookingCalls
from labelkit.project.photos import Comparison, Heard, ScanReport, compare, scan
from labelkit.project.settings import Settings, images_setting, read_settings, write_settings
from labelkit.project.tuning import TuningCalls
from labelkit.scheme import Scheme, load_scheme
from labelkit.scheme.change import SchemeChange, plan_change
from labelkit.store import Event, FaceState, Job, NewFace, SchemeRevision, SchemeSwitch, Store, StoredFace

_PAGE = 1000

_log = logging.getLogger("labelkit")


def _ignore(*_: object) -> None:
    pass


def _state(name: FaceState | str) -> FaceState:
    """The state of that name; raises `InputError`."""
    try:
        return FaceState(name)
    except ValueError as error:
        raise InputError(f"{name!r} is no state of a face; there are {', '.join(FaceState)}") from error


class Project(LookingCalls, DescribingCalls, TuningCalls, KeepingCalls):
    """A project folder: its photos, faces and labels, and what can be done with them.

        project = Project.create("work", images="photos/", scheme="ibug68")
        project.prelabel()
        for item in project.queue():
            landmarks = project.landmarks(item.face)
            ...
            project.annotate(item.face, landmarks, author="ann")
        project.export("wflw", "out.txt")

    Everything is on the disk when a call returns. Any number of processes may work on a project at
    the same time. A face is a `Face`: its photo's path relative to the image root, and its number
    in that photo. Every call that names a face raises `InputError` for one that is not there, and
    every call `StoreError` when the database cannot be used.
    """

    def __init__(self, folder: Path, settings: Settings, store: Store) -> None:
        self.folder, self.settings, self.store = folder, settings, store

    @classmethod
    def create(
        cls,
        folder: str | Path,
        images: str | Path,
        scheme: str | Path | Scheme,
        *,
        name: str | None = None,
        author: str = "",
        read: bool = True,
        heard: Heard = _ignore,
    ) -> Self:
        """A new project in ``folder`` with the photos below ``images``, which stay where they are.

        Photos are read once for their content hashes; ``heard`` is told how many of how many.
        ``read`` False leaves that to a later `scan`. Raises `InputError` when there is a project
        already or no photo is found.
        """
        folder, root = Path(folder), Path(images)
        chosen = load_scheme(scheme)
        find_images(root)
        settings = Settings(name or folder.resolve().name or "project", images_setting(folder, root))
        create_folder(folder, settings, chosen, author)
        project = cls.open(folder)
        project.scan(read=read, heard=heard)
        return project

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """The project in ``folder``; raises `InputError` when there is none, or its settings are wrong.

        What a process that was killed had half written in there is deleted.
        """
        folder = Path(folder)
        settings = read_settings(folder)
        for place in (folder, *(folder / name for name in FOLDERS)):
            sweep(place)
        return cls(folder, settings, Store.open(database(folder)))

    def close(self) -> None:
        """Give back the database's file; the project is not to be used afterwards."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Project {self.settings.name!r} in {self.folder}, scheme {self.scheme.name!r}>"

    @property
    def scheme(self) -> Scheme:
        """The project's present scheme."""
        return self.store.scheme()

    @property
    def images(self) -> Path:
        """The image root, absolute."""
        return self.settings.image_root(self.folder)

    # Photos

    def scan(self, *, read: bool = True, heard: Heard = _ignore) -> ScanReport:
        """Look what has become of the photos: new, moved, changed and missing ones.

        Photos that were moved or renamed are found by their content and keep their labels. New and
        changed ones are read for their content hashes unless ``read`` is False; what was read stays
        when that is interrupted. Nothing that has labels is ever forgotten.
        """
        with one_at_a_time(self.folder):
            return scan(self.store, self.images, self._compare(self.images), read=read, heard=heard)

    def relocate(
        self, images: str | Path, *, read: bool = True, heard: Heard = _ignore, author: str | None = None
    ) -> ScanReport:
        """The photos are below ``images`` now: by their names there, or by their content.

        Raises `InputError`, with nothing changed, when not one of them is there.
        """
        root = Path(images)
        with one_at_a_time(self.folder):
            found = self._compare(root)
            if found.known and not found.found:
                raise InputError(
                    f"{root}: none of the project's {len(found.known)} photos is there, by name or by content"
                )
            settings = replace(self.settings, images=images_setting(self.folder, root))
            write_settings(self.folder, settings)
            self.settings = settings
            self.store.record("relocate", person(author), f"the photos are in {settings.images}")
            return scan(self.store, self.images, found, read=read, heard=heard)

    def image(self, face: Face | str) -> ImageFile:
        """The photo of a face, or the one of this name; raises `ImageError` for a name that leads
        out of the image root."""
        return image_below(self.images, face if isinstance(face, str) else face.image)

    # Faces

    def faces(self, state: FaceState | str | None = None) -> Iterator[Face]:
        """The faces, or those in one state, in the order in which they were added."""
        wanted = None if state is None else _state(state)
        last: StoredFace | None = None
        while page := self.store.page(wanted, last, _PAGE):
            yield from (face.face for face in page)
            last = page[-1]

    def find(self, face: Face) -> StoredFace:
        """What the project knows about a face: state, reason, note, attributes, score."""
        found = self.store.find_face(face.image, face.index)
        if found is None:
            raise InputError(f"{face.image}: the project has no face {face.index + 1} in it")
        return found

    def add_face(self, image: str, box: Box, author: str) -> Face:
        """A face that a person drew a box around, in the photo of this name."""
        photo = self.store.find_image(image)
        if photo is None:
            raise InputError(f"{image}: is no photo of the project; new ones are found by a scan")
        nobody = [f for f in self.store.faces_of_image(photo.id) if f.state is FaceState.NO_FACE]
        if nobody:
            return self.store.set_box(nobody[0].id, box, author).face
        (face_id,) = self.store.add_faces([NewFace(photo.id, box)], author)
        return self.store.face(face_id).face

    def landmarks(self, face: Face) -> Landmarks:
        """The points of a face in the present scheme: what people said and, where they said
        nothing, what the newest prediction says; NaN where neither does."""
        return self.store.current(self.find(face).id, fill=True)

    def history(self, face: Face) -> list[Annotation]:
        """Every annotation of a face, the oldest first."""
        return self.store.history(self.find(face).id)

    def annotate(
        self,
        face: Face,
        landmarks: Landmarks | ArrayLike,
        *,
        author: str,
        state: FaceState | str = FaceState.DONE,
        base_revision: int | None = None,
    ) -> Annotation:
        """Store what ``author`` says about a face, as a new revision.

        ``landmarks`` are of the present scheme; an array (N, 2) is taken as confirmed. ``done`` and
        ``reviewed`` confirm all of them. ``base_revision`` is the revision that the author saw:
        when there is a newer one both are kept, and the result's ``crossed`` is True. Raises
        `InputError` when the points do not fit the scheme.
        """
        known, wanted = self.find(face), _state(state)
        if not author.strip():
            raise InputError(f"{face.image}: an annotation needs an author; say who made it")
        points = landmarks if isinstance(landmarks, Landmarks) else Landmarks(self.scheme, landmarks)
        return self.store.annotate(
            known.id,
            points,
            author,
            state=wanted,
            started_from=known.prediction_id,
            base_revision=base_revision,
        )

    def review(self, face: Face, author: str) -> StoredFace:
        """A second person has looked at a finished face and agrees."""
        return self._to(face, FaceState.REVIEWED, author, "")

    def send_back(self, face: Face, comment: str, author: str, point: str | None = None) -> StoredFace:
        """Return a face with a comment, pinned to a point where it concerns one."""
        if point is not None and point not in self.scheme.names:
            raise InputError(f"scheme {self.scheme.name!r} has no point {point!r}")
        known = self._to(face, FaceState.RETURNED, author, comment)
        self.store.add_comment(known.id, comment, author, point)
        return known

    def reject(self, face: Face, author: str, reason: str = "") -> StoredFace:
        """The face is none, or cannot be labelled: it leaves queue and exports."""
        return self._to(face, FaceState.REJECTED, author, reason)

    def skip(self, face: Face, author: str, reason: str = "") -> StoredFace:
        """Not now: the face leaves the queue until somebody takes it up again."""
        return self._to(face, FaceState.SKIPPED, author, reason)

    def comment(self, face: Face, text: str, author: str, point: str | None = None) -> Event:
        """Say something about a face, or about one of its points, by name."""
        return self.store.add_comment(self.find(face).id, text, author, point)

    def editor(
        self,
        face: Face | None = None,
        author: str | None = None,
        host: Literal["auto", "jupyter", "panel"] = "auto",
    ) -> Any:
        """The annotation editor as a widget: the faces that wait, beginning with ``face``.

        In a notebook (``jupyter``) it is an anywidget, else a Panel component; ``author`` is whoever
        is logged in to this computer, unless it is said. Edits are on the disk when the editor says
        so. Raises `InputError` for an unknown face or host.
        """
        from labelkit.project.editing import editor

        return editor(self, face, author, host)

    # Models and files

    def prelabel(
        self,
        model: str | Path | Model | None = None,
        *,
        only: Literal["new"] | None = None,
        device: str = "auto",
        flip: bool = False,
        passes: int | None = None,
        find: Callable[[RGBImage], list[Box]] | None = None,
        author: str | None = None,
        heard: Callable[[Job], None] | None = None,
    ) -> PrelabelReport:
        """Find faces in photos that nobody has searched, and predict points that nobody has confirmed.

        Runs in a process of its own and waits for it; ``heard`` is told how far it is, without it a
        notebook shows a bar. Ctrl-C keeps what is done, and the same call goes on from there.
        ``model`` is the settings' by default, ``only="new"`` leaves alone what has a prediction of
        another model. A model of your own (`labelkit.prediction.Model`), and a detector of your own
        (``find`` takes an image (H, W, 3) of uint8 RGB and gives boxes, best first), are asked in this
        process. Raises `InputError` with the process's own line where it failed.
        """
        options = {"only": only, "device": device, "flip": flip, "passes": passes}
        given = model if model is not None and not isinstance(model, str | Path) else None
        if given is None and find is None:
            return self._start_prelabel(model, options, author).wait(heard)
        name = None if given is not None else model
        self.store.record("prelabel", person(author), "with a model or a detector of one's own")
        return prelabel_here(self.folder, self.store, self._prelabel_arguments(name, options), given, find)

    def start_prelabel(
        self,
        model: str | Path | None = None,
        *,
        only: Literal["new"] | None = None,
        device: str = "auto",
        flip: bool = False,
        passes: int | None = None,
        author: str | None = None,
    ) -> Prelabelling:
        """As `prelabel`, without waiting: the result is followed or stopped by whoever started it."""
        options = {"only": only, "device": device, "flip": flip, "passes": passes}
        return self._start_prelabel(model, options, author)

    def import_annotations(
        self,
        path: str | Path,
        format: str | None = None,  # noqa: A002 - as in labelkit.read
        *,
        author: str,
        as_: As = "confirmed",
        scheme: str | Path | Scheme | None = None,
        images: str | Path | None = None,
        subset: str | None = None,
        heard: Heard = _ignore,
    ) -> ImportReport:
        """Take over the faces of an annotation file, ``confirmed`` or ``to-review``.

        Faces of another scheme are translated, and always to be reviewed. What a person annotated
        here stays, and what was imported before is not added again. ``scheme`` and ``images`` are
        the file's, told by itself where they are None; ``subset`` is a part of a published data set,
        as in `labelkit.read`. No photo is opened.
        """
        path = Path(path)
        given = None if images is None else Path(images)
        source = Source(path, format, given, subset)
        data = read_for(source, self.images, self.scheme, scheme)
        with one_at_a_time(self.folder):
            report = import_dataset(self.store, self.images, data, path, author, as_, heard)
        told = f"{path.name}: {report.added} of {report.read} faces, {as_}"
        self.store.record("import", author, told, {"added": report.added, "read": report.read})
        return report

    def export(
        self,
        format: str,  # noqa: A002 - as in labelkit.write
        out: str | Path,
        *,
        include_predicted: bool = False,
        reviewed_only: bool = False,
        split: str | None = None,
        by: By = "photo",
        author: str | None = None,
        heard: Callable[[str], None] = _ignore,
    ) -> ExportReport:
        """Write the confirmed faces, at once or not at all, with a side file that says whose they are.

        Faces of which only some points are confirmed are named in the report and left out.
        ``heard`` is told, before anything is in its place, what the format cannot hold. Raises
        `InputError`, with nothing written, when there is no face or the format cannot hold one.
        """
        options = ExportOptions(format, include_predicted, reviewed_only, split, by)
        report = export(self.store, self.folder, self.images, Path(out), options, heard)
        told = {"faces": report.faces, "predicted": len(report.predicted), "split": split}
        what = f"{report.out.name}: {report.faces} faces as {report.format}"
        self._note("export", person(author), what, told)
        return report

    # The scheme

    def plan_scheme_change(
        self, scheme: str | Path | Scheme, renamed: Mapping[str, str] | None = None
    ) -> SchemeChange:
        """What it would mean to go on with another scheme; ``describe()`` says it in words.

        ``renamed`` maps old names to new ones; None takes points that stand at one place under an
        old and a new name for renamed.
        """
        return plan_change(self.scheme, load_scheme(scheme), renamed, guess=renamed is None)

    def change_scheme(self, plan: SchemeChange, author: str, note: str = "") -> SchemeSwitch:
        """Make ``plan.new`` the project's scheme. No annotation is touched; finished faces wait for
        added points. Raises `InputError` when the scheme is no longer the one of the plan."""
        return self._switched(self.store.change_scheme(plan, author, note))

    def plan_scheme_undo(self) -> SchemeChange:
        """What `undo_scheme_change` would do; raises `InputError` when there is nothing to undo."""
        now = self.store.scheme_revision()
        undone = now.restores or now.revision
        if undone == 1:
            raise InputError("the scheme is the one that the project began with: nothing to undo")
        before = self.store.scheme_revision(undone - 1)
        place = {uid: index for index, uid in enumerate(now.uids)}
        return SchemeChange(now.scheme, before.scheme, tuple(place.get(uid, -1) for uid in before.uids))

    def undo_scheme_change(self, author: str) -> SchemeSwitch:
        """Go back one change; removed points return with what was annotated."""
        return self._switched(self.store.undo_scheme_change(author))

    def scheme_history(self) -> list[SchemeRevision]:
        """Every revision of the scheme, the oldest first."""
        return self.store.scheme_history()

    def _start_prelabel(self, model: object, options: Mapping[str, Any], author: str | None) -> Prelabelling:
        arguments = self._prelabel_arguments(model, options)
        started = Prelabelling.start(self.folder, self.store, arguments)
        told = f"job {started.job.id} with {Path(arguments['model']).stem}"
        self.store.record("prelabel", person(author), told)
        return started

    def _prelabel_arguments(self, model: object, options: Mapping[str, Any]) -> dict[str, Any]:
        """What the process is told; ``model`` is a name or a path, None for the settings' one."""
        name = self.settings.model if model is None else str(model)
        if local_model(self.folder, name) is None and Path(name).suffix:
            name = str(Path(name).absolute())
        return {"images": str(self.images), "model": name, **options}

    def _switched(self, switch: SchemeSwitch) -> SchemeSwitch:
        try:
            keep_scheme(self.folder, switch.revision)
        except OSError as error:  # the project reads the database, where the change is by now
            _log.warning("%s: %s; the scheme is changed all the same", error.filename, error.strerror)
        return switch

    def _to(self, face: Face, state: FaceState, author: str, reason: str) -> StoredFace:
        return self.store.set_state(self.find(face).id, state, author, reason)

    def _compare(self, root: Path) -> Comparison:
        return compare(self.store, root, [self.folder / name for name in FOLDERS])

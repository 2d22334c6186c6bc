"""The page *Images*: photos into the project, labels that exist already, and a look at all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import panel as pn

from labelkit.app import parts
from labelkit.app.labels import ImportLabels
from labelkit.app.parts import esc
from labelkit.app.session import WAITING, Session
from labelkit.app.shared import Pulse
from labelkit.app.thumbs import version
from labelkit.app.upload import ADDED
from labelkit.app.widgets import Drop, Gallery
from labelkit.errors import ImageError, InputError
from labelkit.images import ImageFile
from labelkit.project import Project
from labelkit.project.photos import ScanReport
from labelkit.store import FINISHED, FaceState, PhotoKind, StoredFace, StoredImage

#: So many photos are shown at a time.
PER_PAGE = 60

_TITLES = {
    PhotoKind.ALL: "All",
    PhotoKind.WITH_FACES: "With faces",
    PhotoKind.NO_FACE: "No face",
    PhotoKind.UNSEARCHED: "Not searched",
    PhotoKind.MISSING: "Missing",
}


class View:
    """The page of one session."""

    def __init__(self, session: Session) -> None:
        self._session, self._store = session, session.project.store
        self._kind, self._name, self._page = PhotoKind.ALL, "", 0
        self._gallery = Gallery(sizing_mode="stretch_width")
        self._gallery.heard = session.guarded(self._hear)
        self._empty = parts.html("")
        self._figures = parts.html("")
        self._filter = parts.choice(self._counts(), PhotoKind.ALL)
        self._filter.param.watch(session.guarded(self._filtered), "value")
        self._search = pn.widgets.TextInput(placeholder="Find by name…", width=220, margin=0)
        self._search.param.watch(session.guarded(self._filtered), "value")
        self._moved = _Moved(session, self._fill)
        self._add = pn.Column(visible=False, sizing_mode="stretch_width", margin=0)
        self._opened = ""

    def show(self) -> pn.viewable.Viewable:
        session = self._session
        add, labels = parts.button("Add photos…", "primary"), parts.button("Import labels…")
        scan = parts.button("Look for new photos", description=f"in {session.project.images}")
        add.on_click(lambda _: self._open(self._add_photos))
        labels.on_click(lambda _: self._open(self._import_labels))
        scan.on_click(session.working(self._scan))
        self._add.visible = not session.pulse.photos.total
        if self._add.visible:
            self._add.objects = [self._add_photos()]
        self._fill()
        return parts.page(
            "Images",
            "The photos of the project stay where they are; here is what is known about them.",
            parts.row(add, labels, scan),
            self._add,
            self._figures,
            self._moved.card,
            parts.row(self._filter, pn.layout.HSpacer(), self._search),
            self._empty,
            self._gallery,
        )

    def refresh(self, before: Pulse, now: Pulse) -> None:
        if (before.states, before.photos) != (now.states, now.photos):
            self._fill()

    def _open(self, make: Callable[[], pn.Column]) -> None:
        """Open a panel, or close it when it is the one that is open."""
        again = self._add.visible and self._opened == make.__name__
        self._add.visible, self._opened = not again, make.__name__
        if not again:
            self._add.objects = [make()]

    def _add_photos(self) -> pn.Column:
        drop = Drop(
            kind="photo",
            title="Drop photos or folders here",
            hint=f"They are copied to {self._session.project.images / ADDED}",
            sizing_mode="stretch_width",
        )
        drop.heard = self._session.guarded(lambda data: self._scan_soon())
        where = (
            f"Or copy them into <code>{esc(self._session.project.images)}</code> yourself (folders in it "
            "are searched too) and press <b>Look for new photos</b>."
        )
        return parts.card(drop, parts.html(f"<p class='muted'>{where}</p>"), title="Add photos")

    def _import_labels(self) -> pn.Column:
        return ImportLabels(self._session).show()

    def _scan_soon(self) -> None:
        pn.state.execute(self._session.working(self._scan))

    async def _scan(self, *_: object) -> None:
        project = self._session.project
        report: ScanReport = await self._session.aside(project.scan)
        self._session.tell(_scan_line(report))
        self._fill()
        for name in report.problems[:3]:
            self._session.tell(name, "bad")

    def _filtered(self, *_: object) -> None:
        self._kind, self._name, self._page = self._filter.value, str(self._search.value).strip(), 0
        self._fill()

    def _hear(self, data: dict[str, Any]) -> None:
        if data.get("type") == "page":
            self._page = int(data.get("page", 0))
            self._fill()
        elif data.get("type") == "open":
            self._session.go("review", face=int(data["face"]))

    def _counts(self) -> dict[str, PhotoKind]:
        """The kinds of photos of which there are any, with their numbers."""
        counts = {kind: self._store.count_photos(kind) for kind in PhotoKind}
        return {
            f"{title} {counts[kind]:,}": kind
            for kind, title in _TITLES.items()
            if counts[kind] or kind is PhotoKind.ALL
        }

    def _fill(self) -> None:
        """Show the page of photos, and the numbers."""
        options = self._counts()
        if self._filter.options != options:
            kept = self._kind if self._kind in options.values() else PhotoKind.ALL
            self._filter.param.update(options=options, value=kept)
        total = self._store.count_photos(self._kind, self._name)
        pages = max(1, -(-total // PER_PAGE))
        self._page = min(max(self._page, 0), pages - 1)
        images = self._store.photo_page(self._kind, self._name, self._page * PER_PAGE, PER_PAGE)
        faces = self._store.faces_of_images([image.id for image in images])
        items = [_item(self._session.project, image, faces[image.id]) for image in images]
        self._gallery.param.update(page=self._page, pages=pages, items=items)
        self._gallery.visible = bool(items)
        parts.fill(self._empty, "" if items else self._nothing())
        self._moved.fill()
        self._figures.object = self._numbers()

    def _nothing(self) -> str:
        if self._session.pulse.photos.total:
            return parts.empty("photo", "No photo is like that", "Choose another filter, or another name.")
        return parts.empty(
            "photo", "No photos yet", "Add some: drop them above, or copy them into the folder."
        )

    def _numbers(self) -> str:
        pulse = self._session.pulse
        faces = sum(count for state, count in pulse.states if state is not FaceState.NO_FACE)
        told: list[tuple[object, str]] = [(f"{pulse.photos.total:,}", "photos"), (f"{faces:,}", "faces")]
        told.append((f"{pulse.count(*FINISHED):,}", "faces labelled"))
        if pulse.photos.repeated:
            told.append((f"{pulse.photos.repeated:,}", "repeat another photo"))
        hint = ""
        if pulse.photos.unsearched:
            photos = parts.count(pulse.photos.unsearched, "photo")
            hint = parts.note(
                f"<b>Next:</b> {photos} not searched for faces yet. <b>Prelabel</b> finds the faces and "
                "places the points on them."
            )
        elif pulse.count(*WAITING):
            waiting = parts.count(pulse.count(*WAITING), "face")
            hint = parts.note(
                f"<b>Next:</b> {waiting} to look at, and to correct where needed: <b>Review</b>."
            )
        elif pulse.count(*FINISHED):
            hint = parts.note("<b>Next:</b> nobody waits any more: <b>Export</b> writes the labels.", "good")
        space = "<div style='height:14px'></div>" if hint else ""
        return parts.numbers(told) + space + hint


class _Moved:
    """Where the photos are now, asked for when they are not where they were. ``found`` is called then."""

    def __init__(self, session: Session, found: Callable[[], None]) -> None:
        self._session, self._found = session, found
        self._told = parts.html("")
        self._place = pn.widgets.TextInput(
            name="The folder in which they are now", placeholder="/data/photos", margin=0, width=460
        )
        look = parts.button("Look there", "primary")
        look.on_click(session.working(self._look))
        self._ask = parts.row(self._place, look, css_classes=["lk-low"])
        self.card = parts.card(self._told, self._ask, title="Photos are missing", visible=False)

    def fill(self) -> None:
        """Ask when photos are missing; whoever sits elsewhere names no folders of this computer."""
        project, missing = self._session.project, self._session.pulse.photos.missing
        gone = bool(self._session.pulse.photos.total) and not project.images.is_dir()
        self.card.visible = gone or missing > 0
        self._ask.visible = self._session.shared.local
        where = f"<code>{esc(project.images)}</code>"
        what = f"The folder {where} is not there." if gone else f"{missing:,} are no longer in {where}."
        told = (
            "If they have moved, say where to: they are found there by name or by content, and their "
            "labels go with them."
            if self._session.shared.local
            else f"If they have moved: <code>labelkit relocate {esc(project.folder)} --images FOLDER</code>."
        )
        self._told.object = f"<p>{what} {told}</p>"

    async def _look(self, *_: object) -> None:
        place = str(self._place.value).strip()
        if not place:
            raise InputError("say in which folder the photos are now")
        session = self._session
        if not session.shared.local:  # the field is hidden there, which keeps no browser from asking
            raise InputError("folders of this computer are named at this computer only")
        report = await session.aside(
            lambda: session.project.relocate(Path(place).expanduser(), author=session.author)
        )
        session.tell(_scan_line(report))
        session.look()
        self._found()


def _item(project: Project, image: StoredImage, faces: list[StoredFace]) -> dict[str, Any]:
    """A photo for the gallery."""
    size, problem = (1, 1), ""
    try:
        size = _size(project.image(image.path), image.mtime or 0.0)
    except ImageError as error:
        problem = error.problem
    real = [face for face in faces if face.state is not FaceState.NO_FACE]
    chip, kind = _chip(faces, real, problem)
    boxes = [[*face.face.box.xyxy, _kind(face)] for face in real if face.face.box is not None]
    return {
        "id": image.id,
        "version": version(image),
        "name": image.path,
        "width": size[0],
        "height": size[1],
        "boxes": boxes,
        "chip": chip,
        "kind": kind,
        "face": faces[0].id if faces else None,
        "vacant": bool(faces) and not real,
        "problem": problem,
    }


@lru_cache(maxsize=20_000)
def _size(photo: ImageFile, mtime: float) -> tuple[int, int]:
    """Width and height of a photo; ``mtime`` is its version."""
    return photo.size


def _chip(faces: list[StoredFace], real: list[StoredFace], problem: str) -> tuple[str, str]:
    if problem:
        return "problem", "bad"
    if not faces:
        return "not searched", "warn"
    if not real:
        return "no face", ""
    finished = sum(face.state in FINISHED for face in real)
    if finished == len(real):
        return f"{len(real)} done", "good"
    return (
        (f"{finished}/{len(real)} done", "accent") if finished else (parts.count(len(real), "face"), "accent")
    )


def _kind(face: StoredFace) -> str:
    if face.state in FINISHED:
        return "good"
    if face.state is FaceState.RETURNED:
        return "warn"
    return "bad" if face.state in (FaceState.REJECTED, FaceState.SKIPPED) else ""


def _scan_line(report: ScanReport) -> str:
    told = [f"{parts.count(report.photos, 'photo')}: {report.added:,} new"]
    if report.moved:
        told.append(f"{len(report.moved):,} moved")
    if report.missing:
        told.append(f"{len(report.missing):,} missing")
    return ", ".join(told)

"""Annotated data sets into a project: which photo, which face, which scheme, and what is new.

A face of the file is the project's face at the same place of the same photo, if there is one. What
a person has annotated here is never replaced, and what was imported before is not added again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from labelkit.boxrules import box_of_points, landmark_box
from labelkit.dataset import Dataset, Sample
from labelkit.errors import BoxError, InputError
from labelkit.formats import read
from labelkit.geometry import Array, Box, iou_matrix
from labelkit.landmarks import Landmarks, State, Visibility
from labelkit.project.photos import PhotoNames, chunks
from labelkit.project.side import Side, face_name, read_side
from labelkit.scheme import Scheme
from labelkit.scheme.convert import converter
from labelkit.store import FINISHED, FaceState, NewAnnotation, NewFace, NewImage, Store, StoredFace

As = Literal["confirmed", "to-review"]

#: Tight boxes that share more than this (intersection over union) are of one face.
SAME_FACE = 0.4

#: Points closer than this (px) are the same: files are rounded.
_SAME_PLACE = 1e-3

#: The source of what a person annotated here.
PERSON = "person"

#: So many faces are stored at once. A labeller who saves meanwhile waits for no more than that.
_CHUNK = 500


@dataclass
class ImportReport:
    """What an import did with the faces of a file.

    Of the ``read`` faces, ``added`` are new annotations (``new_faces`` of them on faces that the
    project did not know), ``unchanged`` were there already, ``kept`` names those that stay as they
    are, because a person has annotated them here or set them aside, or because the project's labels
    are confirmed and those of the file are not, and ``outside`` those whose photos do not
    lie below the image root. ``left_out`` says, a line each, what could not be read. ``state`` is
    that of the added ones, but for ``to_review`` ones, which the file or the side file of its export
    calls predictions. ``translated_from`` is the file's scheme where it is not the project's: then
    nothing is taken as confirmed, and ``estimated`` points are only guessed from the others.
    """

    path: Path
    scheme: str
    state: FaceState
    translated_from: str | None = None
    estimated: tuple[str, ...] = ()
    read: int = 0
    photos: int = 0
    added: int = 0
    new_faces: int = 0
    to_review: int = 0
    unchanged: int = 0
    kept: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Incoming:
    """A face of the file: its photo's name here, and its landmarks in the project's scheme."""

    image: str
    sample: Sample
    landmarks: Landmarks | None


@dataclass(frozen=True)
class Source:
    """An annotation file and how to read it: ``format`` None is told by the file, ``images`` is the
    folder to which its photos are named, ``subset`` a part of a published data set."""

    path: Path
    format: str | None = None
    images: Path | None = None
    subset: str | None = None

    def read(self, scheme: str | Path | Scheme | None, images: Path | None) -> Dataset:
        """The faces, their photos looked for in ``images``."""
        return read(self.path, self.format, scheme, images=images, subset=self.subset)


def read_for(source: Source, root: Path, scheme: Scheme, given: str | Path | Scheme | None = None) -> Dataset:
    """The faces of an annotation file, for a project of ``scheme`` with the image root ``root``.

    The scheme of what a project exported is that of its side file. What the side file calls
    predictions come as predicted, whatever the format.

    Where the source's ``images`` is not given, photos are looked for from the file's own place and from the
    image root, and what finds more of them is taken. Raises `InputError` where the ``given`` scheme
    is None and the file's cannot be told.
    """
    path, side = source.path, read_side(source.path)
    given = side.scheme if side is not None and given is None else given
    data = _best_root(source, root, given)
    if side is not None and side.predicted:
        data = replace(data, samples=tuple(_doubted(sample, data.root, side) for sample in data))
    count = next((len(sample.landmarks) for sample in data if sample.landmarks is not None), 0)
    if given is None and count == len(scheme) and data.scheme != scheme:
        # As many points as our own scheme: it may well be that, whatever else has so many.
        data = _as_own(source, data, scheme)
    if data.scheme is None and count:
        raise InputError(f"{path}: which scheme is it of, with {count} points? Name it with --scheme")
    return data


def import_dataset(
    store: Store,
    root: Path,
    data: Dataset,
    path: Path,
    author: str,
    as_: As = "confirmed",
    heard: Callable[[int, int], None] = lambda done, total: None,
) -> ImportReport:
    """Bring the faces of ``data``, read from ``path``, into the project; ``heard`` is told how many
    of how many are dealt with.

    Some hundred faces are stored at a time: of an import that is interrupted the first ones stay,
    and the same import again adds the rest.
    """
    scheme = store.scheme()
    source = data.scheme if data.scheme is not None else scheme
    own = source.names == scheme.names
    confirmed = as_ == "confirmed" and own
    report = ImportReport(path, source.name, FaceState.DONE if confirmed else FaceState.PREDICTED)
    report.left_out = tuple(str(face) for face in data.report.left_out)
    if not own:
        shared = converter(source, scheme).origin >= 0
        report.translated_from = source.name
        report.estimated = tuple(n for n, known in zip(scheme.names, shared, strict=True) if not known)
    names = PhotoNames(root)
    importer = _Importer(store, author, report)
    for samples in chunks(data, _CHUNK):
        report.read += len(samples)
        named = [(names.of(sample.image.path), sample) for sample in samples]
        report.outside += [str(sample.image.path) for name, sample in named if name is None]
        inside = [(name, sample) for name, sample in named if name is not None]
        landmarks = _landmarks([sample for _, sample in inside], source, scheme, confirmed)
        importer.take([_Incoming(*face, points) for face, points in zip(inside, landmarks, strict=True)])
        heard(report.read, len(data))
    return report


def _doubted(sample: Sample, root: Path | None, side: Side) -> Sample:
    """A face as predicted, where it lies in a photo with faces that nobody has confirmed: a format
    may not say which of them they are."""
    path = sample.image.path
    name = path.relative_to(root).as_posix() if root is not None and path.is_relative_to(root) else str(path)
    if sample.landmarks is None or name not in side.predicted:
        return sample
    known = np.minimum(sample.landmarks.state, State.PLACED)
    return replace(sample, landmarks=replace(sample.landmarks, state=known))


class _Importer:
    """Stores faces, some hundred at a time, and counts what becomes of them."""

    def __init__(self, store: Store, author: str, report: ImportReport) -> None:
        self._store, self._author, self._report = store, author, report
        self._photos: set[int] = set()
        name = report.path.name
        self._source, self._reason = f"import of {name}", f"imported from {name}"
        if report.translated_from is not None:
            self._source = f"translated from {report.translated_from} ({name})"
            self._reason = f"translated from {report.translated_from}"

    def take(self, faces: Sequence[_Incoming]) -> None:
        """Store those faces that are new."""
        annotations: dict[int, tuple[NewAnnotation, _Incoming]] = {}
        unknown: list[tuple[NewFace, _Incoming]] = []
        for image_id, face, match, current in self._matched(faces):
            if match is None:
                box = face.sample.box or _tight(face.landmarks)
                unknown.append((NewFace(image_id, box, None, face.sample.attributes), face))
            elif face.landmarks is not None and self._is_news(match, current, face):
                new = NewAnnotation(match.id, face.landmarks, match.revision)
                annotations[match.id] = (new, face)
        ids = self._store.add_faces(new for new, _ in unknown)
        for face_id, (_, face) in zip(ids, unknown, strict=True):
            if face.landmarks is not None:
                annotations[face_id] = (NewAnnotation(face_id, face.landmarks, 0), face)
        self._report.new_faces += len(unknown)
        self._annotate(annotations)

    def _matched(
        self, faces: Sequence[_Incoming]
    ) -> Iterator[tuple[int, _Incoming, StoredFace | None, Landmarks | None]]:
        """Every face with its photo's id, the project's own face at its place, and that one's points."""
        photos: dict[str, list[_Incoming]] = {}
        for face in faces:
            photos.setdefault(face.image, []).append(face)
        ids = self._store.add_images(NewImage(name) for name in photos)
        self._photos.update(ids)
        self._report.photos = len(self._photos)
        existing = self._store.faces_of_images(ids)
        begun = [face.id for here in existing.values() for face in here if face.revision]
        known = self._store.currents(begun) if begun else {}
        plane = self._store.scheme().plane
        for image_id, incoming in zip(ids, photos.values(), strict=True):
            matches = _matches(incoming, existing[image_id], known, plane)
            for face, match in zip(incoming, matches, strict=True):
                yield image_id, face, match, known.get(match.id) if match is not None else None

    def _annotate(self, annotations: Mapping[int, tuple[NewAnnotation, _Incoming]]) -> None:
        certain = {
            face_id: entry
            for face_id, entry in annotations.items()
            if self._report.state is FaceState.DONE and (entry[0].landmarks.state == State.CONFIRMED).all()
        }
        self._annotate_as(FaceState.DONE, certain)
        doubted = {face_id: entry for face_id, entry in annotations.items() if face_id not in certain}
        added = self._annotate_as(FaceState.PREDICTED, doubted)
        if self._report.state is FaceState.DONE:
            self._report.to_review += added

    def _annotate_as(
        self, state: FaceState, annotations: Mapping[int, tuple[NewAnnotation, _Incoming]]
    ) -> int:
        """Store faces in a state; how many of them are new."""
        report = self._report
        counts = self._store.import_annotations(
            (new for new, _ in annotations.values()),
            self._author,
            state=state,
            source=self._source,
            reason=self._reason if state is FaceState.DONE else f"{self._reason}, to be reviewed",
        )
        report.added += counts.added
        report.unchanged += counts.unchanged
        if counts.overtaken:
            report.kept += [
                _name(face, stored)
                for stored, (new, face) in zip(
                    self._store.faces(annotations), annotations.values(), strict=True
                )
                if self._store.history(stored.id)[-1].source == PERSON
            ]
        return counts.added

    def _is_news(self, stored: StoredFace, current: Landmarks | None, face: _Incoming) -> bool:
        """Whether a known face gets the file's points; counts it where it does not."""
        assert face.landmarks is not None
        equal = current is not None and _same_place(current, face.landmarks)
        if current is not None and equal and (current.state >= face.landmarks.state).all():
            self._report.unchanged += 1
            return False
        set_aside = stored.state in (FaceState.REJECTED, FaceState.SKIPPED)
        weaker = stored.state in FINISHED and not (face.landmarks.state == State.CONFIRMED).all()
        if set_aside or weaker:
            self._report.kept.append(_name(face, stored))
            return False
        if current is None:
            return True
        history = self._store.history(stored.id)
        if any(entry.source == PERSON for entry in history):
            self._report.kept.append(_name(face, stored))
            return False
        if not equal and any(_same_place(entry.landmarks, face.landmarks) for entry in history):
            self._report.unchanged += 1  # an older state of a file that has been imported since
            return False
        return True


def _best_root(source: Source, root: Path, given: str | Path | Scheme | None) -> Dataset:
    if source.images is not None:
        return source.read(given, source.images)
    names, best = PhotoNames(root), None
    for place in (None, root):
        data = source.read(given, place)
        inside = sum(names.of(sample.image.path) is not None for sample in data)
        if best is None or inside > best[0]:
            best = (inside, data)
        if inside and not data.report.left_out:
            break
    assert best is not None
    return best[1]


def _as_own(source: Source, data: Dataset, scheme: Scheme) -> Dataset:
    try:
        own = source.read(scheme, data.root)
    except InputError:
        return data  # the file names its points, and they are others
    return own if len(own) >= len(data) else data


def _landmarks(
    samples: Sequence[Sample], source: Scheme, scheme: Scheme, confirmed: bool
) -> list[Landmarks | None]:
    """The landmarks of ``samples`` in ``scheme``, as what they count here."""
    if source.names == scheme.names:
        return [_counted(sample.landmarks, scheme, confirmed) for sample in samples]
    given = [sample.landmarks for sample in samples]
    blank = np.full((len(source), 2), np.nan)
    found = converter(source, scheme)(np.stack([blank if one is None else one.xy for one in given]))
    translated: list[Landmarks | None] = []
    for one, xy in zip(given, found.points, strict=True):
        if one is None:
            translated.append(None)
            continue
        there = found.shared & np.isfinite(xy).all(axis=1) & one.present[found.origin]
        state = np.where(there, State.PLACED, State.PREDICTED)
        visibility = np.where(there, one.visibility[found.origin], Visibility.UNKNOWN)
        translated.append(Landmarks(scheme, xy, state, visibility))
    return translated


def _counted(landmarks: Landmarks | None, scheme: Scheme, confirmed: bool) -> Landmarks | None:
    if landmarks is None:
        return None
    certain = confirmed and (landmarks.state[landmarks.present] == State.CONFIRMED).all()
    state = np.where(landmarks.present, State.PLACED, State.PREDICTED)
    return Landmarks(scheme, landmarks.xy, State.CONFIRMED if certain else state, landmarks.visibility)


def _matches(
    incoming: Sequence[_Incoming],
    existing: Sequence[StoredFace],
    known: Mapping[int, Landmarks],
    plane: Array,
) -> list[StoredFace | None]:
    """For each incoming face of a photo the project's own face at its place, or None; no face is
    taken twice. ``plane`` (N, 2) has the places of the landmarks' points."""
    own = ((face, _place(known.get(face.id), face.face.box, plane)) for face in existing)
    places = [(face, box) for face, box in own if box is not None]
    free = dict(enumerate(places))
    matches: list[StoredFace | None] = []
    for face in incoming:
        box = _place(face.landmarks, face.sample.box, plane)
        same = [n for n, (known_face, _) in free.items() if known_face.face.box == face.sample.box]
        if same and face.sample.box is not None:
            matches.append(free.pop(same[0])[0])
        elif box is None or not free:
            matches.append(None)
        else:
            shares = iou_matrix([box], [place for _, place in free.values()])[0]
            best = list(free)[int(shares.argmax())]
            matches.append(free.pop(best)[0] if shares.max() > SAME_FACE else None)
    return matches


def _place(landmarks: Landmarks | None, box: Box | None, plane: Array) -> Box | None:
    """Where a face is, by its points or else its box: the box of the 68 points of ibug68, whatever the
    scheme. A scheme of the whole head is far larger than the box of a detector."""
    if landmarks is not None:
        with suppress(BoxError):
            return box_of_points(plane, landmarks.xy)
    return None if box is None else landmark_box(box)


def _tight(landmarks: Landmarks | None) -> Box | None:
    try:
        return None if landmarks is None else landmarks.box
    except BoxError:
        return None


def _same_place(first: Landmarks, second: Landmarks) -> bool:
    return len(first) == len(second) and np.allclose(
        first.xy, second.xy, rtol=0, atol=_SAME_PLACE, equal_nan=True
    )


def _name(face: _Incoming, stored: StoredFace) -> str:
    return face_name(face.image, stored.face.index)

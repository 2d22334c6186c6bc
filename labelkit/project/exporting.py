"""Annotated faces out of a project, as a whole or not at all, with a file beside them that says
whose they are.

What goes out is what people have confirmed. Predictions go along only on request, and are named
in the side file, so that nobody takes them for labels later.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from labelkit import __version__
from labelkit.atomic import replacing_all, replacing_folder, write_text
from labelkit.dataset import Dataset, Sample
from labelkit.dataset.parts import By, divide, shares_of
from labelkit.errors import InputError
from labelkit.formats import Format, find_format
from labelkit.geometry import Array
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks, State
from labelkit.prelabel.files import card_path
from labelkit.project.photos import all_images
from labelkit.project.side import BEFORE, SIDE, digests, face_name, side_path, standing
from labelkit.store import FINISHED, FaceState, Store, StoredFace

#: What the files of a split are called, where the format is one of single files.
_SUFFIX = {
    "coco": ".json",
    "csv": ".csv",
    "parquet": ".parquet",
    "cofw": ".mat",
    "aflw": ".mat",
    "dlib": ".xml",
}

#: What a split makes, and the seed from which it is drawn: the same for everybody.
PARTS = ("train", "dev", "test")
SEED = 0

#: States of faces that may hold predictions worth exporting.
_PREDICTED = (FaceState.PREDICTED, FaceState.IN_PROGRESS)


@dataclass(frozen=True)
class ExportOptions:
    """``format``: as in `labelkit.write`. ``include_predicted``: also faces nobody has confirmed.
    ``reviewed_only``: of the confirmed ones only those a second person has looked at. ``split``:
    shares as "80/10/10" for train, dev and test, ``by`` photo or person; None for one export."""

    format: str
    include_predicted: bool = False
    reviewed_only: bool = False
    split: str | None = None
    by: By = "photo"


@dataclass
class ExportReport:
    """What was exported, and what was not.

    ``parts`` has the number of faces by file (or folder). ``predicted`` names the exported faces
    that nobody has confirmed; ``partly`` those left out because only some of their points are
    confirmed, and ``unreviewed`` counts those left out for want of a review. ``losses`` says what
    the format could not hold, ``missing`` the photos of exported faces that are not on the disk as
    far as the last scan knows. Photos are named relative to ``images``. ``side`` is the side file.
    """

    out: Path
    format: str
    side: Path
    images: Path
    faces: int = 0
    photos: int = 0
    parts: dict[str, int] = field(default_factory=dict)
    predicted: list[str] = field(default_factory=list)
    partly: list[str] = field(default_factory=list)
    unreviewed: int = 0
    losses: tuple[str, ...] = ()
    missing: list[str] = field(default_factory=list)


def export(
    store: Store,
    folder: Path,
    images: Path,
    out: Path,
    options: ExportOptions,
    heard: Callable[[str], None] = lambda loss: None,
) -> ExportReport:
    """Write the confirmed faces of the project in ``folder`` to ``out``.

    ``heard`` is told, before anything is written, what the format will lose. With a split, ``out``
    is a folder of ``train``, ``dev`` and ``test``. Raises `InputError`, with nothing written, when
    there is no face to write, the format cannot hold one, or ``out`` is in the way.
    """
    chosen = find_format(options.format)
    shares = _shares(options.split) if options.split is not None else None
    whole = shares is not None or chosen.folder
    _check_target(out, whole)
    report = ExportReport(out, chosen.name, side_path(out, whole), images)
    faces = list(_chosen_faces(store, images, options, report))
    if not faces:
        raise InputError(f"{folder}: {_nothing(store, options, report)}")
    scheme = store.scheme_revision()
    data = Dataset(tuple(sample for _, sample in faces), scheme.scheme, images)
    report.faces, report.photos = len(data), len(data.by_image())
    report.missing = _missing(store, [face.face.image for face, _ in faces])
    parts = {"": data}
    if shares is not None:
        parts = _divided(store, data, [face for face, _ in faces], shares, options.by)
    before = None if whole else standing(out)
    with _drafts(out, report.side, whole) as (draft, side):
        report.losses = _write(chosen, parts, draft, report)
        for loss in report.losses:
            heard(loss)
        about = {**_about(store, folder, options, report), "sha256": digests(draft, out.name)}
        side.write_text(_text(about if before is None else {**about, BEFORE: before}), encoding="utf-8")
    if before is not None:
        with suppress(OSError):  # the disk is full: it says more than it need, and nothing wrong
            write_text(report.side, _text(about))
    return report


def _text(about: Mapping[str, Any]) -> str:
    """A side file's content."""
    return json.dumps(about, indent=1, ensure_ascii=False) + "\n"


def _chosen_faces(
    store: Store, images: Path, options: ExportOptions, report: ExportReport
) -> Iterator[tuple[StoredFace, Sample]]:
    """The faces to export; what is left out is counted and named in the report."""
    states = [FaceState.DONE, FaceState.REVIEWED, *_PREDICTED, FaceState.RETURNED]
    for face, landmarks in store.iter_current(states, fill=options.include_predicted):
        name = face_name(face.face.image, face.face.index)
        if face.state is FaceState.DONE and options.reviewed_only:
            report.unreviewed += 1
        elif face.state in FINISHED:
            yield face, _sample(face, landmarks, images)
        elif options.include_predicted and face.state in _PREDICTED and landmarks.present.all():
            report.predicted.append(name)
            yield face, _sample(face, landmarks, images)
        elif face.revision and (landmarks.state == State.CONFIRMED).any():
            report.partly.append(name)


def _missing(store: Store, names: Sequence[str]) -> list[str]:
    if not store.count_images().missing:
        return []
    gone = {image.path for image in all_images(store) if image.missing}
    return [name for name in dict.fromkeys(names) if name in gone]


def _sample(face: StoredFace, landmarks: Landmarks, images: Path) -> Sample:
    # Formats draw a tight box themselves; a detector's frame would be read as somebody's own box.
    box = face.face.box if face.face.box is not None and face.face.box.kind == "user" else None
    return Sample(ImageFile(images / face.face.image), box, landmarks, face.attributes)


def _nothing(store: Store, options: ExportOptions, report: ExportReport) -> str:
    """Why there is nothing to export, and what to do about it."""
    if report.unreviewed:
        return f"no face has been reviewed, though {report.unreviewed} are done; nothing was written"
    predicted = store.count_by_state()[FaceState.PREDICTED]
    told = f"{predicted} are predicted, {len(report.partly)} are confirmed in part; nothing was written"
    asked = options.include_predicted
    hint = "; --include-predicted exports predictions, marked as such" if predicted and not asked else ""
    return f"no face has been confirmed yet: {told}{hint}"


def _write(
    chosen: Format, parts: Mapping[str, Dataset], draft: Path, report: ExportReport
) -> tuple[str, ...]:
    """Write every part into the draft; what the format lost."""
    losses: dict[str, None] = {}
    for name, data in parts.items():
        suffix = "" if chosen.folder else _SUFFIX.get(chosen.name, ".txt")
        report.parts[f"{name}{suffix}" if name else report.out.name] = len(data)
        if len(data):
            place = draft / f"{name}{suffix}" if name else draft
            losses |= dict.fromkeys(chosen.write(data, place, images=report.images).losses)
    return tuple(losses)


def _shares(split: str) -> Array:
    try:
        ratios = [float(share) for share in split.split("/")]
    except ValueError:
        ratios = []
    if len(ratios) != len(PARTS):
        raise InputError(f"{split!r} is no split: three shares for {', '.join(PARTS)}, as 80/10/10")
    return shares_of(ratios)


def _divided(
    store: Store, data: Dataset, faces: Sequence[StoredFace], shares: Array, by: By
) -> dict[str, Dataset]:
    """The parts by name. Photos of equal content are one photo here, and never in two parts."""
    images = {image.id: image for image in all_images(store)}
    photos = [images[face.image_id].hash or images[face.image_id].path for face in faces]
    people = [images[face.image_id].person or face.attributes.get("person") for face in faces]
    unknown = [face.face.image for face, person in zip(faces, people, strict=True) if not person]
    if by == "person" and unknown:
        raise InputError(
            f"{len(unknown)} of {len(faces)} faces have no person (the attribute 'person'), the first in "
            f"{unknown[0]}; split by photo, or say who they are"
        )
    part = divide(photos, [str(person) for person in people] if by == "person" else None, shares, SEED)
    return {
        name: replace(data, samples=tuple(data[int(row)] for row in np.flatnonzero(part == number)))
        for number, name in enumerate(PARTS)
    }


def _about(store: Store, folder: Path, options: ExportOptions, report: ExportReport) -> dict[str, Any]:
    """What the side file says."""
    scheme = store.scheme_revision()
    finished = (FaceState.REVIEWED,) if options.reviewed_only else FINISHED
    models = [_model(folder, model, count) for model, count in store.models().items()]
    return {
        "labelkit": __version__,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "format": report.format,
        "images": Path(os.path.relpath(report.images, report.side.absolute().parent)).as_posix(),
        "faces": report.faces,
        "photos": report.photos,
        "parts": report.parts,
        "split": {"shares": options.split, "by": options.by} if options.split is not None else None,
        "reviewed_only": options.reviewed_only,
        "include_predicted": options.include_predicted,
        "predicted": report.predicted,
        "left_out": {"partly_confirmed": report.partly, "not_reviewed": report.unreviewed},
        "states": {state.value: count for state, count in store.count_by_state().items()},
        "annotators": store.annotators(finished),
        "models": models,
        "terms": sorted({model["terms"] for model in models if model.get("terms")}),
        "losses": list(report.losses),
        "scheme_revision": scheme.revision,
        "scheme": scheme.scheme.to_dict(),
    }


def _model(folder: Path, model: str, count: int) -> dict[str, Any]:
    """What is known about a model from which labels may have come; its card was kept when it ran."""
    about: dict[str, Any] = {"id": model, "faces": count}
    try:
        card = json.loads(card_path(folder, model).read_text(encoding="utf-8"))
        about |= {key: card[key] for key in ("terms", "hash", "date") if key in card}
    except (OSError, ValueError, TypeError):
        about["terms"] = "not known: the model's card is not in the project's folder"
    return about


def _check_target(out: Path, whole: bool) -> None:
    """Refuse to write over what is not an earlier export."""
    if whole and out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file, and this export is a folder")
    if whole and out.is_dir() and any(out.iterdir()) and not (out / SIDE).is_file():
        raise InputError(f"{out}: is a folder with other files in it; name a new one")
    if not whole and out.is_dir():
        raise InputError(f"{out}: is a folder, and this export is a file")
    # A photo, or the labels that were imported, would be gone for good.
    if not whole and out.is_file() and out.stat().st_size and not side_path(out, whole).is_file():
        raise InputError(f"{out}: is there already and is no earlier export; delete it or name a new file")


@contextmanager
def _drafts(out: Path, side: Path, whole: bool) -> Iterator[tuple[Path, Path]]:
    """Where to write the export and its side file; both get their names when the block ends."""
    if whole:
        with replacing_folder(out) as folder:
            yield folder, folder / SIDE
    else:
        # The side file first: labels without it would hide which of them are predictions.
        with replacing_all(side, out) as (beside, file):
            yield file, beside

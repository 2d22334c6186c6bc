"""Whether a project holds what simulated labellers were told is saved."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing

import numpy as np

from labelkit.project import Project
from labelkit.project.editing import open_desk

from .labeller import Labeller, Points


def lost(project: Project, labellers: Sequence[Labeller]) -> list[str]:
    """What of it is not in the database, in words: saved faces with their points and authors, edits, each
    of which counts once, and what nobody has accepted yet."""
    wrong = []
    for labeller in labellers:
        wrong += _faces(project, labeller)
        wrong += _unfinished(project, labeller)
    return wrong + _edits(project, labellers)


def _faces(project: Project, labeller: Labeller) -> list[str]:
    wrong, seen = [], Counter[int]()
    for saved in labeller.saved:
        face = project.store.face(saved.face)
        mine = [one for one in project.history(face.face) if one.author == labeller.name]
        told = f"{labeller.name}, face {saved.face}"
        number, seen[saved.face] = seen[saved.face], seen[saved.face] + 1
        if number >= len(mine):
            wrong.append(f"{told}: there is no revision of it")
        elif not _same(mine[number].landmarks.xy, saved.xy):
            wrong.append(f"{told}: the points are others")
    wrong += [
        f"{labeller.name}, face {face}: {count} revisions were saved, and there are others, too"
        for face, count in seen.items()
        if count != sum(one.author == labeller.name for one in project.history(project.store.face(face).face))
    ]
    entries = Counter(
        one.face_id for one in project.log_entries(person=labeller.name) if one.what == "annotation"
    )
    if entries != seen:
        wrong.append(f"{labeller.name}: the log tells of other annotations than were saved")
    return wrong


def _unfinished(project: Project, labeller: Labeller) -> list[str]:
    desk = open_desk(project, labeller.name, faces=[])
    try:
        return [
            f"{labeller.name}, face {face}: what was not accepted yet is not as it was left"
            for face, xy in labeller.left.items()
            if _alone(project, labeller, face) and not _same(desk.open(str(face)).draft.landmarks.xy, xy)
        ]
    finally:
        desk.leave()


def _alone(project: Project, labeller: Labeller, face: int) -> bool:
    """Whether nobody else has saved a face, which would show in what it was begun with."""
    return all(one.author == labeller.name for one in project.history(project.store.face(face).face))


def _edits(project: Project, labellers: Sequence[Labeller]) -> list[str]:
    query = (
        "SELECT e.edit, j.author FROM journal_entries e JOIN journals j ON j.id = e.journal_id "
        "WHERE e.kind = 'edit'"
    )
    with closing(sqlite3.connect(project.store.path)) as database:
        stored = Counter((json.loads(edit)["id"], author) for edit, author in database.execute(query))
    wanted = Counter((edit, labeller.name) for labeller in labellers for edit in labeller.edits)
    missing, more = wanted - stored, stored - wanted
    return [f"{author}: edit {edit} is not in the journal" for edit, author in missing] + [
        f"{author}: edit {edit} is in the journal, and was not saved, or not so often"
        for edit, author in more
    ]


def _same(xy: np.ndarray, wanted: Points | tuple[tuple[float, float] | None, ...]) -> bool:
    there = [None if np.isnan(place).any() else (float(place[0]), float(place[1])) for place in xy]
    return there == list(wanted)

"""From labelled photos to a detector file: what ``labelkit fit detector`` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from labelkit import __version__
from labelkit.detect.network import FaceNet
from labelkit.detect.own import FaceFinder, save_network
from labelkit.errors import InputError
from labelkit.geometry import Box, iou_matrix
from labelkit.train.detector.loop import DetectorProgress, DetectorRecipe, DetectorTrainer
from labelkit.train.detector.scenes import Scene, SceneSet, read_scenes, with_outlines
from labelkit.train.fit import SOURCES, TERMS_300W

#: What is known of the folders of photos, by a part of their names; others have their owners' terms.
_SOURCES = {
    **SOURCES,
    "scenes": "whole photos of AFW, HELEN and LFPW with boxes and points from 300-W annotations; "
    "research use, not commercial",
}

#: Data with 300-W annotations, by a part of their names.
_300W = {"scenes", "ibug68", "300w"}

_USES = {
    "for": ["finding faces of people on photos, leaning by up to 60 degrees, for landmarks to be placed on"],
    "not_for": [
        "telling who somebody is, surveillance, counting people or deciding about them",
        "anything in which a face that is missed, or something else taken for one, does harm",
    ],
    "unknown": ["profiles, faces under some 20 px, masks, drawings; how it differs between groups of people"],
}

#: A box is that of a labelled face from this overlap on.
SAME_FACE = 0.5


@dataclass(frozen=True)
class Found:
    """What a detector finds in labelled photos: of ``faces`` labelled ones ``hits``, and ``others``,
    boxes that lie on none of them (people whom nobody labelled among them)."""

    photos: int
    faces: int
    hits: int
    others: int

    @property
    def recall(self) -> float:
        return self.hits / self.faces


def load_sets(folders: Sequence[Path]) -> tuple[list[SceneSet], list[str]]:
    """The photos of every folder; those with a table get the outlines of faces that another one has
    with their points. Also returns what was left out. Raises `InputError`."""
    sets: list[SceneSet] = []
    problems: list[str] = []
    for folder in folders:
        loaded, left_out = read_scenes(folder)
        if loaded.name in {entry.name for entry in sets}:
            raise InputError(f"{folder}: a folder named {loaded.name!r} was given before")
        sets.append(loaded)
        problems += left_out
    known = [face for entry in sets if not entry.whole for scene in entry.scenes for face in scene.faces]
    if not known:
        return sets, problems
    return [with_outlines(entry, known)[0] if entry.whole else entry for entry in sets], problems


def measure(detect: Callable[[Any], Sequence[Box]], scenes: Sequence[Scene]) -> Found:
    """Matches boxes (of the 68 points) to labelled faces one to one, best box first."""
    faces = hits = boxes = 0
    for scene in scenes:
        true = [Box.around(face.outline) for face in scene.faces]
        found = detect(scene.image)
        faces, boxes = faces + len(true), boxes + len(found)
        left = iou_matrix(list(found), true) if found else None
        for row in range(len(found)):
            assert left is not None
            best = int(left[row].argmax())
            if left[row, best] >= SAME_FACE:
                hits += 1
                left[:, best] = -1
    return Found(len(scenes), faces, hits, boxes - hits)


def fit_detector(
    recipe: DetectorRecipe,
    sets: Sequence[SceneSet],
    out: Path,
    *,
    dev: SceneSet | None = None,
    device: torch.device,
    minutes: float | None = None,
    resume: bool = False,
    report: Callable[[DetectorProgress], None] = lambda progress: None,
) -> Path:
    """Train, keep the state beside ``out`` and write the detector to ``out``.

    An interrupt (Ctrl-C) ends the run early: state and detector of that moment are written, then
    `KeyboardInterrupt` is raised again. ``resume`` goes on from the state beside ``out``; raises
    `InputError` where there is none.
    """
    state = state_path(out)
    trainer = DetectorTrainer(recipe, sets, device, minutes)
    if resume:
        if not state.exists():
            raise InputError(f"{state}: there is no state to resume from")
        trainer.load_state(state)

    def judge(network: FaceNet) -> tuple[float, float]:
        assert dev is not None
        found = measure(FaceFinder(network).detect, dev.scenes)
        return 100 * found.recall, found.others / found.photos

    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        trainer.run(report, judge if dev is not None else None, lambda: trainer.save_state(state))
    finally:
        trainer.save_state(state)
        network = trainer.averaged().fold().cpu()
        save_network(out, network, recipe.network, _card(trainer, out.stem, network, dev))
    return out


def state_path(out: Path) -> Path:
    """Where the state of a run to ``out`` is kept."""
    return out.with_suffix(".state.safetensors")


def _card(trainer: DetectorTrainer, name: str, network: FaceNet, dev: SceneSet | None) -> dict[str, Any]:
    recipe = asdict(trainer.recipe)
    recipe.pop("network")
    found = None if dev is None else measure(FaceFinder(network).detect, dev.scenes)
    return {
        "name": name,
        "labelkit": __version__,
        "date": datetime.now(UTC).date().isoformat(),
        "box": "tight around the 68 points of ibug68",
        "uses": _USES,
        "recipe": recipe,
        "training": {
            "data": [
                {
                    "name": entry.name,
                    "scheme": "box and five points" if entry.whole else "ibug68",
                    "photos": len(entry.scenes),
                    "faces": entry.face_count,
                    "source": next((_SOURCES[p] for p in entry.name.split("/") if p in _SOURCES), ""),
                }
                for entry in trainer.sets
            ],
            "passes": trainer.passes,
            "seconds": round(trainer.seconds),
            "device": str(trainer.device),
        },
        "metrics": {}
        if found is None
        else {"dev_recall": found.recall, "dev_other_boxes_per_photo": found.others / found.photos},
        "terms": TERMS_300W if any(_300W & set(entry.name.split("/")) for entry in trainer.sets) else "",
    }

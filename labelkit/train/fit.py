"""From annotated folders to a model file: what ``labelkit fit`` does."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import torch

from labelkit import __version__
from labelkit.atomic import replacing
from labelkit.errors import InputError
from labelkit.figures import training_curves
from labelkit.formats import read
from labelkit.models.predictor import LandmarkModel, choose_device
from labelkit.models.registry import save_model
from labelkit.scheme import Scheme, load_scheme
from labelkit.train.backbone import Backbone, load_backbone
from labelkit.train.engine import Progress, Trainer
from labelkit.train.head.dense import choose_anchors, with_dense
from labelkit.train.head.model import HeadModel
from labelkit.train.pack import MARGIN, FacePack, pack_faces
from labelkit.train.recipes import Recipe
from labelkit.train.team import ALONE, Team

#: What is said of weights that were trained on 300-W faces.
TERMS_300W = (
    "trained on 300-W annotations, which are for research and not for commercial use; "
    "the photos belong to third parties"
)

#: What is known of the datasets that `base` is trained on; others have the terms of their owners.
SOURCES = {
    "ibug68": "photos of AFW, HELEN and LFPW with 300-W annotations; research use, not commercial",
    "video68": "frames of YouTube Faces with keypoints, from a repository under the MIT licence",
}

#: Names of folders that say which split a folder is, not which dataset.
_SPLITS = ("train", "dev", "val", "test")

#: The columns of the curves file, as `training_curves` reads them.
_COLUMNS = ("step", "passes", "seconds", "loss", "lr", "val_nme")


class Packed(Protocol):
    """A recipe that says how large faces are packed."""

    @property
    def pack_size(self) -> int:
        """The side of the crops in a `FacePack`, px."""
        ...


@dataclass(frozen=True)
class FitPaths:
    """The files of a run: the model, and beside it the state to resume from and the curves."""

    model: Path

    @property
    def state(self) -> Path:
        """From which a run goes on."""
        return self.model.with_suffix(".state.safetensors")

    @property
    def csv(self) -> Path:
        """Loss and error over the steps."""
        return self.model.with_suffix(".csv")

    @property
    def png(self) -> Path:
        """The same, drawn."""
        return self.model.with_suffix(".png")


def dataset_name(folder: Path) -> str:
    """``ibug68`` for .../ibug68/train: the last part that does not name a split, without a
    file's suffix and without dots, which part the names of tensors."""
    path = folder.resolve()
    path = path.with_suffix("") if path.is_file() else path
    parts = [part for part in path.parts if part not in _SPLITS]
    return parts[-1].replace(".", "_")


def load_packs(
    folders: Sequence[Path], recipe: Packed, left_out: tuple[int, ...] = (), margin: float = MARGIN
) -> tuple[list[FacePack], list[str]]:
    """Read and cut out the faces of every folder; also returns what was left out.

    ``margin`` as in `pack_faces`. Raises `InputError` for a folder without annotated faces of a
    known scheme, or when two folders would be one dataset.
    """
    packs: list[FacePack] = []
    problems: list[str] = []
    for folder in folders:
        data = read(folder)
        scheme = data.scheme
        if not len(data) or scheme is None:
            raise InputError(f"{folder}: holds no annotated face of a scheme that is known")
        name = dataset_name(folder)
        if name in {pack.name for pack in packs}:
            raise InputError(f"{folder}: a dataset named {name!r} was given before; rename one folder")
        pack, unread = pack_faces(name, data, scheme, recipe.pack_size, left_out, margin)
        packs.append(pack)
        problems += [str(entry) for entry in data.report.left_out] + unread
    return packs, problems


def add_dense(packs: Sequence[FacePack], head: HeadModel, left_out: tuple[int, ...] = ()) -> list[FacePack]:
    """The packs with dense points from ``head``, fitted to all points but those ``left_out``;
    packs of another scheme than `ibug68` stay as they are.

    Raises `InputError` when no pack has points to fit it to.
    """
    scheme = load_scheme("ibug68")
    if all(pack.scheme != scheme for pack in packs):
        raise InputError(f"no dataset is labelled in {scheme.name}, to which a head is fitted")
    anchors = choose_anchors(head, scheme, left_out)
    return [with_dense(pack, anchors) if pack.scheme == scheme else pack for pack in packs]


def fit(
    recipe: Recipe,
    packs: Sequence[FacePack],
    out: Path,
    *,
    dev: FacePack | None = None,
    device: str = "auto",
    left_out: tuple[int, ...] = (),
    minutes: float | None = None,
    resume: bool = False,
    start: LandmarkModel | None = None,
    backbone: str | Path | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
    team: Team = ALONE,
) -> Path:
    """Train, keep state and curves beside ``out``, and write the model to ``out``.

    An interrupt (Ctrl-C) ends the run early: state and model of that moment are written,
    then `KeyboardInterrupt` is raised again. ``resume`` goes on from the state beside
    ``out``; raises `InputError` where there is none. ``start`` is a model whose weights a
    new run begins with, ``backbone`` a file with weights for its backbone alone, or `HUB`. Of a
    ``team`` of processes the first one measures, reports and writes.
    """
    paths = FitPaths(out)
    given = load_backbone(recipe.network.backbone, backbone) if backbone is not None else None
    trainer = Trainer(recipe, packs, choose_device(device), left_out, minutes, given, start is not None, team)
    rows: list[Progress] = []
    if resume:
        if not paths.state.exists():
            raise InputError(f"{paths.state}: there is no state to resume from")
        trainer.load_state(paths.state)
        rows = [row for row in read_curves(paths.csv) if row.step <= trainer.step_number]

    elif start is not None:
        offsets = {name: torch.from_numpy(shift) for name, shift in start.offsets.items()}
        trainer.start_from(start.network.state_dict(), offsets)

    def note(progress: Progress) -> None:
        rows.append(progress)
        report(progress)

    if not team.leads:
        trainer.run(lambda progress: None)
        return out

    def keep() -> None:
        trainer.save_state(paths.state)
        write_curves(paths, rows)

    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        trainer.run(note, dev, save=keep)
    finally:
        keep()
        network, shifts = trainer.averaged()
        save_model(out, network, shifts, _card(trainer, packs, out.stem, rows, start, given))
    return out


def _card(
    trainer: Trainer,
    packs: Sequence[FacePack],
    name: str,
    rows: Sequence[Progress],
    start: LandmarkModel | None,
    backbone: Backbone | None,
) -> dict[str, Any]:
    recipe = asdict(trainer.recipe)
    architecture = recipe.pop("network")
    last = next((row.dev_nme for row in reversed(rows) if row.dev_nme is not None), None)
    return {
        "name": name,
        "labelkit": __version__,
        "date": datetime.now(UTC).date().isoformat(),
        "architecture": architecture,
        "crop": "the plane's [-1, 1] square, upright from a box, by least squares from landmarks",
        "recipe": recipe,
        "training": {
            "data": [
                {"name": p.name, "scheme": p.scheme.name, "faces": len(p), "source": SOURCES.get(p.name, "")}
                for p in packs
            ],
            "dense": [p.name for p in packs if p.dense is not None and trainer.recipe.dense],
            "reference": trainer.reference,
            "left_out": list(trainer.left_out),
            "backbone": "" if backbone is None else str(backbone),
            "passes": trainer.passes,
            "seconds": round(trainer.seconds),
            "device": str(trainer.device),
            "processes": trainer.team.size,
            **_before(start),
        },
        "offsets": {p.name: list(p.scheme.names) for p in packs if p.name != trainer.reference},
        "metrics": {"dev_nme_io": last},
        "terms": TERMS_300W if any(p.name in ("ibug68", "300w") for p in packs) else "",
    }


def _before(start: LandmarkModel | None) -> dict[str, Any]:
    """What the model that a run began with had seen, its own beginnings included."""
    if start is None:
        return {"started_from": ""}
    past = start.card.get("training", {})
    return {
        "started_from": start.id,
        "passes_before": past.get("passes", 0) + past.get("passes_before", 0),
        "seconds_before": past.get("seconds", 0) + past.get("seconds_before", 0),
        "backbone": past.get("backbone", ""),
    }


def write_curves(paths: FitPaths, rows: Sequence[Progress]) -> None:
    """Keep how a run went, as a table and as a picture."""
    with replacing(paths.csv) as draft, draft.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for row in rows:
            nme = "" if row.dev_nme is None else f"{row.dev_nme:.4f}"
            writer.writerow(
                [row.step, row.passes, f"{row.seconds:.1f}", f"{row.loss:.6f}", f"{row.lr:.3e}", nme]
            )
    if rows:
        # A picture of the run is not worth the run: curves are drawn when they can be.
        with suppress(InputError, OSError):
            training_curves(paths.csv, paths.png)


def read_curves(path: Path) -> list[Progress]:
    """What `write_curves` wrote; nothing where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [
            Progress(
                int(row["step"]),
                int(row["passes"]),
                float(row["seconds"]),
                0.0,
                float(row["loss"]),
                float(row["lr"]),
                float(row["val_nme"]) if row["val_nme"] else None,
            )
            for row in csv.DictReader(file)
        ]


def points_by_number(text: str, scheme: Scheme | str = "ibug68") -> tuple[int, ...]:
    """``"1,5,11"`` as indices; raises `InputError` unless they are points of the scheme,
    closed under mirroring (a point whose mirror image is trained is not left out)."""
    scheme = load_scheme(scheme)
    try:
        chosen = tuple(sorted({int(part) for part in text.replace(" ", ",").split(",") if part}))
    except ValueError:
        raise InputError(f"{text!r} is not a list of point numbers such as 1,5,11") from None
    outside = [i for i in chosen if not 0 <= i < len(scheme)]
    if outside:
        raise InputError(f"scheme {scheme.name!r} has no point {outside[0]} (0 to {len(scheme) - 1})")
    alone = [i for i in chosen if int(scheme.mirror_index[i]) not in chosen]
    if alone:
        mirrored = scheme.mirror_index[alone[0]]
        raise InputError(f"point {alone[0]} is left out, but its mirror image {mirrored} is not")
    return chosen

"""Which models there are, and how they go to and come from their files."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from labelkit.atomic import replacing
from labelkit.checkpoint import load_checkpoint, read_card, save_checkpoint
from labelkit.errors import CheckpointError, InputError
from labelkit.models.build import TUFAConfig, build_tufa
from labelkit.models.folders import KIND, list_files, list_models, model_folders, user_models
from labelkit.models.heads import added_head, head_files, made_for
from labelkit.models.predictor import LandmarkModel, Precision, choose_device
from labelkit.models.refiner import KIND as HEAD
from labelkit.models.refiner import load_refiner, refiner_beside
from labelkit.models.tufa import TUFA
from labelkit.models.tuned import PointHeads
from labelkit.nn.loading import filled, shown
from labelkit.progress import say_once

__all__ = [
    "add_model",
    "find_model",
    "list_models",
    "load_model",
    "model_folders",
    "save_model",
    "user_models",
]

#: What a model may be called: its name becomes a file's.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def find_model(name: str | Path) -> Path:
    """The file of a model by its name or path; a head's or detector's by its name too, for its card.
    Raises `InputError`."""
    known = list_files()
    if str(name) in known:
        return known[str(name)]
    path = Path(name)
    if path.suffix or path.exists():
        return path
    raise InputError(f"no model is called {str(name)!r}; there are {', '.join(list_models()) or 'none'}")


def load_model(
    name: str | Path = "base", device: str = "auto", precision: Precision = "auto"
) -> LandmarkModel:
    """A model by its name or file, ready to predict; its terms are said once. Its refinement head is
    used where there is one (`labelkit.models.heads.head_of`).

    ``device``: auto, cuda, mps or cpu. ``precision``: bf16, fp16, fp32, or auto for what
    is quick and safe there. Raises `CheckpointError` for a file that is damaged or of
    another kind, `UnavailableError` for a device that is not there.
    """
    path = find_model(name)
    tensors, card = load_checkpoint(path)
    if card.get("kind") != KIND:
        raise CheckpointError(f"{path}: holds {shown(card.get('kind'))}, not a landmark model")
    if not isinstance(card.get("name"), str) or not _NAME.fullmatch(card["name"]):
        raise CheckpointError(f"{path}: {shown(card.get('name'))} is no name for a model")
    prefix = "offsets."
    offsets = {k.removeprefix(prefix): v.double().numpy() for k, v in tensors.items() if k.startswith(prefix)}
    odd = next((name for name, offset in offsets.items() if offset.shape[1:] != (2,)), None)
    if odd is not None:
        raise CheckpointError(f"{path}: the offsets of {shown(odd)} are no places on the plane")
    weights = {k: v for k, v in tensors.items() if not k.startswith((prefix, "heads."))}
    network = _network(path, card.get("architecture"), weights)
    heads = _heads(path, tensors, network)
    _say_terms(card)
    model = LandmarkModel(network, card, offsets, choose_device(device), precision, heads)
    model.refiner = refiner_beside(path, card, model.device, model.dtype) if len(model.anchors) else None
    if model.refiner is not None:
        _say_terms(model.refiner.card)
    return model


def save_model(
    path: Path,
    network: Mapping[str, Tensor],
    offsets: Mapping[str, Tensor],
    card: Mapping[str, Any],
    heads: PointHeads | None = None,
) -> str:
    """Write a model in fp16 with its card; returns the content hash."""
    tensors = {name: value.half() if value.is_floating_point() else value for name, value in network.items()}
    tensors |= {f"offsets.{name}": value.half() for name, value in offsets.items()}
    if heads is not None:
        tensors |= {
            "heads.places": torch.tensor(heads.places).half(),
            "heads.weights": heads.weights.half(),
        }
    if any(not torch.isfinite(t).all() for t in tensors.values() if t.is_floating_point()):
        raise CheckpointError(f"{path}: not written, a weight does not fit into 16 bits")
    return save_checkpoint(path, tensors, {"kind": KIND, **card})


def add_model(path: Path) -> Path:
    """Check a model file and keep a copy under its own name, its refinement head with it; returns the
    copy's path. Of a refinement head the copy lies where its model finds it.

    Raises `CheckpointError` for what is neither, `InputError` for the head of a model that is not here.
    """
    card = read_card(path)
    if card.get("kind") == HEAD:
        return _add_head(path, card)
    load_model(path, device="cpu")
    known = added_head(card["name"])
    beside = [file for file in head_files(path) if file != known and made_for(read_card(file), card)]
    if beside:
        _copy_head(beside[0], card, known)
    elif known.exists() and not made_for(read_card(known), card):
        known.unlink()  # of the model that had this name before
    return _copy(path, user_models() / f"{card['name']}.safetensors")


def _add_head(path: Path, card: Mapping[str, Any]) -> Path:
    told = card.get("base")
    if not isinstance(told, dict):
        raise CheckpointError(f"{path}: the card does not say for which model this head was made")
    for name, file in list_models().items():
        base: dict[str, Any] = {}
        with suppress(CheckpointError):  # a damaged model has no head
            base = read_card(file)
        if made_for(card, base):
            return _copy_head(path, base, added_head(name))
    whose = f"{told.get('name')}@{str(told.get('hash'))[:12]}"
    raise InputError(f"{path}: is the head of {whose}, which is not here; add that model first")


def _copy_head(path: Path, base: Mapping[str, Any], target: Path) -> Path:
    load_refiner(path, base, torch.device("cpu"), torch.float32)
    return _copy(path, target)


def _copy(path: Path, target: Path) -> Path:
    if not (target.exists() and target.samefile(path)):
        with replacing(target) as draft:
            shutil.copyfile(path, draft)
    return target


def add_to_card(path: Path, out: Path, entries: Mapping[str, Any]) -> None:
    """Write the model at ``path`` to ``out`` with ``entries`` in its card, in place of those of the
    same name; weights and hash stay. Raises `CheckpointError` for a damaged file and `InputError`
    for what a model file may not say anew: its name, architecture or hash."""
    fixed = {"kind", "name", "architecture", "hash"} & set(entries)
    if fixed:
        raise InputError(f"{path}: {sorted(fixed)[0]!r} of a model is not for its card to change")
    tensors, card = load_checkpoint(path)
    save_checkpoint(out, tensors, {**card, **entries})


def _network(path: Path, architecture: Any, tensors: Mapping[str, Tensor]) -> TUFA:
    """The network that a card describes, with these weights; raises `CheckpointError`."""
    if not isinstance(architecture, dict):
        raise CheckpointError(f"{path}: the card does not say which architecture this is")
    try:
        config = TUFAConfig.from_dict(architecture)
        return filled(lambda: build_tufa(config), tensors)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def _heads(path: Path, tensors: Mapping[str, Tensor], network: TUFA) -> PointHeads | None:
    """What the model was fine-tuned to; raises `CheckpointError` where that does not fit the network."""
    if "heads.weights" not in tensors:
        return None
    places, weights = tensors.get("heads.places"), tensors["heads.weights"].float()
    wanted = (network.encoder.dim + 1, 2)
    if places is None or places.shape != (len(weights), 2) or weights.shape[1:] != wanted:
        raise CheckpointError(f"{path}: the heads of its points do not fit its network")
    return PointHeads(places.double().numpy(), weights)


def _say_terms(card: Mapping[str, Any]) -> None:
    if terms := str(card.get("terms", "")):
        say_once(f"model {card.get('name')}: {terms}", about=terms)

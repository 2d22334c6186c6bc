"""Which refinement head belongs to which model, by the hash in its card. No network is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labelkit.checkpoint import read_card
from labelkit.models.folders import user_models

#: What a refinement head's file is called beside its model's.
FILE = "refine.safetensors"


def head_of(path: Path, card: Mapping[str, Any]) -> Path | None:
    """The refinement head of the model in the file ``path``, whose card is ``card``: the first of
    `head_files` that was made for it. Raises `CheckpointError` for one that cannot be read."""
    return next((file for file in head_files(path) if made_for(read_card(file), card)), None)


def head_files(path: Path) -> list[Path]:
    """The heads that may be those of the model in the file ``path``, the first choice first: what
    ``labelkit models add`` keeps, ``NAME.refine.safetensors`` beside the model, then `FILE` there."""
    places = (added_head(path.stem), path.with_name(f"{path.stem}.{FILE}"), path.with_name(FILE))
    return [place for place in dict.fromkeys(places) if place.exists()]


def added_head(name: str) -> Path:
    """Where ``labelkit models add`` keeps the head of the model called ``name``."""
    return user_models() / f"{name}.{FILE}"


def made_for(card: Mapping[str, Any], base: Mapping[str, Any]) -> bool:
    """Whether a head's card names the model with the card ``base``."""
    told = card.get("base")
    return isinstance(told, dict) and isinstance(told.get("hash"), str) and told["hash"] == base.get("hash")

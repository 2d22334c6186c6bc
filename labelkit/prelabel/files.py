"""Where prelabelling finds and leaves things in a project's folder."""

from __future__ import annotations

from pathlib import Path

from labelkit.store.process import database

__all__ = ["card_path", "database", "local_model"]


def card_path(folder: Path, model: str) -> Path:
    """The part of a model's card that is kept for as long as its labels, by the model's id."""
    return folder / "models" / f"{model}.json"


def local_model(folder: Path, name: str) -> Path | None:
    """A model of this project's own, by its name; None where there is none of that name."""
    path = folder / "models" / f"{Path(name).name}.safetensors"
    return path if path.is_file() and Path(name).name == name else None

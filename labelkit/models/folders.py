"""Where models lie, by name; no network is loaded."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from labelkit.checkpoint import read_card
from labelkit.errors import CheckpointError

#: What the card of a landmark model calls it.
KIND = "tufa"


def model_folders() -> list[Path]:
    """Where models are looked for by name: those that were added, then the bundled ones."""
    return [user_models(), Path(str(resources.files("labelkit"))) / "models" / "weights"]


def user_models() -> Path:
    """The folder of ``labelkit models add``: ``$LABELKIT_HOME/models``."""
    return Path(os.environ.get("LABELKIT_HOME", "~/.labelkit")).expanduser() / "models"


def list_files() -> dict[str, Path]:
    """Every file of weights by its name: models, refinement heads and face detectors. An added one hides
    a bundled one of its name."""
    found: dict[str, Path] = {}
    for folder in reversed(model_folders()):
        files = sorted(folder.glob("*.safetensors"))
        found |= {path.stem: path for path in files if not path.name.startswith(".")}
    return found


def list_models() -> dict[str, Path]:
    """Every model that can be asked for by its name, and its file; damaged files are among them."""
    return {name: path for name, path in list_files().items() if _may_be_a_model(path)}


def _may_be_a_model(path: Path) -> bool:
    try:
        return read_card(path).get("kind") == KIND
    except CheckpointError:
        return True  # whoever asks for it is told what is wrong with it

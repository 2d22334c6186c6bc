"""Where models lie, by name; nothing is loaded."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path


def model_folders() -> list[Path]:
    """Where models are looked for by name: those that were added, then the bundled ones."""
    return [user_models(), Path(str(resources.files("labelkit"))) / "models" / "weights"]


def user_models() -> Path:
    """The folder of ``labelkit models add``: ``$LABELKIT_HOME/models``."""
    return Path(os.environ.get("LABELKIT_HOME", "~/.labelkit")).expanduser() / "models"


def list_models() -> dict[str, Path]:
    """Every known model's name and file; an added one hides a bundled one of its name."""
    found: dict[str, Path] = {}
    for folder in reversed(model_folders()):
        files = sorted(folder.glob("*.safetensors"))
        found |= {path.stem: path for path in files if not path.name.startswith(".")}
    return found

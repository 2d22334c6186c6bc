"""What was measured of a model after it was made: ``NAME.measures.json`` beside its file.

It is shown with the model's card, and written without storing the weights anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labelkit.atomic import write_text
from labelkit.checkpoint import read_card
from labelkit.errors import CheckpointError


def measures(path: Path) -> dict[str, Any]:
    """The measures of the model in the file ``path`` by their name; none of another model that lay there
    before. Raises `CheckpointError` for a file that cannot be read."""
    file = _file(path)
    if not file.is_file():
        return {}
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        known = told["measures"] if told["hash"] == read_card(path)["hash"] else {}
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{file}: holds no measures of a model ({error})") from error
    if not isinstance(known, dict):
        raise CheckpointError(f"{file}: holds no measures of a model")
    return known


def add_measures(path: Path, entries: Mapping[str, Any]) -> None:
    """Keep ``entries`` beside the model in the file ``path``, in place of those of the same name."""
    told = {"hash": read_card(path)["hash"], "measures": {**measures(path), **entries}}
    write_text(_file(path), json.dumps(told, indent=1) + "\n")


def with_measures(path: Path, card: Mapping[str, Any]) -> dict[str, Any]:
    """The ``card`` of the model in the file ``path``, with what was measured since."""
    added = measures(path)
    if not added:
        return dict(card)
    measured = card.get("measured")
    return {**card, "measured": {**(measured if isinstance(measured, Mapping) else {}), **added}}


def _file(path: Path) -> Path:
    return path.with_name(f"{path.stem}.measures.json")

"""Which models can be chosen, by their cards; no network is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelkit.checkpoint import read_card
from labelkit.errors import LabelkitError
from labelkit.models.folders import list_models


@dataclass(frozen=True)
class ModelCard:
    """A model as people choose it: where it lies, what it is, and what was measured on its card."""

    name: str
    path: str
    description: str
    terms: str
    error: str
    megabytes: float


def known_models(project: Path) -> list[ModelCard]:
    """Every model that can be read: those that can be asked for by name, then the project's own."""
    cards: list[ModelCard] = []
    for path in [*list_models().values(), *sorted((project / "models").glob("*.safetensors"))]:
        try:
            card = _card(path)
        except LabelkitError:
            continue  # a damaged or foreign file is no choice
        if card is not None:
            cards.append(card)
    return cards


def _card(path: Path) -> ModelCard | None:
    card: dict[str, Any] = dict(read_card(path))
    if card.get("kind") != "tufa":
        return None
    return ModelCard(
        path.stem,
        str(path),
        str(card.get("description") or card.get("title") or ""),
        str(card.get("terms", "")),
        _error(card),
        path.stat().st_size / 1e6,
    )


def _error(card: dict[str, Any]) -> str:
    """What was measured on faces that the model had not seen."""
    metrics = card.get("metrics")
    value = metrics.get("dev_nme_io") if isinstance(metrics, dict) else None
    return f"{value:.1f} % of the distance of the eye corners, on average" if isinstance(value, float) else ""

"""Which models can be chosen, by their cards; no network is loaded."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelkit.checkpoint import read_card
from labelkit.drafts import UNFINISHED
from labelkit.errors import LabelkitError
from labelkit.models.folders import list_models
from labelkit.models.heads import head_of
from labelkit.project.tuning import learnt_in_words


@dataclass(frozen=True)
class ModelCard:
    """A model as people choose it: where it lies, what it is, and what was measured on its card; ``sure``:
    it has a refinement head, which says how sure it is."""

    name: str
    path: str
    description: str
    terms: str
    error: str
    megabytes: float
    sure: bool = False


def known_models(project: Path) -> list[ModelCard]:
    """Every model that can be read: those that can be asked for by name, then the project's own."""
    cards: list[ModelCard] = []
    for path in [*list_models().values(), *_own(project)]:
        try:
            card = _card(path)
        except LabelkitError:
            continue  # a damaged or foreign file is no choice
        if card is not None:
            cards.append(card)
    return cards


def _own(project: Path) -> list[Path]:
    """The model files in the project's folder, those left out that are still being written."""
    found = sorted((project / "models").glob("*.safetensors"))
    return [path for path in found if not path.name.startswith(UNFINISHED)]


@dataclass(frozen=True)
class Version:
    """A model that was fine-tuned in a project: its name, how many faces it learnt from, the errors before
    and after in percent (None where nobody could be left out), what was learnt, when, and from
    what."""

    name: str
    faces: int
    before: float | None
    after: float | None
    learnt: str
    date: str
    parent: str


def versions(project: Path) -> list[Version]:
    """The project's fine-tuned models, the newest first."""
    found = []
    for path in _own(project):
        try:
            card = read_card(path)
        except LabelkitError:
            continue  # a damaged or foreign file is no choice
        tuned = card.get("tuned")
        if isinstance(tuned, dict):
            found.append(_version(path.stem, str(card.get("date", "")), tuned))
    return sorted(found, key=lambda version: (version.date, version.name), reverse=True)


def _version(name: str, date: str, tuned: dict[str, Any]) -> Version:
    before, after, head = (tuned.get(key) for key in ("before", "after", "head"))
    return Version(
        name,
        int(tuned.get("faces", 0)),
        before if isinstance(before, float) else None,
        after if isinstance(after, float) else None,
        learnt_in_words(str(tuned.get("stage", "")), head if isinstance(head, dict) else {}),
        date,
        str(tuned.get("parent", "")),
    )


def _card(path: Path) -> ModelCard | None:
    card: dict[str, Any] = dict(read_card(path))
    if card.get("kind") != "tufa":
        return None
    head = None
    with suppress(LabelkitError):  # whoever prelabels with it is told what is wrong with its head
        head = head_of(path, card)
    files = [path] if head is None else [path, head]
    return ModelCard(
        path.stem,
        str(path),
        str(card.get("description") or card.get("title") or ""),
        str(card.get("terms", "")),
        _error(card if head is None else read_card(head)) or _error(card),
        sum(file.stat().st_size for file in files) / 1e6,
        head is not None,
    )


def _error(card: dict[str, Any]) -> str:
    """What was measured on faces that the model had not seen."""
    metrics = card.get("metrics")
    value = metrics.get("dev_nme_io") if isinstance(metrics, dict) else None
    return f"{value:.1f} % of the distance of the eye corners, on average" if isinstance(value, float) else ""

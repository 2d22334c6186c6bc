"""A page for every bundled model, made from the card in its file: no figure is typed in."""

from __future__ import annotations

from pathlib import Path

from labelkit.checkpoint import read_card
from labelkit.models.card import as_markdown
from labelkit.models.folders import model_folders

_INDEX = """# Models

What is bundled, read from the files themselves. `labelkit models show NAME` prints the same card,
`labelkit models add FILE` registers a model of your own.

The code is Apache-2.0; the weights are **not**. What each may be used for is stated in its card,
and beside the files in `labelkit/models/weights/TERMS.md`.

| file | kind | MB | made | terms |
|---|---|---|---|---|
"""


def weights() -> dict[str, Path]:
    """The bundled files by the name of their page."""
    return {path.stem: path for path in sorted(model_folders()[-1].glob("*.safetensors"))}


def card_pages() -> dict[str, str]:
    """Markdown by the page's path below ``docs``; the index comes first."""
    rows, pages = [], {}
    for name, path in weights().items():
        card = read_card(path)
        size = f"{path.stat().st_size / 1e6:.1f}"
        kind, date, terms = (str(card.get(key) or "-") for key in ("kind", "date", "terms"))
        rows.append(f"| [`{path.name}`]({name}.md) | {kind} | {size} | {date} | {terms} |")
        pages[f"models/{name}.md"] = as_markdown(card)
    return {"models/index.md": _INDEX + "\n".join(rows) + "\n", **pages}

"""What MkDocs calls while it builds: pages made from the code, and a look at every link."""

from __future__ import annotations

import logging
from pathlib import Path

from card_pages import card_pages
from commands_page import commands_page
from format_pages import format_pages
from links import broken_links
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

_log = logging.getLogger("mkdocs.hooks.labelkit")
_ROOT = Path(__file__).parents[2]
_made: dict[str, str] = {}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Make the pages, and fill their places in the navigation."""
    formats, cards = format_pages(), card_pages()
    _made.clear()
    _made.update(formats | cards | {"reference/commands.md": commands_page()})
    _made["contributing.md"] = _from_root("CONTRIBUTING.md")
    _made["changelog.md"] = _from_root("CHANGELOG.md")
    for entry in config.nav or []:
        for title, pages in (("Formats", formats), ("Models", cards)):
            if title in entry:
                entry[title] = list(pages)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages to those that lie in docs/."""
    for path, text in _made.items():
        files.append(File.generated(config, path, content=text))
    return files


def on_post_build(config: MkDocsConfig) -> None:
    """A broken link is a warning, which ends a strict build."""
    for problem in broken_links(Path(config.site_dir)):
        _log.warning("%s", problem)


def _from_root(name: str) -> str:
    """A page that lies beside docs/: its links into docs/ begin there."""
    return (_ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")

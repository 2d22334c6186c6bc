"""Looks at every link of the built pages: the file, and the place in it.

MkDocs checks the links that it makes from Markdown. What stands in HTML, in docstrings or in
generated pages is checked here, in what a reader gets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """The links of a page, and the places that can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.places.update(filter(None, (said.get("id"), said.get("name"))))
        self.links += filter(None, (said.get("href"), said.get("src")))


def broken_links(site: Path) -> Iterator[str]:
    """Every link below ``site`` that leads nowhere, as a sentence; those to other hosts are not followed,
    but nothing may be loaded from them."""

    @cache
    def page(path: Path) -> _Page:
        return _Page(path.read_text(encoding="utf-8"))

    for path in sorted(site.rglob("*.html")):
        if path.name == "404.html":  # its links are absolute, from wherever it is shown
            continue
        for link in page(path).links:
            if problem := _problem(link, path, site, page):
                yield f"{path.relative_to(site)}: {link} {problem}"


def _problem(link: str, path: Path, site: Path, page: Callable[[Path], _Page]) -> str:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return ""
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target.is_dir():
        target /= "index.html"
    if not target.is_relative_to(site.resolve()):
        return "leads out of the site"
    if not target.is_file():
        return "is not there"
    if parts.fragment and target.suffix == ".html" and not parts.fragment.startswith("__"):
        places = page(target).places
        if unquote(parts.fragment) not in places:
            return "is no place of that page"
    return ""

"""Makes the table of keys, docs/reference/keyboard.md, from the editor's own tables.

    python docs/making/keyboard_page.py

The tables are read in Chromium, as a browser reads them. A test makes the page anew and compares, so
that it cannot go out of date.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby
from pathlib import Path
from threading import Thread
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from labelkit.editor.bundle import STATIC

PAGE = Path(__file__).parents[1] / "reference" / "keyboard.md"

#: Read in a page that can import the editor's modules from FOLDER.
READ = """async (folder) => {
  const { COMMANDS } = await import(`${folder}/commands.js`);
  const { POINTER_HELP } = await import(`${folder}/help.js`);
  const { SHORTCUTS } = await import(`${folder}/studio_keys.js`);
  const { GRID_KEYS } = await import(`${folder}/grid_keys.js`);
  return {
    editor: COMMANDS.map(({ section, row, keys }) => ({ section, row, keys })),
    pointer: POINTER_HELP,
    studio: SHORTCUTS.map(({ keys, text }) => [keys, text]),
    grid: GRID_KEYS.map(({ keys, text }) => [keys, text]),
  };
}"""

_SIGNS = {"Mod": "Ctrl", "ArrowLeft": "←", "ArrowRight": "→", "ArrowUp": "↑", "ArrowDown": "↓"}

_HEAD = """# Keyboard

Made from the tables that the editor itself reads. ++question-mark++ shows them in the editor, where
every key can be changed. On a Mac, Ctrl is Command.

## Editor"""


def keyboard_page(tables: dict[str, Any]) -> str:
    """The page in Markdown from what `READ` gives."""
    parts = [_HEAD]
    for section, rows in groupby(tables["editor"], lambda row: row["section"]):
        keys: dict[str, list[str]] = {}
        for row in rows:
            keys.setdefault(row["row"], []).extend(row["keys"])
        parts += [f"### {section}", _table([(_keys(pressed), what) for what, pressed in keys.items()])]
    parts += ["### With the pointer", _table([(what, does) for what, does in tables["pointer"]])]
    parts += ["## Many at once", _table([(_keys(keys), what) for keys, what in tables["grid"]])]
    studio = [(_together(keys), what) for keys, what in tables["studio"]]
    parts += ["## Scheme studio", _table(studio)]
    return "\n\n".join(parts) + "\n"


def _table(rows: list[tuple[str, str]]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {key} | {_plain(what)} |" for key, what in rows)])


def _keys(keys: list[str]) -> str:
    """Keys each of which does it, as they are printed on keys."""
    return " ".join(f"`{_printed(key)}`".replace("|", "\\|") for key in keys)


def _printed(key: str) -> str:
    parts = re.split(r"\+(?=.)", key)
    return "+".join(_SIGNS.get(part, part.upper() if len(part) == 1 else part) for part in parts)


def _together(keys: list[str]) -> str:
    """Keys of the studio's list: Ctrl and Shift belong to what follows, arrows are four keys."""
    held = {"Ctrl", "Shift", "Alt"}
    return f"`{'+'.join(keys)}`" if keys[0] in held else " ".join(f"`{key}`" for key in keys)


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")


@contextmanager
def modules() -> Iterator[str]:
    """The address at which the editor's modules are served."""

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(STATIC))

        def log_message(self, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def read_tables(browser: Browser) -> dict[str, Any]:
    """The editor's tables, as a browser reads them."""
    page = browser.new_page()
    with modules() as address:
        page.goto(f"{address}/theme.css")  # any page of that origin will do
        tables: dict[str, Any] = page.evaluate(READ, address)
        page.close()
    return tables


def main() -> None:
    sandbox = ["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=sandbox)
        PAGE.write_text(keyboard_page(read_tables(browser)), encoding="utf-8")
        browser.close()


if __name__ == "__main__":
    main()

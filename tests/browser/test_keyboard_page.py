"""The table of keys in docs/ is the one that the editor reads."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from playwright.sync_api import Browser

MAKING = Path(__file__).parents[2] / "docs" / "making"


def test_the_page_of_keys_is_made_from_the_editors_tables(chromium: Browser) -> None:
    sys.path.insert(0, str(MAKING))
    try:
        made = import_module("keyboard_page")
    finally:
        sys.path.pop(0)
    told = "python docs/making/keyboard_page.py makes it anew"
    assert made.PAGE.read_text("utf-8") == made.keyboard_page(made.read_tables(chromium)), told

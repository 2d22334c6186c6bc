"""Draws the layers of pyproject.toml: who may import whom.

    python docs/making/layers_picture.py [-o docs/images/layers.svg]

The tests compare the file with what is drawn now, so that it cannot go out of date.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from pathlib import Path
from xml.sax.saxutils import escape

_ROOT = Path(__file__).parents[2]
_WIDTH, _ROW, _GAP, _LEFT = 720, 30, 8, 20

_FONT = 'font-family="sans-serif" font-size="13"'

#: What a module does, in the fewest words.
ABOUT = {
    "cli": "commands",
    "demo": "the journey",
    "doctor": "what is missing",
    "app": "pages in the browser",
    "studio": "draw schemes",
    "notebook": "canvas, gallery",
    "project": "the public facade",
    "prelabel": "run models",
    "train": "fit models",
    "editor": "correct faces",
    "models": "networks",
    "detect": "face boxes",
    "store": "SQLite",
    "queue": "who is next",
    "formats": "files",
    "nn": "blocks",
    "dataset": "faces in memory",
    "quality": "odd shapes",
    "images": "decoding",
    "scheme": "points on the plane",
    "geometry": "pixels, crops",
    "errors": "exceptions",
}


def layers() -> list[list[str]]:
    """The layers from above, as import-linter reads them."""
    settings = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (found,) = (contract["layers"] for contract in contracts if contract["id"] == "layers")
    return [re.findall(r"\w+", line) for line in found]


def picture() -> str:
    """An SVG that reads on light and dark pages alike."""
    rows = layers()
    height = len(rows) * (_ROW + _GAP) + 44
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" {_FONT} role="img">',
        "<title>The layers of labelkit: a module imports from lower lines only</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for number, names in enumerate(rows):
        parts += _row(names, 12 + number * (_ROW + _GAP))
    told = "A module imports from lower lines only, never from its own line."
    parts.append(f'<text x="{_LEFT}" y="{height - 14}" fill="#555555">{told}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _row(names: list[str], top: int) -> list[str]:
    width = (_WIDTH - 2 * _LEFT - (len(names) - 1) * _GAP) / len(names)
    parts = []
    for place, name in enumerate(names):
        left = _LEFT + place * (width + _GAP)
        about = ABOUT.get(name, "") if len(names) < 5 else ""
        said = f"<tspan font-weight='bold'>{escape(name)}</tspan>"
        said += f"<tspan fill='#555555'>  {escape(about)}</tspan>" if about else ""
        parts.append(
            f'<rect x="{left:.0f}" y="{top}" width="{width:.0f}" height="{_ROW}" rx="5" fill="#eef1fb" '
            f'stroke="#8c9bd4"/><text x="{left + width / 2:.0f}" y="{top + 20}" text-anchor="middle" '
            f'fill="#1d2440" xml:space="preserve">{said}</text>'
        )
    return parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=_ROOT / "docs" / "images" / "layers.svg")
    parser.parse_args().out.write_text(picture(), encoding="utf-8")


if __name__ == "__main__":
    main()

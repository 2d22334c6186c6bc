"""Runs the notebooks from the first cell to the last and keeps what they show: ``make notebooks``.

    python notebooks/refresh.py            # all of them
    python notebooks/refresh.py 02 04      # some of them

Each runs in an empty folder, with the settings that stand in it. What is kept reads well where no
kernel is: pictures as JPEG, nothing of widgets but the picture that some bring along, no times of
cells, no place on this computer. A notebook in which something fails or warns is left as it was.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

FOLDER = Path(__file__).parent

#: So much may a notebook weigh, in bytes.
LARGEST = 400_000

WIDGET = "application/vnd.jupyter.widget-view+json"


def notebooks() -> list[Path]:
    """The notebooks in their order."""
    return sorted(FOLDER.glob("[0-9]*.ipynb"))


def run(path: Path, place: Path, **settings: Any) -> NotebookNode:
    """A notebook after it has run in the folder ``place``, with some of the settings in its cell
    ``parameters`` replaced. A cell that raises is raised here, with its traceback."""
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # it has no types
    (cell,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", ())]
    source = cell.source
    cell.source += "".join(f"\n{name} = {value!r}" for name, value in settings.items())
    client = NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(place)}})
    client.execute()
    cell.source = source
    return notebook


def digest(notebook: NotebookNode) -> str:
    """Of the code: tells whether outputs belong to it."""
    code = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def tidy(notebook: NotebookNode) -> None:
    """Make of a notebook that has run what is to be kept."""
    for cell in notebook.cells:
        cell.metadata = {key: value for key, value in cell.metadata.items() if key == "tags"}
        if cell.cell_type == "code":
            cell.outputs = [kept for output in cell.outputs if (kept := _kept(output)) is not None]
    spec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = {"kernelspec": spec, "language_info": {"name": "python"}, "code": digest(notebook)}


def problems(notebook: NotebookNode) -> list[str]:
    """What is wrong with a notebook that is to be kept."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    found = [f"warns: {output.text}" for output in outputs if output.get("name") == "stderr"]
    found += ["fails" for output in outputs if output.output_type == "error"]
    text = nbformat.writes(notebook)  # type: ignore[no-untyped-call]  # it has no types
    if len(text) > LARGEST:
        found.append(f"has {len(text):,} bytes, more than {LARGEST:,}")
    places = {str(Path.home()), tempfile.gettempdir(), str(FOLDER.parent)} - {"/"}
    return found + [f"names the place {place}" for place in sorted(places) if f"{place}{os.sep}" in text]


def _kept(output: NotebookNode) -> NotebookNode | None:
    """An output without what a page without a kernel cannot show; None where nothing is left."""
    if "data" not in output:
        return output
    widget = output.data.pop(WIDGET, None) is not None
    output.metadata = {}
    if "image/png" in output.data:
        small = _as_jpeg(output.data["image/png"])
        if len(small) < len(output.data["image/png"]):
            del output.data["image/png"]
            output.data["image/jpeg"] = small
            output.metadata = {"image/jpeg": {"alt": output.data.get("text/plain", "")}}
    # Of the editor and the studio only their name would be left: a picture of them stands above.
    return None if widget and set(output.data) <= {"text/plain"} else output


def _as_jpeg(png: str) -> str:
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA")
    page = Image.new("RGBA", image.size, "white")
    page.alpha_composite(image)
    file = io.BytesIO()
    page.convert("RGB").save(file, "JPEG", quality=85, optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")


def refresh(path: Path) -> list[str]:
    """Run a notebook and keep it with its outputs; what is wrong, in which case it stays as it was."""
    with tempfile.TemporaryDirectory() as place:
        notebook = run(path, Path(place))
    tidy(notebook)
    found = problems(notebook)
    if not found:
        path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")  # type: ignore[no-untyped-call]  # it has no types
    return found


def main(wanted: list[str]) -> int:
    failed = 0
    for path in notebooks():
        if wanted and not any(path.name.startswith(name) for name in wanted):
            continue
        found = refresh(path)
        print(path.name, "; ".join(found) or f"{path.stat().st_size:,} bytes", flush=True)
        failed += bool(found)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

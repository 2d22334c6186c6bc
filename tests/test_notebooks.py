"""The notebooks run from the first cell to the last, in a real kernel, and are stored without outputs."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))

WIDGET, CANVAS = "application/vnd.jupyter.widget-view+json", "image/png"


def read(name: str) -> NotebookNode:
    return nbformat.read(FOLDER / name, as_version=4)  # type: ignore[no-untyped-call]


def executed(name: str, place: Path) -> list[NotebookNode]:
    """The outputs of all cells; a cell that raises fails the test with its traceback."""
    notebook = read(name)
    client = NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(place)}})
    client.execute()
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def shown(outputs: list[NotebookNode], kind: str) -> list[str]:
    return [output.data[kind] for output in outputs if kind in output.get("data", {})]


def printed(outputs: list[NotebookNode]) -> str:
    return "".join(o.text for o in outputs if o.output_type == "stream" and o.name == "stdout")


def test_there_is_one_for_each_journey() -> None:
    assert [name[0] for name in NOTEBOOKS] == ["1", "2", "3"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_is_stored_without_outputs(name: str) -> None:
    notebook = read(name)
    nbformat.validate(notebook)  # type: ignore[no-untyped-call]
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert cells
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
    assert "widgets" not in notebook.metadata
    assert notebook.metadata.language_info == {"name": "python"}


def test_a_scheme_is_defined_and_tried_on_faces(tmp_path: Path) -> None:
    outputs = executed("1_define_a_scheme.ipynb", tmp_path)
    assert "61 points" in printed(outputs)
    assert len(shown(outputs, WIDGET)) == 2  # the studio and the canvas
    assert len(shown(outputs, CANVAS)) == 2  # the drawing of the scheme and the canvas
    (faces,) = shown(outputs, "text/html")
    assert "Grace Hopper" in faces


def test_a_dataset_is_prelabelled_corrected_and_exported(tmp_path: Path) -> None:
    outputs = executed("2_prelabel_and_correct.ipynb", tmp_path)
    assert "2 faces in 2 photos, labelled by base@" in printed(outputs)
    assert "['astronaut.pts', 'grace_hopper.pts', 'images.tsv', 'labelkit.json']" in printed(outputs)
    before, after = shown(outputs, "text/html")
    assert before.count("(predicted)") == after.count("(done)") > 0
    # The bar of the prelabelling has become a line of text.
    bars = [text for text in shown(outputs, "text/plain") if text.startswith("2 of 2 photos in ")]
    assert len(bars) == 1
    assert len(shown(outputs, WIDGET)) == 3  # the editor and two canvases


def test_a_scheme_is_fitted_to_annotated_faces(tmp_path: Path) -> None:
    outputs = executed("3_scheme_from_few_faces.ipynb", tmp_path)
    said = printed(outputs)
    assert "pupil_right pupil_left" in said
    off = float(said.split("on average, ")[1].split(" %")[0])
    assert off < 8  # of the distance of the pupils, on a face that the fit did not see
    assert len(shown(outputs, CANVAS)) == 1

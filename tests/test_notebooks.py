"""The notebooks run from the first cell to the last, in a real kernel, and are stored with what they show."""

from __future__ import annotations

import importlib.util
from copy import deepcopy
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from nbformat import NotebookNode

FOLDER = Path(__file__).parents[1] / "notebooks"
NAMES = [path.name for path in sorted(FOLDER.glob("*.ipynb"))]


@pytest.fixture(scope="module")
def refresh() -> ModuleType:
    """``notebooks/refresh.py``, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("refresh", FOLDER / "refresh.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stored(name: str) -> NotebookNode:
    return nbformat.read(FOLDER / name, as_version=4)  # type: ignore[no-untyped-call]


def executed(refresh: ModuleType, name: str, place: Path, **settings: object) -> list[NotebookNode]:
    """The outputs of all cells, run with smaller settings; what would not be kept fails the test."""
    notebook = refresh.run(FOLDER / name, place, **settings)
    outputs = deepcopy([output for cell in notebook.cells for output in cell.get("outputs", [])])
    refresh.tidy(notebook)
    assert refresh.problems(notebook) == []
    return outputs


def shown(outputs: list[NotebookNode], kind: str) -> list[str]:
    return [output.data[kind] for output in outputs if kind in output.get("data", {})]


def printed(outputs: list[NotebookNode]) -> str:
    return "".join(o.text for o in outputs if o.output_type == "stream" and o.name == "stdout")


def test_there_is_one_for_each_journey() -> None:
    assert [name[:3] for name in NAMES] == ["01_", "02_", "03_", "04_", "05_"]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_stored_with_what_its_cells_show(refresh: ModuleType, name: str) -> None:
    notebook = stored(name)
    nbformat.validate(notebook)  # type: ignore[no-untyped-call]
    assert refresh.problems(notebook) == []
    assert notebook.metadata.code == refresh.digest(notebook), "make notebooks: the code has changed since"
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not shown(outputs, "application/vnd.jupyter.widget-view+json")
    assert shown(outputs, "image/jpeg") or shown(outputs, "text/html")


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_comes_of_it_and_what_is_next(name: str) -> None:
    texts = [cell.source for cell in stored(name).cells if cell.cell_type == "markdown"]
    assert "**At the end** you have" in texts[0]
    assert "**It takes**" in texts[0]
    assert texts[-1].startswith("**Next:**")


def test_a_scheme_is_defined_and_tried_on_faces(refresh: ModuleType, tmp_path: Path) -> None:
    outputs = executed(refresh, "01_define_a_scheme.ipynb", tmp_path)
    assert "61 points in work/folds.json" in printed(outputs)
    assert (tmp_path / "work" / "folds.json").is_file()
    assert len(shown(outputs, refresh.WIDGET)) == 2  # the studio and the canvas
    *schemes, faces = shown(outputs, "text/html")
    assert len(schemes) == 2
    assert "hopper-01.jpg" in faces


def test_a_dataset_is_prelabelled_and_corrected(refresh: ModuleType, tmp_path: Path) -> None:
    outputs = executed(refresh, "02_prelabel_a_dataset.ipynb", tmp_path, COUNT=4)
    assert "4 faces in 4 photos, by base@" in printed(outputs)
    before, gallery, queue, after = shown(outputs, "text/html")
    assert "annotated by" not in before
    assert gallery.count("<img") == 4
    assert "hopper-01.jpg (predicted)" in gallery
    assert queue.count("<tr") == 5
    assert "annotated by: me 1" in after
    # The editor and two canvases; the bar of the prelabelling may have been too quick to be seen.
    assert 3 <= len(shown(outputs, refresh.WIDGET)) <= 4


def test_a_model_is_fine_tuned_and_better(refresh: ModuleType, tmp_path: Path) -> None:
    outputs = executed(refresh, "03_few_shot_fine_tuning.ipynb", tmp_path, COUNT=12)
    said = printed(outputs)
    assert "learnt: offsets from 6 faces of 2 people" in said
    before, after = (float(said.split(f" % {word}")[0].rsplit(" ", 1)[1]) for word in ("before", "after"))
    assert after < before
    assert "the project's model is now project-0001" in said


def test_faces_are_reviewed_and_exported(refresh: ModuleType, tmp_path: Path) -> None:
    outputs = executed(refresh, "04_review_and_export.ipynb", tmp_path, COUNT=12)
    said, tables = printed(outputs), "".join(shown(outputs, "text/html"))
    assert "10 faces exported" in said
    assert "147 fields a line" in said
    assert "left and right swapped" in tables
    assert "bob places all points of brow_left" in tables
    assert len(list((tmp_path / "work" / "review" / "points").glob("*.pts"))) == 10


def test_another_model_is_trained_on_the_files_alone(refresh: ModuleType, tmp_path: Path) -> None:
    outputs = executed(refresh, "05_train_another_model_on_the_export.ipynb", tmp_path, COUNT=20, STEPS=100)
    said = printed(outputs)
    assert "20 faces\n" in said
    assert float(said.split("both files agree to ")[1].split(" px")[0]) < 0.01
    network, mean = (float(said.split(f"{name}: ")[1].split(" %")[0]) for name in ("network", "mean shape"))
    assert network < mean


def test_what_reads_ill_on_the_web_is_not_kept(refresh: ModuleType) -> None:
    kinds = {"text/plain": "<Editor>", refresh.WIDGET: {"model_id": "a"}}
    widget = nbformat.from_dict({"output_type": "display_data", "metadata": {}, "data": dict(kinds)})
    assert refresh._kept(widget) is None
    html = {**kinds, "text/html": "<b>still</b>"}
    kept = refresh._kept(nbformat.from_dict({"output_type": "display_data", "metadata": {}, "data": html}))
    assert set(kept.data) == {"text/plain", "text/html"}


def test_what_is_wrong_with_a_notebook_is_named(refresh: ModuleType) -> None:
    notebook = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    cell = nbformat.v4.new_code_cell("1")  # type: ignore[no-untyped-call]
    text = f"{FOLDER.parent}/labelkit/x.py: a warning"
    cell.outputs = [nbformat.v4.new_output("stream", name="stderr", text=text)]  # type: ignore[no-untyped-call]
    notebook.cells = [cell]
    found = refresh.problems(notebook)
    assert found[0] == f"warns: {text}"
    assert found[1] == f"names the place {FOLDER.parent}"

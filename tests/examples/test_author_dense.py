from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from labelkit.scheme import load_scheme

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPT = EXAMPLES / "author_dense.py"


@pytest.fixture
def author_head(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("author_head")


@pytest.fixture
def author_dense(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("author_dense")


def test_the_script_writes_the_committed_scheme(shared_data: Path, tmp_path: Path) -> None:
    """Equal in all words and indices; the places may differ by the rounding of another machine."""
    subprocess.run([sys.executable, SCRIPT, shared_data, tmp_path], check=True, timeout=300)
    drawn, committed = load_scheme(tmp_path / "dense.json"), load_scheme("dense")
    np.testing.assert_allclose(drawn.plane, committed.plane, atol=3e-7)
    for field in fields(drawn):
        if field.name != "points":
            assert getattr(drawn, field.name) == getattr(committed, field.name), field.name
    words = [[(p.name, p.group, p.definition) for p in scheme.points] for scheme in (drawn, committed)]
    assert words[0] == words[1]


def test_missing_data_is_named(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "none", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert run.returncode == 1
    assert "needs data that is not part of labelkit" in run.stderr
    assert str(tmp_path / "none") in run.stderr
    assert "Traceback" not in run.stderr
    assert not list(tmp_path.iterdir())


def test_the_skulls_outline_goes_over_the_crown(author_head: ModuleType) -> None:
    """A disc, cut off at the ears: its outline is the arc, from the viewer's left to right."""
    radii, angles = np.meshgrid([0.2, 0.5, 1.0], np.linspace(0, 2 * np.pi, 181))
    disc = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=-1).reshape(-1, 2)
    outline = author_head.skull_outline(disc)
    np.testing.assert_allclose(np.hypot(*outline.T), 1)
    turned = np.arctan2(outline[:, 0], -outline[:, 1])
    assert (np.diff(turned) > 0).all()
    assert turned[0] < -np.radians(75)
    assert turned[-1] > np.radians(75)
    assert (outline[:, 1] < author_head.EAR_ROOT).all()


def test_the_camera_makes_small_what_is_behind(author_head: ModuleType) -> None:
    vertices = np.array([[1.0, 2.0, 0.0], [1.0, 2.0, -author_head.CAMERA]])
    near, far = author_head.photographed(vertices, 0.0)
    np.testing.assert_allclose(near, (1, -2))
    np.testing.assert_allclose(far, near / 2)


def test_a_nod_takes_the_nose_down(author_head: ModuleType) -> None:
    nose = np.array([[0.0, 0.0, 10.0]])
    assert author_head.photographed(nose, 0.1)[0, 1] > 0


def test_a_symmetric_row_is_exactly_symmetric(author_dense: ModuleType) -> None:
    drawing = author_dense.Drawing([], [])
    row = np.array([[-0.4, 0.1], [-0.2, 0.3], [0.001, 0.2], [0.2, 0.3], [0.4002, 0.1]])
    drawing.across("row", row, "group_{side}", "On the row", "the end", "middle")
    names = ["row_right_0", "row_right_1", "row_middle", "row_left_1", "row_left_0"]
    assert [point.name for point in drawing.points] == names
    assert [point.group for point in drawing.points] == ["group_right"] * 2 + ["middle"] + ["group_left"] * 2
    places = drawing.take(*names)
    np.testing.assert_array_equal(places[::-1] * (-1, 1), places)
    np.testing.assert_allclose(places, row, atol=0.002)
    assert drawing.curves[0].points == (0, 1, 2, 3, 4)
    first = "On the row, the person's right side, step 0 of 2 from the end (0) to the midline (2)."
    assert drawing.points[0].definition == first

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from labelkit.scheme import load_scheme

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def author_wflw98(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(REPOSITORY / "examples"))
    return importlib.import_module("author_wflw98")


def test_the_script_writes_the_committed_schemes(shared_data: Path, tmp_path: Path) -> None:
    script = REPOSITORY / "examples" / "author_schemes.py"
    subprocess.run([sys.executable, script, shared_data / "ibug68" / "train", tmp_path], check=True)
    for name in ("ibug68", "wflw98"):
        assert_same_scheme(tmp_path / f"{name}.json", name)


def test_wflw98_follows_from_the_committed_ibug68(author_wflw98: ModuleType, tmp_path: Path) -> None:
    drawn = author_wflw98.wflw98(load_scheme("ibug68"))
    (tmp_path / "wflw98.json").write_text(drawn.to_json(), encoding="utf-8")
    assert_same_scheme(tmp_path / "wflw98.json", "wflw98")


def assert_same_scheme(file: Path, name: str) -> None:
    """Equal in all words and indices; the places may differ by the rounding of another machine."""
    drawn, committed = load_scheme(file), load_scheme(name)
    np.testing.assert_allclose(drawn.plane, committed.plane, atol=3e-7)
    for key in ("mirror", "curves", "normalizers", "title", "version", "description", "source"):
        assert getattr(drawn, key) == getattr(committed, key)
    words = [[(p.name, p.group, p.definition) for p in scheme.points] for scheme in (drawn, committed)]
    assert words[0] == words[1]


def test_points_along_a_curve_stand_at_equal_steps(author_wflw98: ModuleType) -> None:
    angles = np.linspace(0, np.pi, 9)
    half_circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = author_wflw98.along(half_circle, 33)
    steps = np.hypot(*np.diff(points, axis=0).T)
    np.testing.assert_allclose(steps, np.pi / 32, rtol=0.01)
    np.testing.assert_allclose(np.hypot(*points.T), 1, atol=0.01)

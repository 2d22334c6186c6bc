from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelkit.geometry import Box
from labelkit.images import example_faces

SCRIPT = Path(__file__).parents[2] / "examples" / "draw_spread.py"
spec = importlib.util.spec_from_file_location("draw_spread", SCRIPT)
assert spec is not None
assert spec.loader is not None
draw_spread = importlib.util.module_from_spec(spec)
spec.loader.exec_module(draw_spread)


def test_boxes_are_off_by_no_more_than_their_share() -> None:
    box = Box(100, 50, 300, 150, kind="user")
    edges = np.array([one.xyxy for one in draw_spread.shifted(box, 50)])
    assert {one.kind for one in draw_spread.shifted(box, 3)} == {"user"}
    off = np.abs(edges - box.xyxy) / (200, 100, 200, 100)
    assert 0.05 < off.max() <= 0.06


def test_a_portrait_is_drawn_with_ellipses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "spread.png"
    draw_spread.main([str(example_faces()[0].path), str(out), "--scheme", "ibug68"])
    with Image.open(out) as image:
        assert image.size == (800, 800)
    assert "points wander by" in capsys.readouterr().out

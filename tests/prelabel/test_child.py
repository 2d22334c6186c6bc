from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.prelabel.child import keep_card, load_named
from labelkit.prelabel.files import card_path
from labelkit.scheme import load_scheme


def test_a_project_is_labelled_with_the_head_of_its_model_and_keeps_its_terms(
    pair: Path, tmp_path: Path
) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)).save(
        tmp_path / "a.png"
    )
    loaded = load_named(tmp_path, str(pair / "made.safetensors"), "cpu")
    assert loaded.id.startswith("made@")
    assert "+refine@" in loaded.id
    photos = [(ImageFile(tmp_path / "a.png"), (Box(30, 20, 80, 75, kind="user"),))]
    (result,) = loaded.predict(photos, load_scheme("ibug68"))
    assert result.problem is None
    assert result.predictions[0].model == loaded.id
    assert np.isfinite(result.predictions[0].cov).all()
    keep_card(tmp_path, loaded)
    assert json.loads(card_path(tmp_path, loaded.id).read_text())["terms"] == "of the head"

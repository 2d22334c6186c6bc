from __future__ import annotations

from pathlib import Path

import pytest

from labelkit.app.models import ModelCard, known_models
from labelkit.models.heads import FILE
from labelkit.models.registry import add_model


def known(project: Path) -> ModelCard:
    return next(model for model in known_models(project) if model.name == "made")


def test_a_model_is_offered_with_what_its_head_says(
    pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABELKIT_HOME", str(tmp_path / "home"))
    add_model(pair / "made.safetensors")
    size = sum((pair / name).stat().st_size for name in ("made.safetensors", FILE)) / 1e6
    found = known(tmp_path)
    assert found.sure
    assert found.megabytes == pytest.approx(size)
    assert all(not model.name.endswith("refine") for model in known_models(tmp_path)), "a head is no choice"
    (tmp_path / "home" / "models" / f"made.{FILE}").write_bytes(b"broken")
    assert not known(tmp_path).sure

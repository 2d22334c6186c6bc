"""What is measured of a model later stands beside it, for as long as it is the same model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from labelkit.checkpoint import read_card, save_checkpoint
from labelkit.errors import CheckpointError
from labelkit.models.measures import add_measures, measures, with_measures


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.safetensors"
    save_checkpoint(path, {"weight": torch.zeros(3)}, {"kind": "tufa", "name": "small"})
    return path


def test_measures_are_added_by_name_and_shown_with_the_card(file: Path) -> None:
    before = file.read_bytes()
    assert with_measures(file, read_card(file)) == read_card(file)
    add_measures(file, {"a": 1, "b": {"c": 2}})
    add_measures(file, {"a": 3})
    assert measures(file) == {"a": 3, "b": {"c": 2}}
    card = {**read_card(file), "measured": {"sets": {}, "a": 0}}
    assert with_measures(file, card)["measured"] == {"sets": {}, "a": 3, "b": {"c": 2}}
    assert file.read_bytes() == before


def test_those_of_a_model_that_lay_there_before_are_not_believed(file: Path) -> None:
    add_measures(file, {"a": 1})
    save_checkpoint(file, {"weight": torch.ones(3)}, {"kind": "tufa", "name": "small"})
    assert measures(file) == {}
    add_measures(file, {"b": 2})
    assert measures(file) == {"b": 2}


@pytest.mark.parametrize("text", ["", "[]", "{}"])
def test_what_is_no_such_file_is_named(file: Path, text: str) -> None:
    beside = file.with_name("small.measures.json")
    beside.write_text(text)
    with pytest.raises(CheckpointError, match=r"small\.measures\.json: holds no measures"):
        measures(file)


def test_what_is_no_list_of_measures_is_named(file: Path) -> None:
    digest = read_card(file)["hash"]
    file.with_name("small.measures.json").write_text(f'{{"hash": "{digest}", "measures": 7}}')
    with pytest.raises(CheckpointError, match=r"small\.measures\.json: holds no measures"):
        measures(file)

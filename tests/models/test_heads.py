from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from labelkit.checkpoint import read_card, save_checkpoint
from labelkit.errors import CheckpointError, InputError
from labelkit.models import folders
from labelkit.models.folders import list_files, list_models, user_models
from labelkit.models.heads import FILE, added_head, head_files, head_of, made_for
from labelkit.models.registry import add_model, load_model

Write = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nobody's own models, and a folder of bundled ones that holds nothing."""
    monkeypatch.setenv("LABELKIT_HOME", str(tmp_path / "home"))
    folder = tmp_path / "bundled"
    folder.mkdir()
    monkeypatch.setattr(folders, "model_folders", lambda: [user_models(), folder])
    return folder


@pytest.fixture
def write() -> Write:
    """``write(path, kind, number, **card)``: a file of weights with its card, which it returns."""

    def write(path: Path, kind: str, number: float, **card: Any) -> dict[str, Any]:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_checkpoint(path, {"w": torch.tensor([number])}, {"kind": kind, "name": path.stem, **card})
        return read_card(path)

    return write


def head(write: Write, path: Path, base: dict[str, Any], number: float = 7) -> Path:
    write(path, "dslpt", number, base={"name": base["name"], "hash": base["hash"]})
    return path


def test_the_head_of_a_model_is_the_first_that_was_made_for_it(write: Write, tmp_path: Path) -> None:
    model = tmp_path / "runs" / "mine.safetensors"
    card, other = write(model, "tufa", 1), write(tmp_path / "other.safetensors", "tufa", 2)
    assert head_of(model, card) is None
    head(write, model.with_name("mine.refine.safetensors"), other)
    assert head_of(model, card) is None
    plain = head(write, model.with_name(FILE), card)
    assert head_of(model, card) == plain
    own = head(write, model.with_name("mine.refine.safetensors"), card)
    assert head_of(model, card) == own
    added = head(write, added_head("mine"), card)
    assert head_of(model, card) == added
    assert head_files(model) == [added, own, plain]
    plain.write_bytes(b"no head")
    assert head_of(model, card) == added
    added.write_bytes(b"no head")
    with pytest.raises(CheckpointError, match=r"mine\.refine\.safetensors"):
        head_of(model, card)


def test_a_head_says_by_a_hash_for_what_it_was_made() -> None:
    assert made_for({"base": {"hash": "1"}}, {"hash": "1"})
    for card in ({}, {"base": None}, {"base": {}}, {"base": {"hash": "2"}}, {"base": "1"}):
        assert not made_for(card, {"hash": "1"})
    assert not made_for({"base": {"hash": None}}, {})


def test_heads_and_detectors_are_files_and_no_models(write: Write, bundled: Path) -> None:
    card = write(bundled / "made.safetensors", "tufa", 1)
    write(bundled / "finder.safetensors", "detector", 2)
    head(write, bundled / FILE, card)
    (bundled / "broken.safetensors").write_bytes(b"no model")
    assert sorted(list_files()) == ["broken", "finder", "made", "refine"]
    assert sorted(list_models()) == ["broken", "made"]
    with pytest.raises(InputError, match=r"there are broken, made$"):
        load_model("nix")


def test_a_model_takes_its_head_along(pair: Path) -> None:
    add_model(pair / "made.safetensors")
    assert added_head("made").read_bytes() == (pair / FILE).read_bytes()
    model = load_model("made", "cpu")
    assert model.refiner is not None
    assert model.terms == "of the head"


def test_a_head_is_added_to_a_model_that_is_here(pair: Path, tmp_path: Path, bundled: Path) -> None:
    alone = tmp_path / "mine.safetensors"
    shutil.copy(pair / FILE, alone)
    with pytest.raises(InputError, match=r"is the head of made@.*add that model first"):
        add_model(alone)
    shutil.copy(pair / "made.safetensors", bundled / "made.safetensors")
    (bundled / "broken.safetensors").write_bytes(b"no model")
    assert load_model("made", "cpu").refiner is None
    assert add_model(alone) == added_head("made")
    assert load_model("made", "cpu").refiner is not None
    assert list(list_models()) == ["broken", "made"]


def test_what_is_added_newly_replaces_the_head_that_was_there(
    pair: Path, tmp_path: Path, write: Write
) -> None:
    mine = tmp_path / "made.safetensors"
    shutil.copy(pair / "made.safetensors", mine)
    stale = head(write, added_head("made"), {"name": "made", "hash": "0"})
    add_model(mine)
    assert not stale.exists()
    add_model(pair / "made.safetensors")
    assert add_model(mine) == user_models() / "made.safetensors"
    assert load_model("made", "cpu").refiner is not None
    head(write, mine.with_name(FILE), read_card(mine), number=8)
    with pytest.raises(CheckpointError, match=r"refine\.safetensors"):
        add_model(mine)
    assert load_model("made", "cpu").refiner is not None


def test_a_damaged_head_is_not_added(pair: Path, tmp_path: Path, bundled: Path, write: Write) -> None:
    shutil.copy(pair / "made.safetensors", bundled / "made.safetensors")
    path = head(write, tmp_path / "odd.safetensors", read_card(bundled / "made.safetensors"))
    with pytest.raises(CheckpointError, match=r"odd\.safetensors"):
        add_model(path)
    assert not added_head("made").exists()

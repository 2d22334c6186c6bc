from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from labelkit import progress
from labelkit.checkpoint import read_card, save_checkpoint
from labelkit.errors import CheckpointError, InputError
from labelkit.models import folders, registry
from labelkit.models.build import TUFAConfig, build_tufa
from labelkit.models.registry import (
    add_model,
    add_to_card,
    find_model,
    list_models,
    load_model,
    save_model,
    user_models,
)
from labelkit.models.tufa import TUFA
from labelkit.train.recipes import load_recipe

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nobody's own models, and a folder of bundled ones that holds nothing."""
    folder = tmp_path / "home"
    monkeypatch.setenv("LABELKIT_HOME", str(folder))
    monkeypatch.setattr(progress, "_said", set())
    bundled = tmp_path / "bundled"
    bundled.mkdir()
    monkeypatch.setattr(folders, "model_folders", lambda: [user_models(), bundled])
    return folder


@pytest.fixture
def write(tmp_path: Path, network: TUFA) -> Write:
    def write(path: Path | None = None, **card: Any) -> Path:
        target = path or tmp_path / "made.safetensors"
        base = {"name": "made", "architecture": load_recipe("tiny").network.to_dict()}
        save_model(target, network.state_dict(), {"mine": torch.ones(68, 2) / 8}, base | card)
        return target

    return write


def test_a_model_comes_back_in_half_precision(write: Write, network: TUFA) -> None:
    path = write()
    model = load_model(path, device="cpu", precision="fp32")
    assert path.stat().st_size < 2.3 * sum(v.numel() for v in network.state_dict().values())
    for name, value in model.network.state_dict().items():
        assert value.dtype == network.state_dict()[name].dtype, name
        assert torch.allclose(value.float(), network.state_dict()[name].float(), rtol=1e-3, atol=1e-4), name
    assert np.allclose(model.offsets["mine"], 0.125)
    assert model.id == f"made@{model.card['hash'][:12]}"
    assert not model.network.training


def test_models_are_found_by_name_and_by_path(write: Write, home: Path) -> None:
    with pytest.raises(InputError, match="no model is called 'made'; there are none"):
        load_model("made")
    path = write()
    assert find_model(path) == find_model(str(path)) == path
    added = add_model(path)
    assert added == home / "models" / "made.safetensors"
    assert added.read_bytes() == path.read_bytes()
    assert list_models() == {"made": added}
    assert load_model("made", device="cpu").name == "made"
    with pytest.raises(InputError, match="no model is called 'other'; there are made"):
        find_model("other")
    with pytest.raises(CheckpointError, match="no such file"):
        load_model("nowhere.safetensors")


def test_an_added_model_hides_a_bundled_one(write: Write, tmp_path: Path) -> None:
    bundled = write(tmp_path / "bundled" / "made.safetensors", metrics={"dev_nme_io": 9})
    assert list_models() == {"made": bundled}
    added = add_model(write(metrics={"dev_nme_io": 1}))
    assert find_model("made") == added
    assert load_model("made", device="cpu").card["metrics"] == {"dev_nme_io": 1}


def test_files_still_being_written_are_no_models(home: Path) -> None:
    (home / "models").mkdir(parents=True)
    (home / "models" / ".labelkit-01.safetensors").touch()
    assert list_models() == {}


def test_terms_are_said_once(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    path = write(terms="for research only")
    with caplog.at_level(logging.WARNING, "labelkit"):
        load_model(path, device="cpu")
        load_model(path, device="cpu")
    assert [record.getMessage() for record in caplog.records] == ["model made: for research only"]


def test_a_model_of_another_kind_or_shape_is_refused(write: Write, tmp_path: Path) -> None:
    architecture = load_recipe("tiny").network.to_dict()
    for card, problem in (
        ({"architecture": architecture | {"layers": 3}}, "not those of its architecture"),
        ({"architecture": architecture | {"wings": 2}}, "cannot be built"),
        ({"architecture": architecture | {"dim": 30}}, "cannot be built"),
        ({"architecture": architecture | {"backbone": "hf-hub:a/b"}}, "has no backbone"),
        ({"architecture": architecture | {"anchors": []}}, "cannot be built"),
        ({"architecture": None}, "does not say which architecture"),
        ({"name": "../../evil"}, "no name for a model"),
        ({"name": None}, "no name for a model"),
        ({"kind": "dslpt"}, "holds 'dslpt', not a landmark model"),
    ):
        path = write(tmp_path / "odd.safetensors", **card)
        with pytest.raises(CheckpointError, match=problem) as caught:
            load_model(path, device="cpu")
        assert str(path) in str(caught.value)
        with pytest.raises(CheckpointError):
            add_model(path)
    assert list_models() == {}


def test_a_network_beyond_all_measure_is_refused_before_it_is_built(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few bytes of a card would otherwise take all memory there is."""
    built: list[str] = []

    def build(config: TUFAConfig) -> TUFA:
        built.append(torch.empty(0).device.type)
        return build_tufa(config)

    monkeypatch.setattr(registry, "build_tufa", build)
    plain = load_recipe("tiny").network.to_dict()
    for change, problem in (
        ({"dim": 4096, "layers": 48, "hidden": 16384, "heads": 8}, "not those of its architecture"),
        ({"backbone": "vit_gigantic_patch14_224", "encoder": "vit", "size": 224}, "not those of its"),
        ({"layers": 10**9}, "layers is 1000000000, not a whole number from 1 to 48"),
        ({"dim": 2**40}, "dim is"),
        ({"hidden": 1e4}, "hidden is 10000.0"),
        ({"size": 10**6}, "size is"),
        ({"size": True}, "size is True"),
        ({"heads": "6"}, "heads is '6'"),
        ({"encoder_layers": -1}, "encoder_layers is -1"),
        ({"ratio": float("nan")}, "ratio is nan"),
        ({"highest": 10**400}, "highest is 1000"),
        ({"anchors": [[0, float("inf")]]}, "anchors are at most"),
        ({"anchors": [[0, 10**400]]}, "cannot be built"),
        ({"anchors": [[0, 0]] * 10**5}, "anchors are at most"),
        ({"backbone": ["x"] * 10**5}, "has no backbone"),
    ):
        with pytest.raises(CheckpointError, match=problem) as caught:
            load_model(write(architecture=plain | change), device="cpu")
        assert len(str(caught.value)) < 600
    assert set(built) == {"meta"}


def test_offsets_that_are_no_places_are_refused(tmp_path: Path, network: TUFA) -> None:
    card = {"name": "odd", "architecture": load_recipe("tiny").network.to_dict()}
    for shape in ((68, 3), (68,), (68, 2, 2)):
        save_model(tmp_path / "odd.safetensors", network.state_dict(), {"set": torch.zeros(shape)}, card)
        with pytest.raises(CheckpointError, match="the offsets of 'set' are no places"):
            load_model(tmp_path / "odd.safetensors", device="cpu")


def test_a_missing_tensor_is_refused(tmp_path: Path, network: TUFA) -> None:
    tensors = dict(network.state_dict())
    del tensors["padding"]
    path = tmp_path / "part.safetensors"
    card = {"kind": "tufa", "name": "part", "architecture": load_recipe("tiny").network.to_dict()}
    save_checkpoint(path, tensors, card)
    with pytest.raises(CheckpointError, match="not those of its architecture"):
        load_model(path)


def test_weights_beyond_16_bits_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not fit into 16 bits"):
        save_model(tmp_path / "m.safetensors", {"w": torch.tensor([1e6])}, {}, {"name": "m"})
    assert not list(tmp_path.glob("*.safetensors"))


def test_bundled_models_lie_in_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    places = folders.model_folders()
    assert places[1].parts[-3:] == ("labelkit", "models", "weights")


def test_a_card_can_be_added_to_and_the_model_stays(write: Write, tmp_path: Path) -> None:
    path = write(metrics={"dev_nme_io": 9}, terms="none")
    before, out = load_model(path, device="cpu"), tmp_path / "measured.safetensors"
    add_to_card(path, out, {"measured": {"date": "today"}, "metrics": {"dev_nme_io": 8}})
    after = load_model(out, device="cpu")
    assert after.id == before.id
    assert after.card == {**before.card, "measured": {"date": "today"}, "metrics": {"dev_nme_io": 8}}
    add_to_card(out, out, {"measured": {}})
    assert read_card(out)["measured"] == {}
    with pytest.raises(InputError, match="'architecture' of a model is not for its card to change"):
        add_to_card(path, out, {"architecture": {}})
    assert load_model(out, device="cpu").id == before.id

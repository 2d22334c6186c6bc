from __future__ import annotations

import pytest
import torch

from labelkit.errors import InputError
from labelkit.scheme import Point, Scheme, load_scheme
from labelkit.train.offsets import Offsets, reference_dataset


@pytest.fixture
def offsets() -> Offsets:
    schemes = {"ibug68": load_scheme("ibug68"), "wflw": load_scheme("wflw98")}
    return Offsets(schemes, "ibug68")


def test_the_reference_has_none_and_the_others_start_at_zero(offsets: Offsets) -> None:
    assert list(offsets.shifts) == ["wflw"]
    assert [name for name, _ in offsets.named_parameters()] == ["shifts.wflw"]
    for name, scheme in offsets.schemes.items():
        plane = torch.tensor(scheme.plane, dtype=torch.float32)
        assert torch.equal(offsets.prompts(name), plane)


def test_offsets_move_their_own_dataset_and_mirror_pairs_alike(offsets: Offsets) -> None:
    torch.nn.init.normal_(offsets.shifts["wflw"])
    scheme = offsets.schemes["wflw"]
    tied = offsets.tied("wflw").detach()
    order = torch.from_numpy(scheme.mirror_index)
    assert torch.allclose(tied[order], tied * torch.tensor([-1.0, 1.0]), atol=1e-6)
    assert tied.abs().max() > 0.1
    midline = order == torch.arange(len(scheme))
    assert midline.any()
    assert torch.equal(tied[midline, 0], torch.zeros(int(midline.sum())))
    moved = offsets.prompts("wflw") - torch.tensor(scheme.plane, dtype=torch.float32)
    assert torch.allclose(moved, tied, atol=1e-6)
    reference = torch.tensor(offsets.schemes["ibug68"].plane, dtype=torch.float32)
    assert torch.equal(offsets.prompts("ibug68"), reference)


def test_offsets_are_learnt(offsets: Offsets) -> None:
    offsets.prompts("wflw").square().sum().backward()
    gradient = offsets.shifts["wflw"].grad
    assert gradient is not None
    assert gradient.abs().max() > 0


def test_an_asymmetric_scheme_is_not_tied() -> None:
    scheme = Scheme("lopsided", (Point("a", 0.1, 0.2), Point("b", 0.5, 0.1)))
    offsets = Offsets({"ibug68": load_scheme("ibug68"), "own": scheme}, "ibug68")
    assert offsets.tied("own") is offsets.shifts["own"]


@pytest.mark.parametrize("name", ["v1.2", "training", "keys"])
def test_names_that_torch_keeps_for_itself_are_refused(name: str) -> None:
    scheme = load_scheme("ibug68")
    with pytest.raises(InputError, match="rename"):
        Offsets({"ibug68": scheme, name: scheme}, "ibug68")


def test_the_dataset_named_as_its_scheme_is_the_reference() -> None:
    scheme, other = load_scheme("ibug68"), load_scheme("wflw98")
    assert reference_dataset({"video68": scheme, "ibug68": scheme}) == "ibug68"
    assert reference_dataset({"mine": other, "video68": scheme}) == "mine"

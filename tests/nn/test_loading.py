from __future__ import annotations

import pytest
import torch
from torch import nn

from labelkit.errors import CheckpointError
from labelkit.nn.loading import check_positive, check_whole, filled, shown


def linear() -> nn.Linear:
    return nn.Linear(3, 2)


def test_weights_come_in_as_fp32() -> None:
    weights = {"weight": torch.ones(2, 3, dtype=torch.float16), "bias": torch.zeros(2, dtype=torch.float64)}
    network = filled(linear, weights)
    assert network.weight.dtype is torch.float32
    assert torch.equal(network.weight, torch.ones(2, 3))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"bias": None}, "bias is missing"),
        ({"wings": torch.zeros(1)}, "'wings' is no part of it"),
        ({"weight": torch.zeros(3, 2)}, r"weight is \(3, 2\), not \(2, 3\)"),
        ({"x" * 1000: torch.zeros(1)}, r"'x+\.\.\. is no part"),
    ],
)
def test_other_tensors_are_refused_before_memory_is_taken(
    change: dict[str, torch.Tensor | None], problem: str
) -> None:
    devices = []

    def build() -> nn.Linear:
        devices.append(torch.empty(0).device.type)
        return linear()

    weights = {**linear().state_dict(), **change}
    with pytest.raises(CheckpointError, match=problem):
        filled(build, {name: value for name, value in weights.items() if value is not None})
    assert devices == ["meta"]


def test_what_cannot_be_built_is_told_in_one_line() -> None:
    def fail() -> nn.Module:
        raise KeyError("no\nsuch level")

    with pytest.raises(CheckpointError, match="cannot be built") as caught:
        filled(fail, {})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [0, 9, -1, 2.0, True, "3", None, 10**400, [3]])
def test_what_is_no_whole_number_within_the_limits_is_refused(value: object) -> None:
    check_whole({"depth": 3, "other": value}, {"depth": (1, 8)})
    with pytest.raises(CheckpointError, match=r"^depth is"):
        check_whole({"depth": value}, {"depth": (1, 8)})


@pytest.mark.parametrize("value", [0, -1.5, float("nan"), float("inf"), True, "3", None, 10**400])
def test_what_is_no_number_above_nothing_is_refused(value: object) -> None:
    check_positive({"ratio": 3, "other": 0.1}, "ratio", "other")
    with pytest.raises(CheckpointError, match=r"^ratio is"):
        check_positive({"ratio": value}, "ratio")


def test_values_of_any_length_are_cut_in_messages() -> None:
    assert shown("a") == "'a'"
    assert len(shown(["x"] * 10**4)) < 50

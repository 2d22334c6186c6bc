from __future__ import annotations

import math

import pytest
import torch

from labelkit.nn.prompts import StructurePrompt


def test_defaults_are_the_formula_of_the_paper() -> None:
    """Eqs. 6.1-6.3: sines, then cosines, of x / 10000^(2c / (C/2)) for c < C/4; then the same of y."""
    C, x, y = 16, 0.37, -0.81
    quarter = range(C // 4)
    angles = {
        axis: [value / 10_000 ** (2 * c / (C / 2)) for c in quarter] for axis, value in (("x", x), ("y", y))
    }
    expected = [f(angle) for axis in "xy" for f in (math.sin, math.cos) for angle in angles[axis]]
    assert StructurePrompt(C)(torch.tensor([x, y])).tolist() == pytest.approx(expected, abs=1e-6)


def test_highest_and_ratio_set_the_range_of_frequencies() -> None:
    frequencies = StructurePrompt(400, highest=6.0, ratio=100.0).frequencies
    assert float(frequencies[0]) == pytest.approx(6.0)
    # The lowest is one step of the geometric row above highest / ratio.
    assert float(frequencies[-1]) == pytest.approx(0.06 * 100 ** (1 / 100), rel=1e-5)
    steps = frequencies[1:] / frequencies[:-1]
    assert torch.allclose(steps, steps[:1].expand(99), rtol=1e-4)


def test_a_shift_rotates_every_pair_of_sine_and_cosine() -> None:
    """Eq. 6.4."""
    prompt = StructurePrompt(32, 6.2832, 100.0)
    point, shift = torch.tensor([0.2, -0.4]), torch.tensor([0.15, 0.3])
    before, after = prompt(point).view(2, 2, 8), prompt(point + shift).view(2, 2, 8)
    for axis in range(2):
        turn = prompt.frequencies * shift[axis]
        sine, cosine = before[axis]
        assert torch.allclose(after[axis, 0], sine * turn.cos() + cosine * turn.sin(), atol=1e-5)
        assert torch.allclose(after[axis, 1], cosine * turn.cos() - sine * turn.sin(), atol=1e-5)


def test_points_of_any_shape_and_precision_give_fp32() -> None:
    found = StructurePrompt(16)(torch.zeros(3, 5, 2, dtype=torch.bfloat16))
    assert found.shape == (3, 5, 16)
    assert found.dtype is torch.float32


def test_nothing_of_it_is_stored() -> None:
    assert not StructurePrompt(16).state_dict()


def test_channels_must_come_in_fours() -> None:
    with pytest.raises(ValueError, match="split into four"):
        StructurePrompt(18)

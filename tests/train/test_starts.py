from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Generator, Tensor

from labelkit.scheme import load_scheme
from labelkit.train.starts import StartErrors, draw_errors

STILL = StartErrors(shift=0, scale=0, turn=0, near=0, growth=0, uneven=0)


def plane(faces: int) -> Tensor:
    return torch.tensor(load_scheme("ibug68").plane, dtype=torch.float32).expand(faces, -1, -1)


def drawn(faces: int, **changes: float) -> Tensor:
    return draw_errors(plane(faces), replace(STILL, **changes), Generator().manual_seed(0))


def test_the_same_seed_gives_the_same_errors_and_none_without_amounts() -> None:
    places = plane(3)
    one, other = (draw_errors(places, StartErrors(), Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, other)
    assert not draw_errors(places, STILL, Generator().manual_seed(0)).any()


@pytest.mark.parametrize("smooth", [0.0, 0.62, 1.0])
def test_the_deviation_is_what_was_asked_for_however_smooth(smooth: float) -> None:
    errors = drawn(800, near=0.02, smooth=smooth)
    assert float(errors.std()) == pytest.approx(0.02, rel=0.05)


def test_neighbours_err_alike_and_distant_points_do_not() -> None:
    errors = drawn(1500, near=0.02, smooth=1.0, reach=0.145)
    places = plane(1)[0]
    correlation = torch.corrcoef(errors[..., 0].T)
    distance = torch.cdist(places, places)
    near, far = (distance > 0) & (distance < 0.1), distance > 0.6
    assert float(correlation[near].mean()) > 0.7
    assert abs(float(correlation[far].mean())) < 0.05
    assert float(drawn(1500, near=0.02, smooth=0.0)[..., 0].T.corrcoef()[near].mean()) < 0.1


def test_errors_grow_outwards() -> None:
    errors = drawn(400, near=0.01, growth=0.03).std(dim=(0, 2))
    assert float(errors[8]) > 1.5 * float(errors[30])  # the chin and the tip of the nose


def test_a_shift_moves_a_face_as_a_whole() -> None:
    errors = drawn(5, shift=0.01)
    assert torch.allclose(errors, errors[:, :1].expand_as(errors))
    assert float(errors.abs().max()) > 0


def test_a_turn_keeps_the_shape() -> None:
    places = plane(4)
    moved = places + drawn(4, turn=0.02)
    between = (moved[:, 1:] - moved[:, :-1]).norm(dim=-1) / (places[:, 1:] - places[:, :-1]).norm(dim=-1)
    assert torch.allclose(between, torch.ones(4, 67), atol=0.003)

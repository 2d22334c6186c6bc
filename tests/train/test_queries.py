from __future__ import annotations

import torch
from torch import Generator, Tensor

from labelkit.scheme import Curve, Point, Scheme, load_scheme
from labelkit.train.pack import DensePoints
from labelkit.train.queries import QuerySampler, draw_dense

LEFT_OUT = (1, 5, 11, 15, 18, 25, 28, 33, 37, 41, 44, 46, 49, 53, 57, 62)


def generator(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def plane(scheme: Scheme) -> Tensor:
    return torch.tensor(scheme.plane, dtype=torch.float32)


def one_hot(count: int, faces: int = 8) -> Tensor:
    """Points of which each axis is its own number: an answer shows which points it was made of."""
    return torch.stack([torch.arange(count).float()] * 2, dim=-1).expand(faces, -1, -1).clone()


def test_annotated_points_are_asked_for_once_each_with_their_answers() -> None:
    scheme = load_scheme("ibug68")
    points = torch.rand(8, 68, 2, generator=generator(1))
    found = QuerySampler(scheme).draw(plane(scheme), points, own=24, between=0, generator=generator())
    assert found.prompts.shape == found.targets.shape == (8, 24, 2)
    assert found.there.all()
    which = torch.cdist(found.prompts, plane(scheme)[None]).argmin(-1)
    assert torch.allclose(found.prompts, plane(scheme)[which], atol=1e-6)
    assert torch.allclose(found.targets, points.gather(1, which[..., None].expand(-1, -1, 2)), atol=1e-6)
    assert all(len(set(row.tolist())) == 24 for row in which)
    assert len({tuple(sorted(row.tolist())) for row in which}) > 1


def test_left_out_points_and_pieces_that_touch_them_are_never_asked_for() -> None:
    scheme = load_scheme("ibug68")
    sampler = QuerySampler(scheme, LEFT_OUT)
    assert not set(sampler.allowed.tolist()) & set(LEFT_OUT)
    assert len(sampler.allowed) == 52
    assert len(sampler.pieces)
    assert not set(sampler.pieces.flatten().tolist()) & set(LEFT_OUT)
    points = torch.zeros(64, 68, 2)
    points[:, list(LEFT_OUT)] = 1e6
    found = sampler.draw(plane(scheme), points, own=52, between=50, generator=generator())
    assert found.targets.abs().max() == 0


def test_a_prompt_per_face_is_taken_from_that_face() -> None:
    scheme = load_scheme("ibug68")
    points = one_hot(68, 2)
    prompts = torch.stack([plane(scheme), plane(scheme) + 5])
    found = QuerySampler(scheme).draw(prompts, points, own=10, between=10, generator=generator())
    assert (found.prompts[0] < 2).all()
    assert (found.prompts[1] > 3).all()


def test_places_between_lie_on_the_same_catmull_rom_curve_on_plane_and_face() -> None:
    scheme = load_scheme("ibug68")
    matrix, shift = torch.tensor([[1.1, 0.3], [-0.2, 0.9]]), torch.tensor([0.1, -0.4])
    points = (plane(scheme) @ matrix.T + shift).expand(4, -1, -1)
    found = QuerySampler(scheme).draw(plane(scheme), points, own=0, between=200, generator=generator())
    # An affine face: whatever is asked on the plane has its answer under the same map.
    assert torch.allclose(found.targets, found.prompts @ matrix.T + shift, atol=1e-5)
    assert found.there.all()
    away = torch.cdist(found.prompts, plane(scheme)[None]).amin(-1)
    assert away.max() > 0.03  # between the points, not on them
    pieces = QuerySampler(scheme).pieces
    t = torch.linspace(0, 1, 201)[:, None]
    p0, p1, p2, p3 = (plane(scheme)[pieces[:, k], None] for k in range(4))
    curve = 0.5 * (
        2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    assert torch.cdist(found.prompts.flatten(0, 1), curve.flatten(0, 1)).amin(-1).max() < 2e-3


def test_closed_curves_close_and_open_ones_repeat_their_ends() -> None:
    points = tuple(Point(f"p{i}", 0.1 * i, 0.0) for i in range(5))
    scheme = Scheme("few", points, curves=(Curve("ring", (0, 1, 2), closed=True), Curve("line", (3, 4))))
    assert QuerySampler(scheme).pieces.tolist() == [[2, 0, 1, 2], [0, 1, 2, 0], [1, 2, 0, 1], [3, 3, 4, 4]]


def test_points_that_are_not_there_are_masked() -> None:
    scheme = load_scheme("ibug68")
    points = torch.rand(8, 68, 2)
    points[:, 30:] = torch.nan
    found = QuerySampler(scheme).draw(plane(scheme), points, own=68, between=30, generator=generator())
    assert found.targets.isfinite().all()
    assert (found.there[:, :68].sum(1) == 30).all()
    assert torch.equal(found.targets[~found.there], found.prompts[~found.there])


def test_a_scheme_without_curves_has_nothing_between() -> None:
    scheme = Scheme("two", (Point("a", 0.0, 0.0), Point("b", 0.5, 0.0)))
    found = QuerySampler(scheme).draw(plane(scheme), torch.rand(3, 2, 2), 24, 12, generator())
    assert found.prompts.shape == (3, 2, 2)


def test_the_same_seed_asks_the_same() -> None:
    scheme = load_scheme("ibug68")
    sampler, points = QuerySampler(scheme), torch.rand(4, 68, 2)
    first, again, other = (sampler.draw(plane(scheme), points, 9, 9, generator(s)) for s in (3, 3, 4))
    assert torch.equal(first.prompts, again.prompts)
    assert not torch.equal(first.prompts, other.prompts)


def dense_of(faces: int, count: int) -> DensePoints:
    """A face's point k is asked for at (k, face) and lies at (k, -face)."""
    grid = torch.meshgrid(torch.arange(faces), torch.arange(count), indexing="ij")
    face, number = (axis.float() for axis in grid)
    plane, points = torch.stack([number, face], -1), torch.stack([number, -face], -1)
    return DensePoints(plane, points, torch.full((faces, count), 0.5))


def test_dense_points_are_drawn_once_each_with_their_answers_and_weights() -> None:
    found = draw_dense(dense_of(8, 40), 24, 0.3, generator())
    assert found.prompts.shape == found.targets.shape == (8, 24, 2)
    assert torch.equal(found.targets, found.prompts * torch.tensor([1.0, -1.0]))
    assert torch.equal(found.prompts[..., 1], torch.arange(8.0)[:, None].expand(-1, 24))
    assert all(len(set(row.tolist())) == 24 for row in found.prompts[..., 0])
    assert len({tuple(row.tolist()) for row in found.prompts[..., 0]}) == 8
    assert torch.allclose(found.weights, torch.tensor(0.15))
    assert found.there.all()


def test_dense_points_without_an_answer_are_not_asked_for() -> None:
    dense = dense_of(3, 40)
    dense.weights[0, 10:] = 0
    dense.weights[1] = 0
    found = draw_dense(dense, 24, 1.0, generator())
    assert found.there.sum(1).tolist() == [10, 0, 24]
    assert sorted(found.prompts[0, found.there[0], 0].tolist()) == list(range(10))
    assert torch.equal(found.weights > 0, found.there)
    assert torch.equal(found.targets[~found.there], found.prompts[~found.there])
    assert draw_dense(dense, 100, 1.0, generator()).there.sum(1).tolist() == [10, 0, 40]


def test_the_same_seed_draws_the_same_dense_points() -> None:
    first, again, other = (draw_dense(dense_of(2, 30), 5, 1.0, generator(s)).prompts for s in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)

from __future__ import annotations

import numpy as np

from labelkit.scheme import Scheme
from labelkit.train.head.model import HeadModel
from labelkit.train.head.plane import plane_places, spread_out


def test_landmarks_land_on_their_places(head: HeadModel, ibug68: Scheme) -> None:
    places = plane_places(head, ibug68)[head.landmarks]
    there = np.isfinite(places).all(axis=1)
    assert there[17:].all()
    assert np.allclose(places[there], ibug68.plane[there], atol=1e-6)


def test_places_are_symmetric(head: HeadModel, ibug68: Scheme) -> None:
    places = plane_places(head, ibug68)
    assert np.array_equal(places[head.mirror] * (-1, 1), places, equal_nan=True)


def test_what_the_front_does_not_show_has_no_place(head: HeadModel, ibug68: Scheme) -> None:
    places = plane_places(head, ibug68)
    there = np.isfinite(places).all(axis=1)
    assert there.sum() > 200
    assert not there[head.neutral[:, 2] < head.neutral[:, 2].mean() - 8].any()
    assert places[there, 1].max() < 0.92  # nothing under the chin
    assert places[there, 1].min() < -0.5  # but the forehead


def test_a_landmark_left_out_does_not_bend_the_plane(head: HeadModel, ibug68: Scheme) -> None:
    """Its own vertex then lies where the others say: near its place, not on it."""
    bent = head.neutral.copy()
    bent[head.landmarks[[19, 24]], 1] -= 0.6
    model = HeadModel(bent, head.shapes, head.identities, head.triangles, head.landmarks)
    with_it, without = plane_places(model, ibug68), plane_places(model, ibug68, (19, 24))
    assert np.allclose(with_it[head.landmarks[19]], ibug68.plane[19], atol=1e-6)
    gap = np.linalg.norm(without[head.landmarks[19]] - ibug68.plane[19])
    assert 0.02 < gap < 0.1


def test_vertices_are_spread_evenly_and_in_pairs(head: HeadModel, ibug68: Scheme) -> None:
    places = plane_places(head, ibug68)
    chosen = spread_out(places, head.mirror, 80, ibug68.plane)
    assert 80 <= len(chosen) <= 81
    assert set(head.mirror[chosen]) == set(chosen)
    points = places[chosen]
    between = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(between, np.inf)
    nearest = between.min(axis=1)
    assert nearest.max() < 5 * np.median(nearest)
    everything = spread_out(places, head.mirror, 10**6, np.empty((0, 2)))
    assert set(chosen) < set(everything)
    assert len(spread_out(np.full((9, 2), np.nan), np.arange(9), 5, ibug68.plane)) == 0

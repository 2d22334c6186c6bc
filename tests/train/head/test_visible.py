from __future__ import annotations

import numpy as np

from labelkit.train.head.model import HeadModel
from labelkit.train.head.visible import CELL, self_occluded


def plate(side: float, depth: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """A square that faces the viewer: vertices and triangles."""
    axis = np.linspace(-side / 2, side / 2, count)
    x, y = (a.ravel() for a in np.meshgrid(axis, axis))
    index = np.arange(count * count).reshape(count, count)
    a, b, c, d = (v.ravel() for v in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]))
    triangles = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    return np.stack([x, y, np.full_like(x, depth)], axis=1), triangles


def test_what_looks_away_on_a_ball_is_hidden(head: HeadModel) -> None:
    ball = 4 * head.neutral[None] / np.linalg.norm(head.neutral, axis=1)[:, None]
    everything = np.arange(len(head.neutral))
    model = HeadModel(ball[0], head.shapes, head.identities, head.triangles, head.landmarks)
    scale = np.array([head.eyes / model.eyes])
    hidden = self_occluded(model, ball, everything, scale)[0]
    inner = ball[0, :, 2]
    assert not hidden[inner > 1.5].any()
    assert hidden[inner < -0.5].all()


def test_what_lies_behind_is_hidden_and_what_is_beside_is_not(head: HeadModel) -> None:
    back, first = plate(6.0, 0.0, 61)
    front, second = plate(4.0, 4.0, 21)
    vertices = np.concatenate([back, front]).astype(np.float32)
    landmarks = np.zeros(68, np.intp)
    landmarks[45] = 60  # the eyes are 6 apart
    triangles = np.concatenate([first, second + len(back)])
    model = HeadModel(vertices, head.shapes, head.identities, triangles, landmarks)
    everything = np.arange(len(vertices))
    assert (model.normals(vertices[None], everything)[0, :, 2] > 0.9).all()
    small = 0.01 * vertices[None].astype(np.float64) + 300
    for turned, scale in ((vertices[None], 1.0), (small, 0.01)):
        hidden = self_occluded(model, turned, everything, np.array([scale]))[0]
        reach = abs(back[:, :2]).max(axis=1)
        assert hidden[: len(back)][reach < 2 - 6 * CELL].all()
        assert not hidden[: len(back)][reach > 2 + 6 * CELL].any()
        assert not hidden[len(back) :].any()


def test_faces_do_not_hide_one_another(head: HeadModel) -> None:
    chosen = np.arange(0, len(head.neutral), 7)
    one = head.neutral[None].astype(np.float64)
    other = one @ np.array([[0.7, 0, 0.7], [0, 1, 0], [-0.7, 0, 0.7]]) + (40, 10, 500)
    both = self_occluded(head, np.concatenate([one, other]), chosen, np.ones(2))
    for row, alone in zip(both, (one, other), strict=True):
        assert np.array_equal(row, self_occluded(head, alone, chosen, np.ones(1))[0])
    assert not np.array_equal(both[0], both[1])

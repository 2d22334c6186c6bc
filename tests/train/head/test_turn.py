from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from labelkit.scheme import Scheme
from labelkit.train.head.fit import fit_heads
from labelkit.train.head.model import HeadModel
from labelkit.train.head.turn import FURTHEST, LEAST, MOST, draw_turned, turned_faces, turned_fit
from labelkit.train.pack import FacePack

SIZE = 96


def pack_of(points: np.ndarray, scheme: Scheme) -> FacePack:
    """Faces in photos of 140 px, with a white dot on each inner point."""
    labels = points / 70 - 1
    images = np.full((len(points), 3, SIZE, SIZE), 60, np.uint8)
    y, x = np.mgrid[:SIZE, :SIZE]
    for image, face in zip(images, (labels + 1) * SIZE / 2 - 0.5, strict=True):
        for at in face[[27, 30, 39, 42, 57]]:
            image[:, (x - at[0]) ** 2 + (y - at[1]) ** 2 < 5] = 255
    bounds = torch.tensor([[-1.0, -1.0, 1.0, 1.0]]).repeat(len(points), 1)
    return FacePack(
        "made", scheme, torch.from_numpy(images), bounds, torch.tensor(labels, dtype=torch.float32)
    )


def test_faces_are_turned_further_to_their_side(
    head: HeadModel, ibug68: Scheme, make_faces: Callable
) -> None:
    pack = pack_of(make_faces(12, turn=35, seed=1).points, ibug68)
    before = fit_heads(head, pack.points.numpy())
    turned = turned_faces(pack, head)
    after = fit_heads(head, turned.points.numpy())
    assert 3 <= len(turned) <= len(pack)
    rows = [int(np.abs(before.shift - shift).sum(axis=1).argmin()) for shift in after.shift]
    turn = (after.yaw - before.yaw[rows]) * np.sign(before.yaw[rows])
    # Only what 68 points say of a turn is known here.
    assert (turn > LEAST - 4).all()
    assert (turn < MOST + 4).all()
    assert (np.abs(after.yaw) < FURTHEST + 4).all()


def test_the_picture_goes_with_the_labels(head: HeadModel, ibug68: Scheme, make_faces: Callable) -> None:
    pack = pack_of(make_faces(6, turn=10, seed=3).points, ibug68)
    turned = turned_faces(pack, head)
    assert len(turned) >= 3
    inner = (turned.points[:, [27, 30, 39, 42, 57]].numpy() + 1) * SIZE / 2 - 0.5
    for image, places in zip(turned.images.numpy(), inner, strict=True):
        for x, y in np.rint(places).astype(int):
            assert image[0, y - 1 : y + 2, x - 1 : x + 2].max() > 150, (x, y)
    # The dots are all that is bright: none was left behind.
    assert (turned.images[:, 0] > 150).float().mean() < 1.6 * (pack.images[:, 0] > 150).float().mean()


def test_a_head_that_does_not_move_leaves_the_picture_alone(
    head: HeadModel, ibug68: Scheme, make_faces: Callable
) -> None:
    pack = pack_of(make_faces(1, turn=10, seed=3).points, ibug68)
    fit = fit_heads(head, pack.points.numpy())
    vertices = fit.turned(head.vertices(fit.coefficients))[0]
    picture = pack.images[0].permute(1, 2, 0).numpy()
    assert np.abs(draw_turned(picture, head, vertices, vertices).astype(int) - picture).mean() < 1
    still = turned_fit(head, fit, np.zeros(1))
    assert np.allclose(still.placed, fit.placed, atol=1e-6)


def test_faces_that_the_head_does_not_fit_are_left_out(
    head: HeadModel, ibug68: Scheme, make_faces: Callable
) -> None:
    points = make_faces(3, turn=10, seed=3).points
    rng = np.random.default_rng(0)
    points[1] += rng.normal(0, 12, points[1].shape)
    pack = pack_of(points, ibug68)
    turned = turned_faces(pack, head)
    assert len(turned) == 2
    torn = replace(pack, points=torch.full_like(pack.points, torch.nan))
    assert len(turned_faces(torn, head)) == 0

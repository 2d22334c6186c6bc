from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from labelkit.errors import InputError
from labelkit.scheme import Scheme, load_scheme
from labelkit.train.head.dense import CLEARANCE, Anchors, choose_anchors, dense_faces, with_dense
from labelkit.train.head.model import HeadModel
from labelkit.train.pack import FacePack

LEFT_OUT = (1, 5, 11, 15, 18, 25, 28, 33, 37, 41, 44, 46, 49, 53, 57, 62)


@pytest.fixture(scope="module")
def anchors(head: HeadModel, ibug68: Scheme) -> Anchors:
    return choose_anchors(head, ibug68, count=120)


def pack_of(points: np.ndarray, scheme: Scheme) -> FacePack:
    """A pack of faces given in photos of 140 px."""
    count = len(points)
    bounds = torch.tensor([[-1.0, -1.0, 1.0, 1.0]]).repeat(count, 1)
    images = torch.zeros(count, 3, 32, 32, dtype=torch.uint8)
    return FacePack("made", scheme, images, bounds, torch.tensor(points / 70 - 1, dtype=torch.float32))


def test_dense_points_are_where_the_skin_is(head: HeadModel, anchors: Anchors, make_faces: Callable) -> None:
    faces = make_faces(10, turn=12)
    truth = faces.truth.turned(head.vertices(faces.truth.coefficients, anchors.vertices))[..., :2]
    found = dense_faces(anchors, faces.points)
    error = np.linalg.norm(found.points - truth, axis=2) / np.linalg.norm(
        faces.points[:, 36] - faces.points[:, 45], axis=1, keepdims=True
    )
    assert np.median(error[~found.self_occluded]) < 0.015
    assert (found.quality > 0.5).all()


def test_dense_points_agree_with_the_labels_beside_them(
    head: HeadModel, ibug68: Scheme, make_faces: Callable
) -> None:
    """A label that no shape explains takes its surroundings along, and not what is far away."""
    faces = make_faces(4)
    at_brow = Anchors(head, ibug68, head.landmarks[[19, 57]], ibug68.plane[[19, 57]], np.arange(68))
    moved = faces.points.copy()
    moved[:, 17:22] += (3, -5)
    before, after = (dense_faces(at_brow, points).points for points in (faces.points, moved))
    shift = (after - before).mean(axis=0)
    assert np.allclose(shift[0], (3, -5), atol=1.2)
    assert np.allclose(shift[1], 0, atol=0.8)


def test_the_far_side_of_a_turned_face_is_hidden(
    head: HeadModel, anchors: Anchors, make_faces: Callable
) -> None:
    faces = make_faces(40, turn=40, seed=2)
    found = dense_faces(anchors, faces.points)
    left, right = (side * anchors.plane[:, 0] > 0.45 for side in (-1, 1))
    to_the_right = faces.truth.yaw > 25
    assert to_the_right.sum() >= 3
    hidden = found.self_occluded[to_the_right]
    assert hidden[:, right].mean() > hidden[:, left].mean() + 0.3


def test_left_out_points_do_not_come_back(head: HeadModel, ibug68: Scheme, make_faces: Callable) -> None:
    anchors = choose_anchors(head, ibug68, LEFT_OUT)
    gaps = np.linalg.norm(anchors.plane[:, None] - ibug68.plane[list(LEFT_OUT)][None], axis=2)
    assert gaps.min() >= CLEARANCE
    everything = choose_anchors(head, ibug68)
    near = np.linalg.norm(everything.plane[:, None] - ibug68.plane[list(LEFT_OUT)][None], axis=2)
    assert near.min() < CLEARANCE  # or the test would show nothing
    points = make_faces(3).points
    changed = points.copy()
    changed[:, LEFT_OUT] = np.random.default_rng(0).uniform(-900, 900, (3, 16, 2))
    first, second = dense_faces(anchors, points), dense_faces(anchors, changed)
    assert np.array_equal(first.points, second.points)
    assert np.array_equal(first.self_occluded, second.self_occluded)
    assert np.array_equal(first.quality, second.quality)


def test_a_mirrored_face_has_mirrored_dense_points(
    head: HeadModel, anchors: Anchors, ibug68: Scheme, make_faces: Callable
) -> None:
    points = make_faces(6, turn=25).points
    mirrored = points[:, ibug68.mirror_index] * (-1, 1) + (300, 0)
    one, other = dense_faces(anchors, points), dense_faces(anchors, mirrored)
    order = np.searchsorted(anchors.vertices, head.mirror[anchors.vertices])
    assert np.allclose(anchors.plane[order], anchors.plane * (-1, 1), atol=1e-9)
    assert np.allclose(other.points[:, order], one.points * (-1, 1) + (300, 0), atol=0.05)
    # The depth buffer's cells begin at one edge: at the border of what is hidden a few differ.
    assert (other.self_occluded[:, order] == one.self_occluded).mean() > 0.95


def test_what_cannot_be_trusted_has_no_weight(anchors: Anchors, ibug68: Scheme, make_faces: Callable) -> None:
    points = make_faces(3, turn=5).points
    points[1] = np.random.default_rng(0).uniform(20, 120, (68, 2))
    points[2, 10:] = np.nan
    pack = pack_of(points, ibug68)
    pack.bounds[0, 1] = pack.points[0, 27, 1]  # the photo ends above the eyes
    dense = with_dense(pack, anchors).dense
    assert dense is not None
    assert dense.points.shape == (3, len(anchors.vertices), 2)
    assert dense.points.isfinite().all()
    assert torch.allclose(dense.plane.double(), torch.tensor(anchors.plane), atol=1e-6)
    above = dense.points[0, :, 1] < pack.bounds[0, 1]
    assert above.sum() > 10
    assert (dense.weights[0, above] == 0).all()
    assert (dense.weights[0, ~above] > 0.5).float().mean() > 0.7
    assert (dense.weights[1:] == 0).all()


def test_the_better_the_fit_the_more_it_counts(anchors: Anchors, make_faces: Callable) -> None:
    points = make_faces(1).points
    noise = np.random.default_rng(1).normal(size=points.shape)
    faces = np.concatenate([points + size * noise for size in (0, 0.8, 1.6, 9)])
    quality = dense_faces(anchors, faces).quality
    assert (np.diff(quality) < 0).all()
    assert quality[3] == 0


def test_another_scheme_is_refused(anchors: Anchors, make_faces: Callable, ibug68: Scheme) -> None:
    pack = pack_of(make_faces(1).points, ibug68)
    with pytest.raises(InputError, match="'made' is labelled in wflw98"):
        with_dense(replace(pack, scheme=load_scheme("wflw98")), anchors)

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from labelkit.geometry import Box, Crop, Similarity
from labelkit.scheme import Point, Scheme
from labelkit.train.augment import (
    AugmentConfig,
    Batch,
    augment,
    box_crops,
    landmark_crops,
    plain_view,
)
from labelkit.train.pack import DensePoints, FacePack

MakePack = Callable[..., FacePack]

NOTHING = AugmentConfig(
    shift=0,
    rotation=0,
    scale=0,
    shear=0,
    sheared=0,
    flipped=0,
    upright=1,
    grey=0,
    brightness=0,
    blurred=0,
    occluded=0,
)
GEOMETRY = replace(AugmentConfig(), grey=0, brightness=0, blurred=0, occluded=0)


def view(pack: FacePack, config: AugmentConfig, size: int = 128, seed: int = 0) -> Batch:
    everyone, generator = torch.arange(len(pack)), Generator().manual_seed(seed)
    return augment(pack, everyone, size, config, generator, torch.arange(len(pack.scheme)))


def shown(images: Tensor) -> Tensor:
    """The pixels in 0..1 again."""
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    return images * std + mean


def coloured(scheme: Scheme, pack: FacePack, chosen: list[int], colours: Tensor) -> FacePack:
    """The faces with a dot of its own colour at every chosen point, and nothing else."""
    size = pack.images.shape[-1]
    images = torch.full_like(pack.images, 0)
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    for face in range(len(pack)):
        for point, colour in zip(chosen, colours, strict=True):
            at = (pack.points[face, point] + 1) * size / 2 - 0.5
            near = (x - at[0]) ** 2 + (y - at[1]) ** 2 < 5**2
            images[face][:, near] = colour[:, None]
    return replace(pack, images=images)


@pytest.mark.parametrize("upright", [0.0, 1.0])
def test_labels_follow_the_pixels_and_names_the_mirror(
    make_pack: MakePack, ibug68: Scheme, upright: float
) -> None:
    """Jaw ends, chin, brows, eye and mouth corners, each in a colour of its own."""
    chosen = [0, 16, 8, 19, 24, 30, 36, 45, 48, 54]
    levels = torch.tensor([60, 150, 240])
    colours = torch.cartesian_prod(levels, levels, levels)[::2][: len(chosen)].to(torch.uint8)
    pack = coloured(ibug68, make_pack(ibug68, 24, size=288), chosen, colours)
    batch = view(pack, replace(GEOMETRY, upright=upright))
    assert 4 < batch.flipped.sum() < 20
    mirror = ibug68.mirror_index
    pixels, looked_at = shown(batch.images), 0
    for face in range(len(pack)):
        for point, colour in zip(chosen, colours, strict=True):
            # On a mirrored face the dot painted at a point is found under its mirror's name.
            name = int(mirror[point]) if batch.flipped[face] else point
            x, y = ((batch.points[face, name] + 1) * 64 - 0.5).round().int().tolist()
            if not (2 <= x < 126 and 2 <= y < 126):
                continue
            looked_at += 1
            assert torch.allclose(pixels[face, :, y, x], colour / 255, atol=0.02), (face, point)
    assert looked_at > 200


def test_without_augmentation_it_is_the_plain_view(make_pack: MakePack, ibug68: Scheme) -> None:
    pack = make_pack(ibug68, 5)
    plain, batch = plain_view(pack, torch.arange(5), 64), view(pack, NOTHING, 64)
    for field in ("images", "valid", "points", "flipped"):
        assert torch.allclose(getattr(plain, field), getattr(batch, field), atol=1e-6), field


def test_the_plain_view_puts_the_face_where_the_plane_has_it(make_pack: MakePack, ibug68: Scheme) -> None:
    batch = plain_view(make_pack(ibug68, 5, spread=0.0), torch.arange(5), 64)
    assert torch.allclose(batch.points, torch.tensor(ibug68.plane).float().expand(5, -1, -1), atol=1e-5)


def test_cropping_from_landmarks_undoes_the_turn(make_pack: MakePack, ibug68: Scheme) -> None:
    batch = view(make_pack(ibug68, 5, spread=0.1), replace(NOTHING, upright=0))
    assert torch.allclose(batch.points, torch.tensor(ibug68.plane).float().expand(5, -1, -1), atol=1e-5)


def test_the_same_seed_gives_the_same_views(make_pack: MakePack, ibug68: Scheme) -> None:
    pack = make_pack(ibug68, 4)
    first, again, other = (view(pack, AugmentConfig(), 48, seed) for seed in (1, 1, 2))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.points, again.points)
    assert not torch.equal(first.points, other.points)


def test_every_flip_is_a_mirrored_view(make_pack: MakePack, ibug68: Scheme) -> None:
    pack = make_pack(ibug68, 4)
    plain, flipped = view(pack, NOTHING, 64), view(pack, replace(NOTHING, flipped=1), 64)
    assert flipped.flipped.all()
    assert torch.allclose(flipped.images, plain.images.flip(3), atol=1e-5)
    renamed = plain.points[:, torch.from_numpy(ibug68.mirror_index)] * torch.tensor([-1.0, 1.0])
    assert torch.allclose(flipped.points, renamed, atol=1e-6)


def test_batched_crops_are_those_of_geometry(make_pack: MakePack, ibug68: Scheme) -> None:
    points = make_pack(ibug68, 6, spread=0.2, dots=False).points
    plane = torch.tensor(ibug68.plane, dtype=torch.float32)
    points[1, 20:60] = torch.nan
    least_squares, boxes = landmark_crops(points, plane), box_crops(points, plane)
    for face in range(6):
        fit = Similarity.fit(ibug68.plane, points[face].double().numpy())
        assert np.allclose(least_squares[face], fit.matrix, atol=1e-5)
        crop = Crop.from_box(Box.around(points[face].double().numpy()), ibug68.plane_box)
        assert np.allclose(boxes[face], crop.to_image.matrix, atol=1e-5)


def test_points_that_may_not_place_the_crop_do_not(make_pack: MakePack, ibug68: Scheme) -> None:
    pack = make_pack(ibug68, 4)
    moved = replace(pack, points=pack.points.clone())
    moved.points[:, [8, 0, 16]] += 0.2
    seen = torch.tensor([i for i in range(68) if i not in (0, 8, 16)])
    first, second = (
        augment(p, torch.arange(4), 48, GEOMETRY, Generator().manual_seed(0), seen) for p in (pack, moved)
    )
    assert torch.equal(first.images, second.images)


def test_the_photos_bounds_are_the_mask(make_pack: MakePack, ibug68: Scheme) -> None:
    """A photo that ends at the middle of the face: half of the view is padding, and zero."""
    pack = make_pack(ibug68, 2, spread=0.0)
    half = replace(pack, bounds=torch.tensor([[-1.0, -1.0, 0.0, 1.0]]).repeat(2, 1))
    batch = plain_view(half, torch.arange(2), 64)
    assert batch.valid[:, :, :, :32].all()
    assert not batch.valid[:, :, :, 32:].any()
    assert (batch.images[:, :, :, 32:] == 0).all()
    flipped = view(half, replace(NOTHING, flipped=1), 64)
    assert torch.equal(flipped.valid, batch.valid.flip(3))


def test_missing_points_stay_missing_under_their_new_names(make_pack: MakePack, ibug68: Scheme) -> None:
    pack = make_pack(ibug68, 2)
    pack.points[:, 36] = torch.nan
    batch = view(pack, replace(GEOMETRY, flipped=1))
    assert batch.points[:, 45].isnan().all()
    assert batch.points[:, [i for i in range(68) if i != 45]].isfinite().all()


def test_amounts_stay_within_the_configuration(make_pack: MakePack, ibug68: Scheme) -> None:
    pack = make_pack(ibug68, 200, size=16, spread=0.0, dots=False)
    config = replace(NOTHING, upright=0, rotation=30, scale=0.15, shift=0.08)
    batch = view(pack, config, 16)
    fits = [Similarity.fit(ibug68.plane, xy) for xy in batch.points.double().numpy()]
    turns = np.degrees([fit.angle for fit in fits])
    scales = np.array([fit.scale for fit in fits])
    assert np.abs(turns).max() <= 30.001
    assert np.abs(turns).max() > 25
    assert scales.min() >= 1 / 1.1501
    assert scales.max() <= 1.1501
    assert scales.max() > 1.1


def test_appearance_changes_pixels_and_no_labels(make_pack: MakePack, ibug68: Scheme) -> None:
    pack = make_pack(ibug68, 8)
    plain = view(pack, NOTHING, 64)
    for change in ("brightness", "blurred", "occluded"):
        batch = view(pack, replace(NOTHING, **{change: 1.0}), 64)
        assert torch.equal(batch.points, plain.points)
        changed = (batch.images - plain.images).abs().flatten(1).amax(1)
        assert (changed > 0.02).sum() >= 7, change
        assert batch.images.isfinite().all()


def test_grey_faces_have_no_colour(make_pack: MakePack, ibug68: Scheme) -> None:
    pack = make_pack(ibug68, 4)
    pack = replace(pack, images=torch.randint(0, 256, pack.images.shape, dtype=torch.uint8))
    pixels = shown(view(pack, replace(NOTHING, grey=1), 64).images)
    assert torch.allclose(pixels[:, 0], pixels[:, 2], atol=1e-5)


def test_an_asymmetric_scheme_is_not_flipped(make_pack: MakePack) -> None:
    places = [(-0.5, -0.3), (0.4, -0.2), (0.1, 0.6)]
    scheme = Scheme("lopsided", tuple(Point(f"p{i}", x, y) for i, (x, y) in enumerate(places)))
    batch = view(make_pack(scheme, 6), replace(NOTHING, flipped=1))
    assert not batch.flipped.any()


def test_dense_points_follow_their_faces_through_every_view(make_pack: MakePack, ibug68: Scheme) -> None:
    """Dense points at the labelled places stay with them, mirrored faces' under the mirrored place."""
    pack = make_pack(ibug68, 12, spread=0.2)
    plane = torch.tensor(ibug68.plane, dtype=torch.float32)
    weights = torch.rand(12, 68, generator=Generator().manual_seed(5)) + 0.1
    pack = replace(pack, dense=DensePoints(plane, pack.points, weights))
    order = torch.from_numpy(ibug68.mirror_index.copy())
    faces = torch.tensor([3, 0, 11, 7, 7, 2, 9, 5])
    config = replace(GEOMETRY, shift=0.3)
    batch = augment(pack, faces, 48, config, Generator().manual_seed(2), torch.arange(68))
    dense = batch.dense
    assert dense is not None
    assert 0 < batch.flipped.sum() < 8
    for i, flipped in enumerate(batch.flipped.tolist()):
        rows = order if flipped else torch.arange(68)
        assert torch.allclose(dense.points[i, rows], batch.points[i], atol=1e-5)
        assert torch.allclose(dense.plane[i, rows], plane, atol=1e-5)
        inside = (dense.points[i].abs() <= 1).all(-1)
        assert torch.equal(dense.weights[i], weights[faces[i]] * inside)
    assert (dense.weights == 0).any()
    assert augment(replace(pack, dense=None), faces, 48, config, Generator(), torch.arange(68)).dense is None


def test_landmarks_are_covered_at_first_and_no_more_after_a_fifth_of_the_run(
    make_pack: MakePack, ibug68: Scheme
) -> None:
    pack, everyone = make_pack(ibug68, 2, dots=False), torch.arange(2)
    config, seen = replace(NOTHING, focus=0.08), torch.arange(len(ibug68))

    def changed(done: float) -> Tensor:
        made = augment(pack, everyone, 128, config, Generator().manual_seed(0), seen, done)
        return (made.images != plain_view(pack, everyone, 128).images).any(1)

    start = changed(0.0)
    points = ((view(pack, config).points + 1) * 64 - 0.5).round().long()
    for face in range(2):
        assert start[face, points[face, :, 1], points[face, :, 0]].all()
        assert start[face].float().mean() < 0.12  # 68 squares of 5 px
    assert 0 < changed(0.1).sum() < start.sum()
    assert not changed(0.2).any()
    assert not changed(1.0).any()

"""Random views of packed faces, a whole batch at a time, on the pack's device.

Geometry first (crop, turn, shift, scale, shear, flip: one affine map and one sampling of
the pixels), then appearance (grey, brightness, contrast, blur, occlusion). The amounts
are those of the TUFA chapter, section 6.4, unless a field says otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor
from torchvision.transforms.v2.functional import rgb_to_grayscale

from labelkit.nn.normalize import normalize
from labelkit.train.pack import DensePoints, FacePack

#: A part of the plane that a crop shows: the middle's x and y, and half its side.
Window = tuple[float, float, float]

WHOLE: Window = (0.0, 0.0, 1.0)

#: The share of a run after which no landmark is covered any more.
FOCUS_ENDS = 0.2


@dataclass(frozen=True)
class AugmentConfig:
    """``shift`` in plane units (10 px of 256 in the paper is 0.08), ``rotation`` degrees,
    ``scale`` the largest relative change, ``shear`` the largest shear and its share of
    faces; the rest are shares of faces. ``upright`` is the share of faces that are cropped
    as from a box (their own turn kept) rather than from their landmarks. ``focus`` is the side,
    in plane units, of black patches on the landmarks with which a run begins (Kar et al. 2024:
    5 px of 256 is 0.04)."""

    shift: float = 0.08
    rotation: float = 30.0
    scale: float = 0.15
    shear: float = 0.15
    sheared: float = 0.33
    flipped: float = 0.5
    upright: float = 0.5
    grey: float = 0.2
    brightness: float = 0.5
    blurred: float = 0.15
    occluded: float = 0.5
    focus: float = 0.0


@dataclass(frozen=True)
class Batch:
    """What the network is fed: ``images`` (B, 3, S, S) normalised, ``valid``
    (B, 1, S, S), and the true ``points`` (B, N, 2) in crop units, left and right already
    renamed on mirrored faces; ``flipped`` (B,). ``dense`` holds the pack's dense points in
    crop units: ``plane`` (B, K, 2), mirrored with its face, ``points`` and ``weights``."""

    images: Tensor
    valid: Tensor
    points: Tensor
    flipped: Tensor
    dense: DensePoints | None = None


def augment(
    pack: FacePack,
    indices: Tensor,
    size: int,
    config: AugmentConfig,
    generator: Generator,
    seen: Tensor,
    done: float = 1.0,
    window: Window = WHOLE,
) -> Batch:
    """Views of the faces ``indices`` (B,) at ``size`` px, in a run of which the share ``done``
    is over. A crop that shows less than [-1, 1]² of the plane has units of its own, in which its
    ``window`` is that square.

    Random numbers come from ``generator`` (on the CPU, so that every device draws the
    same). ``seen`` holds the indices of the points that may place the crop.
    """
    device = pack.images.device
    faces = indices.to(device)
    points = pack.points[faces]
    # An asymmetric scheme has no names for a mirrored face.
    share = config.flipped if pack.scheme.mirror else 0.0
    flipped = _share(generator, len(indices), share).to(device)
    matrix = _views(pack, points, config, generator, seen)
    mirrored = torch.where(flipped[:, None], -matrix[:, :, 0], matrix[:, :, 0])
    matrix = windowed(torch.cat([mirrored[:, :, None], matrix[:, :, 1:]], dim=2), window)
    images, valid = sample_views(pack.images[faces], pack.bounds[faces], matrix, size)
    images = _appearance(images, config, generator)
    inverse = torch.linalg.inv(matrix[:, :, :2])
    placed = (points - matrix[:, None, :, 2]) @ inverse.transpose(1, 2)
    # The patches shrink in steps of a pixel and are gone after the first fifth of the run.
    patch = round(config.focus * size / 2 * (1 - done / FOCUS_ENDS))
    if patch > 0:
        images = _focused(images, placed[:, seen.to(device)], patch)
    images = normalize(images, valid)
    if pack.scheme.mirror:
        order = torch.from_numpy(pack.scheme.mirror_index.astype(np.int64)).to(device)
        placed = torch.where(flipped[:, None, None], placed[:, order], placed)
    dense = _dense_view(pack.dense, faces, matrix, flipped) if pack.dense is not None else None
    return Batch(images, valid, placed, flipped, dense)


def _dense_view(dense: DensePoints, faces: Tensor, matrix: Tensor, flipped: Tensor) -> DensePoints:
    """Dense points need no renaming on a mirrored face: their places are mirrored. What left
    the crop is not asked for."""
    points = (dense.points[faces] - matrix[:, None, :, 2]) @ torch.linalg.inv(matrix[:, :, :2]).transpose(
        1, 2
    )
    side = torch.where(flipped, -1.0, 1.0)
    plane = dense.plane * torch.stack([side, torch.ones_like(side)], dim=1)[:, None]
    inside = (points.abs() <= 1).all(-1)
    return DensePoints(plane, points, dense.weights[faces] * inside)


def plain_view(pack: FacePack, indices: Tensor, size: int) -> Batch:
    """The faces as a box alone would crop them, unchanged: for validation."""
    plane = torch.tensor(pack.scheme.plane, dtype=torch.float32, device=pack.images.device)
    points = pack.points[indices]
    matrix = box_crops(points, plane)
    images, valid = sample_views(pack.images[indices], pack.bounds[indices], matrix, size)
    placed = (points - matrix[:, None, :, 2]) @ torch.linalg.inv(matrix[:, :, :2]).transpose(1, 2)
    flipped = torch.zeros(len(indices), dtype=torch.bool, device=points.device)
    return Batch(normalize(images, valid), valid, placed, flipped)


def _views(
    pack: FacePack, points: Tensor, config: AugmentConfig, generator: Generator, seen: Tensor
) -> Tensor:
    """Random maps (B, 2, 3) from crop units to pack units."""
    count, device = len(points), points.device
    plane = torch.tensor(pack.scheme.plane, dtype=torch.float32, device=device)[seen]
    upright = _share(generator, count, config.upright).to(device)
    base = torch.where(
        upright[:, None, None],
        box_crops(points[:, seen], plane),
        landmark_crops(points[:, seen], plane),
    )
    # An upright crop keeps the face's own turn, so it is turned half as far.
    limit = torch.where(upright, config.rotation / 2, config.rotation) * (math.pi / 180)
    angle = _even(generator, count).to(device) * limit
    scale = torch.exp(_even(generator, count).to(device) * math.log1p(config.scale))
    sheared = _share(generator, count, config.sheared).to(device)
    shear = _even(generator, count).to(device) * config.shear * sheared
    shift = torch.stack([_even(generator, count), _even(generator, count)], dim=1).to(device) * config.shift
    cos, sin = angle.cos() * scale, angle.sin() * scale
    turn = torch.stack([cos, -sin + shear * cos, sin, cos + shear * sin], dim=1).view(-1, 2, 2)
    linear = base[:, :, :2] @ turn
    offset = base[:, :, 2] + (base[:, :, :2] @ shift[:, :, None])[:, :, 0]
    return torch.cat([linear, offset[:, :, None]], dim=2)


def landmark_crops(points: Tensor, plane: Tensor) -> Tensor:
    """Least-squares similarities (B, 2, 3) from the plane (N, 2) to the points (B, N, 2);
    points that are not there do not count. The batched form of `Similarity.fit`."""
    there = points.isfinite().all(-1, keepdim=True).float()
    share = there / there.sum(1, keepdim=True)
    dst = points.nan_to_num()
    mean_src, mean_dst = (share * plane).sum(1), (share * dst).sum(1)
    z, w = plane - mean_src[:, None], dst - mean_dst[:, None]
    spread = (share * z * z).sum((1, 2))
    a = (share * z * w).sum((1, 2)) / spread
    b = (share[..., 0] * (z[..., 0] * w[..., 1] - z[..., 1] * w[..., 0])).sum(1) / spread
    linear = torch.stack([a, -b, b, a], dim=1).view(-1, 2, 2)
    offset = mean_dst - (linear @ mean_src[:, :, None])[:, :, 0]
    return torch.cat([linear, offset[:, :, None]], dim=2)


def box_crops(points: Tensor, plane: Tensor) -> Tensor:
    """Upright crops (B, 2, 3) from the tight boxes; the batched form of `Crop.from_box`."""
    there = points.isfinite()
    low = points.masked_fill(~there, math.inf).amin(1)
    high = points.masked_fill(~there, -math.inf).amax(1)
    plane_low, plane_high = plane.amin(0), plane.amax(0)
    scale = ((high - low) / (plane_high - plane_low)).amax(1)
    offset = (low + high) / 2 - scale[:, None] * (plane_low + plane_high) / 2
    linear = scale[:, None, None] * torch.eye(2, device=points.device)
    return torch.cat([linear, offset[:, :, None]], dim=2)


def windowed(matrix: Tensor, window: Window) -> Tensor:
    """Maps (B, 2, 3) from a window's units rather than the whole crop's."""
    x, y, half = window
    linear = matrix[:, :, :2]
    middle = matrix[:, :, 2] + linear @ linear.new_tensor([x, y])
    return torch.cat([linear * half, middle[:, :, None]], dim=2)


def sample_views(images: Tensor, bounds: Tensor, matrix: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Pixels (B, 3, S, S) in 0..1 under the maps, and the mask (B, 1, S, S) of the photo.

    ``align_corners=False`` is the pixel-centre rule: -1 and 1 are the outer edges.
    """
    grid = F.affine_grid(matrix, [len(matrix), 3, size, size], align_corners=False)
    pixels = F.grid_sample(images.float() / 255, grid, mode="bilinear", align_corners=False)
    inside = (grid >= bounds[:, None, None, :2]) & (grid <= bounds[:, None, None, 2:])
    return pixels, inside.all(-1)[:, None].float()


def _appearance(images: Tensor, config: AugmentConfig, generator: Generator) -> Tensor:
    count, device = len(images), images.device

    def chosen(share: float) -> Tensor:
        return _share(generator, count, share).to(device)[:, None, None, None]

    def amount(*shape: int) -> Tensor:
        return _even(generator, count, *shape).to(device)

    images = torch.where(chosen(config.grey), rgb_to_grayscale(images, 3), images)
    gain = 1 + 0.3 * amount(1, 1, 1) + 0.1 * amount(3, 1, 1)
    lift = 0.3 * amount(1, 1, 1)
    changed = ((images - 0.5) * gain + 0.5 + lift).clamp(0, 1)
    images = torch.where(chosen(config.brightness), changed, images)
    images = _blur(images, config.blurred, generator)
    return _occlude(images, config.occluded, generator)


def _blur(images: Tensor, share: float, generator: Generator) -> Tensor:
    """Some faces as a photo of a half to a quarter of the resolution shows them."""
    chosen = _share(generator, len(images), share).to(images.device)
    factor = int(torch.randint(2, 5, (1,), generator=generator))
    if not chosen.any():
        return images
    small = F.avg_pool2d(images[chosen], factor, ceil_mode=True, count_include_pad=False)
    blurred = F.interpolate(small, size=images.shape[2:], mode="bilinear", align_corners=False)
    return images.index_copy(0, chosen.nonzero()[:, 0], blurred)


def _occlude(images: Tensor, share: float, generator: Generator) -> Tensor:
    """A rectangle of noise or of one colour over some faces (random erasing)."""
    count, size, device = len(images), images.shape[-1], images.device
    draw = torch.rand(8, count, generator=generator).to(device)
    chosen = draw[0] < share
    width, height = 0.1 + 0.4 * draw[1], 0.1 + 0.4 * draw[2]
    x0, y0 = draw[3] * (1 - width), draw[4] * (1 - height)
    steps = (torch.arange(size, device=device) + 0.5) / size
    across = (steps >= x0[:, None]) & (steps < (x0 + width)[:, None])
    down = (steps >= y0[:, None]) & (steps < (y0 + height)[:, None])
    inside = (down[:, :, None] & across[:, None, :] & chosen[:, None, None])[:, None]
    colour = draw[5:8].T[:, :, None, None]
    noise = torch.rand(count, 1, size, size, generator=generator).to(device)
    cover = torch.where((draw[1] + draw[2] > 1)[:, None, None, None], noise, colour)
    return torch.where(inside, cover, images)


def _focused(images: Tensor, points: Tensor, patch: int) -> Tensor:
    """Black squares of ``patch`` px on the points (B, N, 2), which thus teach where to look
    before what is there has been learnt (Fiducial Focus Augmentation, Kar et al. 2024)."""
    count, size = len(images), images.shape[-1]
    corner = ((points.nan_to_num(2.0) + 1) * size / 2 - patch / 2).round().long()
    steps = torch.arange(patch, device=images.device)
    x = (corner[..., 0, None, None] + steps).expand(-1, -1, patch, -1).flatten(1)
    y = (corner[..., 1, None, None] + steps[:, None]).expand(-1, -1, -1, patch).flatten(1)
    inside = (x >= 0) & (x < size) & (y >= 0) & (y < size)
    hits = torch.zeros(count, size * size, device=images.device)
    hits.scatter_add_(1, (y.clamp(0, size - 1) * size + x.clamp(0, size - 1)), inside.float())
    return images * (hits == 0).view(count, 1, size, size)


def _share(generator: Generator, count: int, share: float) -> Tensor:
    return torch.rand(count, generator=generator) < share


def _even(generator: Generator, count: int, *shape: int) -> Tensor:
    """Even random numbers in [-1, 1), (count, *shape)."""
    return torch.rand(count, *shape, generator=generator) * 2 - 1

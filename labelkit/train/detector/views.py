"""What the detector is shown: squares put together from parts of photos, changed at random.

A canvas is one view of a photo, or a mosaic of 2 x 2 or 4 x 4 of them: faces of 10 to 170 px in
one image, several photos at once. Views come in kinds:

- *upright*: a labelled face turned by up to `ViewConfig.turn`. Other people may be in the photo
  whom nobody labelled, so its background is not to be trusted (``strict`` is False there).
- *upside down*: nobody in it is to be found, hence all of the background is sure.
- *inside*: a part of a face so large that none is to be found.
- *erased*: the same as upright, but the labelled faces are painted over: heads without a face.
- *texture*: patterns, letters, noise.

A face that is cut off, too small or turned too far is neither right nor wrong: it is ignored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelkit.geometry import Array, Crop, Similarity, flip_points, tight_box
from labelkit.images import RGBImage
from labelkit.sampling import sample_crop
from labelkit.scheme import load_scheme
from labelkit.train.detector.scenes import Scene, SceneFace, SceneSet, five_points
from labelkit.train.detector.textures import degraded, erased, jpeg, occluded, texture

#: What a view may show.
KINDS = ("upright", "upside down", "inside", "erased", "texture")

#: The five points of the mirror image of a face.
_MIRRORED = [1, 0, 2, 4, 3]

_FIVE_ON_PLANE = five_points(np.asarray(load_scheme("ibug68").plane))


@dataclass(frozen=True)
class ViewConfig:
    """``size`` px a side; ``mosaics`` says how often a canvas has 1, 2 or 4 views a side, and
    ``kinds`` how often a view is of each of `KINDS`. ``turn`` is
    the largest angle in degrees, ``smallest`` the smallest face in px, ``visible`` the share of a face
    that must be seen."""

    size: int = 192
    mosaics: tuple[float, float, float] = (0.45, 0.38, 0.17)
    kinds: tuple[float, float, float, float, float] = (0.57, 0.17, 0.04, 0.1, 0.12)
    turn: float = 75.0
    smallest: float = 10.0
    visible: float = 0.75


@dataclass(frozen=True)
class View:
    """``pixels`` (S, S, 3), the faces' ``boxes`` (G, 4) and five ``points`` (G, 5, 2) in its px,
    ``wanted`` (G,) False for faces that are ignored, ``strict`` (S, S) where all else is
    surely no face."""

    pixels: RGBImage
    boxes: Array
    points: Array
    wanted: NDArray[np.bool_]
    strict: NDArray[np.bool_]


def draw_canvas(
    sets: Sequence[SceneSet], shares: Sequence[float], config: ViewConfig, rng: Generator
) -> View:
    """A canvas of photos drawn from the sets, as often from each as ``shares`` say."""
    per_side = (1, 2, 4)[rng.choice(3, p=config.mosaics)]
    side = config.size // per_side
    pixels = np.empty((config.size, config.size, 3), np.uint8)
    strict = np.zeros((config.size, config.size), bool)
    boxes, points, wanted = [], [], []
    for row in range(per_side):
        for column in range(per_side):
            scenes = sets[rng.choice(len(sets), p=shares)].scenes
            view = draw_view(scenes[rng.integers(len(scenes))], side, config, rng)
            y, x = row * side, column * side
            pixels[y : y + side, x : x + side] = view.pixels
            strict[y : y + side, x : x + side] = view.strict
            boxes.append(np.add(view.boxes, (x, y, x, y)))
            points.append(np.add(view.points, (x, y)))
            wanted.append(view.wanted)
    pixels = jpeg(pixels, rng) if rng.random() < 0.35 else pixels
    return View(pixels, np.concatenate(boxes), np.concatenate(points), np.concatenate(wanted), strict)


def draw_view(scene: Scene, side: int, config: ViewConfig, rng: Generator) -> View:
    """One view of a photo, ``side`` px a side."""
    kind = KINDS[rng.choice(len(KINDS), p=config.kinds)]
    if kind == "texture":
        nobody = np.zeros((0, 4)), np.zeros((0, 5, 2)), np.zeros(0, bool)
        return View(degraded(texture(side, rng), rng), *nobody, np.ones((side, side), bool))
    face = scene.faces[rng.integers(len(scene.faces))]
    crop = _drawn_crop(face, max(scene.image.shape), side, kind, config, rng)
    pixels, valid = sample_crop(scene.image, crop, side)
    if rng.random() < 0.7:
        pixels[~valid] = rng.integers(0, 256, 3)
    boxes, points, wanted = _faces_in(scene, crop, valid, config)
    if kind == "upright" and rng.random() < 0.25:
        pixels = occluded(pixels, boxes, rng)
    sure = np.full((side, side), kind in ("upside down", "inside"))
    if kind == "erased":
        pixels = erased(pixels, boxes, rng)
        for x0, y0, x1, y1 in boxes.clip(0, side).astype(int):
            sure[y0:y1, x0:x1] = True
        boxes, points, wanted = boxes[:0], points[:0], wanted[:0]
    view = View(degraded(pixels, rng), boxes, points, wanted, sure)
    return mirrored(view) if rng.random() < 0.5 else view


def mirrored(view: View) -> View:
    """The mirror image, with the person's right and left renamed."""
    width = view.pixels.shape[1]
    x0, y0, x1, y1 = view.boxes.T
    return replace(
        view,
        pixels=np.ascontiguousarray(view.pixels[:, ::-1]),
        boxes=np.stack([width - 1 - x1, y0, width - 1 - x0, y1], axis=1),
        points=flip_points(view.points[:, _MIRRORED], width),
        strict=view.strict[:, ::-1],
    )


def _drawn_crop(
    face: SceneFace, photo: int, side: int, kind: str, config: ViewConfig, rng: Generator
) -> Crop:
    """A square of the photo about a face: how large the face is in it, where, how turned;
    ``photo`` is the photo's longer side."""
    low, high = (2.0, 6.0) if kind == "inside" else (0.17, 0.9)
    # A view of much more than the photo shows little but padding.
    low = max(low, config.smallest / side, face.side / (1.5 * photo))
    share = math.exp(rng.uniform(math.log(low), math.log(max(low, high))))
    # Enlarging a face more than threefold only shows its pixels.
    share = min(share, 3 * face.side / side) if kind != "inside" else share
    angle = _drawn_angle(kind, config, rng)
    reach = 0.5 * share if kind == "inside" else max(0.5 - 0.4 * share, 0.06)
    unit = face.side / share / 2  # photo px per crop unit
    turn = Similarity(unit * math.cos(angle), unit * math.sin(angle), 0.0, 0.0)
    x0, y0, x1, y1 = tight_box(face.outline)
    tx, ty = np.array([x0 + x1, y0 + y1]) / 2 - turn(rng.uniform(-2 * reach, 2 * reach, 2))
    return Crop(Similarity(turn.a, turn.b, float(tx), float(ty)))


def _drawn_angle(kind: str, config: ViewConfig, rng: Generator) -> float:
    """Most photos are taken nearly upright; the rest evenly as far as faces are to be found."""
    if kind == "upside down":
        return math.pi + math.radians(rng.uniform(-50, 50))
    wide = rng.random() < 0.5
    return math.radians(rng.uniform(-config.turn, config.turn) if wide else rng.normal(0, 10))


def _faces_in(
    scene: Scene, crop: Crop, valid: NDArray[np.bool_], config: ViewConfig
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Boxes, points and ``wanted`` of the faces that a crop shows, in its px."""
    side = len(valid)
    to_view = crop.pixel_map(side).inverse()
    boxes, points, wanted = [], [], []
    for face in scene.faces:
        outline, five = to_view(face.outline), to_view(face.five)
        seen = _share_seen(outline, valid)
        box = tight_box(outline)
        size = math.sqrt((box[2] - box[0]) * (box[3] - box[1]))
        if seen == 0 or size > 1.6 * side:
            continue
        roll = abs(math.degrees(Similarity.fit(_FIVE_ON_PLANE, five).angle))
        boxes.append(box)
        points.append(five)
        wanted.append(seen >= config.visible and size >= config.smallest and roll <= config.turn)
    return (
        np.array(boxes, np.float64).reshape(-1, 4),
        np.array(points, np.float64).reshape(-1, 5, 2),
        np.array(wanted, bool),
    )


def _share_seen(outline: Array, valid: NDArray[np.bool_]) -> float:
    """The share of the outline's points that lie on the photo, within the view."""
    columns, rows = np.rint(outline).astype(int).T
    side = len(valid)
    inside = (columns >= 0) & (rows >= 0) & (columns < side) & (rows < side)
    return float(valid[rows[inside], columns[inside]].sum() / len(outline))

"""Write dense: points over the whole head, drawn on the plane of ibug68.

    python examples/author_dense.py ../shared/data schemes/

It begins with the 98 points of wflw98 and what jd106 has beyond them. Around these lie rows of
points: rings between two known curves, cut at equal steps of arc length or of the way from one
curve to the other. Beyond the face, the rows follow outlines measured on portraits and on a 3D
head (author_head.py); the folder of data holds both, as ``webmorph189`` and ``ict``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from author_head import Head, measure
from author_jd106 import both, mirror_of, new_points
from author_wflw98 import along

from labelkit.geometry import Array
from labelkit.scheme import Curve, Point, Scheme, load_scheme

#: Half the width of the iris.
IRIS = 0.048
#: Half width and height of the two half ellipses under each eye, around its middle.
UNDER_EYE = ((0.135, 0.085), (0.165, 0.130))
#: How far the fold around the mouth lies outside of nose, wing and corner, outwards and down; below
#: the corner it turns inwards.
FOLD_AT_NOSE, FOLD_AT_WING, FOLD_AT_CORNER, FOLD_BELOW_CORNER = (
    (0.06, 0.0), (0.045, 0.02), (0.04, 0.0), (-0.01, 0.12)
)  # fmt: skip
#: Where the fold passes below the lips, as a share of the way from the lower lip to the chin.
FOLD_BELOW_LIP = 0.3
#: How far the front of the ear and its tragus lie outside of the contour.
EAR_FRONT, TRAGUS = 0.012, 0.022
#: How far the lobe meets the face below the last point of the front.
EAR_LOBE = 0.08


@dataclass
class Drawing:
    """Points and curves of a scheme in the making. "{side}" in a name, group or definition
    stands for the person's side."""

    points: list[Point]
    curves: list[Curve]
    at: dict[str, Array] = field(init=False)

    def __post_init__(self) -> None:
        self.at = {point.name: np.array([point.x, point.y]) for point in self.points}

    def take(self, *names: str) -> Array:
        """The places (N, 2) of the named points."""
        return np.array([self.at[name] for name in names])

    def add(self, points: Sequence[Point]) -> tuple[int, ...]:
        """Add points; returns their indices."""
        self.points += points
        self.at |= {point.name: np.array([point.x, point.y]) for point in points}
        return tuple(range(len(self.points) - len(points), len(self.points)))

    def pair(self, name: str, place: Array, group: str, words: str) -> None:
        """A point on the right side and its mirror image."""
        self.add(both(name, place, group, words))

    def aside(self, name: str, places: Array, group: str, words: str, start: str, end: str) -> None:
        """A row (N, 2) on the right side, then its mirror image; ``start`` and ``end`` say what
        lies at its ends."""
        steps = [f"{words}, {step_of(i, len(places) - 1, start, end)}." for i in range(len(places))]
        pairs = [both(f"{name}_{i}", places[i], group, step) for i, step in enumerate(steps)]
        for side, row in zip(("right", "left"), zip(*pairs, strict=True), strict=True):
            self.curves.append(Curve(name.format(side=side), self.add(row)))

    def across(
        self, name: str, places: Array, group: str, words: str, start: str, middle: str | None = None
    ) -> None:
        """A symmetric row (N, 2), N odd, from the viewer's left to right, which begins at
        ``start``; ``middle`` is the group of its middle point, if that has another."""
        half = len(places) // 2
        pairs = [
            both(f"{name}_{{side}}_{i}", (place + opposite * (-1, 1)) / 2, group,
                 f"{words}, the person's {{side}} side, {step_of(i, half, start, 'the midline')}.")
            for i, (place, opposite) in enumerate(zip(places[:half], places[::-1], strict=False))
        ]  # fmt: skip
        y = round(float(places[half, 1]), 7)
        centre = Point(f"{name}_middle", 0.0, y, middle or group, f"{words}, on the midline.")
        row = [*(right for right, _ in pairs), centre, *(left for _, left in reversed(pairs))]
        self.curves.append(Curve(name, self.add(row)))


def step_of(step: int, last: int, start: str, end: str) -> str:
    return f"step {step} of {last} from {start} (0) to {end} ({last})"


def between(first: Array, second: Array, share: float) -> Array:
    """What has gone this share of the way from one place or curve (N, 2) to another."""
    return first + share * (second - first)


def half_ring(centre: Array, radii: tuple[float, float], count: int) -> Array:
    """Places (count, 2) on the lower half of an ellipse, from the viewer's left to right."""
    angles = np.linspace(np.radians(20), np.radians(160), count)
    return centre + np.stack([-np.cos(angles), np.sin(angles)], axis=1) * radii


def draw_eyes(drawing: Drawing) -> None:
    """Iris, two rows between the upper lid and the brow, two below the lower lid."""
    for name, sign in (("outer", -1), ("inner", 1)):
        place = drawing.at["pupil_right"] + np.array([sign * IRIS, 0])
        words = f"The {name} edge of the {{side}} iris, level with the pupil."
        drawing.pair(f"iris_{{side}}_{name}", place, "eye_{side}", words)
    lid_places = ("outer", "upper_outer_quarter", "upper_middle", "upper_inner_quarter", "inner")
    lid = drawing.take(*(f"eye_right_{place}" for place in lid_places))
    brow = drawing.take("brow_right_0", *(f"brow_right_lower_{i}" for i in range(1, 5)))
    ends = "the outer end", "the inner end"
    for row in (1, 2):
        words = f"Above the {{side}} eye, {row} of 3 of the way from the upper lid to the brow"
        drawing.aside(f"eye_{{side}}_above_{row}", between(lid, brow, row / 3), "eye_{side}", words, *ends)
    for row, radii in enumerate(UNDER_EYE, 1):
        words = f"Below the {{side}} eye, row {row} of 2 counted from the lower lid"
        ring = half_ring(drawing.at["eye_right_centre"], radii, 5)
        drawing.aside(f"eye_{{side}}_below_{row}", ring, "eye_{side}", words, *ends)


def draw_nose(drawing: Drawing) -> None:
    inner = drawing.take("brow_right_4", "brow_right_lower_4").mean(axis=0)
    row = np.array([inner / (2, 1), inner * (0, 1), inner / (-2, 1)])
    drawing.across("glabella", row, "nose", "Between the brows", "the brow")
    side = drawing.take("nose_side_right_0", "nose_side_right_1", "nose_wing_right")
    ridge = drawing.take(*(f"nose_bridge_{i}" for i in range(4)))
    words = "On the {side} side of the nose, halfway between ridge and cheek"
    drawing.aside(
        "nose_flank_{side}", between(ridge, along(side, 4), 0.5), "nose", words, "the root", "the tip"
    )
    words = "On the {side} side of the nose, at half its length, where it meets the cheek."
    drawing.pair("nose_side_{side}_middle", side[:2].mean(axis=0), "nose", words)
    opening = between(drawing.at["nose_base_1"], drawing.at["nose_bridge_3"], 0.25)
    drawing.pair("nostril_{side}", opening, "nose", "The middle of the {side} nostril's opening.")


def draw_mouth(drawing: Drawing) -> None:
    """A row between nose and mouth, and one along the middle of each lip."""
    outer = ("right_2", "right_1", "middle", "left_1", "left_2")
    base = drawing.take(*(f"nose_base_{i}" for i in range(5)))
    top = drawing.take(*(f"lip_outer_upper_{place}" for place in outer))
    words = "Halfway between the nose and the upper lip"
    drawing.across("philtrum", between(base, top, 0.5), "mouth", words, "the wing of the nose")
    for lip in ("upper", "lower"):
        edges = [
            along(drawing.take(*(f"lip_{edge}_{place}" for place in lip_places(lip, places))), 7)
            for edge, places in (("outer", outer), ("inner", ("right_half", "middle", "left_half")))
        ]
        words = f"On the {lip} lip, halfway between its edges"
        drawing.across(
            f"lip_{lip}_body", between(*edges, 0.5)[1:-1], "mouth", words, "the corner of the mouth"
        )


def lip_places(lip: str, places: Sequence[str]) -> list[str]:
    """What one edge of a lip passes, from corner to corner."""
    return ["corner_right", *(f"{lip}_{place}" for place in places), "corner_left"]


def draw_cheeks(drawing: Drawing) -> None:
    """Four rings from eye to eye under the chin: the fold around nose and mouth, and three
    between it and the contour."""
    fold = along(fold_around_mouth(drawing), 15)
    contour = drawing.take(*(f"contour_{i}" for i in range(2, 31, 2)))
    words = "On the fold from the nose around the mouth"
    drawing.across("fold", fold, "cheek_{side}", words, "below the eye", "chin")
    for row in (1, 2, 3):
        words = f"On cheek and chin, {row} of 4 of the way from the fold around the mouth to the contour"
        ring = between(fold, contour, row / 4)
        drawing.across(f"cheek_{row}", ring, "cheek_{side}", words, "below the eye", "chin")


def fold_around_mouth(drawing: Drawing) -> Array:
    """Control points from the right side of the nose around the mouth to the left side."""
    at, outwards = drawing.at, np.array([-1.0, 1.0])
    nose = at["nose_side_right_middle"] + outwards * FOLD_AT_NOSE
    wing = at["nose_wing_right"] + outwards * FOLD_AT_WING
    corner = at["lip_outer_corner_right"] + outwards * FOLD_AT_CORNER
    right = np.array([nose, wing, corner, corner + outwards * FOLD_BELOW_CORNER])
    below = between(at["lip_outer_lower_middle"], at["contour_16"], FOLD_BELOW_LIP)
    return np.concatenate([right, [below], right[::-1] * (-1, 1)])


def draw_forehead(drawing: Drawing, head: Head) -> None:
    brow = drawing.take(*(f"brow_right_{i}" for i in range(5)))
    brows = np.concatenate([brow, [brow[-1] * (0, 1)], brow[::-1] * (-1, 1)])
    hairline = along(head.hairline, len(brows))
    for row in (1, 2, 3):
        words = f"On the forehead, {row} of 4 of the way from the brows to the hairline"
        line = between(brows, hairline, row / 4)[1:-1]  # without the ends, which crowd at the temples
        drawing.across(f"forehead_{row}", line, "forehead", words, "the temple")


def draw_temples(drawing: Drawing, head: Head) -> None:
    at = drawing.at
    hair = (head.hairline[0] + at["contour_0"]) / 2
    words = "On the {side} temple, halfway between the end of the brow and the hairline."
    drawing.pair("temple_{side}_brow", between(at["brow_right_0"], hair, 0.5), "temple_{side}", words)
    for name, start, end, way in (
        ("eye", at["eye_right_outer"], at["contour_0"], "outer corner of the eye"),
        ("cheekbone", at["eye_right_below_2_0"], at["contour_1"], "lower rim of the eye socket"),
    ):
        places = np.array([between(start, end, share) for share in (1 / 3, 2 / 3)])
        words = f"On the {{side}} temple, on the way from the {way} to the ear"
        drawing.aside(f"temple_{{side}}_{name}", places, "temple_{side}", words, "the eye", "the ear")


def draw_top(drawing: Drawing, head: Head) -> None:
    """Hairline, the outline of the skull and a row between the two, each from ear to ear."""
    ends = drawing.take("contour_0", "contour_32")
    hairline = np.concatenate([ends[:1], head.hairline, ends[1:]])
    words = "On the line where the hair of the head begins, or once began"
    drawing.across("hairline", along(hairline, 21)[1:-1], "hairline", words, "the ear")
    scalp = between(along(hairline, 15), along(head.skull, 15), 0.5)[1:-1]
    words = "On the head, halfway between the hairline and the outline of the skull"
    drawing.across("scalp", scalp, "scalp", words, "the ear")
    words = "On the outline of the skull, where it is under the hair"
    drawing.across("skull", along(head.skull, 19), "skull", words, "the ear")


def draw_ears(drawing: Drawing, head: Head) -> None:
    outwards = np.array([-1.0, 0.0])
    front = drawing.take(*(f"contour_{i}" for i in range(5))) + EAR_FRONT * outwards
    rim = np.concatenate([head.skull[:1], head.ear, front[-1:] + np.array([0, EAR_LOBE])])
    words = "On the rim of the {side} ear"
    drawing.aside("ear_{side}_rim", along(rim, 11)[1:-1], "ear_{side}", words, "the top", "the lobe")
    words = "In the {side} ear, halfway between its rim and its front"
    inner = between(along(rim, 7)[1:-1], front, 0.5)
    drawing.aside("ear_{side}_inner", inner, "ear_{side}", words, "the top", "the lobe")
    words = "The tip of the tragus, the small flap in front of the {side} ear's opening."
    drawing.pair("ear_{side}_tragus", drawing.at["contour_3"] + TRAGUS * outwards, "ear_{side}", words)


def draw_neck(drawing: Drawing, head: Head) -> None:
    """Both sides of the neck, and two rows across it below the jaw."""
    words = "On the {side} outline of the neck"
    drawing.aside("neck_{side}", head.neck, "neck", words, "the jaw", "the shoulder")
    jaw = drawing.take(*(f"contour_{i}" for i in range(10, 23, 2)))
    x, y = head.neck[-1]
    below_chin = y - jaw[3, 1]
    base = np.stack([np.linspace(x, -x, 9)[1:-1], np.full(7, y + below_chin)], axis=1)
    for row in (1, 2):
        words = f"On the front of the neck, row {row} of 2 below the jaw"
        drawing.across(f"throat_{row}", between(jaw, base, row / 2), "neck", words, "the side")


def dense(wflw: Scheme, head: Head) -> Scheme:
    """The scheme, drawn on the plane of ``wflw98``."""
    drawing = Drawing([*wflw.points, *new_points(wflw)], list(wflw.curves))
    draw_eyes(drawing)
    draw_nose(drawing)
    draw_mouth(drawing)
    draw_cheeks(drawing)
    draw_forehead(drawing, head)
    draw_temples(drawing, head)
    draw_top(drawing, head)
    draw_ears(drawing, head)
    draw_neck(drawing, head)
    return Scheme(
        name="dense",
        title="Dense head",
        description=(
            "Points over the whole head: all of wflw98 and jd106, rows between them over eyes, nose, mouth, "
            "cheeks and forehead, and around them hairline, skull, ears and neck. Right and left are the "
            "person's own."
        ),
        source=(
            "Drawn on the plane of ibug68; hairline and ears after the mean of the Face Research Lab's "
            "portraits (CC BY 4.0), skull and neck after ICT Face Model Light (MIT)"
        ),
        points=tuple(drawing.points),
        mirror=mirror_of(drawing.points),
        curves=tuple(drawing.curves),
        normalizers=wflw.normalizers,
    )


def main(data: str, out: str) -> None:
    try:
        head = measure(Path(data), load_scheme("ibug68").plane)
    except FileNotFoundError as error:
        sys.exit(f"this needs data that is not part of labelkit: {error}")
    scheme = dense(load_scheme("wflw98"), head)
    (Path(out) / f"{scheme.name}.json").write_text(scheme.to_json(), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:3])

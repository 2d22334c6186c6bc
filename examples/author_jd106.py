"""jd106 on the plane of ibug68, from the order of the JD-landmark challenge and LaPa.

Nearly all of it is wflw98 in another order: contour 0-32, brows 33-50, ridge of the nose 51-54,
eyes 66-73 and 75-82, lips 84-103, pupils 104 and 105. What is new lies beside the nose and in
the eyes (`new_points`):

* 55 to 57 go down the right side of the nose to its wing, 65 to 63 down the left one; between
  them, 58-62 are the nostril row of ibug68;
* 74 and 83 are the middles of the eyes' openings. LaPa's own mean shape has them on the pupils.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from labelkit.geometry import Array
from labelkit.scheme import Curve, Point, Scheme, pairs_from_index

#: From the outer edge of the nostril, where the wing meets the cheek, to where the wing is widest:
#: outwards and up.
NOSE_WING = (0.042, -0.036)


def by_name(*schemes: Scheme) -> dict[str, Point]:
    """The points of all schemes; where a name stands twice, that of the first scheme."""
    return {point.name: point for scheme in reversed(schemes) for point in scheme.points}


def new_points(wflw: Scheme) -> list[Point]:
    """What lies beside the nose and in the middle of the eyes, first the right one of each."""
    at = {point.name: np.array([point.x, point.y]) for point in wflw.points}
    ridge = [at[f"nose_bridge_{step}"] for step in range(4)]
    corner, nostril = at["eye_right_inner"], at["nose_base_0"]
    lids = at["eye_right_upper_middle"], at["eye_right_lower_middle"]
    side = "On the {side} side of the nose, "
    return [
        *both("nose_side_{side}_0", ((ridge[0] + ridge[1]) / 2 + corner) / 2, "nose",
              side + "halfway between the ridge and the inner corner of the eye."),
        *both("nose_side_{side}_1", np.array([nostril[0], (ridge[2] + ridge[3])[1] / 2]), "nose",
              side + "where the wing begins, above it."),
        *both("nose_wing_{side}", nostril + np.array(NOSE_WING) * (-1, 1), "nose",
              side + "where its wing is widest."),
        *both("eye_{side}_centre", np.array([(at["eye_right_outer"] + corner)[0], sum(lids)[1]]) / 2,
              "eye_{side}", "The middle of the {side} eye's opening, wherever the pupil looks."),
    ]  # fmt: skip


def mirror_of(points: Sequence[Point]) -> tuple[tuple[int, int], ...]:
    """Mirror pairs of points that lie exactly symmetric, each at a place of its own."""
    index = {(point.x, point.y): i for i, point in enumerate(points)}
    return pairs_from_index([index[-point.x, point.y] for point in points])


def both(name: str, place: Array, group: str, definition: str) -> list[Point]:
    """A point at ``place`` on the right side and its mirror image; "{side}" stands for the side."""
    x, y = (round(float(value), 7) for value in place)
    return [
        Point(name.format(side=side), sign * x, y, group.format(side=side), definition.format(side=side))
        for side, sign in (("right", 1), ("left", -1))
    ]


def jd106(wflw: Scheme) -> Scheme:
    """The scheme, drawn on the plane of ``wflw98``."""
    new = {point.name: point for point in new_points(wflw)}
    points = jd106_points(wflw.points, new)
    curves = (
        Curve("contour", tuple(range(33))),
        Curve("brow_right", tuple(range(33, 42)), closed=True),
        Curve("brow_left", (*range(46, 41, -1), *range(50, 46, -1)), closed=True),
        Curve("nose_bridge", tuple(range(51, 55))),
        Curve("nose_outline", tuple(range(55, 66))),
        Curve("eye_right", tuple(range(66, 74)), closed=True),
        Curve("eye_left", tuple(range(75, 83)), closed=True),
        Curve("lips_outer", tuple(range(84, 96)), closed=True),
        Curve("lips_inner", tuple(range(96, 104)), closed=True),
    )
    return replace(
        wflw,
        name="jd106",
        title="JD-landmark / LaPa 106",
        version="1",
        description=(
            "The 106 points of the JD-landmark challenge and of LaPa. Right and left are the person's own. "
            "The order is that of LaPa's files; the contour ends where that of ibug68 ends."
        ),
        source=(
            "Liu et al., Grand Challenge of 106-Point Facial Landmark Localization, ICME 2019; Liu et al., "
            "A New Dataset and Boundary-Attention Semantic Segmentation for Face Parsing, AAAI 2020; "
            "shape: drawn on the plane of ibug68"
        ),
        points=tuple(points),
        mirror=mirror_of(points),
        curves=curves,
        normalizers={"inter_ocular": ((66,), (79,)), "inter_pupil": ((104,), (105,))},
    )


def jd106_points(wflw: tuple[Point, ...], new: Mapping[str, Point]) -> list[Point]:
    """The points in LaPa's order, from those of wflw98 and the new ones."""
    return [
        *wflw[:55],  # contour, brows, ridge of the nose
        *(new[name] for name in ("nose_side_right_0", "nose_side_right_1", "nose_wing_right")),
        *wflw[55:60],
        *(new[name] for name in ("nose_wing_left", "nose_side_left_1", "nose_side_left_0")),
        *(*wflw[60:68], new["eye_right_centre"]),
        *(*wflw[68:76], new["eye_left_centre"]),
        *wflw[76:98],  # lips and pupils
    ]

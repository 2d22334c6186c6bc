"""wflw98 on the plane of ibug68, from its published definition (Wu et al. 2018).

WFLW labels boundaries (face contour, brows, nose, eyes, lips) and spreads its points
along them by arc length. Here the boundaries are splines through the points of ibug68:

* contour 0-32 from ear to ear, ending where the jaw of ibug68 ends; 16 is the chin;
* brows 33-41 and 42-50: annotators of ibug68 put its brow points on the upper edge of the
  hair, so these are the upper edges; the lower ones lie `BROW_THICKNESS` below them;
* eyes 60-67 and 68-75: each lid is a curve between the corners, cut into quarters;
* lips: the outer ones of ibug68 as 76-87; each inner edge, 88-95, is cut into quarters
  (ibug68 has its four side points nearer the middle, below those of the outer edge);
* bridge 51-54 and nostril row 55-59 are ibug68's;
* pupils 96 and 97: halfway between the corners, a little above the middle of the opening.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import Akima1DInterpolator

from labelkit.geometry import Array
from labelkit.scheme import Curve, Point, Scheme, pairs_from_index

#: How far the lower edge of a brow, 41 to 38, lies below 34 to 37 of its upper edge.
BROW_THICKNESS = (0.050, 0.058, 0.060, 0.056)
#: The inner end of ibug68's brow lies a little below the upper corner that WFLW labels.
BROW_INNER_RISE = 0.012

#: Height of the pupil between the middles of the upper and the lower lid: a little above the
#: middle, since the upper lid covers the top of the iris.
PUPIL = np.array([0.55, 0.45])

#: Points of wflw98 that mean what a point of ibug68 means, and carry its name: 98 -> 68.
SAME_AS_68 = dict(
    zip(
        (*range(33, 38), *range(42, 47), *range(51, 60), 60, 64, 68, 72, *range(76, 88), 88, 90, 92, 94),
        (*range(17, 22), *range(22, 27), *range(27, 36), 36, 39, 42, 45, *range(48, 60), 60, 62, 64, 66),
        strict=True,
    )
)

Words = tuple[str, str, str]


def mirror_98() -> list[int]:
    """Index of every point's mirror image in the 98-point order."""
    index = list(range(98))
    for first, last in ((0, 32), (55, 59), (76, 82), (83, 87), (88, 92), (93, 95), (96, 97)):
        index[first : last + 1] = range(last, first - 1, -1)
    for first, last, other in ((33, 37, 46), (38, 41, 50), (60, 64, 72), (65, 67, 75)):
        for step in range(last - first + 1):
            index[first + step], index[other - step] = other - step, first + step
    return index


def along(through: ArrayLike, count: int) -> Array:
    """``count`` points at equal arc length, ends included, on the spline through (N, 2)."""
    knots = np.asarray(through, np.float64)
    spline = Akima1DInterpolator(_length(knots), knots)  # a cubic one swings out between few knots
    dense = spline(np.linspace(0, _length(knots)[-1], 4001))
    length = _length(dense)
    wanted = np.linspace(0, length[-1], count)
    return np.stack([np.interp(wanted, length, dense[:, axis]) for axis in (0, 1)], axis=1)


def _length(points: Array) -> Array:
    """Length of the polyline (N, 2) up to each of its points, (N,)."""
    return np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])


def wflw98_plane(ibug: Array) -> Array:
    """The 98 points (98, 2) from the 68 of ibug68 on its plane."""
    plane = np.full((98, 2), np.nan)
    plane[:33] = along(ibug[:17], 33)
    plane[33:38] = ibug[17:22]
    plane[37] -= (0, BROW_INNER_RISE)
    plane[41:37:-1] = plane[34:38] + np.array([(0, thickness) for thickness in BROW_THICKNESS])
    plane[51:60] = ibug[27:36]
    plane[60:65] = along(ibug[36:40], 5)
    plane[65:68] = along(ibug[[39, 40, 41, 36]], 5)[1:4]
    plane[76:88] = ibug[48:60]
    plane[88:93] = along(ibug[60:65], 5)
    plane[93:96] = along(ibug[[64, 65, 66, 67, 60]], 5)[1:4]
    plane[96] = (plane[60, 0] + plane[64, 0]) / 2, PUPIL @ plane[[62, 66], 1]
    mirrored = plane[mirror_98()] * (-1, 1)
    plane = np.where(np.isnan(plane), mirrored, plane)  # the other brow, eye and pupil
    mirrored = plane[mirror_98()] * (-1, 1)
    return np.round((plane + mirrored) / 2, 7) + 0.0  # exactly symmetric; -0.0 becomes 0.0


def wflw98(ibug: Scheme) -> Scheme:
    """The scheme, drawn on the plane of ``ibug68``."""
    plane = wflw98_plane(ibug.plane)
    curves = (
        Curve("contour", tuple(range(33))),
        Curve("brow_right", tuple(range(33, 42)), closed=True),
        # 46 is the outer end: from there along the upper edge, then back along the lower.
        Curve("brow_left", (*range(46, 41, -1), *range(50, 46, -1)), closed=True),
        Curve("nose_bridge", tuple(range(51, 55))),
        Curve("nose_base", tuple(range(55, 60))),
        Curve("eye_right", tuple(range(60, 68)), closed=True),
        Curve("eye_left", tuple(range(68, 76)), closed=True),
        Curve("lips_outer", tuple(range(76, 88)), closed=True),
        Curve("lips_inner", tuple(range(88, 96)), closed=True),
    )
    return Scheme(
        name="wflw98",
        title="WFLW 98",
        version="1",
        description="The 98 points of WFLW. Right and left are the person's own.",
        source="Wu et al., Look at Boundary, CVPR 2018; shape: drawn on the plane of ibug68",
        points=tuple(
            Point(name, float(x), float(y), group, definition)
            for (name, group, definition), (x, y) in zip(wflw98_words(ibug), plane, strict=True)
        ),
        mirror=pairs_from_index(mirror_98()),
        curves=curves,
        normalizers={"inter_ocular": ((60,), (72,)), "inter_pupil": ((96,), (97,))},
    )


def wflw98_words(ibug: Scheme) -> list[Words]:
    """Name, group and definition of the 98 points; those that ibug68 has too keep its names."""
    same = {i: ibug.points[j] for i, j in SAME_AS_68.items()}
    words = {i: (point.name, point.group, point.definition) for i, point in same.items()}
    words |= enumerate(contour_words())
    for side, upper, lower, lids in (
        ("right", range(33, 38), range(41, 37, -1), (61, 62, 63, 65, 66, 67)),
        ("left", range(46, 41, -1), range(47, 51), (71, 70, 69, 75, 74, 73)),
    ):
        words |= zip((*upper, *lower), brow_words(side), strict=True)
        words |= zip(lids, lid_words(side), strict=True)
    words |= zip((89, 91, 93, 95), inner_lip_words(), strict=True)
    for i, side in ((96, "right"), (97, "left")):
        words[i] = (f"pupil_{side}", "pupils", f"The centre of the {side} pupil.")
    return [words[i] for i in range(98)]


def contour_words() -> list[Words]:
    words = []
    for i in range(33):
        side = "right" if i < 16 else "left"
        definition = (
            "The lowest point of the chin."
            if i == 16
            else f"On the outline of the face as seen, the person's {side} side, "
            f"step {min(i, 32 - i)} of 16 from the ear (0) to the chin (16)."
        )
        words.append((f"contour_{i}", "jaw", definition))
    return words


def brow_words(side: str) -> list[Words]:
    """Upper edge from the outer to the inner end, then the lower edge likewise; at the outer
    end the two meet. Upper points have the names of ibug68, whose brow points they are."""
    places = ["outer end", *(f"step {step} of 4 from the outer end" for step in (1, 2, 3)), "inner end"]
    group = f"brow_{side}"
    return [
        (f"{group}_{edge}{step}", group, f"On the {what} edge of the {side} brow, {places[step]}.")
        for edge, what, steps in (("", "upper", range(5)), ("lower_", "lower", range(1, 5)))
        for step in steps
    ]


def lid_words(side: str) -> list[Words]:
    """Upper lid from the outer to the inner corner, then lower lid back."""
    places = {
        "outer_quarter": "a quarter from the outer corner",
        "middle": "halfway between the corners",
        "inner_quarter": "a quarter from the inner corner",
    }
    order = [("upper", place) for place in places] + [("lower", place) for place in reversed(places)]
    return [
        (
            f"eye_{side}_{lid}_{place}",
            f"eye_{side}",
            f"On the edge of the {side} eye's {lid} lid, {places[place]}.",
        )
        for lid, place in order
    ]


def inner_lip_words() -> list[Words]:
    """Clockwise on the picture, from the upper right."""
    return [
        (
            f"lip_inner_{lip}_{side}_half",
            "mouth",
            f"On the inner edge of the {lip} lip, halfway between its middle and the {side} corner.",
        )
        for lip, side in (("upper", "right"), ("upper", "left"), ("lower", "left"), ("lower", "right"))
    ]

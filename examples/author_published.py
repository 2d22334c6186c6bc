"""Write cofw29, aflw19, merl68, celeba5 and jd106, drawn on the plane of ibug68 and wflw98.

    python examples/author_published.py schemes/

Needs no data: most of these points are those of `ibug68` and `wflw98` in another order, and
keep their names and places. The few that are new are derived from them (`new_points` here and
in author_jd106.py). Right and left are the person's own in all names, also where the papers
mean the viewer's.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from author_jd106 import both, by_name, jd106, mirror_of
from author_jd106 import new_points as points_beside_nose_and_in_eyes

from labelkit.scheme import Curve, Point, Scheme, load_scheme

#: 0-7 brows, 8-17 eyes with the pupils, 18-21 nose, 22-27 mouth, 28 chin.
COFW = (
    "brow_right_0", "brow_left_0", "brow_right_inner", "brow_left_inner",
    "brow_right_2", "brow_right_lower_2", "brow_left_2", "brow_left_lower_2",
    "eye_right_outer", "eye_left_outer", "eye_right_inner", "eye_left_inner",
    "eye_right_upper_middle", "eye_right_lower_middle", "eye_left_upper_middle", "eye_left_lower_middle",
    "pupil_right", "pupil_left",
    "nose_wing_right", "nose_wing_left", "nose_bridge_3", "nose_base_2",
    "lip_outer_corner_right", "lip_outer_corner_left",
    "lip_outer_upper_middle", "lip_inner_upper_middle", "lip_inner_lower_middle", "lip_outer_lower_middle",
    "jaw_8",
)  # fmt: skip

#: 0-5 brows, 6-11 eyes, 12-14 nose, 15-17 mouth, each from the viewer's left to right; 18 chin.
AFLW = (
    "brow_right_0", "brow_right_middle", "brow_right_inner",
    "brow_left_inner", "brow_left_middle", "brow_left_0",
    "eye_right_outer", "eye_right_centre", "eye_right_inner",
    "eye_left_inner", "eye_left_centre", "eye_left_outer",
    "nose_wing_right", "nose_bridge_3", "nose_wing_left",
    "lip_outer_corner_right", "mouth_middle", "lip_outer_corner_left",
    "jaw_8",
)  # fmt: skip

#: CelebA's lefteye, righteye, nose, leftmouth, rightmouth: left and right as the viewer sees them.
CELEBA = (
    "eye_right_centre", "eye_left_centre", "nose_bridge_3", "lip_outer_corner_right", "lip_outer_corner_left",
)  # fmt: skip

Points = Mapping[str, Point]


def new_points(ibug: Scheme, wflw: Scheme) -> list[Point]:
    """Points of the published schemes that neither ``ibug68`` nor ``wflw98`` has."""
    at = {name: np.array([point.x, point.y]) for name, point in by_name(wflw, ibug).items()}
    middle, inner = ((at[f"brow_right_{i}"] + at[f"brow_right_lower_{i}"]) / 2 for i in (2, 4))
    mouth = (at["lip_inner_upper_middle"] + at["lip_inner_lower_middle"]) / 2
    return [
        *points_beside_nose_and_in_eyes(wflw),
        *both("brow_{side}_middle", middle, "brow_{side}", "In the middle of the {side} brow's hair."),
        *both("brow_{side}_inner", inner, "brow_{side}", "The middle of the {side} brow's inner end."),
        Point("mouth_middle", 0.0, round(float(mouth[1]), 7), "mouth", "Between the lips, on the midline."),
    ]  # fmt: skip


def drawn(names: Sequence[str], points: Points, definitions: Mapping[str, str]) -> tuple[Point, ...]:
    """The named points in this order; a definition replaces that of the scheme it came from."""
    return tuple(
        replace(points[name], definition=definitions.get(name, points[name].definition)) for name in names
    )


def of_both_sides(definitions: Mapping[str, str]) -> dict[str, str]:
    """Names and definitions with "{side}" in them, for either side."""
    return {
        name.format(side=side): text.format(side=side)
        for name, text in definitions.items()
        for side in ("right", "left")
    }


def cofw29(points: Points) -> Scheme:
    definitions = of_both_sides(
        {
            "brow_{side}_0": "The outer end of the {side} brow.",
            "brow_{side}_2": "On the upper edge of the {side} brow, halfway between its ends.",
            "brow_{side}_lower_2": "On the lower edge of the {side} brow, halfway between its ends.",
            "nose_bridge_3": "The tip of the nose.",
        }
    )
    chosen = drawn(COFW, points, definitions)
    return Scheme(
        name="cofw29",
        title="COFW 29",
        description=(
            "The 29 points of COFW and LFPW. Right and left are the person's own. COFW says of every point "
            "whether something hides it."
        ),
        source=(
            "Burgos-Artizzu et al., Robust Face Landmark Estimation under Occlusion, ICCV 2013; "
            "shape: drawn on the plane of ibug68"
        ),
        points=chosen,
        mirror=mirror_of(chosen),
        curves=(
            Curve("brow_right", (0, 4, 2, 5), closed=True),
            Curve("brow_left", (1, 6, 3, 7), closed=True),
            Curve("eye_right", (8, 12, 10, 13), closed=True),
            Curve("eye_left", (9, 14, 11, 15), closed=True),
            Curve("nose_ridge", (20, 21)),
            Curve("nose_base", (18, 21, 19)),
            Curve("lips_outer", (22, 24, 23, 27), closed=True),
            Curve("lips_inner", (22, 25, 23, 26), closed=True),
        ),
        normalizers={"inter_ocular": ((8,), (9,)), "inter_pupil": ((16,), (17,))},
    )


def aflw19(points: Points) -> Scheme:
    definitions = of_both_sides(
        {
            "brow_{side}_0": "The outer end of the {side} brow.",
            "nose_bridge_3": "The tip of the nose.",
        }
    )
    chosen = drawn(AFLW, points, definitions)
    return Scheme(
        name="aflw19",
        title="AFLW 19",
        description=(
            "The 21 points of AFLW without those of the ears. Right and left are the person's own; AFLW "
            "means the viewer's. Its eye centres are drawn in the middle of the opening, not on the pupil."
        ),
        source=(
            "Köstinger et al., Annotated Facial Landmarks in the Wild, 2011; Zhu et al., Unconstrained Face "
            "Alignment via Cascaded Compositional Learning, CVPR 2016; shape: drawn on the plane of ibug68"
        ),
        points=chosen,
        mirror=mirror_of(chosen),
        curves=(
            Curve("brow_right", (0, 1, 2)),
            Curve("brow_left", (3, 4, 5)),
            Curve("eye_right", (6, 7, 8)),
            Curve("eye_left", (9, 10, 11)),
            Curve("nose", (12, 13, 14)),
            Curve("mouth", (15, 16, 17)),
        ),
        normalizers={"inter_ocular": ((6,), (11,)), "inter_pupil": ((7,), (10,))},
    )


def celeba5(points: Points) -> Scheme:
    definitions = {
        "nose_bridge_3": "The tip of the nose.",
        "lip_outer_corner_right": "The right corner of the mouth (CelebA's leftmouth).",
        "lip_outer_corner_left": "The left corner of the mouth (CelebA's rightmouth).",
        "eye_right_centre": "The middle of the right eye (CelebA's lefteye).",
        "eye_left_centre": "The middle of the left eye (CelebA's righteye).",
    }
    chosen = drawn(CELEBA, points, definitions)
    return Scheme(
        name="celeba5",
        title="CelebA 5",
        description=(
            "The five points of CelebA in its order: lefteye, righteye, nose, leftmouth, rightmouth. CelebA "
            "means the viewer's left; here, as everywhere, right and left are the person's own."
        ),
        source=(
            "Liu et al., Deep Learning Face Attributes in the Wild, ICCV 2015; "
            "shape: drawn on the plane of ibug68"
        ),
        points=chosen,
        mirror=mirror_of(chosen),
        curves=(Curve("eyes", (0, 1)), Curve("mouth", (3, 4))),
        normalizers={"inter_pupil": ((0,), (1,))},
    )


def merl68(ibug: Scheme) -> Scheme:
    """ibug68 but for the jaw: its points stay where they are on the head when that turns."""
    definitions = {point.name: jaw_definition(i) for i, point in enumerate(ibug.points[:17])}
    return replace(
        ibug,
        name="merl68",
        title="MERL-RAV 68",
        description=(
            "The 68 points of MERL-RAV: those of ibug68, with a mark for each that says whether something "
            "hides it. A point that the head itself hides has no place; ibug68 would move it to the outline. "
            "Right and left are the person's own."
        ),
        source=(
            "Kumar et al., LUVLi Face Alignment: Estimating Landmarks' Location, Uncertainty, and Visibility "
            "Likelihood, CVPR 2020; shape: that of ibug68"
        ),
        points=drawn(ibug.names, {point.name: point for point in ibug.points}, definitions),
    )


def jaw_definition(index: int) -> str:
    """One of the 17 points along the jaw."""
    if index == 8:
        return "The lowest point of the chin."
    side = "right" if index < 8 else "left"
    return (
        f"On the edge of the jaw, the person's {side} side, step {min(index, 16 - index)} of 8 from the ear "
        "(0) to the chin (8); without a place where the head hides it."
    )


def main(out: str) -> None:
    ibug, wflw = load_scheme("ibug68"), load_scheme("wflw98")
    points = by_name(ibug, wflw) | {point.name: point for point in new_points(ibug, wflw)}
    for scheme in (cofw29(points), aflw19(points), celeba5(points), merl68(ibug), jd106(wflw)):
        (Path(out) / f"{scheme.name}.json").write_text(scheme.to_json(), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:2])

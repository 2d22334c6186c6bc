"""Write the built-in schemes: ibug68 from annotated faces, the others drawn on its plane.

    python examples/author_schemes.py DIR_WITH_PTS_FILES schemes/

``DIR_WITH_PTS_FILES`` holds the 300-W training faces (68 points each, 1-based). The shape
of ibug68 is the Procrustes mean of those faces and their mirror images, which makes it
symmetric; the plane's unit puts the outer eye corners at (-0.38, -0.10) and (0.38, -0.10).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from author_wflw98 import wflw98

from labelkit.geometry import Array, Similarity, procrustes_mean
from labelkit.scheme import Curve, Point, Scheme, pairs_from_index

#: Index of every point's mirror image in the 68-point order.
MIRROR_68 = [
    *range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, *range(35, 30, -1),
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    *range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), *range(67, 64, -1),
]  # fmt: skip


def read_shapes(folder: Path) -> Array:
    """All 68-point shapes under a folder, 0-based, (M, 68, 2)."""
    shapes = []
    for path in sorted(folder.rglob("*.pts")):
        rows = [line.split() for line in path.read_text().splitlines()]
        shapes.append([[float(v) for v in row] for row in rows if len(row) == 2 and ":" not in row[0]])
    return np.array(shapes) - 1


def ibug68_plane(shapes: Array) -> Array:
    """The exactly symmetric Procrustes mean on the plane, (68, 2)."""
    mirrored = (shapes * (-1, 1))[:, MIRROR_68]
    mean = procrustes_mean(np.concatenate([shapes, mirrored]))
    mean = Similarity.fit(mean[[36, 45]], [(-0.38, -0.10), (0.38, -0.10)])(mean)
    mean = (mean + mean[MIRROR_68] * (-1, 1)) / 2
    return np.round(mean, 7)


def ibug68(shapes: Array) -> Scheme:
    plane = ibug68_plane(shapes)
    curves = (
        Curve("jaw", tuple(range(17))),
        Curve("brow_right", tuple(range(17, 22))),
        Curve("brow_left", tuple(range(22, 27))),
        Curve("nose_bridge", tuple(range(27, 31))),
        Curve("nose_base", tuple(range(31, 36))),
        Curve("eye_right", tuple(range(36, 42)), closed=True),
        Curve("eye_left", tuple(range(42, 48)), closed=True),
        Curve("lips_outer", tuple(range(48, 60)), closed=True),
        Curve("lips_inner", tuple(range(60, 68)), closed=True),
    )
    return Scheme(
        name="ibug68",
        title="iBUG / Multi-PIE 68",
        version="1",
        description="The 68 points of the 300-W challenge. Right and left are the person's own.",
        source="Sagonas et al., 300 Faces In-The-Wild Challenge, 2013; shape: mean of its training faces",
        points=tuple(
            Point(name, float(x), float(y), group, definition)
            for (name, group, definition), (x, y) in zip(ibug68_words(), plane, strict=True)
        ),
        mirror=pairs_from_index(MIRROR_68),
        curves=curves,
        normalizers={
            "inter_ocular": ((36,), (45,)),
            "inter_pupil": (tuple(range(36, 42)), tuple(range(42, 48))),
        },
    )


def ibug68_words() -> list[tuple[str, str, str]]:
    """Name, group and definition of the 68 points."""
    words = []
    for i in range(17):
        side = "right" if i < 8 else "left"
        step = min(i, 16 - i)
        definition = (
            "The lowest point of the chin."
            if i == 8
            else f"On the outline of the face as seen, the person's {side} side, "
            f"step {step} of 8 from the ear (0) to the chin (8)."
        )
        words.append((f"jaw_{i}", "jaw", definition))
    for side in ("right", "left"):
        for i in range(5):
            step = i if side == "right" else 4 - i
            ends = {0: "outer end", 2: "middle", 4: "inner end"}
            where = ends.get(step, f"step {step} of 4 from the outer end")
            words.append((f"brow_{side}_{step}", f"brow_{side}", f"On the {side} brow, {where}."))
    for i in range(4):
        where = ("between the eyes", "a third down", "two thirds down", "the tip of the nose")[i]
        words.append((f"nose_bridge_{i}", "nose", f"On the ridge of the nose, {where}."))
    for i, where in enumerate(
        ("the right nostril's outer edge", "below the right nostril", "below the nose, on the midline",
         "below the left nostril", "the left nostril's outer edge")
    ):  # fmt: skip
        words.append((f"nose_base_{i}", "nose", f"At the base of the nose: {where}."))
    lids = {
        "right": ("outer", "upper_outer", "upper_inner", "inner", "lower_inner", "lower_outer"),
        "left": ("inner", "upper_inner", "upper_outer", "outer", "lower_outer", "lower_inner"),
    }
    for side, places in lids.items():
        for place in places:
            lid, _, third = place.partition("_")
            where = (
                f"On the edge of the {side} eye's {lid} lid, its {third} third."
                if third
                else f"The {place} corner of the {side} eye."
            )
            words.append((f"eye_{side}_{place}", f"eye_{side}", where))
    words += lip_words()
    return words


def lip_words() -> list[tuple[str, str, str]]:
    """The 20 lip points, outer lip from the right corner over the top, then inner lip."""
    upper = ("corner_right", "upper_right_2", "upper_right_1", "upper_middle", "upper_left_1",
             "upper_left_2", "corner_left")  # fmt: skip
    lower = ("lower_left_2", "lower_left_1", "lower_middle", "lower_right_1", "lower_right_2")
    inner = ("corner_right", "upper_right", "upper_middle", "upper_left", "corner_left", "lower_left",
             "lower_middle", "lower_right")  # fmt: skip
    words = []
    for ring, names in (("outer", upper + lower), ("inner", inner)):
        for name in names:
            place = name.replace("_", " ") + (" (2 is nearer the corner)" if name[-1] in "12" else "")
            words.append((f"lip_{ring}_{name}", "mouth", f"On the {ring} edge of the lips: {place}."))
    return words


def main(data: str, out: str) -> None:
    base = ibug68(read_shapes(Path(data)))
    for scheme in (base, wflw98(base)):
        (Path(out) / f"{scheme.name}.json").write_text(scheme.to_json(), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:3])

"""Where the head goes on beyond the points of ibug68: hairline, ears, outline, neck.

Two sources, since neither shows all of it:

* studio portraits with 189 points (Face Research Lab, CC BY 4.0), for what is seen on photos:
  the hairline and the rim of the ears, as the mean of all faces and their mirror images;
* a 3D head (ICT Face Model Light, MIT), for what hair and collars hide: the outline of the bare
  skull and the sides of the neck. It is seen by a camera at `CAMERA`, nodding as fits ibug68
  best. The camera matters: what lies behind the face, the ears as much as the crown, seems
  smaller from near. At 3 m the head's ears are as far apart as those of the portraits.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.spatial import ConvexHull

from labelkit.geometry import Array, Similarity, procrustes_mean

#: Distance of the camera from the face, in cm, the unit of the 3D head.
CAMERA = 300.0

#: Weight of the jaw points when the 3D head is aligned: they lie less well defined than the rest.
JAW_WEIGHT = 0.3

#: The vertices of the 3D head that belong to skin, and those at the 68 points of ibug68.
SKIN = slice(0, 11248)
LANDMARKS = [
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088,
    3443, 268, 493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140,
    2075, 1147, 4269, 3360, 1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732,
    5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841, 5702, 5711, 5533, 6216,
    6207, 6470, 5517, 5966,
]  # fmt: skip

#: Points of the portraits with the same meaning as points of ibug68: corners of eyes and mouth,
#: edges of the lips, chin.
PORTRAIT_TO_68 = {18: 36, 27: 45, 22: 39, 23: 42, 87: 48, 93: 54, 90: 51, 106: 57, 129: 8}
#: The portraits' hairline, from the viewer's left to right, and their ears, from the top down.
HAIRLINE = [*range(134, 145)]
EAR_RIGHT, EAR_LEFT = [*range(115, 120)], [*range(120, 125)]

#: Where the skull's outline goes over into the ear, and the heights of the points on the neck.
EAR_ROOT = -0.15
NECK = (0.74, 0.82, 0.90, 0.98)


@dataclass(frozen=True)
class Head:
    """Places on the plane; each line that crosses the midline is symmetric and goes from the
    viewer's left to right, each other one lies on the person's right side and goes down."""

    hairline: Array
    ear: Array
    skull: Array
    neck: Array


def measure(data: Path, ibug: Array) -> Head:
    """The head around the plane (68, 2) of ibug68, from the folders ``ict`` and ``webmorph189``.

    Raises `FileNotFoundError` naming what is missing.
    """
    portrait = mean_portrait(data / "webmorph189", ibug)
    model = skin_on_plane(data / "ict" / "ict_face_model_light.npz", ibug)
    ears = portrait[EAR_RIGHT], portrait[EAR_LEFT] * (-1, 1)
    return Head(
        hairline=symmetric(portrait[HAIRLINE]),
        ear=(ears[0] + ears[1]) / 2,
        skull=skull_outline(model),
        neck=np.array([(-half_width(model, y), y) for y in NECK]),
    )


def symmetric(line: Array) -> Array:
    """The mean of a line (N, 2) across the midline and its mirror image."""
    return (line + line[::-1] * (-1, 1)) / 2


def mean_portrait(folder: Path, ibug: Array) -> Array:
    """The Procrustes mean (189, 2) of the portraits on the plane."""
    files = sorted(folder.rglob("*.pts"))
    if not files:
        raise FileNotFoundError(f"{folder}: there are no portraits (.pts files)")
    mean = procrustes_mean(np.array([read_points(path) for path in files]))
    return Similarity.fit(mean[list(PORTRAIT_TO_68)], ibug[list(PORTRAIT_TO_68.values())])(mean)


def read_points(path: Path) -> list[list[float]]:
    rows = [line.split() for line in path.read_text().splitlines()]
    return [[float(value) for value in row] for row in rows if len(row) == 2 and ":" not in row[0]]


def skin_on_plane(path: Path, ibug: Array) -> Array:
    """The skin of the 3D head (11248, 2), as the camera sees it, on the plane."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    vertices = np.load(path)["neutral"].astype(np.float64)
    vertices -= vertices[LANDMARKS].mean(axis=0)
    weights = np.where(np.arange(68) < 17, JAW_WEIGHT, 1.0)

    def on_plane(nod: float) -> Array:
        seen = photographed(vertices, nod)
        return Similarity.fit(seen[LANDMARKS], ibug, weights)(seen)

    def error(nod: float) -> float:
        return float(weights @ ((on_plane(nod)[LANDMARKS] - ibug) ** 2).sum(axis=1))

    return on_plane(minimize_scalar(error, bounds=(-0.3, 0.3), method="bounded").x)[SKIN]


def photographed(vertices: Array, nod: float) -> Array:
    """Vertices (N, 3), y up and z towards the camera, on its picture (N, 2), after a turn by
    ``nod`` radians about the axis through the ears."""
    x, y, z = vertices.T
    y, z = np.cos(nod) * y - np.sin(nod) * z, np.sin(nod) * y + np.cos(nod) * z
    return np.stack([x, -y], axis=1) * (CAMERA / (CAMERA - z))[:, None]


def skull_outline(skin: Array) -> Array:
    """The outline from ear to ear over the crown: the convex hull of what lies above the ears,
    without the side that is cut off."""
    above = skin[skin[:, 1] < EAR_ROOT]
    hull = above[ConvexHull(above).vertices]  # counterclockwise, hence here, with y down, upwards on the left
    hull = np.roll(hull, -int((hull @ (1, -1)).argmin()), axis=0)
    return hull[: (hull @ (1, 1)).argmax() + 1]


def half_width(skin: Array, y: float) -> float:
    """Half the width of what lies within 0.03 of the height ``y``."""
    near = np.abs(skin[:, 1] - y) < 0.03
    return float(np.abs(skin[near, 0]).max())

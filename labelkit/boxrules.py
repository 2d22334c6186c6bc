"""What a face box says about the landmarks: from a detector's frame to that of ``ibug68``.

Every detector frames a face in its own way: one from the hairline to the chin, another from the
middle of the forehead to the mouth. A rule per detector, fitted once, turns its box into the
tight box of the face's 68 points, from which a crop can be made (`Crop.from_box`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from labelkit.geometry import Array, Box, Similarity
from labelkit.scheme import load_scheme

#: The scheme around whose points `landmark_box` draws its boxes.
REFERENCE_SCHEME = "ibug68"


@dataclass(frozen=True)
class BoxRule:
    """An affine rule: the centre moves by (``dx`` · width, ``dy`` · height) of the box, the sides
    are multiplied by ``width`` and ``height``."""

    dx: float
    dy: float
    width: float
    height: float

    def __call__(self, box: Box) -> Box:
        """The tight box of the landmarks, of kind ``landmarks``; the score stays."""
        cx, cy = box.center
        cx, cy = cx + self.dx * box.width, cy + self.dy * box.height
        half_w, half_h = self.width * box.width / 2, self.height * box.height / 2
        sides = {"x0": cx - half_w, "y0": cy - half_h, "x1": cx + half_w, "y1": cy + half_h}
        return replace(box, **sides, kind="landmarks", source=REFERENCE_SCHEME)

    @property
    def mirrored(self) -> BoxRule:
        """The rule of the same detector on mirrored images."""
        return replace(self, dx=-self.dx)


#: Of a box that nothing is known about, and of one that a user drew: people are asked to draw
#: boxes from the brows to the chin.
IDENTITY = BoxRule(0.0, 0.0, 1.0, 1.0)

# OpenCV's Haar cascades, which found the faces before labelkit had a detector of its own: projects
# hold their boxes. Fitted on photos of scenes/train (benchmarks/fit_box_rules.py). The frontal
# cascade's dx, 0.008, is left out: a mirrored photo has to give the mirrored box.
_FRONTAL = BoxRule(0.0, 0.158, 0.87, 0.856)
_PROFILE = BoxRule(-0.084, 0.152, 0.746, 0.718)

#: The rule for each detector, by the ``source`` of its boxes.
BOX_RULES: dict[str, BoxRule] = {
    # Trained to give the tight box of the 68 points.
    "facefinder": IDENTITY,
    "haar-frontal": _FRONTAL,
    "haar-profile": _PROFILE,
    "haar-profile-mirrored": _PROFILE.mirrored,
    # Turned back with the frontal rule already applied, which holds for upright faces only.
    "haar-leaning": IDENTITY,
    # Not fitted but reasoned, because its ONNX file was not at hand: it is trained on WIDER FACE,
    # whose boxes hold forehead, chin and cheeks. On the plane that is the hairline (-0.75) to the
    # chin (0.90), where the 68 points begin at the brows, and the same width as the jaw.
    "yunet": BoxRule(0.0, 0.136, 1.0, 0.73),
}


def landmark_box(box: Box) -> Box:
    """``box`` as the tight box of the 68 points of ``ibug68``.

    Boxes of kind ``landmarks`` are returned as they are; ``user`` boxes, and those of a detector
    without a rule, are taken to be tight already.
    """
    if box.kind == "landmarks":
        return box
    known = box.kind == "detector" and box.source is not None
    return BOX_RULES.get(box.source or "", IDENTITY)(box) if known else IDENTITY(box)


def box_of_points(plane: Array, xy: Array) -> Box:
    """The tight box of the 68 points of ``ibug68`` by a face's points (N, 2) in image px, NaN where
    one is not there, and their places on the plane (N, 2).

    Raises `BoxError` when fewer than two different points are there.
    """
    to_image = Similarity.fit(plane, xy)
    return Box.around(to_image(load_scheme(REFERENCE_SCHEME).plane), REFERENCE_SCHEME)

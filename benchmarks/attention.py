"""Draws which landmark looks at which, as in the thesis' figures.

    python benchmarks/attention.py [PHOTO.jpg X0,Y0,X1,Y1] [--scheme ibug68] [--model base]
        [--out attention.png]

Without a photo it is the astronaut that scikit-image ships. The box is the tight box of the 68 points.
Writes a PNG: the face once for every layer of the refinement head, with lines from every point to the
anchors from which it takes most.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from labelkit.figures import draw_attention
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.models.predictor import first_crop
from labelkit.models.registry import load_model
from labelkit.scheme import load_scheme


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photo", type=Path, nargs="?")
    parser.add_argument("box", nargs="?", default="180,70,268,168")
    parser.add_argument("--scheme", default="ibug68")
    parser.add_argument("--model", default="base")
    parser.add_argument("--out", type=Path, default=Path("attention.png"))
    options = parser.parse_args()
    scheme, model = load_scheme(options.scheme), load_model(options.model)
    if model.refiner is None:
        parser.error(f"{options.model} has no refinement head")
    if options.photo is None:
        from skimage.data import astronaut

        image = np.asarray(astronaut(), np.uint8)
    else:
        image = ImageFile(options.photo).load()
    box = Box(*(float(v) for v in options.box.split(",")), kind="landmarks", source="ibug68")
    crop = first_crop(box, scheme)
    points, anchors = model.place([image], [crop], scheme.plane)
    places, layers = model.refiner.looks(image, crop, points[0], anchors[0], scheme.plane)
    draw_attention(image, places, layers, options.out)


if __name__ == "__main__":
    main()

"""How much the points of a face wander when its box is a little off, drawn as ellipses.

    python examples/draw_spread.py PHOTO spread.png

The model looks at the face in 16 boxes that are shifted and resized at random, by up to 6 % of
their size. The ellipses hold 95 % of a normal distribution with the covariance of its answers. That
is no error to be expected, only how much depends on the box.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

import labelkit as lk
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.prediction import Model, Prediction


def shifted(box: Box, count: int, share: float = 0.06, seed: int = 0) -> list[Box]:
    """``count`` boxes like ``box``, each of whose edges is off by up to ``share`` of its size."""
    generator = np.random.default_rng(seed)
    sides = np.array([box.width, box.height, box.width, box.height])
    edges = box.xyxy + generator.uniform(-share, share, (count, 4)) * sides
    return [replace(box, x0=x0, y0=y0, x1=x1, y1=y1) for x0, y0, x1, y1 in edges.tolist()]


def with_spread(model: Model, image: np.ndarray, box: Box, scheme: lk.Scheme, looks: int = 16) -> Prediction:
    """The prediction of ``box`` with the covariance of the answers to boxes around it."""
    own, *others = model.predict([image] * (looks + 1), [box, *shifted(box, looks)], scheme)
    answers = np.stack([one.xy for one in others])
    off = answers - answers.mean(axis=0)
    cov = np.einsum("lni,lnj->nij", off, off) / (looks - 1)
    return Prediction(own.xy, own.model, own.crop, own.scheme, cov=cov)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photo", type=Path)
    parser.add_argument("out", type=Path, help="a .png")
    parser.add_argument("--scheme", default="ibug68")
    given = parser.parse_args(arguments)
    image, scheme = ImageFile(given.photo).load(), lk.load_scheme(given.scheme)
    boxes = lk.detect_faces(image)
    if not boxes:
        raise SystemExit(f"{given.photo}: nobody was found")
    model = lk.load_model("base")
    faces = [with_spread(model, image, box, scheme) for box in boxes]
    lk.draw(image, *faces, scheme=scheme, view="face", size=800).write(given.out)
    wander = [float(np.sqrt(np.trace(face.cov, axis1=1, axis2=2)).mean()) for face in faces]
    print(f"{given.out}: points wander by {', '.join(f'{w:.1f}' for w in wander)} px on average")


if __name__ == "__main__":
    main()

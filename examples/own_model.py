"""A model of one's own: several models asked together, whose disagreement is the spread.

    python examples/own_model.py work                                   # a project
    python examples/own_model.py work base work/models/mine-1.safetensors
    python examples/own_model.py photo.jpg --scheme ibug68              # or a photo: what it says of it

A model is whatever has a ``name``, an ``id`` (it stands with every prediction, and says whether a face
was predicted by this model before, hence it changes with the weights) and ``predict``: the protocol
`labelkit.prediction.Model`. It may call a network in any framework. It is handed RGB photos, a box for
each face, which `labelkit.geometry.Crop` turns into the square that all schemes share, and a scheme;
it gives image pixels.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import labelkit as lk
from labelkit.images import ImageFile
from labelkit.prediction import BoxLike, Model


class Committee:
    """The mean of several models, each also asked for the mirrored photo; ``cov`` is how much they
    disagree. That is no calibrated spread: members that share their training err alike."""

    def __init__(self, members: Sequence[str], device: str = "auto") -> None:
        self.members = [lk.load_model(name, device) for name in members]

    @property
    def name(self) -> str:
        return "committee"

    @property
    def id(self) -> str:
        """The name with a hash of the members' ids, which hold those of their weights."""
        ids = " ".join(member.id for member in self.members)
        return f"{self.name}@{sha256(ids.encode()).hexdigest()[:12]}"

    def predict(
        self,
        images: Sequence[NDArray[np.uint8]],
        boxes: Sequence[BoxLike],
        scheme: lk.Scheme | str,
    ) -> list[lk.Prediction]:
        """One prediction per face, ``images`` (H, W, 3) RGB, one per box."""
        said = [
            member.predict(images, boxes, scheme, flip=flip, refine=False)
            for member in self.members
            for flip in (False, True)
        ]
        return [self._together(answers) for answers in zip(*said, strict=True)]

    def _together(self, answers: Sequence[lk.Prediction]) -> lk.Prediction:
        xy = np.stack([answer.xy for answer in answers])
        off = xy - xy.mean(axis=0)
        cov = np.einsum("mni,mnj->nij", off, off) / (len(answers) - 1)
        return lk.Prediction(xy.mean(axis=0), self.id, answers[0].crop, answers[0].scheme, cov)


def prelabel(model: Model, folder: Path) -> None:
    """Let the model prelabel a project; the faces on which its members disagree come first."""
    with lk.Project.open(folder) as project:
        report = project.prelabel(model)
        print(f"{report.faces} faces in {report.photos} photos, by {report.model}")
        for item in project.queue(5):
            print(f"{item.face.image}: {item.reason}")


def look(model: Model, photo: Path, scheme: str) -> None:
    """Print what the model says about every face of a photo."""
    image = ImageFile(photo).load()
    boxes = lk.detect_faces(image)
    for box, found in zip(boxes, model.predict([image] * len(boxes), boxes, scheme), strict=True):
        spread = np.sqrt(np.trace(found.cov, axis1=1, axis2=2))
        worst = lk.load_scheme(scheme).names[int(spread.argmax())]
        print(f"face at {box.x0:.0f}, {box.y0:.0f}: {len(found)} points, most in doubt {worst}")
        print(f"    mean spread {spread.mean():.2f} px, its largest {spread.max():.2f} px")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", type=Path, help="a project, or a photo")
    parser.add_argument("models", nargs="*", default=["base"], help="names or files of the members")
    parser.add_argument("--scheme", default="ibug68", help="for a photo: a scheme's name or .json file")
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    try:
        model = Committee(given.models, given.device)
        if given.what.is_dir():
            prelabel(model, given.what)
        else:
            look(model, given.what, given.scheme)
    except lk.LabelkitError as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()

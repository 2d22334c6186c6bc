"""A face detector of one's own: photos of crowds, searched tile by tile.

    python examples/own_detector.py crowd.jpg --scheme ibug68 -o labels.json
    python examples/own_detector.py --project work

The detector that comes with labelkit looks at a photo made 640 px small, in which the faces of a
large group are a few pixels. The one below looks at overlapping tiles of the photo as well. Whatever
has a ``name`` and a ``detect(image)`` will do: an ONNX file, a web service, a table of boxes.

A detector frames faces in its own way. What its boxes say about the landmarks is a `BoxRule` under its
name in `labelkit.boxrules.BOX_RULES`; without one, a box is taken to go from the brows to the chin.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import labelkit as lk
from labelkit.boxrules import BOX_RULES
from labelkit.detect import Detector, default_detector, suppressed
from labelkit.images import RGBImage
from labelkit.models.stream import Photo
from labelkit.prelabel.predict import find_photos, write_labels
from labelkit.prelabel.predict import label_photos as label_without_project


class Tiled:
    """``inner`` on the whole photo and on tiles of ``side`` px that overlap by half."""

    def __init__(self, inner: Detector, side: int = 640) -> None:
        self.inner, self.side = inner, side
        # The boxes are those of the inner detector, hence its rule.
        BOX_RULES.setdefault(self.name, BOX_RULES[inner.name])

    @property
    def name(self) -> str:
        return f"tiled-{self.inner.name}"

    def detect(self, image: RGBImage) -> list[lk.Box]:
        """The faces of an image (H, W, 3) of uint8 RGB, best first, each of them once."""
        found = self.inner.detect(image)
        for x, y in self._corners(*image.shape[:2]):
            tile = image[y : y + self.side, x : x + self.side]
            found += [_moved(box, x, y) for box in self.inner.detect(tile) if not _cut(box, tile.shape)]
        return [replace(box, source=self.name) for box in suppressed(found)]

    def _corners(self, height: int, width: int) -> Iterator[tuple[int, int]]:
        if max(height, width) <= self.side:
            return  # nothing that the whole photo would not show
        step = self.side // 2
        for y in range(0, max(height - step, 1), step):
            for x in range(0, max(width - step, 1), step):
                yield x, y


def _moved(box: lk.Box, x: int, y: int) -> lk.Box:
    return replace(box, x0=box.x0 + x, y0=box.y0 + y, x1=box.x1 + x, y1=box.y1 + y)


def _cut(box: lk.Box, shape: tuple[int, ...]) -> bool:
    """Whether a face goes on beyond its tile: it is found whole in the next one."""
    return box.x0 < 0 or box.y0 < 0 or box.x1 > shape[1] - 1 or box.y1 > shape[0] - 1


def label_photos(detector: Detector, photos: list[Path], scheme: str, out: Path, model: str) -> None:
    """Write the points of all faces that ``detector`` finds to ``out``, as JSON."""
    chosen = lk.load_scheme(scheme)
    boxed = []
    for file in find_photos(photos):
        boxes = tuple(detector.detect(file.load()))
        print(f"{file.path}: {len(boxes)} faces")
        boxed.append(Photo(file, boxes))
    labelled = label_without_project(lk.load_model(model), boxed, chosen)
    write_labels(labelled.faces, chosen, out, "json")


def label_project(detector: Detector, folder: Path, model: str) -> None:
    """Prelabel a project's photos in which nobody has looked for faces yet."""
    with lk.Project.open(folder) as project:
        report = project.prelabel(model, find=detector.detect)
    print(f"{report.faces} faces in {report.photos} photos, nobody in {report.no_face}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", nargs="*", type=Path, help="photos, or folders of photos")
    parser.add_argument("--project", type=Path, help="a project to prelabel, instead of photos")
    parser.add_argument("--scheme", default="ibug68", help="a scheme's name or .json file")
    parser.add_argument("-o", "--out", type=Path, default=Path("labels.json"))
    parser.add_argument("--side", type=int, default=640, help="of a tile, in px")
    parser.add_argument("--model", default="base")
    given = parser.parse_args()
    if bool(given.photos) == bool(given.project):
        parser.error("name photos, or a --project")
    if given.side < 64:
        parser.error("a tile of less than 64 px holds no face")
    try:
        detector = Tiled(default_detector(), given.side)
        if given.project:
            label_project(detector, given.project, given.model)
        else:
            label_photos(detector, given.photos, given.scheme, given.out, given.model)
    except lk.LabelkitError as error:
        sys.exit(f"{parser.prog}: {error}")


if __name__ == "__main__":
    main()

"""What the face detectors find, what they take for faces, and how long they take; prints JSON.

    python benchmarks/detector.py ../shared/data [--detector facefinder haar] [--weights FILE]

- ``recall``: labelled faces of ``scenes/dev`` with a box of IoU 0.5, in percent, as the photos are and
  turned; boxes are those of the 68 points (`landmark_box`). ``others`` are boxes a photo on no
  labelled face; people whom nobody labelled are among them.
- ``false``: boxes a picture on those pictures of scikit-image that hold no human face (`PICTURES`,
  looked at one by one; ``camera``, ``astronaut`` and the tiny animation show people) and on 200 tiles of
  them, enlarged or shrunk by 0.5 to 2. The ancient heads on ``coins`` count as false.
- ``ms_per_photo``: photos with a longer side of 640 px, on ``--threads`` cores.
- ``curve``: recall and false boxes at other thresholds.
- ``--sheet OUT.png`` draws the photos of ``dev`` in which something is wrong.

OpenCV's Haar cascades (`haar`) are measured where the installed OpenCV has them, below version 5.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage
import torch
from haar import HaarCascades

from labelkit.boxrules import landmark_box
from labelkit.detect import Detector, FaceFinder, YuNet
from labelkit.errors import UnavailableError
from labelkit.geometry import Box, Similarity
from labelkit.images import ImageFile, RGBImage
from labelkit.train.detector.fit import Found, measure
from labelkit.train.detector.scenes import Scene, SceneFace, read_scenes, with_outlines

#: Pictures of scikit-image without a human face that come with its wheel.
PICTURES = (
    "brick.png",
    "cell.png",
    "chelsea.png",
    "chessboard_GRAY.png",
    "chessboard_RGB.png",
    "clock_motion.png",
    "coffee.png",
    "coins.png",
    "color.png",
    "grass.png",
    "gravel.png",
    "horse.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "logo.png",
    "microaneurysms.png",
    "moon.png",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "page.png",
    "phantom.png",
    "retina.jpg",
    "rocket.jpg",
    "text.png",
)

#: Px a side of the tiles.
TILE = 320

THRESHOLDS = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)

Find = Callable[[RGBImage], list[Box]]


def pictures() -> dict[str, RGBImage]:
    folder = Path(skimage.__file__).parent / "data"
    return {name: ImageFile(folder / name).load() for name in PICTURES if (folder / name).is_file()}


def tiles(images: Sequence[RGBImage], count: int = 200, seed: int = 0) -> Iterator[RGBImage]:
    """Random squares of the pictures, resized by 0.5 to 2 beforehand."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        image = images[rng.integers(len(images))]
        factor = math.exp(rng.uniform(math.log(0.5), math.log(2)))
        how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
        resized = np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)
        y, x = (int(rng.integers(0, max(1, side - TILE + 1))) for side in resized.shape[:2])
        yield np.ascontiguousarray(resized[y : y + TILE, x : x + TILE])


def turned(scene: Scene, degrees: float) -> Scene:
    """The whole photo turned, on grey, and its faces with it."""
    height, width = scene.image.shape[:2]
    angle = math.radians(degrees)
    turn = Similarity(math.cos(angle), math.sin(angle), 0.0, 0.0)
    corners = turn([[0, 0], [width, 0], [width, height], [0, height]])
    low, high = corners.min(axis=0), corners.max(axis=0)
    turn = replace(turn, tx=float(-low[0]), ty=float(-low[1]))
    size = tuple(int(v) for v in np.ceil(high - low))
    image = cv2.warpAffine(scene.image, turn.matrix, size, borderValue=(127, 127, 127))
    faces = tuple(SceneFace(turn(face.outline), turn(face.five)) for face in scene.faces)
    return Scene(np.asarray(image, np.uint8), faces)


def by_landmarks(detector: Detector) -> Find:
    return lambda image: [landmark_box(box) for box in detector.detect(image)]


def figures(found: Found) -> dict[str, float]:
    return {"recall": round(100 * found.recall, 2), "others": round(found.others / found.photos, 3)}


def false_boxes(find: Find, free: Mapping[str, RGBImage], cut: Sequence[RGBImage]) -> dict[str, Any]:
    """Boxes a picture on the pictures, on the tiles and on both together, and on which pictures."""
    where = {name: len(find(image)) for name, image in free.items()}
    tiled = [len(find(image)) for image in cut]
    return {
        "pictures": round(statistics.mean(where.values()), 3),
        "tiles": round(statistics.mean(tiled), 3),
        "both": round(statistics.mean([*where.values(), *tiled]), 3),
        "where": {name: count for name, count in where.items() if count},
    }


def speed(find: Find, scenes: Sequence[Scene], rounds: int = 3) -> dict[str, float]:
    """The best of some rounds over 20 photos, enlarged to 640 px: other programs only add to it. They
    add less to the processor time, which is that of all threads together."""
    photos = [enlarged(scene.image) for scene in scenes[:20]]
    find(photos[0])
    times, spent = [], []
    for _ in range(rounds):
        started, before = time.perf_counter(), time.process_time()
        for photo in photos:
            find(photo)
        times.append((time.perf_counter() - started) / len(photos) * 1000)
        spent.append((time.process_time() - before) / len(photos) * 1000)
    return {"ms_per_photo": round(min(times), 1), "cpu_ms_per_photo": round(min(spent), 1)}


def enlarged(image: RGBImage, side: int = 640) -> RGBImage:
    factor = side / max(image.shape)
    size = (round(image.shape[1] * factor), round(image.shape[0] * factor))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def at_thresholds(
    weights: Path | None, scenes: Sequence[Scene], free: Mapping[str, RGBImage], cut: Sequence[RGBImage]
) -> list[Any]:
    """Every box is found once, at the lowest threshold. A higher one can only drop boxes whole,
    since a bunch of candidates is kept or dropped by its best."""
    finder = FaceFinder(weights, THRESHOLDS[0])
    images = [*(scene.image for scene in scenes), *free.values(), *cut]
    found = {id(image): finder.detect(image) for image in images}
    rows = []
    for least in THRESHOLDS:

        def find(image: RGBImage, least: float = least) -> list[Box]:
            return [box for box in found[id(image)] if (box.score or 0) >= least]

        rows.append({"score": least, **figures(measure(find, scenes)), **false_boxes(find, free, cut)})
    return rows


def sheet(find: Find, scenes: Sequence[Scene], path: Path, most: int = 30) -> None:
    """The photos in which something is wrong: labelled green, found red."""
    wrong = []
    for scene in scenes:
        boxes = find(scene.image)
        found = measure(lambda _, boxes=boxes: boxes, [scene])
        if found.hits < found.faces or found.others:
            wrong.append((found.faces - found.hits, scene, boxes))
    wrong.sort(key=lambda entry: -entry[0])
    rows = [drawn(scene, boxes) for _, scene, boxes in wrong[:most]]
    rows += [np.zeros_like(rows[0])] * (-len(rows) % 6)
    picture = np.vstack([np.hstack(rows[i : i + 6]) for i in range(0, len(rows), 6)])
    cv2.imwrite(str(path), picture[..., ::-1])


def drawn(scene: Scene, boxes: Sequence[Box], side: int = 300) -> RGBImage:
    image = scene.image.copy()
    for face in scene.faces:
        x0, y0, x1, y1 = (round(v) for v in Box.around(face.outline).xyxy)
        cv2.rectangle(image, (x0, y0), (x1, y1), (0, 255, 0), 2)
    for box in boxes:
        x0, y0, x1, y1 = (round(v) for v in box.xyxy)
        cv2.rectangle(image, (x0, y0), (x1, y1), (255, 0, 0), 2)
        cv2.putText(image, f"{box.score:.2f}", (x0, y0 + 12), 0, 0.5, (255, 255, 0), 1, cv2.LINE_AA)
    factor = side / max(image.shape)
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    square = np.zeros((side, side, 3), np.uint8)
    square[: small.shape[0], : small.shape[1]] = small
    return square


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the face detectors.")
    parser.add_argument("data", type=Path, help="the folder with scenes/ and ibug68/")
    parser.add_argument("--detector", nargs="+", default=["facefinder", "haar"])
    parser.add_argument("--weights", type=Path, help="another file of labelkit fit detector")
    parser.add_argument("--yunet", type=Path, help="YuNet's ONNX file, for --detector yunet")
    parser.add_argument("--turns", type=float, nargs="*", default=[-60, -30, 30, 60])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-speed", action="store_true", help="where other programs keep the cores busy")
    parser.add_argument("--sheet", type=Path, help="draw the photos of dev in which something is wrong")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    dev, _ = read_scenes(options.data / "scenes" / "dev")
    points, _ = read_scenes(options.data / "ibug68" / "dev")
    dev, known = with_outlines(dev, [face for scene in points.scenes for face in scene.faces])
    free = pictures()
    cut = list(tiles(list(free.values())))
    result: dict[str, Any] = {"photos": len(dev.scenes), "faces": dev.face_count, "with_outlines": known}
    result["pictures"] = sorted(free)
    made: dict[str, Callable[[], Detector]] = {
        "facefinder": lambda: FaceFinder(options.weights),
        "haar": HaarCascades,
        "yunet": lambda: YuNet(options.yunet),
    }
    for name in options.detector:
        try:
            detector = made[name]()
        except UnavailableError as error:
            print(error, file=sys.stderr)
            continue
        find = by_landmarks(detector)
        row: dict[str, Any] = {"upright": figures(measure(find, dev.scenes))}
        for degrees in options.turns:
            row[f"turned {degrees:g}"] = figures(measure(find, [turned(s, degrees) for s in dev.scenes]))
        row["false"] = false_boxes(find, free, cut)
        if not options.no_speed:
            row |= speed(find, dev.scenes)
        if name == "facefinder":
            row["curve"] = at_thresholds(options.weights, dev.scenes, free, cut)
        if options.sheet:
            sheet(find, dev.scenes, options.sheet.with_stem(f"{options.sheet.stem}_{name}"))
        result[name] = row
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()

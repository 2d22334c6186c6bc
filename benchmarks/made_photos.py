"""Photos for measuring speed and memory: the example portraits, scaled, lit and mirrored anew."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from labelkit.dataset import Dataset, Sample
from labelkit.detect import detect_faces
from labelkit.geometry import flip_points, resize_points
from labelkit.images import ImageFile, example_faces
from labelkit.landmarks import Landmarks
from labelkit.models.predictor import LandmarkModel
from labelkit.scheme import load_scheme

#: The longer side of every photo.
SIDE = 640


def make_photos(folder: Path, count: int, model: LandmarkModel) -> Dataset:
    """``count`` JPEGs of 640 px with one face each, labelled by ``model`` itself: what is
    measured with them is speed, never accuracy."""
    scheme = load_scheme("ibug68")
    portraits = []
    for file in example_faces():
        image = file.load()
        box = detect_faces(image)[0]
        portraits.append((image, model.predict([image], [box], scheme)[0].xy))
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    samples = []
    for number in range(count):
        image, points = portraits[number % len(portraits)]
        factor = SIDE / max(image.shape[:2])
        size = (round(image.shape[1] * factor), round(image.shape[0] * factor))
        small = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
        xy = resize_points(points, factor)
        if rng.random() < 0.5:
            small, xy = small[:, ::-1], flip_points(xy, size[0])[scheme.mirror_index]
        lit = np.clip(small * rng.uniform(0.6, 1.3), 0, 255).astype(np.uint8)
        path = folder / f"{number:05d}.jpg"
        Image.fromarray(lit).save(path, quality=90)
        samples.append(Sample(ImageFile(path), landmarks=Landmarks(scheme, xy)))
    return Dataset(tuple(samples), scheme, folder)

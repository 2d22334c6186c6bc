"""A real ``labelkit serve`` over a small project, for the tests of the app."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from labelkit.geometry import Box, Crop, Similarity
from labelkit.prediction import Prediction
from labelkit.project import Project
from labelkit.store import NewFace, NewPrediction

COMMAND = [sys.executable, "-c", "from labelkit.cli import main; main()"]


def make_photos(folder: Path, count: int) -> Path:
    """Pictures of 240 x 200 px, each of its own."""
    folder.mkdir(parents=True)
    for number in range(count):
        noise = np.random.default_rng(number).integers(60, 200, (5, 6, 3), np.uint8)
        Image.fromarray(noise).resize((240, 200)).save(folder / f"{number:03d}.jpg")
    return folder


def make_project(folder: Path, photos: int, faces: int = 0) -> Path:
    """A project in ``folder/work`` of so many photos; the first ``faces`` have a predicted face, less
    certain from one to the next."""
    images = make_photos(folder / "photos", photos)
    with Project.create(folder / "work", images, "ibug68") as project:
        store, scheme = project.store, project.scheme
        box = Box(70, 50, 170, 150, "detector", "made", 0.9)
        ids = store.add_faces(NewFace(image.id, box) for image in store.images()[:faces])
        crop = Crop(Similarity(60.0, 0.0, 120.0, 95.0))
        xy = crop.points_to_image(scheme.plane)
        store.put_predictions(
            NewPrediction(face, Prediction(xy, "made@1", crop, scheme.name), 0.9 - 0.005 * number)
            for number, face in enumerate(ids)
        )
    return folder / "work"


@contextmanager
def served(project: Path, *options: str) -> Iterator[str]:
    """The address of a server over the project; it ends by Ctrl-C, and ends well."""
    command = [*COMMAND, "serve", str(project), "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    if " at http" not in line:
        process.kill()
        raise AssertionError(f"not served: {line}{process.communicate()}")
    try:
        yield line.split(" at ")[1].strip().replace("localhost", "127.0.0.1")
    finally:
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    assert "Traceback" not in told, told

"""As ``kill.py``, for what projects do: importing a list, prelabelling, exporting.

    python benchmarks/kill_project.py [--kills 200] [--seed 0] [--victim import prelabel export ...]

An import has stored the faces that it said it had; a prelabelling too, and no confirmed point is
ever touched; an export is whole or absent, and one that was acknowledged is there. Prints
JSON as ``kill.py`` does. Exit code 1 when something was lost. Linux and macOS only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from kill import Say, Victim, main

from labelkit.dataset import Dataset, Sample
from labelkit.formats import read, write
from labelkit.geometry import Box, Crop, Similarity
from labelkit.images import ImageFile
from labelkit.landmarks import Face, Landmarks, State
from labelkit.prediction import Prediction
from labelkit.prelabel import work as prelabelling
from labelkit.project import Project, importing
from labelkit.scheme import Scheme, load_scheme

FACES = 20

SCHEME = load_scheme("ibug68")

# Many small steps, so that a kill at any moment tells something.
importing._CHUNK = 4
prelabelling._PATIENCE = -1.0


@dataclass
class Result:
    boxes: tuple[Box, ...]
    predictions: list[Prediction]
    problem: str | None = field(default=None)


def points(value: int) -> np.ndarray:
    """A face by which one can tell when it was stored; close to all others, so that it is the same."""
    return SCHEME.plane * 100 + (200 + value % 100 / 10, 200 + value // 1_000_000 / 10)


def labels(folder: Path, value: int) -> Dataset:
    photos = [ImageFile(folder / "photos" / f"{number}.jpg") for number in range(FACES)]
    samples = tuple(Sample(photo, None, Landmarks(SCHEME, points(value))) for photo in photos)
    return Dataset(samples, SCHEME, folder / "photos")


def prepare(folder: Path) -> None:
    """Photos that nothing could decode, and no faces yet."""
    (folder / "photos").mkdir()
    for number in range(FACES):
        (folder / "photos" / f"{number}.jpg").write_bytes(b"x")
    Project.create(folder, folder / "photos", SCHEME, read=False).close()


def prepare_done(folder: Path) -> None:
    """All faces annotated."""
    prepare(folder)
    with Project.open(folder) as project:
        write(labels(folder, 0), folder / "labels.txt", "wflw", images=folder / "photos")
        project.import_annotations(folder / "labels.txt", author="me")


def import_(folder: Path, number: int, say: Say) -> None:
    """One list after the other, each with corrections for every face."""
    with Project.open(folder) as project:
        while True:
            number += 1
            data = labels(folder, number)
            importing.import_dataset(
                project.store,
                project.images,
                data,
                folder / "list.txt",
                "importer",
                heard=lambda done, _, value=number: say(f"{value} {done}"),
            )


def lost_imports(folder: Path, acknowledged: list[str]) -> list[str]:
    with Project.open(folder) as project:
        histories = {face.image: project.history(face) for face in project.faces()}
    places = [
        {tuple(one.landmarks.xy[0]) for one in histories.get(f"{number}.jpg", [])} for number in range(FACES)
    ]
    lost = []
    for line in acknowledged:
        value, done = map(int, line.split())
        wanted = tuple(points(value)[0])
        lost += [f"{line}: face {face}" for face in range(done) if wanted not in places[face]]
    return lost


def prelabel(folder: Path, number: int, say: Say) -> None:
    """One model after the other over all faces."""
    with Project.open(folder) as project:
        while True:
            number += 1

            def heard(done: int, total: int, value: int = number) -> bool:
                if done:
                    say(f"{value} {done}")
                return False

            model = Fake(f"fake@{number}")
            prelabelling.prelabel(project.store, project.images, model, model.id, heard=heard)


class Fake:
    def __init__(self, name: str) -> None:
        self.id = name

    def __call__(
        self, photos: Iterable[tuple[ImageFile, tuple[Box, ...] | None]], scheme: Scheme
    ) -> Iterator[Result]:
        for _, given in photos:
            boxes = given or (Box(10, 10, 60, 60, "detector", "fake", 0.5),)
            crop = Crop(Similarity(50.0, 0.0, 35.0, 35.0))
            said = Prediction(crop.points_to_image(scheme.plane), self.id, crop, scheme.name)
            yield Result(boxes, [said] * len(boxes))


def prepare_half(folder: Path) -> None:
    """The first half of the photos has confirmed faces."""
    prepare_done(folder)
    with Project.open(folder) as project:
        assert project.status().states["done"] == FACES
    for number in range(FACES, 2 * FACES):
        (folder / "photos" / f"{number}.jpg").write_bytes(b"x")
    with Project.open(folder) as project:
        project.scan(read=False)


def lost_predictions(folder: Path, acknowledged: list[str]) -> list[str]:
    with Project.open(folder) as project:
        models = {int(model.partition("@")[2]): count for model, count in project.store.models().items()}
        confirmed = [project.landmarks(Face(f"{number}.jpg")) for number in range(FACES)]
    lost = [
        f"face {number}"
        for number, one in enumerate(confirmed)
        if not (one.state == State.CONFIRMED).all() or not np.allclose(one.xy, points(0), atol=1e-5)
    ]
    for line in acknowledged:
        value, done = map(int, line.split())
        if sum(count for model, count in models.items() if model >= value) < done:
            lost.append(line)
    return lost


def export(folder: Path, number: int, say: Say) -> None:
    """A correction, then both kinds of exports, again and again."""
    with Project.open(folder) as project:
        while True:
            number += 1
            project.annotate(Face("0.jpg"), points(number), author="me")
            project.export("wflw", folder / "exports" / "list.txt")
            project.export("300w", folder / "exports" / "points")
            say(str(number))


def lost_exports(folder: Path, acknowledged: list[str]) -> list[str]:
    lost, place = [], folder / "exports"
    for name, kind in (("list.txt", "wflw"), ("points", "300w")):
        if not (place / name).exists():
            # Between two renames a folder may be absent; a file that was there never is.
            lost += [f"{name} is absent"] if acknowledged and kind == "wflw" else []
            continue
        found = read(place / name, kind, SCHEME, images=folder / "photos")
        if len(found) != FACES:
            lost.append(f"{name} has {len(found)} faces")
    if (place / "points").exists():
        digests = json.loads((place / "points" / "labelkit.json").read_text())["sha256"]
        lost += [
            f"points/{name} is another"
            for name, digest in digests.items()
            if hashlib.sha256((place / "points" / name).read_bytes()).hexdigest() != digest
        ]
    return lost


VICTIMS = {
    "import": Victim(prepare, import_, lost_imports),
    "prelabel": Victim(prepare_half, prelabel, lost_predictions),
    "export": Victim(prepare_done, export, lost_exports),
}


if __name__ == "__main__":
    main(VICTIMS, __doc__)

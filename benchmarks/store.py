"""Time of the store's everyday calls in a large project.

    python benchmarks/store.py [--photos 100000] [--points 10] [--waiting 0.2] [--repeat 20]

Builds a database with one annotated face per photo in a temporary folder, through the public
calls, and prints JSON: how long that took, the file's size, and the median and the largest of
``--repeat`` timings of each call in milliseconds. A share of the faces (``--waiting``) is left to be
done, half of them with a prediction and its spread, so that several states are there, and every
thousandth finished one has a history of 20 revisions. ``queue_...`` are the first 50 faces of the queue in
each order, with their reasons.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from labelkit import queue
from labelkit.geometry import Box, Crop, Similarity
from labelkit.landmarks import Landmarks
from labelkit.prediction import Prediction
from labelkit.project.waiting import items
from labelkit.queue import Way
from labelkit.sampling import look
from labelkit.scheme import Point, Scheme
from labelkit.scheme.change import SchemeChange
from labelkit.store import FaceState, NewAnnotation, NewFace, NewImage, NewPrediction, Store

#: How many faces one transaction adds, and how many revisions a long history has.
BATCH, HISTORY = 10_000, 20

WAYS: tuple[Way, ...] = ("uncertain", "worst", "random", "oldest")


def build(path: Path, photos: int, points: int, waiting: float) -> list[int]:
    """A database of ``photos`` photos; the ids of the faces with a long history."""
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    places = zip(np.cos(angles), np.sin(angles), strict=True)
    scheme = Scheme("made", tuple(Point(f"p{i}", float(x), float(y)) for i, (x, y) in enumerate(places)))
    random = np.random.default_rng(0)
    deep: list[int] = []
    with Store.create(path, scheme) as store:
        for start in range(0, photos, BATCH):
            numbers = range(start, min(start + BATCH, photos))
            images = store.add_images(
                [
                    NewImage(f"folder {i // 1000:03}/photo {i:06}.jpg", f"{i:064x}", 100_000 + i, float(i))
                    for i in numbers
                ]
            )
            faces = store.add_faces([NewFace(image, Box(10, 10, 200, 210, "user")) for image in images])
            store.set_scores(dict(zip(faces, random.random(len(faces)).tolist(), strict=True)))
            left = [face for face in faces if face * waiting % 1 + waiting >= 1]
            predict(store, scheme, left[::2], random)
            done = sorted(set(faces) - set(left))
            shapes = random.normal(100, 30, (len(done), points, 2))
            store.import_annotations(
                [
                    NewAnnotation(face, Landmarks(scheme, shape))
                    for face, shape in zip(done, shapes, strict=True)
                ],
                "benchmark",
            )
            deep.extend(done[::1000])
        for turn in range(1, HISTORY):
            shape = Landmarks(scheme, np.full((points, 2), float(turn)))
            store.import_annotations([NewAnnotation(face, shape) for face in deep], f"person {turn % 3}")
    return deep


def predict(store: Store, scheme: Scheme, faces: list[int], random: np.random.Generator) -> None:
    """Predictions of which no two are alike, each with a spread and a score."""
    crop = Crop(Similarity(100.0, 0.0, 105.0, 110.0))

    def made(face: int) -> NewPrediction:
        xy = crop.points_to_image(scheme.plane + random.normal(0, 0.1, (len(scheme), 2)))
        cov = random.uniform(1, 60, len(scheme))[:, None, None] * np.eye(2)
        one = Prediction(xy, "benchmark@1", crop, scheme.name, cov)
        picture = random.integers(0, 256, (16, 16, 3), np.uint8)
        return NewPrediction(face, one, queue.score(one, None), queue.signature(one, scheme, look(picture)))

    store.put_predictions([made(face) for face in faces])


def timings(call: Callable[[], object], repeat: int) -> dict[str, float]:
    """Median and largest time of a call in milliseconds."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - start))
    return {"median_ms": round(statistics.median(times), 2), "max_ms": round(max(times), 2)}


def measure(path: Path, deep: list[int], repeat: int) -> dict[str, dict[str, float]]:
    """The timings of each call."""

    def open_and_close() -> None:
        Store.open(path).close()

    def open_and_count() -> None:
        with Store.open(path) as store:
            store.count_by_state()

    with Store.open(path) as store:
        middle = store.face(deep[len(deep) // 2])
        todo = store.page(FaceState.TODO, limit=1000)[-1]
        unsure = store.page(FaceState.DONE, limit=5000, order="score")[-1]
        calls: dict[str, Callable[[], object]] = {
            "open": open_and_close,
            "open_and_count": open_and_count,
            "count_by_state": store.count_by_state,
            "count_images": store.count_images,
            "page": lambda: store.page(after=middle),
            "page_of_state": lambda: store.page(FaceState.TODO, after=todo),
            "page_by_score": lambda: store.page(FaceState.DONE, after=unsure, order="score"),
            "page_of_all_by_score": lambda: store.page(after=unsure, order="score"),
            "face_with_history": lambda: (store.face(middle.id), store.history(middle.id)),
            "current": lambda: store.current(middle.id),
            "events_of_face": lambda: store.events(middle.id),
            **{f"queue_{way}": lambda way=way: items(store, 50, way) for way in WAYS},
            "take_leases": lambda: store.leases.take([middle.id], "benchmark"),
            "find_face": lambda: store.find_face(middle.face.image),
            "annotate": lambda: store.annotate(middle.id, store.current(middle.id), "benchmark"),
        }
        return {name: timings(call, repeat) for name, call in calls.items()}


def export(path: Path) -> float:
    """Seconds to read every finished face with its landmarks."""
    start = time.perf_counter()
    with Store.open(path) as store:
        for _ in store.iter_current([FaceState.DONE]):
            pass
    return time.perf_counter() - start


def change_scheme(path: Path) -> dict[str, float]:
    """Seconds to add a point while every finished face is complete, and to take it back."""
    with Store.open(path) as store:
        old = store.scheme()
        new = replace(old, points=(*old.points, Point("new", 0.5, 0.5)))
        start = time.perf_counter()
        store.change_scheme(SchemeChange(old, new, (*range(len(old)), -1)), "benchmark")
        changed = time.perf_counter()
        store.undo_scheme_change("benchmark")
        return {
            "add_point_s": round(changed - start, 2),
            "undo_s": round(time.perf_counter() - changed, 2),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--points", type=int, default=10, help="per face")
    parser.add_argument("--waiting", type=float, default=0.2, help="the share of faces left to be done")
    parser.add_argument("--repeat", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labelkit.db"
        start = time.perf_counter()
        deep = build(path, options.photos, options.points, options.waiting)
        built = time.perf_counter() - start
        result = {
            "photos": options.photos,
            "points": options.photos * options.points,
            "build_s": round(built, 1),
            "size_mb": round(path.stat().st_size / 1e6, 1),
            "calls": measure(path, deep, options.repeat),
            "read_all_done_s": round(export(path), 2),
            **change_scheme(path),
        }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

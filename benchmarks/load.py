"""What a server carries: people who label at the same time, over its web sockets, while it trains.

    python benchmarks/load.py [--labellers 10] [--seconds 300] [--photos 600] [--no-training]

Serves a made project with logins to this machine alone, as ``labelkit serve`` does to others. Simulated
labellers log in, load the page Review, and work as its script does: each moves points of a face (1 to 3 s
between two moves), undoes some, accepts it and goes on to the next; now and then they load the page
again, look at the photos and at the grid with all their pictures, and one in ten loses the connection
with changes on the way. Meanwhile somebody starts one training after the other on the page Train.

Prints JSON: seconds from sending a change to the word that it is saved (``save``), from accepting a face
to the next one with its photo (``next face``), and from asking for a page to its first face (``page``);
errors of any kind, and whatever the database does not hold as it was acknowledged; memory, threads, open
files and processor time of the server. Memory is flat when it grows by less than 5 % in the last three
minutes, and no more is held than that when all have left. Exit code 1 when the bar is missed: an error,
anything lost, the 95th percentile of ``save`` beyond 300 ms, memory that grows. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from made_photos import make_photos

from labelkit.app.users import add_user
from labelkit.geometry import Box, Crop, Similarity
from labelkit.landmarks import Landmarks, State
from labelkit.models.registry import load_model
from labelkit.prediction import Prediction
from labelkit.project import Project
from labelkit.project.tuning import Tuning
from labelkit.store import JobState, NewFace, NewPrediction

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from app.kept import lost
from app.labeller import Desks, Labeller
from app.loaded import KEPT, Serving, serving
from app.wire import Browser, TroubleError
from watched import Watch

PASSWORD = "a password of the load"

#: Who trains, and how many faces have been labelled before.
TRAINER, LABELLED = "trainer", 12

#: The bars: seconds to a save, and by what share memory may grow.
SLOWEST, GROWTH = 0.3, 0.05


def build(folder: Path, photos: int, people: Sequence[str]) -> Path:
    """A project of photos with a predicted face each, some of which are labelled, and its users."""
    model = load_model("base")
    data = make_photos(folder / "photos", photos, model)
    random = np.random.default_rng(0)
    with Project.create(folder / "work", folder / "photos", "ibug68") as project:
        images = {image.path: image.id for image in project.store.images()}
        samples = {images[sample.image.path.name]: sample.landmarks for sample in data}
        ids = project.store.add_faces(
            NewFace(image, Box.around(points.xy, "ibug68")) for image, points in samples.items() if points
        )
        said = [_said(points, model.id, random) for points in samples.values() if points]
        project.store.put_predictions(
            NewPrediction(face, one, float(random.random())) for face, one in zip(ids, said, strict=True)
        )
        for face, one in list(zip(ids, said, strict=True))[:LABELLED]:
            points = Landmarks(project.scheme, one.xy + np.array([3.0, -2.0]), State.CONFIRMED)
            project.store.annotate(face, points, TRAINER)
    for name in people:
        add_user(folder / "work", name, PASSWORD)
    return folder / "work"


def _said(points: Landmarks, model: str, random: np.random.Generator) -> Prediction:
    """What a model might have said of a face, with its doubts."""
    xy = points.xy + random.normal(0, 2, points.xy.shape)
    half, (x, y) = 0.7 * float(np.ptp(xy, axis=0).max()), xy.mean(axis=0)
    cov = np.eye(2) * random.uniform(1, 30, (len(xy), 1, 1))
    crop = Crop(Similarity(half, 0.0, float(x), float(y)))
    return Prediction(xy, model, crop, "ibug68", cov=cov, confidence=random.uniform(0, 1, len(xy)))


class Trainer:
    """Somebody who presses Start on the page Train whenever nothing is trained, and Stop at the end."""

    def __init__(self, browser: Browser, project: Project) -> None:
        self._browser, self._project = browser, project
        self.problems: list[str] = []

    async def work(self, end: float) -> None:
        try:
            await self._browser.login(TRAINER, PASSWORD)
            page = await self._browser.open("/train")
            while time.monotonic() < end:
                start = page.find(label="Start") or page.find(label="Train again")
                if start is None:
                    raise TroubleError("the page Train has no button to start with")
                if not page.models[start].get("disabled"):
                    await page.press(start)
                    await asyncio.sleep(2)
                await asyncio.sleep(1)
            await self._stop(page)
        except Exception as error:  # noqa: BLE001 - all of it counts as an error of the server
            self.problems.append(f"{TRAINER}: {type(error).__name__}: {error}")
        finally:
            self._browser.close()

    async def _stop(self, page: Any) -> None:
        stop = page.find(label="Stop")
        if stop is not None and page.models[stop].get("visible", True):
            await page.press(stop)
        began = time.monotonic()
        while self._running() and time.monotonic() < began + 90:
            await asyncio.sleep(0.5)
        self.problems += ["a training did not stop"] if self._running() else []
        await page.close()

    def _running(self) -> bool:
        jobs = self._project.store.jobs.list(Tuning.kind, 1)
        return any(job.state in (JobState.RUNNING, JobState.WAITING) for job in jobs)

    def report(self) -> dict[str, int]:
        """How the trainings have ended."""
        counts: dict[str, int] = defaultdict(int)
        for job in self._project.store.jobs.list(Tuning.kind):
            counts[job.state.value] += 1
            if job.state is JobState.FAILED:
                self.problems.append(f"a training failed: {job.message}")
        return dict(counts)


async def work(
    server: Serving, project: Project, asked: argparse.Namespace, times: dict[str, list[float]]
) -> tuple[list[Labeller], Desks, Trainer]:
    """Let everybody work, for so long."""
    end, desks = time.monotonic() + asked.seconds, Desks()

    def heard(what: str, seconds: float) -> None:
        times[what].append(seconds)

    people = [
        Labeller(
            Browser(server.origin, heard),
            name,
            PASSWORD,
            desks,
            drops=number % 10 == 0,
            heard=heard,
            seed=number,
        )
        for number, name in enumerate(_names(asked.labellers))
    ]
    trainer = Trainer(Browser(server.origin), project)
    everybody = [one.work(lambda _: time.monotonic() > end) for one in people]
    if asked.training:
        everybody.append(trainer.work(end))
    await asyncio.gather(*everybody)
    return people, desks, trainer


def measure(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Serve the project in ``folder``, and say what came of it."""
    times: dict[str, list[float]] = defaultdict(list)
    log = folder.parent / "server.log"
    with serving(folder, log) as server, Project.open(folder) as project:
        watch = Watch(server.process.pid, folder)
        watch.start()
        people, desks, trainer = asyncio.run(work(server, project, asked, times))
        watch.gone()
        held = server.left(90)
        report = watch.end()
        problems = [problem for one in (*people, trainer) for problem in one.problems]
        trainings = trainer.report()
        said = server.end()
        problems += [line for line in said.splitlines() if line.strip()][:20]
        leases = len(project.store.leases.held())
        missing = lost(project, people)
    faces = sum(one.faces for one in people)
    return {
        "labellers": len(people),
        "seconds": asked.seconds,
        "faces": faces,
        "pages": sum(one.pages for one in people),
        "connections_lost": sum(one.drops for one in people),
        "ms": {name: spread(some) for name, some in sorted(times.items())},
        "errors": problems,
        "lost": missing,
        "given_twice": desks.twice,
        "leases_left": leases,
        "trainings": trainings,
        "server": {**report, **held},
    }


def missed(report: dict[str, Any]) -> list[str]:
    """The bars that were missed."""
    server, wrong = report["server"], []
    for name in ("errors", "lost", "given_twice"):
        wrong += [name] if report[name] else []
    if not report["ms"].get("save") or report["ms"]["save"]["p95"] > 1000 * SLOWEST:
        wrong.append(f"the 95th percentile of save is to be {1000 * SLOWEST:.0f} ms")
    if report["leases_left"] or server["sessions"] or server["documents"] > KEPT:
        wrong.append("something is held after all have left")
    growth = server["growth_percent"]
    if growth is not None and growth > 100 * GROWTH:
        wrong.append(f"memory is to grow by less than {100 * GROWTH:.0f} %")
    return wrong + server["kept"]


def spread(values: list[float]) -> dict[str, float]:
    """Median, percentiles and the largest, in ms."""
    numbers = [1000 * float(value) for value in (*np.percentile(values, [50, 95, 99]), max(values))]
    return {
        "count": len(values),
        **{
            name: round(number, 1)
            for name, number in zip(("median", "p95", "p99", "max"), numbers, strict=True)
        },
    }


def _names(count: int) -> list[str]:
    return [f"labeller{number}" for number in range(count)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--labellers", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--photos", type=int, default=600)
    parser.add_argument("--no-training", dest="training", action="store_false")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = build(Path(temporary), asked.photos, [*_names(asked.labellers), TRAINER])
        report = measure(folder, asked)
    report["missed"] = missed(report)
    print(json.dumps(report, indent=1))
    sys.exit(bool(report["missed"]))


if __name__ == "__main__":
    main()

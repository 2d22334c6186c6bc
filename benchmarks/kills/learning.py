"""Victims with a network: prelabelling and fine-tuning, in the very processes that do it.

`Prelabel` and `Train` run what those processes run in forks that have torch loaded, so that kills hit
the work and not the imports; `PrelabelProcess` and `TrainProcess` start the processes themselves, as
the command line and the app do, and kill the child, the parent, or both.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from kills import made
from kills.processes import Child, Line, children
from kills.victim import Problem, Round, Victim
from PIL import Image
from safetensors import safe_open

from labelkit.errors import LabelkitError
from labelkit.geometry import Box
from labelkit.landmarks import Face, State
from labelkit.project import Project
from labelkit.train.few_shot_files import read_curve

#: Photos with a face that a person drew a box around, and how many of those are annotated.
PHOTOS, DONE = 24, 3

AUTHOR = "ann"

_MODELS = ("small-a", "small-b")


class Learner(Victim):
    """What the four have in common: a project of small noisy photos, and two small models."""

    rounds = 10
    span = 0.8

    def warm(self) -> None:
        import torch

        import labelkit.prelabel.child
        import labelkit.train.few_shot_child  # noqa: F401 - loaded before the forks

        torch.set_num_threads(1)

    def prepare(self, home: Path) -> None:
        _photos(home / "photos")
        for seed, name in enumerate(_MODELS):
            _model(home / "models" / name / f"{name}.safetensors", name, seed)
        with Project.create(home / "work", home / "photos", made.SCHEME) as project:
            for number, name in enumerate(made.names(PHOTOS)):
                face = project.add_face(name, Box(30, 30, 90, 90, "user"), AUTHOR)
                if number < DONE:
                    project.annotate(face, _points(number), author=AUTHOR)

    def consistent(self, home: Path, project: Project) -> Iterator[Problem]:
        for number, name in enumerate(made.names(DONE)):
            said = project.landmarks(Face(name))
            if not (said.state == State.CONFIRMED).all() or not np.array_equal(said.xy, _points(number)):
                yield "lost", f"{name}: its annotation"
        for name in made.names(PHOTOS)[DONE:]:
            stored = project.store.prediction(project.find(Face(name)).id)
            if stored is not None and not np.isfinite(stored.prediction.xy).all():
                yield "half_written", f"{name}: its prediction"

    def first_look(self, home: Path, said: list[str]) -> Iterator[Problem]:
        for path in [*(home / "work" / "cache").glob("*.json"), *(home / "work" / "models").glob("*.json")]:
            if not path.name.startswith("."):
                json.loads(path.read_text())
        for path in (home / "work" / "cache").glob("train-*.csv"):
            read_curve(home / "work", int(path.stem.removeprefix("train-")))
        for path in (home / "work" / "models").glob("*.safetensors"):
            if not path.name.startswith(".") and not _whole(path):
                yield "half_written", path.name


class Prelabel(Learner):
    """The prelabelling process's work with one model after the other, a few photos a transaction."""

    name, share = "prelabel", 60

    def work(self, home: Path, number: int, line: Line) -> None:
        from labelkit.prelabel import child, work
        from labelkit.prelabel.runner import KIND

        work._PATIENCE = -1.0  # many small steps, so that a kill at any moment tells something
        real = child.prelabel

        def told(store: Any, images: Path, predict: Any, model: str, **options: Any) -> Any:
            heard = options.pop("heard")

            def hears(done: int, total: int) -> bool:
                line.say(f"{model} {store.models().get(model, 0)}")
                return bool(heard(done, total))

            return real(store, images, predict, model, heard=hears, **options)

        child.prelabel = told
        with Project.open(home / "work") as project:
            while True:
                number += 1
                arguments = {
                    "images": str(project.images),
                    "model": str(_file(home, number)),
                    "device": "cpu",
                }
                job = project.store.jobs.add(KIND, arguments)
                assert child.main([str(home / "work"), str(job.id)]) == 0

    def judge(self, home: Path, project: Project, said: list[str]) -> Iterator[Problem]:
        if said:
            model, count = said[-1].split()
            if project.store.models().get(model, 0) < int(count):
                yield "lost", f"{count} predictions of {model}; there are {project.store.models()}"


class Train(Learner):
    """The fine-tuning process's work over and over, each time from another model; each version is
    then made the one that prelabels."""

    name, share = "train", 60
    span = 1.5

    def prepare(self, home: Path) -> None:
        super().prepare(home)
        for name in _MODELS:
            _head(home / "models" / name / f"{name}.safetensors")

    def work(self, home: Path, number: int, line: Line) -> None:
        from labelkit.train import few_shot_child
        from labelkit.train.few_shot_files import KIND

        with Project.open(home / "work") as project:
            while True:
                number += 1
                arguments = {
                    "images": str(project.images),
                    "model": str(_file(home, number)),
                    "name": "mine",
                    "device": "cpu",
                    "steps": 0,
                }
                job = project.store.jobs.add(KIND, arguments)
                line.say(f"job {job.id}")
                assert few_shot_child.main([str(home / "work"), str(job.id)]) == 0
                name = project.store.jobs.get(job.id).message
                line.say(f"model {name}")
                project.use_model(name)
                line.say(f"use {name}")

    def judge(self, home: Path, project: Project, said: list[str]) -> Iterator[Problem]:
        from labelkit.models.registry import load_model

        versions = [p for p in (home / "work" / "models").glob("mine-????.safetensors") if p.name[0] != "."]
        for path in versions:
            model = load_model(path, "cpu")
            if model.refiner is None:
                yield "half_written", f"{path.name}: has no refinement head"
        names = {path.stem for path in versions}
        for line in said:
            what, name = line.split()
            if what == "model" and name not in names:
                yield "lost", line
        used = [name for what, name in (line.split() for line in said) if what == "use"]
        if project.settings.model not in ("base", *names):
            yield "lost", f"the model in use, {project.settings.model}"
        if used and project.settings.model < used[-1]:
            yield "lost", f"{used[-1]} is not in use, but {project.settings.model}"


class Process(Learner):
    """A child that is started as the command line does it, by a parent that waits for it."""

    span = 5.0
    rounds = 8

    def prepare(self, home: Path) -> None:
        super().prepare(home)
        for name in _MODELS:
            _head(home / "models" / name / f"{name}.safetensors")

    def begin(self, project: Project, home: Path, number: int) -> Any:
        """Start the child."""
        raise NotImplementedError

    def work(self, home: Path, number: int, line: Line) -> None:
        with Project.open(home / "work") as project:
            while True:
                number += 1
                started = self.begin(project, home, number)
                line.say("started")
                try:
                    started.wait(lambda job: line.say(f"done {job.done}"))
                    line.say("ended")
                except LabelkitError as error:
                    line.say(f"failed {error}")

    def attack(self, child: Child, home: Path, round_: Round) -> list[int]:
        who = ("both", "child", "parent")[round_.number % 3]
        pids = super().attack(child, home, round_)
        if who == "child":
            for pid in children(child.pid):
                os.kill(pid, signal.SIGKILL)
            until = time.monotonic() + 10
            while not any("failed" in line for line in child.said) and time.monotonic() < until:
                child.listen(until)
        os.kill(child.pid, signal.SIGSTOP)  # it shall start no other child in between
        orphans = children(child.pid)
        if who == "parent":
            os.kill(child.pid, signal.SIGKILL)
            time.sleep(round_.moment.uniform(0, 2))
        return [*pids, *orphans]

    def judge(self, home: Path, project: Project, said: list[str]) -> Iterator[Problem]:
        seen = home / "rounds"
        seen.write_text(f"{seen.read_text() if seen.exists() else ''}.")
        if len(seen.read_text()) == self.rounds:
            yield from self.to_the_end(home, project)

    def to_the_end(self, home: Path, project: Project) -> Iterator[Problem]:
        """After all these kills it can be begun anew, and ends well."""
        try:
            self.begin(project, home, 1).wait(lambda job: None)
        except LabelkitError as error:
            yield "stuck", str(error)


class PrelabelProcess(Process):
    """`Project.start_prelabel`."""

    name, share = "prelabel-process", 24

    def begin(self, project: Project, home: Path, number: int) -> Any:
        return project.start_prelabel(_file(home, number), device="cpu")


class TrainProcess(Process):
    """`Project.start_fine_tune`."""

    name, share = "train-process", 24

    def begin(self, project: Project, home: Path, number: int) -> Any:
        return project.start_fine_tune(_file(home, number), device="cpu", steps=0)


def _file(home: Path, number: int) -> Path:
    name = _MODELS[number % len(_MODELS)]
    return home / "models" / name / f"{name}.safetensors"


def _points(number: int) -> np.ndarray:
    """A face in the box that was drawn, by its number."""
    return made.SCHEME.plane * 40 + (60 + number / 4, 55)


def _photos(folder: Path) -> None:
    folder.mkdir()
    for number, name in enumerate(made.names(PHOTOS)):
        noise = np.random.default_rng(number).integers(0, 256, (12, 12, 3), np.uint8)
        Image.fromarray(noise).resize((120, 120), Image.Resampling.BICUBIC).save(folder / name)


def _model(path: Path, name: str, seed: int) -> None:
    """A small network with random weights, which answers quickly and badly."""
    import torch

    from labelkit.models.build import build_tufa
    from labelkit.models.registry import save_model
    from labelkit.train.recipes import load_recipe

    torch.manual_seed(seed)
    config = load_recipe("tiny").network
    network = build_tufa(config)
    torch.nn.init.normal_(network.head[-1].weight, std=0.02)
    path.parent.mkdir(parents=True)
    save_model(
        path, network.state_dict(), {}, {"name": name, "architecture": config.to_dict(), "terms": "none"}
    )


def _head(path: Path) -> None:
    """A small refinement head beside a model."""
    from dataclasses import replace

    from labelkit.checkpoint import read_card
    from labelkit.models.build import build_dslpt
    from labelkit.models.heads import FILE
    from labelkit.models.refiner import save_refiner
    from labelkit.train.refine import tiny_refine_recipe

    config = replace(tiny_refine_recipe().network, size=32, channels=8, dim=16, hidden=32)
    base = {"name": path.stem, "hash": read_card(path)["hash"]}
    card = {"name": "refine", "terms": "none", "architecture": config.to_dict(), "base": base}
    save_refiner(path.with_name(f"{path.stem}.{FILE}"), build_dslpt(config).state_dict(), card)


def _whole(path: Path) -> bool:
    """Whether the content is what the card's hash says; reckoned here, not asked of labelkit."""
    digest = hashlib.sha256()
    with safe_open(path, "np") as file:
        card = json.loads(file.metadata()["labelkit"])
        for name in sorted(file.keys()):
            tensor = file.get_tensor(name)
            digest.update(f"{name} torch.{tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(np.ascontiguousarray(tensor).tobytes())
    return bool(digest.hexdigest() == card["hash"])

"""SIGKILL in the middle of an import, an export and a prelabelling; and two processes at once."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelkit.dataset import Dataset, Sample
from labelkit.formats import read, write
from labelkit.images import ImageFile
from labelkit.landmarks import Face, Landmarks, State
from labelkit.prelabel.runner import Prelabelling
from labelkit.prelabel.work import plan
from labelkit.project import Project
from labelkit.scheme import load_scheme

HERE = Path(__file__).parent / "project"
VICTIM = HERE / "victim.py"
FAKE_CHILD = HERE / "fake_child.py"
SCHEME = load_scheme("ibug68")
PHOTOS = 30

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows knows no SIGKILL")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    for number in range(PHOTOS):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(root / f"{number:02d}.png")
    return root


@pytest.fixture
def folder(tmp_path: Path, photos: Path) -> Path:
    Project.create(tmp_path / "work", photos, SCHEME, read=False).close()
    return tmp_path / "work"


@pytest.fixture
def labels(photos: Path) -> Path:
    """Two faces in every photo."""
    faces = [
        Sample(ImageFile(photo), None, Landmarks(SCHEME, SCHEME.plane * 30 + (place, number)))
        for number, photo in enumerate(sorted(photos.glob("*.png")))
        for place in (0, 100)
    ]
    write(Dataset(tuple(faces), SCHEME, photos), photos / "labels.txt", "wflw")
    return photos / "labels.txt"


def killed(what: str, folder: Path, file: Path, steps: int, seed: int) -> int:
    """Run a victim and kill it after ``steps`` of its steps; how many it had said."""
    command = [sys.executable, str(VICTIM), what, str(folder), str(file)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(steps + 1)]
    time.sleep(random.Random(seed).uniform(0, 0.03))
    process.send_signal(signal.SIGKILL)
    said += process.stdout.readlines()
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    return int(next(line for line in reversed(said) if line.endswith("\n")))


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_import_has_stored_what_it_said_and_goes_on(folder: Path, labels: Path, seed: int) -> None:
    said = killed("import", folder, labels, steps=1 + 6 * seed, seed=seed)
    assert said > 0
    with Project.open(folder) as project:
        stored = sum(bool(project.history(face)) for face in project.faces())
        assert said <= stored < 2 * PHOTOS
        for face in project.faces():
            for annotation in project.history(face):
                assert np.isfinite(annotation.landmarks.xy).all()
        report = project.import_annotations(labels, author="ann")
        assert report.added == 2 * PHOTOS - stored
        assert project.status().faces == 2 * PHOTOS
        assert all(len(project.history(face)) == 1 for face in project.faces())


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_export_is_whole_or_absent(folder: Path, labels: Path, tmp_path: Path, seed: int) -> None:
    with Project.open(folder) as project:
        project.import_annotations(labels, author="ann")
        out = tmp_path / "exports"
        out.mkdir()
        killed("export", folder, out, steps=seed, seed=seed)
        if (out / "list.txt").exists():
            assert len(read(out / "list.txt", "wflw", images=project.images)) == 2 * PHOTOS
            side = json.loads((out / "list.txt.labelkit.json").read_text())
            digest = hashlib.sha256((out / "list.txt").read_bytes()).hexdigest()
            assert side["sha256"]["list.txt"] == digest
        if (out / "points").exists():
            assert len(read(out / "points", "300w", images=project.images)) == 2 * PHOTOS
            digests = json.loads((out / "points" / "labelkit.json").read_text())["sha256"]
            for name, digest in digests.items():
                assert hashlib.sha256((out / "points" / name).read_bytes()).hexdigest() == digest
        assert project.export("300w", out / "points").faces == 2 * PHOTOS


@pytest.mark.parametrize("seed", range(2))
def test_a_killed_prelabelling_keeps_what_it_said_and_loses_no_label(folder: Path, seed: int) -> None:
    with Project.open(folder) as project:
        arguments = {"images": str(project.images), "model": "slow"}
        work = Prelabelling.start(folder, project.store, arguments, (str(FAKE_CHILD),))
        wanted = 2 + 5 * seed
        while sum(project.store.models().values()) < wanted:
            time.sleep(0.01)
        face = Face("00.png")
        project.annotate(face, SCHEME.plane * 10, author="ann")
        os.kill(work._process.pid, signal.SIGKILL)
        assert work._process.wait() == -signal.SIGKILL
    with Project.open(folder) as project:
        said = project.store.jobs.get(work.job.id).done
        stored = project.store.models()["fake@1"]
        assert max(said, wanted) <= stored < PHOTOS
        assert (project.landmarks(face).state == State.CONFIRMED).all()
        np.testing.assert_array_equal(project.landmarks(face).xy, SCHEME.plane * 10)
        assert len(plan(project.store, "fake@1")) == PHOTOS - stored


def test_two_imports_at_once_add_every_face_once(folder: Path, labels: Path) -> None:
    command = [sys.executable, str(VICTIM), "import", str(folder), str(labels)]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    with Project.open(folder) as project:
        assert project.status().faces == 2 * PHOTOS
        assert all(len(project.history(face)) == 1 for face in project.faces())

"""SIGKILL in the middle of a prelabelling, and two processes at once; test_kills.py has more of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelkit.dataset import Dataset, Sample
from labelkit.formats import write
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
    command = [sys.executable, str(VICTIM), str(folder), str(labels)]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    with Project.open(folder) as project:
        assert project.status().faces == 2 * PHOTOS
        assert all(len(project.history(face)) == 1 for face in project.faces())

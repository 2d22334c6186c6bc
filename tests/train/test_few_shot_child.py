"""The process that fine-tunes a project's model, with a small network in a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from labelkit.checkpoint import read_card
from labelkit.errors import InputError
from labelkit.geometry import Box
from labelkit.landmarks import Face, Landmarks, State
from labelkit.models.build import build_dslpt, build_tufa
from labelkit.models.heads import FILE
from labelkit.models.refiner import save_refiner
from labelkit.models.registry import load_model, save_model
from labelkit.project import Project
from labelkit.scheme import Scheme
from labelkit.store import FaceState, JobState
from labelkit.train.few_shot_child import _free, taught
from labelkit.train.few_shot_files import read_curve
from labelkit.train.recipes import Recipe
from labelkit.train.refine import tiny_refine_recipe

NAMES = ("a.png", "b.png", "c.png", "d.png", "e.png")


@pytest.fixture(scope="module")
def parent(tiny: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = build_tufa(tiny.network)
    nn.init.normal_(network.head[-1].weight, std=0.02)
    path = tmp_path_factory.mktemp("models") / "small.safetensors"
    card = {"name": "small", "architecture": tiny.network.to_dict(), "terms": "for tests", "uses": {}}
    save_model(path, network.state_dict(), {}, card)
    return path


@pytest.fixture
def project(tmp_path: Path, ibug68: Scheme) -> Iterator[Project]:
    """Five photos with a face each, on which nobody has said anything."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, name in enumerate(NAMES):
        noise = np.random.default_rng(number).integers(0, 256, (12, 12, 3), np.uint8)
        Image.fromarray(noise).resize((120, 120), Image.Resampling.BICUBIC).save(photos / name)
    with Project.create(tmp_path / "my work", photos, ibug68) as project:
        for name in NAMES:
            project.add_face(name, Box(30, 30, 90, 90, "user"), "ann")
        yield project


def confirm(project: Project, *names: str) -> None:
    for name in names:
        project.annotate(Face(name), project.scheme.plane * 40 + (62, 55), author="ann")


def test_a_version_with_its_card_comes_of_it_and_the_next_starts_where_it_did(
    project: Project, parent: Path
) -> None:
    confirm(project, *NAMES[:2])
    report = project.fine_tune(parent)
    assert (report.faces, report.checked, report.stage, report.terms) == (2, 2, "offsets", "for tests")
    assert report.name == "my-work-0001"
    path = project.folder / "models" / "my-work-0001.safetensors"
    card = read_card(path)
    assert card["tuned"]["parent"] == report.parent == load_model(parent, "cpu").id
    assert card["tuned"]["faces"] == 2
    assert (card["tuned"]["before"], card["tuned"]["after"]) == (report.before, report.after)
    assert "uses" not in card
    assert load_model(path, "cpu").id.startswith("my-work-0001@")
    assert [point.step for point in read_curve(project.folder, report.job)] == [0]
    assert report.better == (project.settings.model == report.name)

    project.use_model(report.name)
    again = project.fine_tune(faces=1)
    assert (again.name, again.faces, again.parent) == ("my-work-0002", 1, report.parent)


def test_the_refinement_head_comes_along_and_older_versions_stay_as_they_were(
    project: Project, parent: Path, tmp_path: Path
) -> None:
    plain = tmp_path / "plain" / parent.name
    plain.parent.mkdir()
    plain.write_bytes(parent.read_bytes())
    start = tmp_path / "start" / parent.name
    start.parent.mkdir()
    start.write_bytes(parent.read_bytes())
    config = replace(tiny_refine_recipe().network, size=32, channels=8, dim=16, hidden=32)
    card = {"name": "refine", "terms": "of the head", "architecture": config.to_dict(), "metrics": {"a": 1}}
    base = read_card(parent)
    save_refiner(
        start.with_name(f"small.{FILE}"),
        build_dslpt(config).state_dict(),
        {**card, "base": {"name": "small", "hash": base["hash"]}},
    )
    confirm(project, *NAMES[:2])
    first, second = project.fine_tune(plain), project.fine_tune(start)
    assert (first.head, first.alone) == ({}, None)
    assert second.head["stage"] in ("step", "spread")
    assert second.alone is not None
    assert second.after is not None
    assert second.after <= second.alone + 1e-9
    assert "of the head" in second.terms
    models = project.folder / "models"
    assert sorted(path.name for path in models.glob("*.safetensors")) == [
        "my-work-0001.safetensors",
        "my-work-0002.refine.safetensors",
        "my-work-0002.safetensors",
    ]
    without, made = (load_model(models / f"my-work-000{n}.safetensors", "cpu") for n in (1, 2))
    assert made.card["tuned"]["head"] == second.head
    assert without.refiner is None
    assert made.refiner is not None
    assert made.refiner.heads is not None
    told = made.refiner.card
    assert told["base"] == {"name": "my-work-0002", "hash": made.card["hash"]}
    assert told["fitted"]["head"] == second.head
    assert "metrics" not in told
    project.use_model(second.name)
    project.prelabel()
    stored = project.store.prediction(project.find(Face(NAMES[3])).id)
    assert stored is not None
    assert np.isfinite(stored.prediction.cov).all()
    assert stored.prediction.model == made.id


def test_without_a_confirmed_point_it_says_so(project: Project, parent: Path) -> None:
    with pytest.raises(InputError, match=r"^no face has a confirmed point"):
        project.fine_tune(parent)
    assert project.status().jobs[0].state is JobState.FAILED
    assert not list((project.folder / "models").glob("*.safetensors"))


def test_only_confirmed_points_are_taught_and_only_of_faces_that_are_not_in_doubt(
    project: Project, ibug68: Scheme
) -> None:
    confirm(project, *NAMES[:3])
    project.send_back(Face("b.png"), "chin too low", "eve")
    project.reject(Face("c.png"), "eve")
    half = np.where(np.arange(68) < 34, State.CONFIRMED, State.PREDICTED)
    some = Landmarks(ibug68, ibug68.plane * 40 + (62, 55), half)
    project.annotate(Face("d.png"), some, author="ann", state=FaceState.IN_PROGRESS)
    samples, problems = taught(project.store, project.images, project.scheme)
    assert problems == []
    seen = {s.image.path.name: int(s.landmarks.present.sum()) for s in samples if s.landmarks is not None}
    assert seen == {"a.png": 68, "d.png": 34}
    assert {s.attributes["person"] for s in samples} == {"a.png", "d.png"}


def test_a_point_that_was_dragged_before_the_face_was_accepted_is_taught(
    project: Project, ibug68: Scheme
) -> None:
    dragged = np.where(np.arange(68) == 8, State.PLACED, State.PREDICTED)
    project.annotate(
        Face("a.png"),
        Landmarks(ibug68, ibug68.plane * 40 + (62, 55), dragged),
        author="ann",
        state=FaceState.DONE,
    )
    ((sample,), _) = taught(project.store, project.images, project.scheme)
    assert sample.landmarks is not None
    assert sample.landmarks.present.all()


def test_points_of_a_finished_face_are_taught_that_an_older_version_left_as_placed(
    project: Project, monkeypatch: pytest.MonkeyPatch, ibug68: Scheme
) -> None:
    monkeypatch.setattr("labelkit.store.annotations.accepted", lambda landmarks, _: landmarks)
    older = Landmarks(ibug68, ibug68.plane * 40 + (62, 55), State.PLACED)
    project.annotate(Face("a.png"), older, author="ann", state=FaceState.DONE)
    project.annotate(Face("b.png"), older, author="ann", state=FaceState.IN_PROGRESS)
    samples, _ = taught(project.store, project.images, project.scheme)
    assert [sample.image.path.name for sample in samples] == ["a.png"]


def test_versions_count_on_and_have_names_that_files_may_have(tmp_path: Path) -> None:
    assert _free(tmp_path, "my faces/é").name == "my-faces-0001.safetensors"
    (tmp_path / "work-0009.safetensors").touch()
    (tmp_path / "work-x.safetensors").touch()
    assert _free(tmp_path, "work").name == "work-0010.safetensors"
    assert _free(tmp_path, "???").name == "model-0001.safetensors"

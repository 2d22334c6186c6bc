"""`Project` as its users call it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import labelkit as lk
from labelkit.errors import InputError, StoreError
from labelkit.geometry import Box
from labelkit.landmarks import Face, Landmarks, State
from labelkit.prelabel.work import prelabel
from labelkit.project import Project
from labelkit.project.folder import one_at_a_time
from labelkit.scheme import Scheme
from labelkit.store import EventKind, FaceState

from .conftest import NAMES, face_at
from .fake_model import FakeModel


@pytest.fixture
def predicted(project: Project, photos: Path) -> Project:
    prelabel(project.store, photos, FakeModel(), "fake@1")
    return project


def test_the_package_names_it() -> None:
    assert lk.Project is Project
    assert lk.QueueItem.__name__ == "QueueItem"


def test_the_folder_has_everything_in_its_place(project: Project, ibug68: Scheme) -> None:
    there = {path.name for path in project.folder.iterdir() if "db-" not in path.name}
    assert there == {"labelkit.toml", "labelkit.db", "schemes", "models", "exports", "cache"}
    assert lk.load_scheme(project.folder / "schemes" / "0001-ibug68.json") == ibug68
    assert project.images == project.folder.parent / "photos"
    assert project.settings.images == "../photos"


def test_a_project_is_not_made_twice(project: Project, photos: Path) -> None:
    before = (project.folder / "labelkit.toml").read_bytes()
    with pytest.raises(InputError, match="is a labelkit project already"):
        Project.create(project.folder, photos, "wflw98")
    assert (project.folder / "labelkit.toml").read_bytes() == before
    assert project.scheme.name == "ibug68"


@pytest.mark.parametrize("problem", ["no photos", "no folder", "no scheme", "a file"])
def test_a_project_that_cannot_be_made_leaves_nothing_behind(
    tmp_path: Path, photos: Path, problem: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("mine")
    folder = tmp_path / ("file" if problem == "a file" else "work")
    images = {"no photos": tmp_path / "empty", "no folder": tmp_path / "none"}.get(problem, photos)
    with pytest.raises(InputError):
        Project.create(folder, images, "nobody9" if problem == "no scheme" else "ibug68")
    assert not (tmp_path / "work").exists()
    assert (tmp_path / "file").read_text() == "mine"


def test_creating_goes_on_where_it_was_cut_off(tmp_path: Path, photos: Path) -> None:
    """Settings without a database are no project yet."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "labelkit.toml").write_text("version =")
    with Project.create(tmp_path / "work", photos, "ibug68") as project:
        assert project.status().photos.total == len(NAMES)


def test_what_is_no_project_is_said(tmp_path: Path, project: Project) -> None:
    with pytest.raises(InputError, match="labelkit new"):
        Project.open(tmp_path / "nothing")
    project.close()
    (project.folder / "labelkit.db").unlink()
    with pytest.raises(StoreError, match="does not exist"):
        Project.open(project.folder)


def test_annotating_confirms_and_says_what_it_started_from(predicted: Project, ibug68: Scheme) -> None:
    face = Face("a.png")
    landmarks = predicted.landmarks(face)
    assert (landmarks.state == State.PREDICTED).all()
    annotation = predicted.annotate(face, landmarks, author="ann")
    assert (annotation.author, annotation.revision, annotation.started_from) == ("ann", 1, "fake@1")
    assert (predicted.landmarks(face).state == State.CONFIRMED).all()
    again = predicted.annotate(face, face_at(ibug68), author="bob", base_revision=0)
    assert (again.revision, again.crossed) == (2, True)
    assert [entry.author for entry in predicted.history(face)] == ["ann", "bob"]


def test_landmarks_that_do_not_fit_change_nothing(predicted: Project, wflw98: Scheme) -> None:
    for wrong in (Landmarks(wflw98, wflw98.plane), np.zeros((67, 2)), np.zeros(68)):
        with pytest.raises(InputError):
            predicted.annotate(Face("a.png"), wrong, author="ann")
    assert predicted.history(Face("a.png")) == []


def test_a_state_that_is_none_and_an_author_without_a_name_are_refused(
    predicted: Project, ibug68: Scheme
) -> None:
    with pytest.raises(InputError, match="'finished' is no state of a face; there are no face, todo"):
        predicted.annotate(Face("a.png"), face_at(ibug68), author="ann", state="finished")
    with pytest.raises(InputError, match="'finished' is no state"):
        next(predicted.faces("finished"))
    with pytest.raises(InputError, match=r"a\.png: an annotation needs an author"):
        predicted.annotate(Face("a.png"), face_at(ibug68), author=" ")
    with pytest.raises(InputError, match=r"a\.png, face 1: cannot become 'reviewed'"):
        predicted.review(Face("a.png"), "ann")
    assert predicted.history(Face("a.png")) == []


def test_an_unknown_face_is_named(project: Project) -> None:
    for call in (project.find, project.landmarks, project.history):
        with pytest.raises(InputError, match=r"q\.png: the project has no face 3 in it"):
            call(Face("q.png", 2))


def test_the_queue_holds_what_waits_the_most_urgent_first(predicted: Project, ibug68: Scheme) -> None:
    assert [item.face.image for item in predicted.queue()] == list(NAMES)
    assert {item.score for item in predicted.queue()} == {0.25}
    predicted.annotate(Face("a.png"), face_at(ibug68), author="ann")
    predicted.annotate(Face("b.png"), face_at(ibug68), author="ann")
    predicted.send_back(Face("b.png"), "the chin is too low", "bob", "jaw_8")
    predicted.skip(Face("sub/c.png"), "ann")
    items = predicted.queue()
    assert [item.face.image for item in items] == ["b.png", "sub/d e.png"]
    assert items[0].reason == "returned: the chin is too low"
    assert predicted.queue(limit=1) == items[:1]


def test_the_queue_is_sorted_over_all_pages(predicted: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelkit.project.waiting.BLOCK", 2)
    ids = [predicted.find(Face(name)).id for name in NAMES]
    predicted.store.set_scores(dict(zip(ids, (0.1, 0.9, None, 0.5), strict=True)))
    wanted = ["b.png", "sub/d e.png", "a.png", "sub/c.png"]
    assert [item.face.image for item in predicted.queue()] == wanted
    assert [item.face.image for item in predicted.queue(limit=3)] == wanted[:3]


def test_a_comment_stays_with_its_point(predicted: Project, ibug68: Scheme) -> None:
    face = Face("a.png")
    predicted.annotate(face, face_at(ibug68), author="ann")
    predicted.send_back(face, "too low", "bob", "jaw_8")
    predicted.comment(face, "which one?", "ann")
    comments = predicted.store.events(predicted.find(face).id, kind=EventKind.COMMENT)
    assert [(event.text, event.author, event.point) for event in comments] == [
        ("too low", "bob", "jaw_8"),
        ("which one?", "ann", None),
    ]
    assert predicted.find(face).state is FaceState.RETURNED


def test_a_comment_on_a_point_that_is_not_there_returns_nothing(predicted: Project, ibug68: Scheme) -> None:
    predicted.annotate(Face("a.png"), face_at(ibug68), author="ann")
    with pytest.raises(InputError, match="nowhere"):
        predicted.send_back(Face("a.png"), "too low", "bob", "nowhere")
    assert predicted.find(Face("a.png")).state is FaceState.DONE


def test_a_person_draws_a_face_where_nobody_was_found(project: Project, photos: Path) -> None:
    image = project.store.find_image("a.png")
    assert image is not None
    project.store.mark_no_face([image.id])
    face = project.add_face("a.png", Box(1, 2, 30, 40, "user"), "ann")
    assert (face.index, project.find(face).state) == (0, FaceState.TODO)
    second = project.add_face("a.png", Box(40, 2, 70, 40, "user"), "ann")
    assert second.index == 1
    assert list(project.faces(FaceState.TODO)) == [face, second]
    with pytest.raises(InputError, match=r"q\.png: is no photo"):
        project.add_face("q.png", Box(1, 2, 30, 40, "user"), "ann")


def test_the_status_counts(predicted: Project, ibug68: Scheme) -> None:
    predicted.annotate(Face("a.png"), face_at(ibug68), author="ann")
    status = predicted.status()
    assert (status.faces, status.states["done"], status.states["predicted"]) == (4, 1, 3)
    assert (status.models, status.annotators) == ({"fake@1": 4}, {"ann": 1})
    assert (status.scheme, status.points, status.scheme_revision) == ("ibug68", 68, 1)
    assert (status.photos.total, status.photos.unsearched, status.jobs) == (4, 0, ())


def test_a_job_that_was_repeated_to_its_end_is_no_news(project: Project) -> None:
    jobs = project.store.jobs
    for kind in ("prelabel", "train"):
        jobs.fail(jobs.start(jobs.add(kind, {}).id), "no luck")
    assert [job.kind for job in project.status().jobs] == ["train", "prelabel"]
    jobs.finish(jobs.start(jobs.add("prelabel", {}).id))
    assert [job.kind for job in project.status().jobs] == ["train"]


def test_one_at_a_time_waits_and_gives_up(tmp_path: Path) -> None:
    with (
        one_at_a_time(tmp_path),
        pytest.raises(InputError, match="another process"),
        one_at_a_time(tmp_path, wait=0.0),
    ):
        pytest.fail("two were in at once")
    with one_at_a_time(tmp_path, wait=0.0):
        pass

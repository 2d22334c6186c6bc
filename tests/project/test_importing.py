from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from labelkit.dataset import Dataset, Sample
from labelkit.errors import InputError
from labelkit.formats import write
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.landmarks import Face, Landmarks, State
from labelkit.prelabel.work import prelabel
from labelkit.project import Project
from labelkit.project.importing import import_dataset
from labelkit.scheme import Point, Scheme
from labelkit.scheme.convert import convert
from labelkit.scheme.edit import reorder_points
from labelkit.store import FaceState, NewFace

from .conftest import NAMES, face_at, labels, make_photo
from .fake_model import FakeModel


def states(project: Project) -> dict[str, int]:
    return {state.value: count for state, count in project.status().states.items() if count}


def test_confirmed_labels_are_done(project: Project, wflw_list: Path, ibug68: Scheme) -> None:
    report = project.import_annotations(wflw_list, "wflw", author="ann")
    assert (report.read, report.added, report.new_faces, report.photos) == (3, 3, 3, 3)
    assert states(project) == {"done": 3}
    for name in NAMES[:3]:
        landmarks = project.landmarks(Face(name))
        np.testing.assert_allclose(landmarks.xy, face_at(ibug68), atol=1e-5)
        assert (landmarks.state == State.CONFIRMED).all()
    (annotation,) = project.history(Face("a.png"))
    assert (annotation.author, annotation.source) == ("ann", "import of list.txt")


def test_labels_to_review_are_placed_and_wait(project: Project, wflw_list: Path) -> None:
    project.import_annotations(wflw_list, "wflw", author="ann", as_="to-review")
    assert states(project) == {"predicted": 3}
    assert (project.landmarks(Face("a.png")).state == State.PLACED).all()
    assert {item.reason for item in project.queue()} == {"imported from list.txt, to be reviewed"}


@pytest.mark.parametrize("as_", ["confirmed", "to-review"])
def test_the_same_file_twice_adds_nothing(project: Project, wflw_list: Path, as_: str) -> None:
    project.import_annotations(wflw_list, author="ann", as_=as_)
    before = list(project.faces())
    report = project.import_annotations(wflw_list, author="bob", as_=as_)
    assert (report.added, report.unchanged, report.new_faces) == (0, 3, 0)
    assert list(project.faces()) == before
    assert len(project.history(Face("a.png"))) == 1


def test_confirming_what_was_to_be_reviewed_and_never_back(project: Project, wflw_list: Path) -> None:
    project.import_annotations(wflw_list, author="ann", as_="to-review")
    assert project.import_annotations(wflw_list, author="ann").added == 3
    assert states(project) == {"done": 3}
    report = project.import_annotations(wflw_list, author="ann", as_="to-review")
    assert (report.added, report.unchanged) == (0, 3)
    assert states(project) == {"done": 3}


def test_a_corrected_file_becomes_a_new_revision_and_the_old_one_does_not_return(
    project: Project, photos: Path, wflw_list: Path, ibug68: Scheme
) -> None:
    project.import_annotations(wflw_list, author="ann")
    write(labels(photos, ibug68, ("a.png", 1.5)), photos / "corrected.txt", "wflw")
    assert project.import_annotations(photos / "corrected.txt", author="ann").added == 1
    report = project.import_annotations(wflw_list, author="ann")
    assert (report.added, report.unchanged) == (0, 3)
    np.testing.assert_allclose(project.landmarks(Face("a.png")).xy, face_at(ibug68, 1.5), atol=1e-5)
    assert len(project.history(Face("a.png"))) == 2


def test_what_a_person_annotated_stays(project: Project, wflw_list: Path, ibug68: Scheme) -> None:
    project.import_annotations(wflw_list, author="ann", as_="to-review")
    project.annotate(Face("a.png"), face_at(ibug68, 2.0), author="bob")
    report = project.import_annotations(wflw_list, author="ann")
    assert report.kept == ["a.png, face 1"]
    assert report.added == 2
    np.testing.assert_allclose(project.landmarks(Face("a.png")).xy, face_at(ibug68, 2.0))


def test_what_a_person_annotates_during_the_import_stays(
    project: Project, photos: Path, wflw_list: Path, ibug68: Scheme, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the import's look at a face and its writing there is time for a labeller to save."""
    project.import_annotations(wflw_list, author="ann", as_="to-review")
    inner = project.store.import_annotations

    def late(*args: object, **options: object) -> object:
        project.annotate(Face("a.png"), face_at(ibug68, 2.0), author="bob")
        return inner(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(project.store, "import_annotations", late)
    report = project.import_annotations(wflw_list, author="ann")
    assert (report.added, report.kept) == (2, ["a.png, face 1"])
    np.testing.assert_allclose(project.landmarks(Face("a.png")).xy, face_at(ibug68, 2.0))


def test_a_face_that_a_detector_found_gets_the_labels(
    project: Project, photos: Path, wflw_list: Path, ibug68: Scheme
) -> None:
    image = project.store.find_image("a.png")
    assert image is not None
    x0, y0, x1, y1 = Box.around(face_at(ibug68)).xyxy
    project.store.add_faces([NewFace(image.id, Box(x0 + 2, y0 - 3, x1 + 2, y1, "detector", "fake", 0.5))])
    report = project.import_annotations(wflw_list, author="ann")
    assert (report.added, report.new_faces) == (3, 2)
    assert [face.image for face in project.faces()].count("a.png") == 1


def test_other_people_in_the_photo_are_other_faces(project: Project, photos: Path, ibug68: Scheme) -> None:
    crowd = labels(photos, ibug68, ("a.png", -60.0), ("a.png", 0.0), ("a.png", 60.0))
    write(crowd, photos / "crowd.txt", "wflw")
    assert project.import_annotations(photos / "crowd.txt", author="ann").new_faces == 3
    assert project.import_annotations(photos / "crowd.txt", author="ann").unchanged == 3
    write(crowd[1:2], photos / "one.txt", "wflw")
    assert project.import_annotations(photos / "one.txt", author="ann").unchanged == 1


def test_a_rejected_face_stays_rejected(project: Project, wflw_list: Path, ibug68: Scheme) -> None:
    face = project.add_face("a.png", Box.around(face_at(ibug68)), "ann")
    project.reject(face, "ann", "a statue")
    assert project.import_annotations(wflw_list, author="ann").kept == ["a.png, face 1"]
    assert project.find(face).state is FaceState.REJECTED


def test_another_scheme_is_translated_and_never_confirmed(
    project: Project, photos: Path, wflw98: Scheme, ibug68: Scheme
) -> None:
    write(labels(photos, wflw98, ("a.png", 0.0)), photos / "list98.txt", "wflw")
    report = project.import_annotations(photos / "list98.txt", author="ann", as_="confirmed")
    assert (report.translated_from, report.state) == ("wflw98", FaceState.PREDICTED)
    assert states(project) == {"predicted": 1}
    expected = convert(face_at(wflw98), wflw98, ibug68)
    landmarks = project.landmarks(Face("a.png"))
    np.testing.assert_allclose(landmarks.xy, expected.points, atol=1e-4)
    assert set(landmarks.state[expected.shared]) == {State.PLACED}
    assert set(landmarks.state[~expected.shared]) <= {State.PREDICTED}
    assert len(report.estimated) == int((~expected.shared).sum())
    (annotation,) = project.history(Face("a.png"))
    assert annotation.source == "translated from wflw98 (list98.txt)"
    assert project.import_annotations(photos / "list98.txt", author="ann").unchanged == 1


def test_estimated_points_give_way_to_a_model_and_placed_ones_do_not(
    project: Project, photos: Path, wflw98: Scheme
) -> None:
    write(labels(photos, wflw98, ("a.png", 0.0)), photos / "list98.txt", "wflw")
    project.import_annotations(photos / "list98.txt", author="ann")
    before = project.landmarks(Face("a.png"))
    prelabel(project.store, photos, FakeModel(), "fake@1")
    after = project.landmarks(Face("a.png"))
    made = project.store.prediction(project.find(Face("a.png")).id)
    assert made is not None
    placed = before.state == State.PLACED
    assert 0 < placed.sum() < len(placed)
    np.testing.assert_array_equal(after.xy[placed], before.xy[placed])
    np.testing.assert_array_equal(after.xy[~placed], made.prediction.xy[~placed])


@pytest.mark.parametrize("prelabelled", [True, False])
def test_a_face_of_a_scheme_of_the_whole_head_is_that_of_the_detector_and_of_before(
    tmp_path: Path, photos: Path, ibug68: Scheme, prelabelled: bool
) -> None:
    """The box of such a scheme's points is several times that of a face."""
    around = [("crown", 0, -1.5), ("left", -1.3, 0.2), ("right", 1.3, 0.2), ("neck", 0, 1.6)]
    head = Scheme("head", (*ibug68.points, *(Point(*point) for point in around)))
    xy = head.plane * 36 + (30, 23)  # its 68 points lie in the box that the model finds
    data = Dataset((Sample(ImageFile(photos / "a.png"), None, Landmarks(head, xy)),), head, photos)
    write(data, photos / "l.csv", "csv")
    with Project.create(tmp_path / "head", photos, head) as project:
        if prelabelled:
            prelabel(project.store, photos, FakeModel(), "fake@1")
        report = project.import_annotations(photos / "l.csv", author="ann")
        assert (report.added, report.new_faces) == (1, 0 if prelabelled else 1)
        assert len([face for face in project.faces() if face.image == "a.png"]) == 1
        if prelabelled:
            return
        prelabel(project.store, photos, FakeModel(), "fake@1")
        assert len([face for face in project.faces() if face.image == "a.png"]) == 1


def test_missing_points_stay_missing_where_confirmed_and_wait_where_not(
    project: Project, photos: Path, ibug68: Scheme
) -> None:
    xy = face_at(ibug68)
    xy[3] = np.nan
    for name, as_ in (("a.png", "confirmed"), ("b.png", "to-review")):
        data = Dataset((Sample(ImageFile(photos / name), None, Landmarks(ibug68, xy)),), ibug68, photos)
        import_dataset(project.store, photos, data, photos / "x.csv", "ann", as_)  # type: ignore[arg-type]
    assert project.landmarks(Face("a.png")).state[3] == State.CONFIRMED
    assert project.landmarks(Face("b.png")).state[3] == State.PREDICTED
    assert (project.landmarks(Face("b.png")).state[4:] == State.PLACED).all()


def test_boxes_without_points_become_faces_to_do(project: Project, photos: Path, ibug68: Scheme) -> None:
    data = Dataset((Sample(ImageFile(photos / "a.png"), Box(1, 2, 30, 40, "user")),), None, photos)
    report = import_dataset(project.store, photos, data, photos / "boxes.json", "ann")
    assert (report.read, report.new_faces, report.added) == (1, 1, 0)
    assert states(project) == {"todo": 1}
    assert import_dataset(project.store, photos, data, photos / "boxes.json", "ann").new_faces == 0


def test_faces_outside_of_the_image_root_are_counted_and_named(
    project: Project, tmp_path: Path, ibug68: Scheme
) -> None:
    make_photo(tmp_path / "elsewhere" / "q.png", 50)
    write(labels(tmp_path / "elsewhere", ibug68, ("q.png", 0)), tmp_path / "elsewhere" / "l.txt", "wflw")
    report = project.import_annotations(tmp_path / "elsewhere" / "l.txt", author="ann")
    assert report.outside == [str(tmp_path / "elsewhere" / "q.png")]
    assert (report.read, report.added) == (1, 0)
    assert states(project) == {}


def test_a_list_that_lies_elsewhere_names_photos_below_the_root(
    project: Project, photos: Path, tmp_path: Path, ibug68: Scheme
) -> None:
    data = labels(photos, ibug68, ("sub/c.png", 0.0), ("sub/d e.png", 0.0))
    write(data, tmp_path / "lists" / "all.txt", "wflw", images=photos)
    report = project.import_annotations(tmp_path / "lists" / "all.txt", author="ann")
    assert (report.added, report.left_out) == (2, ())


def test_a_file_of_the_projects_own_scheme_is_not_taken_for_a_built_in_one(
    tmp_path: Path, photos: Path, ibug68: Scheme
) -> None:
    own = reorder_points(ibug68, ibug68.names[::-1])
    (tmp_path / "own.json").write_text(own.to_json().replace('"name": "ibug68"', '"name": "mine"'))
    with Project.create(tmp_path / "own", photos, tmp_path / "own.json") as project:
        write(labels(photos, project.scheme, ("a.png", 0.0)), photos / "mine.txt", "wflw")
        report = project.import_annotations(photos / "mine.txt", author="ann")
        assert (report.scheme, report.translated_from) == ("mine", None)


def test_a_scheme_that_cannot_be_told_has_to_be_named(project: Project, photos: Path, ibug68: Scheme) -> None:
    numbers = " ".join(["1.5"] * 14)
    (photos / "seven.txt").write_text(f"{numbers} a.png\n")
    with pytest.raises(InputError, match="--scheme"):
        project.import_annotations(photos / "seven.txt", "wflw", author="ann")


def test_predictions_in_a_table_are_never_confirmed(project: Project, photos: Path, ibug68: Scheme) -> None:
    sure = Sample(ImageFile(photos / "a.png"), None, Landmarks(ibug68, face_at(ibug68)))
    half = np.where(np.arange(68) < 5, State.PREDICTED, State.CONFIRMED)
    doubted = Sample(ImageFile(photos / "b.png"), None, Landmarks(ibug68, face_at(ibug68), half))
    write(Dataset((sure, doubted), ibug68, photos), photos / "l.csv", "csv")
    report = project.import_annotations(photos / "l.csv", author="ann")
    assert (report.added, report.to_review) == (2, 1)
    assert states(project) == {"done": 1, "predicted": 1}
    assert {item.reason for item in project.queue()} == {"imported from l.csv, to be reviewed"}
    assert project.import_annotations(photos / "l.csv", author="ann").unchanged == 2


def test_exported_predictions_come_back_as_predictions(
    project: Project, photos: Path, tmp_path: Path, ibug68: Scheme
) -> None:
    write(labels(photos, ibug68, ("a.png", 0.0)), photos / "l.txt", "wflw")
    project.import_annotations(photos / "l.txt", author="ann")
    prelabel(project.store, photos, FakeModel(), "fake@1")
    out = tmp_path / "out.txt"
    told = project.export("wflw", out, include_predicted=True)
    assert len(told.predicted) == told.faces - 1 > 0
    with Project.create(tmp_path / "second", photos, ibug68) as second:
        report = second.import_annotations(out, author="bob")
        assert (report.added, report.to_review) == (told.faces, len(told.predicted))
        assert states(second) == {"done": 1, "predicted": len(told.predicted)}


def test_an_export_knows_its_scheme_until_somebody_changes_it(
    tmp_path: Path, photos: Path, ibug68: Scheme
) -> None:
    """A list holds only numbers: another scheme with as many points must not pass for our own."""
    named = tuple(replace(point, name=f"q{number}") for number, point in enumerate(ibug68.points))
    other = replace(ibug68, name="other", points=named)
    out = tmp_path / "out.txt"
    with Project.create(tmp_path / "first", photos, other) as first:
        first.annotate(
            first.add_face("a.png", Box(5, 5, 75, 75, "user"), "ann"), face_at(other), author="ann"
        )
        first.export("wflw", out)
    with Project.create(tmp_path / "second", photos, ibug68) as second:
        report = second.import_annotations(out, author="bob")
        assert (report.scheme, report.translated_from) == ("other", "other")
    out.write_text(out.read_text().replace(" ", "  ", 1))
    with Project.create(tmp_path / "third", photos, ibug68) as third:
        assert third.import_annotations(out, author="bob").translated_from is None


def test_what_is_to_be_reviewed_never_replaces_what_is_confirmed(
    project: Project, photos: Path, wflw_list: Path, wflw98: Scheme
) -> None:
    project.import_annotations(wflw_list, author="ann")
    write(labels(photos, wflw98, ("a.png", 0.5), ("sub/d e.png", 0.0)), photos / "list98.txt", "wflw")
    report = project.import_annotations(photos / "list98.txt", author="ann")
    assert (report.added, report.kept) == (1, ["a.png, face 1"])
    assert states(project) == {"done": 3, "predicted": 1}


def test_an_imported_face_that_was_rejected_stays_rejected(
    project: Project, photos: Path, wflw_list: Path, ibug68: Scheme
) -> None:
    project.import_annotations(wflw_list, author="ann")
    project.reject(Face("a.png"), "bob", "a poster")
    write(labels(photos, ibug68, ("a.png", 1.5)), photos / "corrected.txt", "wflw")
    assert project.import_annotations(photos / "corrected.txt", author="ann").kept == ["a.png, face 1"]
    assert project.find(Face("a.png")).state is FaceState.REJECTED


def test_attributes_and_rectangles_come_along(project: Project, photos: Path, ibug68: Scheme) -> None:
    box = Box(3, 4, 70, 75, "user", "wflw")
    face = Sample(ImageFile(photos / "a.png"), box, Landmarks(ibug68, face_at(ibug68)), {"blur": 1})
    write(Dataset((face,), ibug68, photos), photos / "l.txt", "wflw")
    project.import_annotations(photos / "l.txt", author="ann")
    known = project.find(Face("a.png"))
    assert known.attributes["blur"] == 1
    assert known.face.box == box


def test_a_file_cannot_add_photos_from_outside(project: Project, tmp_path: Path, ibug68: Scheme) -> None:
    make_photo(tmp_path / "secret.png", 77)
    numbers = " ".join(f"{value:.3f}" for value in face_at(ibug68).ravel())
    (tmp_path / "photos" / "evil.txt").write_text(f"{numbers} ../secret.png\n")
    report = project.import_annotations(tmp_path / "photos" / "evil.txt", "wflw", author="ann")
    assert report.added == 0
    assert len(report.left_out) + len(report.outside) >= 1
    assert all("secret" not in image.path for image in project.store.images())

"""Odd shapes and the differences between people, out of a project's database."""

from __future__ import annotations

import numpy as np
import pytest

from labelkit.errors import InputError
from labelkit.geometry import Array, Box, Crop, Similarity
from labelkit.landmarks import Face, Landmarks, State
from labelkit.prediction import Prediction
from labelkit.project import Project, judging
from labelkit.queue import signature
from labelkit.store import FaceState, NewAnnotation, NewFace, NewImage, NewPrediction

CROP = Crop(Similarity(100.0, 0.0, 150.0, 150.0))
COUNT = 12


@pytest.fixture
def shapes(project: Project) -> Array:
    """Twelve faces, nearly the plane."""
    rng = np.random.default_rng(0)
    return CROP.points_to_image(project.scheme.plane + rng.normal(0, 0.006, (COUNT, 68, 2)))


@pytest.fixture
def full(project: Project, shapes: Array) -> Project:
    """Twelve predicted faces, 0.png with left and right swapped, 5.png with the chin far off."""
    shapes[0] = shapes[0, project.scheme.mirror_index]
    shapes[5, 8] += (0, 40)
    images = project.store.add_images([NewImage(f"{number}.png") for number in range(COUNT)])
    ids = project.store.add_faces([NewFace(image, Box(50, 50, 250, 250, "user")) for image in images])
    project.store.put_predictions(
        [
            NewPrediction(face, Prediction(xy, "m@1", CROP, project.scheme.name), 0.5)
            for face, xy in zip(ids, shapes, strict=True)
        ]
    )
    return project


def test_odd_shapes_are_found_among_predictions(full: Project) -> None:
    found = full.outliers()
    assert [one.face.image for one in found] == ["0.png", "5.png"]
    assert found[0].reason == "left and right swapped"
    assert found[1].reason.startswith("jaw_8 is ")
    assert {one.state for one in found} == {FaceState.PREDICTED}
    assert full.outliers(limit=1) == found[:1]


def test_odd_shapes_are_found_among_annotations_and_gone_when_corrected(full: Project, shapes: Array) -> None:
    wrong = shapes[7].copy()
    wrong[[17, 21]] = wrong[[21, 17]]
    full.annotate(Face("7.png"), wrong, author="ann")
    full.annotate(Face("0.png"), shapes[0, full.scheme.mirror_index], author="ann")
    found = {one.face.image: one for one in full.outliers()}
    assert set(found) == {"5.png", "7.png"}
    assert (found["7.png"].state, found["7.png"].reason) == (
        FaceState.DONE,
        "points of brow_right out of order",
    )


def test_faces_that_are_none_are_left_out(full: Project) -> None:
    full.reject(Face("0.png"), "ann")
    assert [one.face.image for one in full.outliers()] == ["5.png"]


def test_the_queue_can_begin_with_the_odd_ones_and_says_what_is_odd(full: Project) -> None:
    items = full.queue(order="outliers")
    assert [item.face.image for item in items[:2]] == ["0.png", "5.png"]
    assert len(items) == COUNT
    assert items[0].reason.startswith("left and right swapped; ")


def test_the_queue_can_begin_with_what_teaches_most_and_knows_what_has_been_corrected(
    full: Project, shapes: Array
) -> None:
    ids = [full.find(Face(f"{number}.png")).id for number in range(COUNT)]
    full.store.put_predictions(
        [
            NewPrediction(
                face,
                made := Prediction(CROP.points_to_image(full.scheme.plane + turn), "m@2", CROP, "ibug68"),
                0.5,
                signature(made, full.scheme),
            )
            for face, turn in zip(ids, [0.3] * 4 + [0.0] * 8, strict=True)
        ]
    )

    def first() -> int:
        return int(full.queue(1, order="teaching")[0].face.image.removesuffix(".png"))

    assert first() >= 4  # one of the larger group
    for number in range(4, 9):
        full.annotate(Face(f"{number}.png"), shapes[number], author="ann")
    assert first() < 4
    assert len(full.queue(order="teaching")) == COUNT - 5


def test_what_was_compared_is_kept_until_many_faces_have_changed(
    full: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    judging.renew_oddities(full.store)
    with monkeypatch.context() as patch:
        patch.setattr(judging, "find_oddities", None)
        full.skip(Face("5.png"), "ann")
        assert full.queue(1, order="outliers")[0].face.image == "0.png"
        full.annotate(Face("0.png"), full.landmarks(Face("1.png")).xy, author="ann", state="in progress")
        # Its points are others now: it is no longer known to be odd.
        assert "swapped" not in " ".join(item.reason for item in full.queue(order="outliers"))
    for number in range(2, 5):
        full.annotate(Face(f"{number}.png"), full.landmarks(Face(f"{number}.png")), author="ann")
    assert full.store.stale_oddities() == pytest.approx(4 / COUNT)
    full.queue(1, order="outliers")
    assert full.store.stale_oddities() == 0


def test_without_faces_nothing_is_odd(project: Project) -> None:
    assert project.outliers() == []
    assert project.queue(order="outliers") == []
    assert project.agreement() == []


def test_two_people_on_the_same_faces_are_compared(full: Project, shapes: Array) -> None:
    scheme, brows = full.scheme, np.arange(17, 27)
    rng = np.random.default_rng(1)
    both = [1, 2, 3, 4, 6, 7, 8, 9]
    for number in both:
        mine = shapes[number] + rng.normal(0, 0.3, (68, 2))
        full.annotate(Face(f"{number}.png"), mine, author="ann")
    higher = shapes[both] + rng.normal(0, 0.3, (8, 68, 2))
    higher[:, brows, 1] -= 4
    ids = [full.find(Face(f"{number}.png")).id for number in both]
    full.store.import_annotations(
        [NewAnnotation(face, Landmarks(scheme, xy)) for face, xy in zip(ids, higher, strict=True)], "bob"
    )
    (found,) = full.agreement()
    assert (found.first, found.second, found.faces, found.seen) == ("ann", "bob", 8, 0)
    assert "bob places all points of brow_left" in "\n".join(found.in_words())
    np.testing.assert_allclose(found.habit[brows, 1].mean(), -100 * 4 / 76, atol=0.5)


def test_who_began_with_the_others_points_is_told_and_untouched_predictions_do_not_count(
    full: Project, shapes: Array
) -> None:
    face = Face("3.png")
    state = np.full(68, State.PREDICTED, np.int8)
    state[30:40] = State.CONFIRMED
    full.annotate(face, Landmarks(full.scheme, shapes[3], state), author="ann", state="in progress")
    full.annotate(face, shapes[3] + 1.0, author="bob", base_revision=1)
    full.annotate(Face("4.png"), shapes[4], author="ann")
    full.annotate(Face("4.png"), shapes[4], author="ann")  # the same person again
    (found,) = full.agreement()
    assert (found.faces, found.seen) == (1, 1)
    assert np.flatnonzero(found.counts).tolist() == list(range(30, 40))
    assert found.distance[30] == pytest.approx(100 * np.sqrt(2) / 76, rel=0.05)


def test_what_people_said_follows_points_through_a_change_of_the_scheme(full: Project, shapes: Array) -> None:
    from labelkit.scheme.edit import remove_points

    full.annotate(Face("3.png"), shapes[3], author="ann")
    plan = full.plan_scheme_change(remove_points(full.scheme, [full.scheme.names[0]]))
    full.change_scheme(plan, "ann")
    full.annotate(Face("3.png"), np.delete(shapes[3], [0, 16], axis=0) + 1.0, author="bob", base_revision=0)
    (found,) = full.agreement()
    assert len(found.distance) == 66
    np.testing.assert_allclose(found.distance, 100 * np.sqrt(2) / 76, rtol=0.05)


def test_faces_are_a_table_for_pandas(full: Project, shapes: Array) -> None:
    full.annotate(Face("3.png"), shapes[3], author="ann")
    table = full.table()
    assert list(table["image"]) == [f"{number}.png" for number in range(COUNT)]
    assert table["state"].value_counts().to_dict() == {"predicted": COUNT - 1, "done": 1}
    assert table["score"].dtype == float
    assert table["revision"].tolist()[3] == 1
    queue = full.queue(4)
    assert list(full.table(queue)["image"]) == [item.face.image for item in queue]
    assert list(full.table(queue)["reason"]) == [item.reason for item in queue]
    assert list(full.table(full.outliers())["reason"]) == [one.reason for one in full.outliers()]
    assert len(full.table([])) == 0
    found = full.prediction(Face("3.png"))
    assert found is not None
    np.testing.assert_array_equal(found.xy, shapes[3])
    with pytest.raises(InputError, match="no face 2"):
        full.table([Face("3.png", 1)])


def test_a_notebook_is_told_how_a_project_stands(full: Project, shapes: Array) -> None:
    full.annotate(Face("3.png"), shapes[3], author="<ann>")
    html = full._repr_html_()
    assert f"<br/>photos: {COUNT + 4}<br/>" in html  # four are the fixture's own
    assert f"faces: predicted {COUNT - 1}, done 1" in html
    assert "predicted by: m@1 12" in html
    assert "annotated by: &lt;ann&gt; 1" in html

"""Fitting with a model that is known: each made photo tells it, by its grey, which warp to use."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelkit.dataset import Dataset, Sample
from labelkit.errors import InputError, SchemeError
from labelkit.geometry import Box, Crop, Similarity
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks
from labelkit.models.fit import evenly, fit_by_anchors, fit_by_model, read_anchors, trained_on
from labelkit.models.fitted import EXTRAPOLATED
from labelkit.prediction import Prediction
from labelkit.scheme import Scheme, load_scheme

IBUG = load_scheme("ibug68")
WFLW = load_scheme("wflw98")
NAN = float("nan")


def warp(number: int, points: np.ndarray) -> np.ndarray:
    """Face ``number``: turned, bent a little its own way, somewhere in the photo."""
    bend = 0.06 * np.sin(number)
    x, y = points[..., 0], points[..., 1]
    bent = np.stack([x + bend * x * y, y + bend * x**2], axis=-1)
    angle, scale = 0.2 * np.cos(3 * number), 40 + 5 * number
    turn = Similarity(scale * np.cos(angle), scale * np.sin(angle), 100 + number, 90 - number)
    return turn(bent)


class KnownModel:
    """Places points by `warp`, and keeps the boxes that it was given."""

    name, id = "known", "known@0"

    def __init__(self) -> None:
        self.boxes: list[Box] = []

    def predict(self, images: Sequence[np.ndarray], boxes: Sequence[Box], scheme: Scheme) -> list[Prediction]:
        self.boxes += boxes
        crop = Crop(Similarity(1.0, 0.0, 0.0, 0.0))
        return [
            Prediction(warp(int(image[0, 0, 0]), scheme.plane), self.id, crop, scheme.name)
            for image in images
        ]


class NeverAsked(KnownModel):
    def predict(self, *_: object) -> list[Prediction]:
        raise AssertionError("the model was asked")


def face_box(number: int) -> Box:
    return Box.around(warp(number, IBUG.plane), "ibug68")


def find(picture: np.ndarray) -> list[Box]:
    """A detector that also sees somebody else, first."""
    box = face_box(int(picture[0, 0, 0]))
    return [Box(box.x0 + 300, box.y0, box.x1 + 300, box.y1, "user"), Box(*box.xyxy, "user")]


def nobody(picture: np.ndarray) -> list[Box]:
    return []


Faces = Callable[..., Dataset]


@pytest.fixture
def faces(tmp_path: Path) -> Faces:
    """``faces(plane, count)``: photos of faces with the points of ``plane``."""

    def make(plane: np.ndarray, count: int = 5, **changed: np.ndarray) -> Dataset:
        samples = []
        for number in range(1, count + 1):
            path = tmp_path / f"{number}.png"
            Image.new("RGB", (220, 200), (number,) * 3).save(path)
            xy = changed.get(f"face{number}", warp(number, plane))
            samples.append(Sample(ImageFile(path), landmarks=Landmarks("theirs", xy)))
        return Dataset(tuple(samples), root=tmp_path)

    return make


def test_the_places_of_an_unknown_scheme_are_recovered(faces: Faces) -> None:
    fit = fit_by_model(faces(WFLW.plane), KnownModel(), find, name="theirs")
    assert np.abs(fit.scheme.plane - WFLW.plane).max() < 2e-4
    assert fit.spread.max() < 2e-4
    assert not fit.extrapolated.any()
    assert fit.seen.tolist() == [5] * 98
    assert (fit.faces, fit.problems) == (5, ())
    assert fit.scheme.names[:2] == ("p0", "p1")
    assert fit.scheme.normalizers == {"inter_ocular": ((60,), (72,))}
    assert fit.mirror.pairs == WFLW.mirror
    assert "known@0" in fit.scheme.description


def test_the_same_faces_give_the_same_scheme(faces: Faces) -> None:
    data = faces(WFLW.plane)
    first, second = (fit_by_model(data, KnownModel(), find, name="theirs") for _ in range(2))
    assert first.scheme.to_json() == second.scheme.to_json()


def test_a_face_whose_points_belong_to_somebody_else_does_not_decide(faces: Faces) -> None:
    data = faces(IBUG.plane, face3=warp(3, IBUG.plane + 0.2))
    fit = fit_by_model(data, KnownModel(), find, name="theirs")
    assert np.abs(fit.scheme.plane - IBUG.plane).max() < 2e-4


def test_missing_points_are_found_on_the_other_faces(faces: Faces) -> None:
    some = warp(2, IBUG.plane)
    some[:30] = NAN
    some[40, 0] = NAN  # half a point is none
    fit = fit_by_model(faces(IBUG.plane, face2=some), KnownModel(), find, name="theirs")
    assert np.abs(fit.scheme.plane - IBUG.plane).max() < 2e-4
    assert [fit.seen[i] for i in (0, 29, 30, 40)] == [4, 4, 5, 4]


def test_points_beyond_the_trained_ones_are_flagged(faces: Faces) -> None:
    plane = np.concatenate([IBUG.plane, [[0, -0.7], [0.75, 0.1], [0, 0.93]]])
    fit = fit_by_model(faces(plane), KnownModel(), find, name="theirs")
    assert np.flatnonzero(fit.extrapolated).tolist() == [68, 69]
    assert [p.name for p in fit.scheme.points if p.group == EXTRAPOLATED] == ["p68", "p69"]
    assert np.abs(fit.scheme.plane - plane).max() < 2e-4
    head = np.array([[-0.9, -0.9], [0.9, -0.9], [0.9, 1.0], [-0.9, 1.0]])
    fit = fit_by_model(faces(plane), KnownModel(), find, name="theirs", trained=head)
    assert not fit.extrapolated.any()


def test_points_beyond_the_grid_are_carried_over_from_the_mean_shape(faces: Faces) -> None:
    plane = np.concatenate([IBUG.plane, [[0, -1.1], [1.0, 0.0]]])
    fit = fit_by_model(faces(plane), KnownModel(), find, name="theirs")
    assert np.flatnonzero(fit.extrapolated).tolist() == [68, 69]
    assert np.abs(fit.scheme.plane[:68] - IBUG.plane).max() < 2e-4
    assert np.abs(fit.scheme.plane[68:] - plane[68:]).max() < 0.05
    assert 0 < fit.spread[69] < 0.1


def test_a_face_starts_from_the_detection_that_is_its_own(faces: Faces) -> None:
    model = KnownModel()
    fit_by_model(faces(IBUG.plane, 2), model, find, name="theirs")
    assert [box.xyxy for box in model.boxes] == [face_box(1).xyxy, face_box(2).xyxy]


def test_a_face_that_is_not_found_is_placed_by_the_others(faces: Faces) -> None:
    model = KnownModel()
    heard: list[tuple[int, int]] = []
    fit = fit_by_model(
        faces(IBUG.plane, 3),
        model,
        lambda picture: nobody(picture) if picture[0, 0, 0] == 2 else find(picture),
        name="theirs",
        heard=lambda done, total: heard.append((done, total)),
    )
    assert (fit.faces, fit.problems) == (3, ())
    assert model.boxes[2].kind == "user"
    assert model.boxes[2].iou(face_box(2)) > 0.7  # the box of the upright face; this one is turned
    assert heard[-1] == (4, 4)


def test_without_a_detector_faces_start_from_their_points_and_are_read_again(faces: Faces) -> None:
    model = KnownModel()
    plane = IBUG.plane[17:]
    fit = fit_by_model(faces(plane, 2), model, None, name="theirs")
    assert [box.kind for box in model.boxes] == ["user"] * 4
    assert model.boxes[0].xyxy == Box.around(warp(1, plane)).xyxy
    assert model.boxes[2].iou(face_box(1)) > 0.7
    assert np.abs(fit.scheme.plane - plane).max() < 2e-4


def test_a_box_that_somebody_drew_is_taken(faces: Faces) -> None:
    drawn = Box(10, 20, 110, 120, "user")
    data = faces(IBUG.plane, 1)
    sample = Sample(data[0].image, drawn, data[0].landmarks)
    model = KnownModel()
    fit_by_model(Dataset((sample,)), model, None, name="theirs")
    assert model.boxes == [drawn]


def test_a_single_point_is_a_scheme_too(faces: Faces) -> None:
    fit = fit_by_model(faces(IBUG.plane[30:31]), KnownModel(), find, name="nose")
    assert np.abs(fit.scheme.plane - IBUG.plane[30]).max() < 2e-4
    assert fit.mirror.pairs == ((0, 0),)


def test_symmetric(faces: Faces) -> None:
    rng = np.random.default_rng(0)
    fit = fit_by_model(
        faces(IBUG.plane + rng.normal(0, 0.01, (68, 2))), KnownModel(), find, name="theirs", symmetric=True
    )
    assert np.array_equal(fit.scheme.mirror_index, IBUG.mirror_index)
    assert np.array_equal(fit.scheme.plane[fit.scheme.mirror_index] * (-1, 1), fit.scheme.plane)


def test_names_that_were_given(faces: Faces) -> None:
    fit = fit_by_model(faces(IBUG.plane, 1), KnownModel(), find, name="theirs", names=IBUG.names)
    assert fit.scheme.names == IBUG.names


def test_photos_that_cannot_be_read_are_left_out(faces: Faces) -> None:
    data = faces(IBUG.plane, 3)
    data[1].image.path.write_bytes(b"no picture")
    fit = fit_by_model(data, KnownModel(), find, name="theirs")
    assert fit.faces == 2
    assert len(fit.problems) == 1
    assert "2.png" in fit.problems[0]
    for sample in data:
        sample.image.path.unlink(missing_ok=True)
    with pytest.raises(InputError, match=r"no face can be used: .*1\.png"):
        fit_by_model(data, KnownModel(), find, name="theirs")


@pytest.mark.parametrize("detector", [nobody, lambda picture: find(picture)[:1]], ids=["none", "another's"])
def test_where_no_face_is_found_there_is_no_scheme(faces: Faces, detector: Callable) -> None:
    with pytest.raises(InputError, match=r"near the points of .*1\.png and of 2 more"):
        fit_by_model(faces(IBUG.plane, 3), KnownModel(), detector, name="theirs")


def test_points_that_are_not_on_the_faces(faces: Faces) -> None:
    with pytest.raises(InputError, match="do not lie on the faces"):
        fit_by_model(faces(IBUG.plane * 0.1 + (1.1, 0)), KnownModel(), find, name="theirs")


@pytest.mark.parametrize(
    ("xy", "problem"),
    [
        (np.full((68, 2), NAN), "has no annotated points"),
        (np.full((68, 2), 50.0), "all its points lie in one place"),
        (np.where(np.arange(136).reshape(68, 2) // 2 == 3, 5.0, NAN), "has a single point"),
    ],
)
def test_faces_that_say_nothing_are_left_out_by_name(faces: Faces, xy: np.ndarray, problem: str) -> None:
    data = faces(IBUG.plane, 3, face2=xy)
    fit = fit_by_model(data, KnownModel(), find, name="theirs")
    assert fit.faces == 2
    assert fit.problems == (f"{data[1].image.path}: {problem}",)
    with pytest.raises(InputError, match=f"no face can be used: .*{problem}"):
        fit_by_model(data[1:2], NeverAsked(), find, name="theirs")


def test_bad_input_is_refused_before_the_work(faces: Faces) -> None:
    data = faces(IBUG.plane, 2)
    with pytest.raises(InputError, match="there is none"):
        fit_by_model(Dataset(()), NeverAsked(), find, name="theirs")
    with pytest.raises(SchemeError, match="is no name"):
        fit_by_model(data, NeverAsked(), find, name="../theirs")
    with pytest.raises(SchemeError, match="stands twice"):
        fit_by_model(data, NeverAsked(), find, name="theirs", names=["a"] * 68)
    with pytest.raises(InputError, match="3 names for 68 points"):
        fit_by_model(data, NeverAsked(), find, name="theirs", names=["a", "b", "c"])
    with pytest.raises(InputError, match="67 points"):
        Dataset((*data, Sample(data[0].image, landmarks=Landmarks("theirs", IBUG.plane[:67]))))


def test_a_point_that_no_face_has(faces: Faces) -> None:
    xy = warp(1, IBUG.plane)
    xy[7] = NAN
    with pytest.raises(InputError, match=r"point 7 \(from 0\) is on none of the 1 faces"):
        fit_by_model(faces(IBUG.plane, 1, face1=xy), KnownModel(), find, name="theirs")


def shapes(plane: np.ndarray, count: int = 4) -> Dataset:
    """Annotated faces whose photos are not there."""
    samples = (
        Sample(ImageFile(f"{number}.jpg"), landmarks=Landmarks("theirs", warp(number, plane)))
        for number in range(count)
    )
    return Dataset(tuple(samples))


def at(*indices: int) -> dict[int, tuple[float, float]]:
    return {i: (float(IBUG.plane[i, 0]), float(IBUG.plane[i, 1])) for i in indices}


SPREAD = at(36, 39, 42, 45, 48, 54, 8, 30, 0, 16)


def test_anchors_hold_the_mean_shape() -> None:
    fit = fit_by_anchors(shapes(IBUG.plane), SPREAD, name="theirs")
    assert np.abs(fit.scheme.plane[list(SPREAD)] - list(SPREAD.values())).max() < 1e-6
    assert np.abs(fit.scheme.plane - IBUG.plane).max() < 0.02
    assert 0 < fit.spread.max() < 0.05
    assert fit.scheme.normalizers == {"inter_ocular": ((36,), (45,))}
    assert fit.mirror.pairs == IBUG.mirror
    assert fit.problems == ()


def test_points_outside_of_the_anchors_are_flagged() -> None:
    fit = fit_by_anchors(shapes(IBUG.plane), at(36, 45, 48, 54), name="theirs")
    assert set(range(17)) <= set(np.flatnonzero(fit.extrapolated).tolist())
    assert not fit.extrapolated[[27, 30, 33, 39, 51]].any()


def test_two_anchors_are_enough_for_a_similarity() -> None:
    one = shapes(IBUG.plane, 1)  # number 0 is not bent
    fit = fit_by_anchors(one, at(36, 45), name="theirs")
    assert np.abs(fit.scheme.plane - IBUG.plane).max() < 1e-6


def test_anchors_may_be_missing_on_some_faces() -> None:
    data = shapes(IBUG.plane)
    xy = data[1].landmarks.xy.copy()
    xy[[36, 45, 48]] = NAN
    data = Dataset((data[0], Sample(data[1].image, landmarks=Landmarks("theirs", xy)), *data[2:]))
    fit = fit_by_anchors(data, at(36, 45, 48), name="theirs")
    assert fit.seen[36] == 3
    assert np.abs(fit.scheme.plane - IBUG.plane).max() < 0.03


def test_a_wrong_anchor_is_named() -> None:
    fit = fit_by_anchors(shapes(IBUG.plane), SPREAD | {57: at(33)[33]}, name="theirs", names=IBUG.names)
    (problem,) = fit.problems
    assert problem.startswith("point lip_outer_lower_middle: its anchor lies 0.2")


@pytest.mark.parametrize(
    ("anchors", "problem"),
    [
        ({}, "needs two anchors, 0"),
        (at(36), "needs two anchors, 1"),
        ({36: (0.0, 0.0), 99: (0.1, 0.0)}, r"point 99, but there are 68 \(from 0\)"),
        ({36: (0.0, 0.0), -1: (0.1, 0.0)}, "point -1"),
    ],
)
def test_anchors_that_will_not_do(anchors: dict, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        fit_by_anchors(shapes(IBUG.plane), anchors, name="theirs")


def test_anchors_in_one_place_are_refused_without_a_traceback() -> None:
    with pytest.raises(InputError):
        fit_by_anchors(shapes(IBUG.plane), {36: (0.1, 0.1), 45: (0.1, 0.1)}, name="theirs")


def test_read_anchors() -> None:
    names = ("p0", "corner", "p2")
    found = read_anchors("0=ibug68:36, corner = wflw98:72,p2=ibug68:jaw_8,", names)
    assert found == {
        0: tuple(IBUG.plane[36].tolist()),
        1: tuple(WFLW.plane[72].tolist()),
        2: tuple(IBUG.plane[8].tolist()),
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("18", "'18' is no anchor"),
        ("0=36", "is no anchor"),
        ("0=ibug68:", "is no anchor"),
        ("=ibug68:36", "is no anchor"),
        ("3=ibug68:36", "the annotated faces: there is no point '3' among 3"),
        ("-1=ibug68:36", "no point '-1'"),
        ("nose=ibug68:36", "no point 'nose'"),
        ("0=ibug68:68", "scheme 'ibug68': there is no point '68' among 68"),
        ("0=ibug86:36", "no scheme is called 'ibug86'"),
        ("0=ibug68:36,p0=ibug68:45", "'p0' has two anchors"),
        ("0=ibug68:²", "no point '²'"),
    ],
)
def test_anchors_that_cannot_be_read(text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_anchors(text, ("p0", "p1", "p2"))


@pytest.mark.parametrize(
    "card",
    [
        {},
        {"training": 3},
        {"training": {"data": "ibug68"}},
        {"training": {"data": [1, {"scheme": "../secret"}, {"scheme": ["ibug68"]}]}},
        {"training": {"data": [{"scheme": "ibug68"}, {"scheme": "ibug68"}]}},
    ],
)
def test_a_card_that_names_nothing_else_means_ibug68(card: dict) -> None:
    assert np.array_equal(trained_on(card), IBUG.plane)


def test_a_card_may_name_several_schemes() -> None:
    card = {"training": {"data": [{"scheme": "wflw98"}, {"scheme": "ibug68"}]}}
    assert np.array_equal(trained_on(card), np.concatenate([IBUG.plane, WFLW.plane]))


@pytest.mark.parametrize(
    ("count", "expected"), [(1, [0]), (2, [0, 9]), (4, [0, 3, 6, 9]), (99, [*range(10)])]
)
def test_evenly(count: int, expected: list[int]) -> None:
    data = shapes(IBUG.plane, 10)
    assert [int(s.image.path.stem) for s in evenly(data, count)] == expected


def test_fitting_needs_no_torch() -> None:
    code = "import sys, labelkit.models.fit; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"

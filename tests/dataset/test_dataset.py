"""Faces in memory."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labelkit.dataset import Dataset, LeftOut, ReadReport, Sample
from labelkit.errors import InputError
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks, State, Visibility
from labelkit.scheme import Point, Scheme, load_scheme

TRIANGLE = Scheme("triangle", (Point("left", -0.5, 0.0), Point("right", 0.5, 0.0), Point("chin", 0.0, 0.5)))


def face(name: str, shift: float = 0.0, scheme: str = "triangle") -> Sample:
    points = Landmarks(scheme, np.array([[10, 20], [30, 20], [20, 40]]) + shift)
    return Sample(ImageFile(name), points.box, points, {"blur": 1})


def test_it_is_a_sequence_of_samples_without_opening_photos() -> None:
    samples = [face("a.jpg"), face("b.jpg", 5), face("a.jpg", 9)]
    data = Dataset(tuple(samples), TRIANGLE)
    assert len(data) == 3
    assert list(data) == samples
    assert data[-1] is samples[2]
    assert data[1:].samples == tuple(samples[1:])
    with pytest.raises(IndexError):
        data[3]


def test_filter_and_slices_keep_scheme_root_and_report() -> None:
    report = ReadReport(2, (LeftOut(Path("list.txt"), 7, "is odd"),))
    data = Dataset((face("a.jpg"), face("b.jpg")), TRIANGLE, Path("photos"), report)
    for part in (data.filter(lambda sample: sample.image.path.name == "b.jpg"), data[1:]):
        assert [str(sample.image.path) for sample in part] == ["b.jpg"]
        assert (part.scheme, part.root, part.report) == (TRIANGLE, Path("photos"), report)


def test_faces_are_grouped_by_photo_in_order() -> None:
    first, second, third = face("b.jpg"), face("a.jpg"), face("b.jpg", 9)
    groups = Dataset((first, second, third), TRIANGLE).by_image()
    assert list(groups.values()) == [[first, third], [second]]
    assert list(groups) == [ImageFile("b.jpg"), ImageFile("a.jpg")]


def test_landmarks_of_another_scheme_are_refused_with_the_photo() -> None:
    with pytest.raises(InputError, match=r"b\.jpg.*'triangle' with 3 points.*'square' with 3"):
        Dataset((face("a.jpg"), face("b.jpg", scheme="square")), TRIANGLE)
    with pytest.raises(InputError, match=r"b\.jpg"):
        Dataset((face("a.jpg"), face("b.jpg", scheme="square")))


def test_landmarks_of_another_length_are_refused_with_the_photo() -> None:
    short = replace(face("b.jpg"), landmarks=Landmarks("triangle", [[1, 2], [3, 4]]))
    with pytest.raises(InputError, match=r"b\.jpg.*2 points"):
        Dataset((face("a.jpg"), short), TRIANGLE)


def test_faces_without_landmarks_go_with_any_scheme() -> None:
    bare = Sample(ImageFile("a.jpg"))
    assert bare.box is None
    assert bare.landmarks is None
    assert bare.attributes == {}
    assert len(Dataset((bare, face("b.jpg")), TRIANGLE)) == 2


def test_what_was_left_out_reads_as_a_line_of_a_compiler() -> None:
    assert str(LeftOut(Path("list.txt"), 7, "is odd")) == "list.txt:7: is odd"
    assert str(LeftOut(Path("a.pts"), None, "is odd")) == "a.pts: is odd"
    assert str(ReadReport(2)) == "2 faces read"
    assert str(ReadReport(2, (LeftOut(Path("a"), 1, "b"),))) == "2 faces read, 1 left out"


def test_it_travels_to_another_process() -> None:
    data = Dataset((face("a.jpg"),), TRIANGLE, Path("photos"), ReadReport(1, (LeftOut(Path("a"), 1, "b"),)))
    again = pickle.loads(pickle.dumps(data))  # noqa: S301  (our own bytes)
    assert again == data
    assert again.report == data.report


def test_its_name_is_one_line() -> None:
    assert repr(Dataset((face("a.jpg"),), TRIANGLE, Path("photos"))) == (
        "<Dataset: 1 faces of 'triangle', images in photos>"
    )


# Conditions


def names(data: Dataset) -> str:
    return "".join(sample.image.path.stem for sample in data)


def varied() -> Dataset:
    """Faces a, b, c, d: other attributes, boxes of 20 to 50 px, states and missing points."""
    xy = np.array([[10.0, 20], [30, 20], [20, 40]])
    samples = [
        Sample(ImageFile("a.jpg"), Box(0, 0, 20, 5), Landmarks("triangle", xy), {"pose": 1, "set": "x"}),
        Sample(ImageFile("b.jpg"), Box(0, 0, 5, 50), Landmarks("triangle", xy, [2, 1, 2]), {"pose": 0}),
        Sample(ImageFile("c.jpg"), None, Landmarks("triangle", [[1, 2], [3, np.nan], [5, 6]]), {"set": "y"}),
        Sample(ImageFile("d.jpg"), Box(0, 0, 30, 30)),
    ]
    return Dataset(tuple(samples), TRIANGLE)


def test_filtering_by_attributes() -> None:
    data = varied()
    assert names(data.filter(attributes={"pose": 1})) == "a"
    assert names(data.filter(attributes={"set": ["x", "y"]})) == "ac"
    assert names(data.filter(attributes={"set": {"x"}, "pose": (0, 1)})) == "a"
    assert names(data.filter(attributes={"set": "xy"})) == ""
    assert names(data.filter(attributes={})) == "abcd"


def test_filtering_by_the_longer_side_of_the_box() -> None:
    data = varied()
    assert names(data.filter(box_side=(30, 50))) == "bd"
    assert names(data.filter(box_side=(0, 29.9))) == "a"
    assert names(data.filter(box_side=(0, float("inf")))) == "abd"


def test_filtering_by_state() -> None:
    data = varied()
    assert names(data.filter(state=State.CONFIRMED)) == "a"
    assert names(data.filter(state=State.PLACED)) == "ab"
    assert names(data.filter(state=State.PREDICTED)) == "ab"


def test_conditions_add_up() -> None:
    data = varied()
    assert (
        names(data.filter(lambda sample: sample.box is not None, state=State.PLACED, box_side=(0, 30))) == "a"
    )
    assert names(data.filter()) == "abcd"


# Parts


def family(photos: int = 30, persons: int = 10) -> Dataset:
    root = Path("photos")
    samples = [
        replace(face(str(root / f"{i}.jpg"), shift), attributes={"person": i % persons})
        for i in range(photos)
        for shift in (0, 5)
    ]
    return Dataset(tuple(samples), TRIANGLE, root)


def test_parts_are_data_sets_in_the_old_order() -> None:
    data = family()
    parts = data.split((80, 10, 10))
    assert [len(part) for part in parts] == [48, 6, 6]
    assert all((part.scheme, part.root) == (data.scheme, data.root) for part in parts)
    photos = [{sample.image for sample in part} for part in parts]
    assert len(set.union(*photos)) == sum(map(len, photos)) == 30
    order = {id(sample): place for place, sample in enumerate(data)}
    for part in parts:
        places = [order[id(sample)] for sample in part]
        assert places == sorted(places)


def test_parts_do_not_depend_on_where_the_photos_lie() -> None:
    data = family()
    moved = tuple(
        replace(sample, image=ImageFile(Path("/else/where") / sample.image.path.name)) for sample in data
    )
    there = Dataset(moved, TRIANGLE, Path("/else/where"))
    for part, other in zip(data.split((1, 1)), there.split((1, 1)), strict=True):
        assert names(part) == names(other)
    assert names(data.split((1, 1), seed=1)[0]) != names(data.split((1, 1))[0])


def test_parts_share_no_person() -> None:
    parts = family().split((6, 4), by="person")
    persons = [{sample.attributes["person"] for sample in part} for part in parts]
    assert [len(part) for part in parts] == [36, 24]
    assert not persons[0] & persons[1]


def test_a_face_of_an_unknown_person_cannot_be_divided() -> None:
    data = Dataset((*family(), face("b.jpg")), TRIANGLE)
    with pytest.raises(
        InputError, match=r"^b\.jpg: the person is unknown \(attribute 'person'\); split by photo"
    ):
        data.split((1, 1), by="person")
    assert len(data.split((1, 1))) == 2
    with pytest.raises(InputError, match="is no way to divide"):
        data.split((1, 0))


def test_no_face_gives_empty_parts() -> None:
    assert [len(part) for part in Dataset(()).split((1, 1))] == [0, 0]


# Together


def test_data_sets_of_one_scheme_are_put_together_as_they_are() -> None:
    left_out = ReadReport(1, (LeftOut(Path("list.txt"), 7, "is odd"),))
    first = Dataset((face("p/x/a.jpg"),), TRIANGLE, Path("p/x"), ReadReport(1))
    second = Dataset(
        (face("p/y/b.jpg"), face("p/y/c.jpg")), replace(TRIANGLE, title="T"), Path("p/y"), left_out
    )
    data = Dataset.concat([first, second])
    assert data.samples == (*first, *second)
    assert (data.scheme, data.root) == (TRIANGLE, Path("p").absolute())
    assert (data.report.read, data.report.left_out) == (2, left_out.left_out)
    assert Dataset.concat([first]) == first
    assert Dataset.concat([]) == Dataset(())
    assert Dataset.concat([first, Dataset((face("d.jpg"),))]).root is None


def test_landmarks_of_another_scheme_are_reexpressed_and_marked() -> None:
    wflw, ibug = load_scheme("wflw98"), load_scheme("ibug68")
    seen = np.full(98, Visibility.OCCLUDED)
    other = Sample(ImageFile("b.jpg"), Box(0, 0, 9, 9), Landmarks(wflw, wflw.plane * 100, visibility=seen))
    mine = Sample(ImageFile("a.jpg"), None, Landmarks(ibug, ibug.plane * 100))
    bare = Sample(ImageFile("c.jpg"), None, None, {"pose": 1})
    data = Dataset.concat([Dataset((mine,), ibug), Dataset((bare, other), wflw)])
    assert data.scheme == ibug
    assert (data[0], data[1]) == (mine, bare)
    moved = data[2].landmarks
    assert moved is not None
    assert (moved.state == State.PREDICTED).all()
    assert np.linalg.norm(moved.xy - ibug.plane * 100, axis=1).max() < 2
    assert Visibility.OCCLUDED in moved.visibility
    assert data[2].box == other.box
    back = Dataset.concat([data], scheme="wflw98")
    assert back.scheme == wflw
    assert all(len(sample.landmarks) == 98 for sample in back if sample.landmarks is not None)


def test_landmarks_of_an_unknown_scheme_are_not_mixed_with_others() -> None:
    unknown = Dataset((face("u.jpg", scheme="points3"),))
    assert len(Dataset.concat([unknown, unknown])) == 2
    with pytest.raises(InputError, match=r"u\.jpg: the data set is of scheme 'triangle'"):
        Dataset.concat([Dataset((face("a.jpg"),), TRIANGLE), unknown])


# As a table


def test_to_pandas_and_back() -> None:
    data = Dataset(varied().samples, TRIANGLE, Path())
    frame = data.to_pandas()
    assert frame["image"].tolist() == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    assert frame["chin_x"].tolist()[:2] == [20, 20]
    again = Dataset.from_pandas(frame, scheme=TRIANGLE, root=Path())
    assert again == data
    assert again.report.read == 4


def test_a_table_of_a_builtin_scheme_needs_no_scheme() -> None:
    ibug = load_scheme("ibug68")
    data = Dataset((Sample(ImageFile("p/a.jpg"), None, Landmarks(ibug, ibug.plane)),), ibug, Path("p"))
    assert Dataset.from_pandas(data.to_pandas(), root="p") == data


def test_a_table_that_somebody_made() -> None:
    frame = pd.DataFrame(
        {"image": ["a.jpg", "b.jpg"], "tip_x": [1, 2.5], "tip_y": [3, None], "age": [40, 41]}
    )
    first, second = Dataset.from_pandas(frame)
    assert first == Sample(ImageFile("a.jpg"), None, Landmarks("points1", [[1, 3]]), {"age": 40})
    assert second == Sample(ImageFile("b.jpg"), None, Landmarks("points1", [[2.5, np.nan]]), {"age": 41})


def test_a_bad_row_is_named() -> None:
    frame = varied().to_pandas()
    frame["kind"] = frame["kind"].replace("landmarks", "guess")
    with pytest.raises(InputError, match="row 0: kind is 'guess', none of landmarks, detector, user"):
        Dataset.from_pandas(frame, scheme=TRIANGLE)
    with pytest.raises(InputError, match="the table has no column 'left_x'"):
        Dataset.from_pandas(frame.drop(columns="left_x"), scheme=TRIANGLE)

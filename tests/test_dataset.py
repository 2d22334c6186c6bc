"""Faces in memory."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from labelkit.dataset import Dataset, LeftOut, ReadReport, Sample
from labelkit.errors import InputError
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks
from labelkit.scheme import Point, Scheme

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

"""What readers share: schemes by the names of points, boxes by their rectangles, photos by name."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit.dataset import LeftOut
from labelkit.errors import BoxError, FormatError, InputError
from labelkit.formats.reading import FacesRead, box_read, locate_image, match_names
from labelkit.geometry import Box
from labelkit.scheme import Point, Scheme, load_scheme

NAMES = st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=6, unique=True)


@given(names=NAMES, more=NAMES, order=st.randoms(use_true_random=False))
def test_points_of_a_given_scheme_are_found_by_name_in_any_order(
    names: list[str], more: list[str], order: random.Random
) -> None:
    scheme = Scheme("drawn", tuple(Point(name, 0, 0) for name in names))
    there = list(dict.fromkeys([*names, *more]))
    order.shuffle(there)
    found, places = match_names(scheme, there)
    assert found == scheme
    assert [there[place] for place in places] == names


def test_a_scheme_that_the_file_names_must_have_its_points() -> None:
    names = load_scheme("ibug68").names
    # merl68 has the same points.
    for called, expected in (("", "ibug68"), ("merl68", "merl68"), ("wflw98", None), ("mine", None)):
        scheme, places = match_names(None, names, called)
        assert (scheme.name if scheme else None) == expected
        assert places == list(range(68))


def test_a_file_of_boxes_alone_fits_every_scheme() -> None:
    assert match_names("ibug68", []) == (load_scheme("ibug68"), [])
    assert match_names(None, []) == (None, [])


def test_a_rectangle_is_tight_or_somebodys() -> None:
    xy = np.array([[1, 2], [np.nan, np.nan], [5, 7.0]])
    tight = Box(1, 2, 5, 7, kind="landmarks", source="mine")
    assert box_read(None, xy, "mine", "coco") == tight
    assert box_read(np.array([1.0005, 2, 5, 7]), xy, "mine", "coco") == tight
    assert box_read(np.array([1.1, 2, 5, 7]), xy, "mine", "coco") == Box(1.1, 2, 5, 7, "user", "coco")
    assert box_read(np.array([5.0, 7, 5, 7]), xy[2:], "mine", "coco") is None
    assert box_read(None, xy[1:2], "mine", "coco") is None
    with pytest.raises(BoxError, match="has no area"):
        box_read(np.array([5.0, 7, 5, 9]), xy, "mine", "coco")


def test_what_cannot_be_read_is_kept_in_the_order_of_the_file(tmp_path: Path) -> None:
    faces = FacesRead(strict=False)
    with faces.entry(tmp_path, 7, "row"):
        raise InputError("is wrong")
    with faces.entry(tmp_path, 9):
        raise FormatError(tmp_path / "a", "is worse", 3)
    with faces.entry(tmp_path, 2):
        raise InputError("is wrong, too")
    assert faces.dataset(None, tmp_path).report.left_out == (
        LeftOut(tmp_path, 2, "is wrong, too"),
        LeftOut(tmp_path, 7, "row: is wrong"),
        LeftOut(tmp_path / "a", 3, "is worse"),
    )
    with pytest.raises(FormatError, match=r":7: is wrong"), FacesRead(strict=True).entry(tmp_path, 7):
        raise InputError("is wrong")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../out.jpg", "lies outside"),
        ("x/../../out.jpg", "lies outside"),
        ("/etc/passwd", "lies outside"),
        ("lost.jpg", "is missing"),
        (".", "is missing"),
        ("a\0.jpg", "is missing"),
    ],
)
def test_photos_are_below_the_root(tmp_path: Path, name: str, problem: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.jpg").touch()
    (tmp_path / "out.jpg").touch()
    assert locate_image(root, "x/../a.jpg") == root / "a.jpg"
    with pytest.raises(InputError, match=problem):
        locate_image(root, name)

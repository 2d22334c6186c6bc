"""Leafing through photos."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelkit.geometry import Box
from labelkit.landmarks import Landmarks
from labelkit.scheme import Point, Scheme
from labelkit.store import FaceState, NewFace, NewImage, PhotoKind, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.create(tmp_path / "x.db", Scheme("made", (Point("a", 0.0, 0.0),)))
    ids = store.add_images(NewImage(name) for name in ("a.jpg", "b_1.jpg", "c%.jpg", "sub/b2.jpg"))
    store.add_faces([NewFace(ids[0], Box(0, 0, 9, 9)), NewFace(ids[0], Box(9, 9, 20, 20))])
    store.mark_no_face([ids[1]])
    store.mark_missing([ids[2]])
    return store


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (PhotoKind.ALL, ["a.jpg", "b_1.jpg", "c%.jpg", "sub/b2.jpg"]),
        (PhotoKind.WITH_FACES, ["a.jpg"]),
        (PhotoKind.NO_FACE, ["b_1.jpg"]),
        (PhotoKind.UNSEARCHED, ["c%.jpg", "sub/b2.jpg"]),
        (PhotoKind.MISSING, ["c%.jpg"]),
    ],
)
def test_photos_of_a_kind(store: Store, kind: PhotoKind, names: list[str]) -> None:
    assert [image.path for image in store.photo_page(kind)] == names
    assert store.count_photos(kind) == len(names)


@pytest.mark.parametrize(
    ("part", "names"), [("b", ["b_1.jpg", "sub/b2.jpg"]), ("%", ["c%.jpg"]), ("_", ["b_1.jpg"])]
)
def test_a_name_is_no_pattern(store: Store, part: str, names: list[str]) -> None:
    assert [image.path for image in store.photo_page(name=part)] == names
    assert store.count_photos(name=part) == len(names)


def test_pages_begin_anywhere(store: Store) -> None:
    assert [image.path for image in store.photo_page(offset=1, limit=2)] == ["b_1.jpg", "c%.jpg"]
    assert store.photo_page(offset=4) == []


def test_the_position_moves_with_what_happens(store: Store) -> None:
    before = store.position()
    assert store.position() == before
    (face, *_) = store.page()
    store.annotate(face.id, Landmarks("made", [[1.0, 1.0]]), "ann", state=FaceState.DONE)
    assert store.position() > before

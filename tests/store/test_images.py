from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labelkit.errors import InputError
from labelkit.geometry import Box
from labelkit.store import ImageCounts, NewFace, NewImage, Store


def test_photos_keep_what_is_known_about_them(store: Store) -> None:
    photo = NewImage("2024/été 🙂/a b.jpg", "abc", 12, 3.25, 640, 480, "Zoë")
    (image_id,) = store.add_images([photo])
    stored = store.image(image_id)
    assert (stored.path, stored.hash, stored.size, stored.mtime) == (photo.path, "abc", 12, 3.25)
    assert (stored.width, stored.height, stored.person, stored.missing) == (640, 480, "Zoë", False)
    assert store.find_image(photo.path) == stored
    assert store.images_by_hash("abc") == [stored]


def test_adding_again_gives_the_same_ids_in_the_order_asked_for(store: Store) -> None:
    first = store.add_images([NewImage("a"), NewImage("b")])
    again = store.add_images([NewImage("b"), NewImage("c"), NewImage("a"), NewImage("b")])
    assert again == [first[1], again[1], first[0], first[1]]
    assert store.count_images().total == 3


def test_an_update_keeps_what_it_does_not_name(store: Store) -> None:
    (image_id,) = store.add_images([NewImage("a", "abc", 12, 3.0, person="Zoë")])
    store.add_images([NewImage("a", width=640, height=480)])
    stored = store.image(image_id)
    assert (stored.hash, stored.size, stored.person, stored.width) == ("abc", 12, "Zoë", 640)


@pytest.mark.parametrize("changed", [NewImage("a", size=13, mtime=3.0), NewImage("a", size=12, mtime=4.0)])
def test_a_changed_file_has_an_unknown_hash_until_it_is_read(store: Store, changed: NewImage) -> None:
    (image_id,) = store.add_images([NewImage("a", "abc", 12, 3.0)])
    store.add_images([NewImage("a", size=12, mtime=3.0)])
    assert store.image(image_id).hash == "abc"
    store.add_images([changed])
    assert store.image(image_id).hash is None


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../a.jpg", "a/../../b.jpg", "a//b.jpg", "./a.jpg", "a\0b", "\ud800.jpg"]
)
def test_a_path_cannot_lead_out_of_the_image_root(store: Store, path: str) -> None:
    with pytest.raises(InputError):
        store.add_images([NewImage("good.jpg"), NewImage(path)])
    assert store.count_images().total == 0


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=40))
def test_any_file_name_comes_back_as_it_was(store: Store, name: str) -> None:
    if name in (".", ".."):
        return
    (image_id,) = store.add_images([NewImage(f"folder/{name}")])
    assert store.image(image_id).path == f"folder/{name}"


def test_pages_of_photos_without_a_face_or_a_hash(store: Store) -> None:
    a, b, c = store.add_images([NewImage("a", "x"), NewImage("b"), NewImage("c")])
    store.add_faces([NewFace(a, Box(0, 0, 1, 1))])
    store.mark_no_face([b])
    assert [image.id for image in store.images()] == [a, b, c]
    assert [image.id for image in store.images(after=a, limit=1)] == [b]
    assert [image.id for image in store.images(unsearched=True)] == [c]
    assert [image.id for image in store.images(unhashed=True)] == [b, c]


def test_equal_content_is_reported(store: Store) -> None:
    ids = store.add_images([NewImage(name, name[0]) for name in ("x1", "y1", "x2", "z", "y2", "x3")])
    store.add_images([NewImage("unknown1"), NewImage("unknown2")])
    assert [[image.id for image in group] for group in store.duplicates()] == [
        [ids[0], ids[2], ids[5]],
        [ids[1], ids[4]],
    ]
    assert store.count_images() == ImageCounts(total=8, missing=0, unsearched=8, repeated=3)


def test_a_missing_photo_is_there_again_when_it_is_added_again(store: Store) -> None:
    a, b = store.add_images([NewImage("a"), NewImage("b")])
    store.mark_missing([a, b])
    assert store.count_images().missing == 2
    store.add_images([NewImage("a")])
    store.mark_missing([b], missing=False)
    assert [store.image(one).missing for one in (a, b)] == [False, False]


def test_two_photos_change_places(store: Store) -> None:
    a, b = store.add_images([NewImage("a"), NewImage("b")])
    store.mark_missing([a])
    store.relocate({a: "b", b: "a"})
    assert (store.image(a).path, store.image(b).path) == ("b", "a")
    assert not store.image(a).missing


def test_the_same_file_added_as_new_gives_way_to_the_one_that_moved(store: Store) -> None:
    old, new = store.add_images([NewImage("old", "abc"), NewImage("new", "abc")])
    (face,) = store.add_faces([NewFace(old, Box(0, 0, 1, 1))])
    store.relocate({old: "new"})
    assert [image.id for image in store.images()] == [old]
    assert store.face(face).face.image == "new"
    assert new not in [image.id for image in store.images()]


def test_a_photo_with_faces_or_other_content_does_not_give_way(store: Store) -> None:
    old, busy, other = store.add_images(
        [NewImage("old", "abc"), NewImage("busy", "abc"), NewImage("other", "x")]
    )
    store.add_faces([NewFace(busy, Box(0, 0, 1, 1))])
    for path in ("busy", "other"):
        with pytest.raises(InputError, match=path):
            store.relocate({old: path})
    assert [image.path for image in store.images()] == ["old", "busy", "other"]
    assert store.image(other).id == other


def test_photos_cannot_move_onto_one_another_or_from_nowhere(store: Store) -> None:
    a, b = store.add_images([NewImage("a"), NewImage("b")])
    with pytest.raises(InputError, match="same path"):
        store.relocate({a: "c", b: "c"})
    with pytest.raises(InputError, match="no photo 99"):
        store.relocate({a: "c", 99: "d"})
    assert [image.path for image in store.images()] == ["a", "b"]


def test_an_unknown_photo(store: Store) -> None:
    assert store.find_image("nowhere.jpg") is None
    with pytest.raises(InputError, match="no photo 7"):
        store.image(7)


def test_a_number_that_no_database_can_hold(store: Store) -> None:
    with pytest.raises(InputError, match="too large"):
        store.image(2**70)

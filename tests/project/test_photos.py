from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from labelkit.errors import ImageError, InputError
from labelkit.geometry import Box
from labelkit.landmarks import Face
from labelkit.project import Project
from labelkit.project.photos import PhotoNames, all_images
from labelkit.scheme import Scheme

from .conftest import NAMES, face_at, make_photo


def paths(project: Project) -> dict[str, bool]:
    """The photos by name, with whether they are missing."""
    return {image.path: image.missing for image in all_images(project.store)}


def test_a_new_project_knows_its_photos_by_name_and_content(project: Project, photos: Path) -> None:
    known = {image.path: image for image in all_images(project.store)}
    assert set(known) == set(NAMES)
    for name, image in known.items():
        file = photos / name
        assert (image.size, image.mtime) == (file.stat().st_size, file.stat().st_mtime)
        assert image.hash == project.image(name).content_hash()


def test_reading_can_wait(tmp_path: Path, photos: Path, ibug68: Scheme) -> None:
    told: list[tuple[int, int]] = []
    with Project.create(tmp_path / "lazy", photos, ibug68, read=False) as project:
        assert project.status().unhashed == len(NAMES)
        report = project.scan(heard=lambda done, total: told.append((done, total)))
        assert (report.added, report.unhashed) == (0, 0)
        assert project.status().unhashed == 0
    assert told == [(len(NAMES), len(NAMES))]


def test_an_interrupted_reading_keeps_what_was_read(
    tmp_path: Path, photos: Path, ibug68: Scheme, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labelkit.project.photos._CHUNK", 1)

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with Project.create(tmp_path / "lazy", photos, ibug68, read=False) as project:
        with pytest.raises(KeyboardInterrupt):
            project.scan(heard=stop)
        assert project.status().unhashed == len(NAMES) - 2
        project.scan()
        assert project.status().unhashed == 0


def test_photos_added_later_are_found(project: Project, photos: Path) -> None:
    make_photo(photos / "later" / "x.png", 99)
    report = project.scan()
    assert (report.photos, report.added, report.moved, report.missing) == (5, 1, (), ())
    assert paths(project)["later/x.png"] is False
    assert project.scan().added == 0


def test_a_moved_photo_keeps_its_face(project: Project, photos: Path, ibug68: Scheme) -> None:
    (face,) = _annotated(project, "a.png", ibug68)
    (photos / "elsewhere").mkdir()
    (photos / "a.png").rename(photos / "elsewhere" / "z.png")
    report = project.scan()
    assert report.moved == (("a.png", "elsewhere/z.png"),)
    assert (report.added, report.missing) == (0, ())
    assert set(paths(project)) == {*NAMES[1:], "elsewhere/z.png"}
    moved = Face("elsewhere/z.png", face.index)
    np.testing.assert_allclose(project.landmarks(moved).xy, face_at(ibug68))


def test_two_photos_that_change_names_keep_their_faces(
    project: Project, photos: Path, ibug68: Scheme
) -> None:
    _annotated(project, "a.png", ibug68, 1.0)
    _annotated(project, "b.png", ibug68, 2.0)
    (photos / "a.png").rename(photos / "t.png")
    (photos / "b.png").rename(photos / "a.png")
    (photos / "t.png").rename(photos / "b.png")
    report = project.scan()
    assert set(report.moved) == {("a.png", "b.png"), ("b.png", "a.png")}
    assert report.changed == ()
    np.testing.assert_allclose(project.landmarks(Face("a.png")).xy, face_at(ibug68, 2.0))
    np.testing.assert_allclose(project.landmarks(Face("b.png")).xy, face_at(ibug68, 1.0))


def test_a_photo_that_takes_the_name_of_a_lost_one_is_reported(project: Project, photos: Path) -> None:
    (photos / "b.png").replace(photos / "a.png")
    report = project.scan()
    assert report.changed == ("a.png",)
    assert report.missing == ("b.png",)
    assert report.moved == ()


def test_another_content_under_the_same_name_is_reported_and_read_anew(
    project: Project, photos: Path
) -> None:
    make_photo(photos / "a.png", 200)
    os.utime(photos / "a.png", (1, 1))
    assert project.scan().changed == ("a.png",)
    image = project.store.find_image("a.png")
    assert image is not None
    assert image.hash == project.image("a.png").content_hash()
    assert project.scan().changed == ()


def test_a_touched_photo_has_not_changed(project: Project, photos: Path) -> None:
    os.utime(photos / "a.png", (1, 1))
    report = project.scan()
    assert (report.changed, report.moved, report.unhashed) == ((), (), 0)


def test_missing_photos_are_named_and_come_back(project: Project, photos: Path) -> None:
    kept = (photos / "a.png").read_bytes()
    (photos / "a.png").unlink()
    assert project.scan().missing == ("a.png",)
    assert project.status().missing == ("a.png",)
    (photos / "a.png").write_bytes(kept)
    assert project.scan().missing == ()
    assert paths(project)["a.png"] is False


def test_duplicates_are_reported(project: Project, photos: Path) -> None:
    (photos / "copy.png").write_bytes((photos / "a.png").read_bytes())
    assert project.scan().repeated == 1
    assert project.status().duplicates == (("a.png", "copy.png"),)


def test_a_relocated_project_finds_its_photos_by_name_and_by_content(
    project: Project, photos: Path, tmp_path: Path, ibug68: Scheme
) -> None:
    _annotated(project, "sub/c.png", ibug68)
    target = tmp_path / "archive" / "2024"
    target.parent.mkdir()
    photos.rename(target)
    (target / "sub" / "c.png").rename(target / "renamed.png")
    report = project.relocate(target)
    assert report.moved == (("sub/c.png", "renamed.png"),)
    assert (report.added, report.missing) == (0, ())
    assert project.images == target
    with Project.open(project.folder) as again:
        assert again.images == target
        np.testing.assert_allclose(again.landmarks(Face("renamed.png")).xy, face_at(ibug68))


def test_a_folder_without_the_photos_is_refused(project: Project, photos: Path, tmp_path: Path) -> None:
    make_photo(tmp_path / "others" / "q.png", 222)
    with pytest.raises(InputError, match="none of the project's 4 photos is there"):
        project.relocate(tmp_path / "others")
    assert project.images == photos
    with Project.open(project.folder) as again:
        assert again.images == photos


def test_links_out_of_the_root_are_left_alone(project: Project, photos: Path, tmp_path: Path) -> None:
    secret = make_photo(tmp_path / "secret.png", 123)
    (photos / "leak.png").symlink_to(secret)
    (photos / "inner.png").symlink_to(photos / "a.png")
    (photos / "nowhere.png").symlink_to(photos / "none.png")
    report = project.scan()
    assert report.outside == ("leak.png",)
    assert set(paths(project)) == {*NAMES, "inner.png"}
    for name in ("leak.png", "../secret.png", str(secret)):
        with pytest.raises(ImageError, match="outside of the image root"):
            project.image(name)


def test_a_project_among_its_photos_does_not_find_its_own_files(photos: Path, ibug68: Scheme) -> None:
    with Project.create(photos, photos, ibug68) as project:
        make_photo(photos / "cache" / "thumbnail.png", 1)
        assert project.scan().added == 0
        assert set(paths(project)) == set(NAMES)


def test_a_name_that_is_no_text_is_reported_and_the_rest_is_found(project: Project, photos: Path) -> None:
    try:
        (photos / os.fsdecode(b"caf\xe9.png")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system holds names in UTF-8 only")
    make_photo(photos / "café.png", 9)
    report = project.scan()
    assert (report.photos, report.added) == (5, 1)
    assert report.problems == ("caf\udce9.png: left alone, its name is not in UTF-8; rename it",)
    assert set(paths(project)) == {*NAMES, "café.png"}


def test_names_below_the_root(tmp_path: Path) -> None:
    root = tmp_path / "root"
    make_photo(root / "sub" / "a.png")
    make_photo(tmp_path / "b.png")
    (tmp_path / "alias").symlink_to(root)
    names = PhotoNames(root)
    assert names.of(root / "sub" / "a.png") == "sub/a.png"
    assert names.of(tmp_path / "alias" / "sub" / "a.png") == "sub/a.png"
    assert names.of(root / ".." / "b.png") is None


def _annotated(project: Project, name: str, scheme: Scheme, shift: float = 0.0) -> list[Face]:
    face = project.add_face(name, Box(1, 1, 60, 60, "user"), "ann")
    project.annotate(face, face_at(scheme, shift), author="ann")
    return [face]

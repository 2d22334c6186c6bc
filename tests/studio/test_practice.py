from __future__ import annotations

from pathlib import Path

import pytest

from labelkit.detect import detect_faces
from labelkit.errors import InputError
from labelkit.images import ImageFile
from labelkit.studio.practice import MOST, example_photos


def test_they_are_different_pictures_of_two_people_with_a_face_in_each(tmp_path: Path) -> None:
    files = example_photos(tmp_path / "new" / "photos", 12)
    assert [file.name for file in files[:3]] == ["collins-01.jpg", "hopper-01.jpg", "collins-02.jpg"]
    assert sorted(files) == sorted((tmp_path / "new" / "photos").iterdir())
    assert len({file.read_bytes() for file in files}) == 12
    for file in files:
        image = ImageFile(file).load()
        assert max(image.shape) <= 640
        assert len(detect_faces(image)) == 1, file.name


def test_they_are_the_same_every_time(tmp_path: Path) -> None:
    first, second = example_photos(tmp_path / "a", 3), example_photos(tmp_path / "b", 3)
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


@pytest.mark.parametrize("count", [0, MOST + 1])
def test_a_number_that_cannot_be_made_is_refused(tmp_path: Path, count: int) -> None:
    with pytest.raises(InputError, match=f"there are 1 to {MOST}"):
        example_photos(tmp_path / "photos", count)
    assert not (tmp_path / "photos").exists()


def test_there_are_as_many_as_are_said(tmp_path: Path) -> None:
    files = example_photos(tmp_path / "photos", MOST)
    assert len(set(files)) == MOST
    people = {file.name.partition("-")[0] for file in files}
    assert people == {"collins", "hopper"}

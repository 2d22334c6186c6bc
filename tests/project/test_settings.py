from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit.errors import InputError
from labelkit.project.settings import FILE, Settings, images_setting, read_settings, write_settings

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text.strip())
NAME = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,8}", fullmatch=True)


@given(TEXT, TEXT, TEXT, st.lists(NAME, unique=True).map(tuple))
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, name: str, images: str, model: str, attributes: tuple[str, ...]
) -> None:
    folder = tmp_path_factory.mktemp("project")
    settings = Settings(name, images, model, attributes)
    write_settings(folder, settings)
    assert read_settings(folder) == settings


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('version = 1\nname = "mine"\nimages = "photos"\n')
    assert read_settings(tmp_path) == Settings("mine", "photos")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("version = 2", "'version' is 2"),
        ('name = "a"', "'version' is None"),
        ('version = 1\nname = "a"', "the setting 'images' is missing"),
        ('version = 1\nname = "a"\nimages = "b"\nimage = "c"', "'image' is no setting"),
        ('version = 1\nname = "a"\nimages = ["b"]', "'images' must be a text"),
        ('version = 1\nname = " "\nimages = "b"', "'name' must be a text"),
        ('version = 1\nname = "a"\nimages = "b"\nattributes = "pose"', "must be a list"),
        ('version = 1\nname = "a"\nimages = "b"\nattributes = ["a b"]', "'attributes' has 'a b'"),
        ('version = 1\nname = "a"\nimages = "b"\nattributes = ["a", "a"]', "'attributes' has 'a' twice"),
        ("name =", "is not TOML"),
    ],
)
def test_a_wrong_file_is_named_in_one_line(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(InputError) as error:
        read_settings(tmp_path)
    assert str(error.value).startswith(f"{tmp_path / FILE}: ")
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not TOML"):
        read_settings(tmp_path)


def test_a_folder_that_is_no_project_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="labelkit new"):
        read_settings(tmp_path)


def test_a_name_that_is_not_unicode_is_refused_and_nothing_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not Unicode"):
        write_settings(tmp_path, Settings("mine", "photos\udcff"))
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("images", "stands"), [("a/photos", "../photos"), ("a/work/photos", "photos"), ("a/work", ".")]
)
def test_photos_beside_or_in_the_project_are_named_relatively(
    tmp_path: Path, images: str, stands: str
) -> None:
    folder = tmp_path / "a" / "work"
    assert images_setting(folder, tmp_path / images) == stands
    assert Settings("mine", stands).image_root(folder) == tmp_path / images


def test_photos_elsewhere_are_named_absolutely(tmp_path: Path) -> None:
    folder, images = tmp_path / "a" / "work", tmp_path / "b" / "photos"
    assert images_setting(folder, images) == str(images)
    assert Settings("mine", str(images)).image_root(folder) == images

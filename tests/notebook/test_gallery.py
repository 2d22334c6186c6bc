from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from labelkit.dataset import Dataset, Sample
from labelkit.errors import InputError
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks
from labelkit.notebook.gallery import gallery
from labelkit.overlay import draw_over
from labelkit.project import Project
from labelkit.scheme import load_scheme

SCHEME = load_scheme("celeba5")
XY = SCHEME.plane * 40 + (60, 50)
PHOTO = np.full((100, 120, 3), 90, np.uint8)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, name in enumerate(("a.png", "b.png", "c.png")):
        Image.fromarray(PHOTO + 20 * i).save(folder / name)
    return folder


def test_every_face_is_drawn_large_with_its_points() -> None:
    shown = gallery([(PHOTO, XY, "first"), (PHOTO, Landmarks(SCHEME, XY + 9))], scheme=SCHEME, size=96)
    assert len(shown) == 2
    assert shown.titles == ("first", "")
    assert np.array_equal(shown.pictures[0], draw_over(PHOTO, [(XY, SCHEME)], 96)[0])
    assert repr(shown) == "<Gallery of 2 faces>"


def test_the_html_is_whole_and_says_names_as_they_are() -> None:
    html = gallery([(PHOTO, XY, '<b>"x"</b>.png')], scheme=SCHEME)._repr_html_()
    images = list(ET.fromstring(html).iter("img"))
    assert [image.get("alt") for image in images] == ['<b>"x"</b>.png']
    assert str(images[0].get("src")).startswith("data:image/jpeg;base64,")


def test_no_more_photos_are_opened_than_are_shown(photos: Path) -> None:
    items = [(photos / name, XY) for name in ("a.png", "b.png", "gone.png")]
    shown = gallery(iter(items), scheme=SCHEME, most=2)
    assert shown.titles == ("a.png", "b.png")
    assert shown.more
    assert "The first 2 faces" in shown._repr_html_()
    assert not gallery(items[:2], scheme=SCHEME, most=2).more


def test_a_photo_that_cannot_be_read_says_so_in_its_place(photos: Path) -> None:
    shown = gallery([(photos / "gone.png", XY), (photos / "a.png", XY)], scheme=SCHEME)
    assert "gone.png: there is no such file" in shown.titles[0]
    assert shown.titles[1] == "a.png"
    assert shown.pictures[0].shape == shown.pictures[1].shape


def test_a_data_set_is_shown_with_and_without_landmarks(photos: Path) -> None:
    samples = (
        Sample(ImageFile(photos / "a.png"), landmarks=Landmarks(SCHEME, XY)),
        Sample(ImageFile(photos / "b.png")),
    )
    shown = gallery(Dataset(samples, SCHEME), size=120)
    assert shown.titles == ("a.png", "b.png")
    assert np.array_equal(shown.pictures[1], draw_over(PHOTO + 20, (), 120)[0])


def test_a_projects_faces_are_shown_with_their_states(photos: Path, tmp_path: Path) -> None:
    with Project.create(tmp_path / "work", photos, SCHEME) as project:
        faces = [project.add_face(name, Box(10, 10, 90, 90), "ann") for name in ("a.png", "b.png")]
        project.annotate(faces[1], XY, author="ann")
        assert gallery(project).titles == ("a.png (todo)", "b.png (done)")
        assert gallery(project, [faces[1]]).titles == ("b.png (done)",)
        waiting = gallery(project, project.queue())
        assert waiting.titles == ("a.png (todo)",)
        done = gallery(project, faces[1:], size=128).pictures[0]
    assert np.array_equal(done, draw_over(PHOTO + 20, [(XY, SCHEME)], 128)[0])


def test_a_gallery_is_written_as_one_picture(tmp_path: Path) -> None:
    shown = gallery([(PHOTO, XY, str(i)) for i in range(5)], scheme=SCHEME, size=64)
    shown.write(tmp_path / "faces.png", columns=3)
    with Image.open(tmp_path / "faces.png") as image:
        assert image.size == (3 * 64, 2 * 84)
        assert np.array_equal(np.asarray(image)[20:84, :64], shown.pictures[0])
    with pytest.raises(InputError, match="no face"):
        gallery([]).write(tmp_path / "none.png")


def test_what_cannot_be_shown_is_refused() -> None:
    with pytest.raises(InputError, match="shows nothing"):
        gallery([], most=0)
    with pytest.raises(InputError, match="of a project"):
        gallery([], only=[])


def test_several_sets_of_points_are_compared_on_one_face() -> None:
    both = (Landmarks(SCHEME, XY), Landmarks(SCHEME, XY + 9))
    shown = gallery([(PHOTO, both, "a")], colours=["#ff0000", "blue"], size=96)
    shapes = [(both[0], SCHEME, "#ff0000"), (both[1], SCHEME, "blue")]
    assert np.array_equal(shown.pictures[0], draw_over(PHOTO, shapes, 96)[0])
    with pytest.raises(InputError, match="2 colours are given for 1 sets"):
        gallery([(PHOTO, both[0])], colours=["red", "blue"])

import cv2
import numpy as np
import pytest
from PIL import Image

from labelkit.errors import InputError
from labelkit.geometry import Similarity, tight_box
from labelkit.scheme import load_scheme
from labelkit.train.detector.scenes import (
    Scene,
    SceneFace,
    SceneSet,
    five_points,
    outline_from_box,
    read_scenes,
    with_outlines,
)


def test_a_table_gives_boxes_and_five_points(table):
    scenes, problems = read_scenes(table)
    assert problems == []
    assert (scenes.name, scenes.whole, scenes.face_count) == ("photos/train", True, 1)
    face = scenes.scenes[0].faces[0]
    np.testing.assert_allclose(tight_box(face.outline), (183, 93, 262, 178))
    np.testing.assert_allclose(face.five[2], (223, 135))
    assert face.side == pytest.approx(np.sqrt(79 * 85))


def test_bad_rows_and_photos_are_named_and_left_out(table):
    text = (table.parent / "faces.csv").read_text()
    good = text.splitlines()[1]
    bad = ["train/a.png,9,9,9,9" + ",1" * 10, "train/a.png,1,2", good.replace("a.png", "gone.png")]
    (table.parent / "faces.csv").write_text(text + "\n".join([*bad, good.replace("train/", "dev/")]) + "\n")
    scenes, problems = read_scenes(table)
    assert scenes.face_count == 1
    assert [part for part in ("line 3", "line 4", "gone.png") if part in " ".join(problems)] == [
        "line 3",
        "line 4",
        "gone.png",
    ]


def test_large_photos_are_shrunk_with_their_labels(table):
    large = cv2.resize(np.asarray(Image.open(table / "a.png")), None, fx=2, fy=2)
    Image.fromarray(large).save(table / "a.png")
    scene = read_scenes(table)[0].scenes[0]
    assert scene.image.shape == (512, 512, 3)
    np.testing.assert_allclose(scene.faces[0].five[2], (np.array([223, 135]) + 0.5) / 2 - 0.5)


def test_annotated_folders_give_the_outline_itself(tmp_path, mean_face):
    folder = tmp_path / "cut" / "train"
    folder.mkdir(parents=True)
    Image.new("RGB", (240, 200)).save(folder / "a.png")
    points = "\n".join(f"{x + 1} {y + 1}" for x, y in mean_face.outline)
    (folder / "a.pts").write_text(f"version: 1\nn_points: 68\n{{\n{points}\n}}\n")
    scenes, _ = read_scenes(folder)
    assert (scenes.name, scenes.whole) == ("cut/train", False)
    np.testing.assert_allclose(scenes.scenes[0].faces[0].outline, mean_face.outline)


def test_a_folder_without_labelled_faces_is_refused(tmp_path, table):
    (table.parent / "other").mkdir()
    with pytest.raises(InputError, match="other: holds no labelled face"):
        read_scenes(table.parent / "other")


def test_the_mean_face_is_stretched_to_the_box(mean_face):
    scheme = load_scheme("ibug68")
    box = tight_box(mean_face.outline)
    np.testing.assert_allclose(outline_from_box(box, mean_face.five, scheme), mean_face.outline)
    wider = outline_from_box((0, 0, 200, 100), mean_face.five, scheme)
    np.testing.assert_allclose(tight_box(wider), (0, 0, 200, 100), atol=1e-9)


def test_the_same_face_elsewhere_lends_its_outline(mean_face):
    rng = np.random.default_rng(0)

    def somebody():
        outline = mean_face.outline + rng.normal(0, 3, (68, 2))
        return SceneFace(outline, five_points(outline))

    people = [somebody() for _ in range(20)]
    moved = Similarity(1.7, 0.0, -30.0, 12.0)
    image = np.zeros((9, 9, 3), np.uint8)
    box_only = SceneFace(mean_face.outline, moved(people[7].five))
    stranger = somebody()
    scenes = SceneSet("a", (Scene(image, (box_only, stranger)),), whole=True)
    found, count = with_outlines(scenes, people)
    assert count == 1
    np.testing.assert_allclose(found.scenes[0].faces[0].outline, moved(people[7].outline))
    assert found.scenes[0].faces[1] is stranger

"""COCO keypoints: what is written can be read, by us and by pycocotools; what is wrong is named."""

from __future__ import annotations

import contextlib
import io
import json
import string
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from labelkit.dataset import Dataset, LeftOut, Sample
from labelkit.errors import FormatError, InputError
from labelkit.formats import coco
from labelkit.geometry import Box
from labelkit.images import ImageFile
from labelkit.landmarks import Landmarks, State, Visibility
from labelkit.scheme import Curve, Scheme, load_scheme

from .made import photos, scheme_of


def write_json(folder: Path, content: object) -> Path:
    path = folder / "coco.json"
    path.write_text(json.dumps(content))
    return path


def face(**changes: Any) -> dict[str, Any]:
    """An annotation of three points; what is changed to None is left out."""
    plain = {
        "id": 1,
        "image_id": 7,
        "category_id": 1,
        "keypoints": [10, 20, 2, 30.5, 40, 1, 20, 60, 2],
        "num_keypoints": 3,
        "bbox": [1, 2, 50, 70],
        "area": 3500,
        "iscrowd": 0,
    }
    return {key: value for key, value in {**plain, **changes}.items() if value is not None}


def content(*faces: Any, **changes: Any) -> dict[str, Any]:
    """A file about the photo a.jpg, whose id is 7."""
    category = {"id": 1, "name": "face", "keypoints": ["p0", "p1", "p2"], "skeleton": [[1, 2]]}
    plain = {
        "images": [{"id": 7, "file_name": "a.jpg", "width": 100, "height": 100}],
        "annotations": list(faces),
        "categories": [category],
    }
    return {**plain, **changes}


def only_problem(data: Dataset) -> LeftOut:
    assert len(data.report.left_out) == 1
    return data.report.left_out[0]


def drawn(xy: object, count: int = 3, **known: Any) -> Landmarks:
    return Landmarks(f"drawn{count}", xy, **known)


# Reading


def test_an_annotation_is_a_face(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    (sample,) = coco.read(write_json(tmp_path, content(face())), scheme=scheme_of(3), strict=True)
    assert sample.image == ImageFile(tmp_path / "a.jpg")
    visible, occluded = Visibility.VISIBLE, Visibility.OCCLUDED
    expected = drawn([[10, 20], [30.5, 40], [20, 60]], visibility=[visible, occluded, visible])
    assert sample.landmarks == expected
    assert sample.box == Box(1, 2, 51, 72, kind="user", source="coco")
    assert sample.attributes == {}


def test_a_point_that_is_absent_has_no_place(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    points = [0, 0, 2, 0, 0, 0, 5, 5, 0]
    (sample,) = coco.read(write_json(tmp_path, content(face(keypoints=points))), scheme=scheme_of(3))
    assert sample.landmarks is not None
    np.testing.assert_array_equal(sample.landmarks.present, [True, False, False])
    assert sample.landmarks.xy[0].tolist() == [0, 0]
    assert sample.landmarks.visibility.tolist() == [Visibility.VISIBLE, 0, 0]


@pytest.mark.parametrize("box", [None, [], [10, 20, 20.5, 40], [0, 0, 0, 0]])
def test_a_tight_box_is_known_as_such(tmp_path: Path, box: object) -> None:
    photos(tmp_path, "a.jpg")
    (sample,) = coco.read(write_json(tmp_path, content(face(bbox=box))), scheme=scheme_of(3))
    assert sample.box == Box(10, 20, 30.5, 60, kind="landmarks", source="drawn3")


@pytest.mark.parametrize("points", [None, [0] * 9, [3, 4, 0] * 3])
def test_a_face_without_points_has_no_landmarks(tmp_path: Path, points: object) -> None:
    photos(tmp_path, "a.jpg")
    (sample,) = coco.read(write_json(tmp_path, content(face(keypoints=points))), scheme=scheme_of(3))
    assert sample.landmarks is None
    assert sample.box == Box(1, 2, 51, 72, kind="user", source="coco")


def test_boxes_alone(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    plain = content(face(keypoints=None), categories=[{"id": 1, "name": "face"}])
    data = coco.read(write_json(tmp_path, plain), strict=True)
    assert (data.scheme, data[0].landmarks) == (None, None)


def test_attributes_of_any_plain_type(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    plain = {"blur": True, "age": 30, "yaw": 1.5, "who": "Ada", "": "", "tags": ["a"], "none": None}
    (sample,) = coco.read(write_json(tmp_path, content(face(attributes=plain))), scheme=scheme_of(3))
    assert sample.attributes == {"blur": True, "age": 30, "yaw": 1.5, "who": "Ada", "": ""}
    assert [type(value) for value in sample.attributes.values()] == [bool, int, float, str, str]


def test_points_outside_the_photo_are_kept(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    points = [-5, 1e6, 2, 150, -0.25, 1, 99, 100, 2]
    (sample,) = coco.read(write_json(tmp_path, content(face(keypoints=points))), scheme=scheme_of(3))
    assert sample.landmarks is not None
    assert sample.landmarks.xy.tolist() == [[-5, 1e6], [150, -0.25], [99, 100]]


def test_several_faces_and_photos_in_folders(tmp_path: Path) -> None:
    photos(tmp_path / "photos", "x y/a b.jpg", "b.jpg")
    images = [{"id": 7, "file_name": "x y/a b.jpg"}, {"id": "8", "file_name": "b.jpg"}]
    entries = [face(), face(id=2, image_id="8"), face(id=3)]
    path = write_json(tmp_path, content(*entries, images=images))
    data = coco.read(path, images=tmp_path / "photos", strict=True)
    assert [sample.image.path.name for sample in data] == ["a b.jpg", "b.jpg", "a b.jpg"]
    assert len(data.by_image()) == 2
    assert len(coco.read(path)) == 0
    with pytest.raises(InputError, match="no such folder of images"):
        coco.read(path, images=tmp_path / "nowhere")


def test_line_ends_and_a_byte_order_mark_do_not_matter(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    text = json.dumps(content(face()), indent=1).replace("\n", "\r\n")
    (tmp_path / "coco.json").write_bytes(f"\ufeff{text}".encode())
    assert len(coco.read(tmp_path / "coco.json", strict=True)) == 1


# Whose points they are


def points_of(data: Dataset) -> Landmarks:
    assert data[0].landmarks is not None
    return data[0].landmarks


def named(names: list[str], **changes: Any) -> dict[str, Any]:
    """A face whose point i lies at (i, 2 i + 1)."""
    points = [value for i in range(len(names)) for value in (i, 2 * i + 1, 2)]
    category = {"id": 1, "name": "face", "keypoints": names, **changes}
    return content(face(keypoints=points), categories=[category])


def test_points_are_matched_by_their_names(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    path = write_json(tmp_path, named(["p2", "ear", "p0", "p1"]))
    data = coco.read(path, scheme=scheme_of(3), strict=True)
    assert points_of(data).xy.tolist() == [[2, 5], [3, 7], [0, 1]]


def test_points_without_a_common_name_are_taken_in_order(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    path = write_json(tmp_path, named(["nose", "left", "right"]))
    data = coco.read(path, scheme=scheme_of(3), strict=True)
    assert points_of(data).xy.tolist() == [[0, 1], [1, 3], [2, 5]]


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["p0", "p1", "nose"], "has 3 points, and none called 'p2'"),
        (["p0", "p1"], "has 2 points, and none called 'p2'"),
        (["nose", "left", "right", "x"], "has 4 points, and none called 'p0'"),
        (["p0", "p0", "p1", "p2"], "two of its keypoints have one name"),
        ([1, 2, 3], "not a list of names"),
        ("p0 p1 p2", "not a list of names"),
    ],
)
def test_points_of_another_scheme_are_refused(tmp_path: Path, names: list[str], problem: str) -> None:
    photos(tmp_path, "a.jpg")
    path = write_json(tmp_path, named(names))
    with pytest.raises(FormatError, match=f"category 'face': .*{problem}"):
        coco.read(path, scheme=scheme_of(3))


@pytest.mark.parametrize(
    ("names", "key", "scheme", "called"),
    [
        (load_scheme("ibug68").names, "", "ibug68", "ibug68"),
        ([str(i) for i in range(68)], "", "ibug68", "ibug68"),
        ([f"face-{i}" for i in range(1, 99)], "", "wflw98", "wflw98"),
        ([f"kpt{i * 2}" for i in range(68)], "", None, "points68"),
        ([f"{i}-" for i in range(68)], "", None, "points68"),
        (["a", "b"], "", None, "points2"),
        (["a", "b"], "mine", None, "mine"),
        ([str(i) for i in range(68)], "mine", None, "mine"),
        ([str(i) for i in range(68)], "ibug68", None, "ibug68"),
        (load_scheme("ibug68").names, "ibug68", "ibug68", "ibug68"),
    ],
)
def test_the_scheme_is_told_by_the_names(
    tmp_path: Path, names: list[str], key: str, scheme: str | None, called: str
) -> None:
    photos(tmp_path, "a.jpg")
    data = coco.read(write_json(tmp_path, named(list(names), scheme=key)), strict=True)
    assert (data.scheme.name if data.scheme else None) == scheme
    assert points_of(data).scheme == called


def test_the_category_with_most_annotated_points_is_read(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg")
    hand = {"id": 2, "name": "hand", "keypoints": ["thumb"]}
    car = {"id": 3, "name": "car"}
    entries = [face(category_id=2, keypoints=[1, 2, 2]), face(), face(), face(category_id=3, keypoints=None)]
    categories = [hand, car, *content()["categories"]]
    data = coco.read(write_json(tmp_path, content(*entries, categories=categories)), scheme=scheme_of(3))
    assert len(data) == 2
    assert [entry.problem for entry in data.report.left_out] == [
        "annotations[0]: is of category '2', not of '1'",
        "annotations[3]: is of category '3', not of '1'",
    ]


# What is wrong

BAD_FACES = {
    "no object": (3, "is no object"),
    "too few numbers": (face(keypoints=[1, 2, 2]), "keypoints has 3 numbers, not 9"),
    "too many numbers": (face(keypoints=[1, 2, 2] * 4), "keypoints has 12 numbers, not 9"),
    "cut off": (face(keypoints=[1, 2, 2, 3, 4, 1, 5, 6]), "keypoints has 8 numbers, not 9"),
    "points as text": (face(keypoints=["1", "2", "2"] * 3), "keypoints is no list of numbers"),
    "points as pairs": (face(keypoints=[[1, 2, 2]] * 3), "keypoints is no list of numbers"),
    "points as truth": (face(keypoints=[True] * 9), "keypoints is no list of numbers"),
    "points as an object": (face(keypoints={"p0": [1, 2]}), "keypoints is no list of numbers"),
    "nan": (face(keypoints=[1, 2, 2, float("nan"), 4, 1, 5, 6, 2]), "point 1 is not finite"),
    "infinity": (face(keypoints=[1, 2, 2, 3, 4, 1, float("inf"), 6, 2]), "point 2 is not finite"),
    "too large": (face(keypoints=[10**400, 2, 2, 3, 4, 1, 5, 6, 2]), "a number that is too large"),
    "unknown flag": (face(keypoints=[1, 2, 3, 3, 4, 1, 5, 6, 2]), "a keypoint of visibility 3"),
    "half a flag": (face(keypoints=[1, 2, 2, 3, 4, 0.5, 5, 6, 2]), "a keypoint of visibility 0.5"),
    "flag of nan": (face(keypoints=[1, 2, float("nan"), 3, 4, 0, 5, 6, 2]), "visibility nan"),
    "no category": (face(category_id=None), "is of category 'None', not of '1'"),
    "other category": (face(category_id=9), "is of category '9', not of '1'"),
    "crowd": (face(iscrowd=1), "is a crowd, not one face"),
    "no photo": (face(image_id=None), "there is no image with the id 'None'"),
    "unknown photo": (face(image_id=6), "there is no image with the id '6'"),
    "photo as a list": (face(image_id=[7]), r"there is no image with the id '\[7\]'"),
    "missing photo": (face(image_id=10), "image 'lost.jpg' is missing in the folder"),
    "folder for a photo": (face(image_id=11), "image 'folder' is missing in the folder"),
    "out of the root": (face(image_id=12), "image '../out.jpg' lies outside"),
    "out of the root, from /": (face(image_id=13), "image '/etc/passwd' lies outside"),
    "endless name": (face(image_id=14), r"xxx\.\.\.' is missing"),
    "zero in the name": (face(image_id=15), "is missing"),
    "half a character": (face(image_id=16), "is missing"),
    "box of three": (face(bbox=[1, 2, 3]), "bbox has 3 numbers, not 4"),
    "box as text": (face(bbox="1 2 3 4"), "bbox is no list of numbers"),
    "box without width": (face(bbox=[1, 2, 0, 4]), "has no area"),
    "negative box": (face(bbox=[1, 2, -3, 4]), "has no area"),
    "box of nan": (face(bbox=[1, 2, float("nan"), 4]), "is not a number"),
    "neither box nor points": (face(bbox=None, keypoints=[0] * 9), "has neither points nor a bbox"),
}
IMAGES = [
    {"id": 7, "file_name": "a.jpg"},
    {"id": 10, "file_name": "lost.jpg"},
    {"id": 11, "file_name": "folder"},
    {"id": 12, "file_name": "../out.jpg"},
    {"id": 13, "file_name": "/etc/passwd"},
    {"id": 14, "file_name": "x" * 9000},
    {"id": 15, "file_name": "a\0.jpg"},
    {"id": 16, "file_name": "\ud800.jpg"},
]


@pytest.mark.parametrize(("bad", "problem"), BAD_FACES.values(), ids=BAD_FACES)
def test_a_bad_face_is_named_and_the_rest_is_read(tmp_path: Path, bad: object, problem: str) -> None:
    root = tmp_path / "root"
    photos(root, "a.jpg", "folder/b.jpg", "../out.jpg")
    path = write_json(root, content(face(), bad, face(id=3), images=IMAGES))
    data = coco.read(path, scheme=scheme_of(3))
    assert len(data) == data.report.read == 2
    left_out = only_problem(data)
    assert left_out.path == path
    assert left_out.problem.startswith("annotations[1]: ")
    assert len(str(left_out)) < 400
    with pytest.raises(FormatError, match=problem) as caught:
        coco.read(path, scheme=scheme_of(3), strict=True)
    assert str(caught.value) == str(left_out)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ("a.jpg", "has no id"),
        ({"file_name": "a.jpg"}, "has no id"),
        ({"id": [1], "file_name": "a.jpg"}, "has no id"),
        ({"id": 8}, "has no file_name"),
        ({"id": 8, "file_name": ""}, "has no file_name"),
        ({"id": 8, "file_name": 8}, "has no file_name"),
        ({"id": 7, "file_name": "b.jpg"}, "has the id '7' of another image"),
    ],
)
def test_a_bad_image_is_named_and_the_rest_is_read(tmp_path: Path, bad: object, problem: str) -> None:
    photos(tmp_path, "a.jpg")
    path = write_json(tmp_path, content(face(), images=[*content()["images"], bad]))
    data = coco.read(path, scheme=scheme_of(3))
    assert len(data) == 1
    assert only_problem(data).problem == f"images[1]: {problem}"
    with pytest.raises(FormatError, match=r"images\[1\]"):
        coco.read(path, scheme=scheme_of(3), strict=True)


WHOLE = json.dumps(content(face())).encode()
BAD_FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "blank": (b" \r\n", "is empty"),
    "cut off": (WHOLE[:-40], r"json:1: is not JSON .*is it cut off\?"),
    "binary": (bytes(range(256)), "is not text in UTF-8"),
    "zeros": (b"{\0}", "zero bytes"),
    "UTF-16": ("{}".encode("utf-16"), "is not text in UTF-8"),
    "prose": (b"Call me Ishmael.", "is not JSON"),
    "a list": (b"[1, 2]", "is no JSON object"),
    "a number": (b"7", "is no JSON object"),
    "deeply nested": (b"[" * 100_000, "is not JSON"),
    "endless number": (b'{"images": ' + b"9" * 10_000 + b"}", "is not JSON"),
    "without annotations": (b'{"images": [], "categories": []}', "it has no list 'annotations'"),
    "images as an object": (b'{"images": {}, "annotations": [], "categories": []}', "no list 'images'"),
    "without categories": (json.dumps(content(categories=[])).encode(), "no category with keypoints"),
    "two without keypoints": (
        json.dumps(content(categories=[{"id": 1}, {"id": 2}])).encode(),
        "no category with keypoints",
    ),
}


@pytest.mark.parametrize(("text", "problem"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_no_annotation(tmp_path: Path, text: bytes, problem: str) -> None:
    path = tmp_path / "coco.json"
    path.write_bytes(text)
    with pytest.raises(FormatError, match=problem) as caught:
        coco.read(path)
    assert caught.value.path == path
    assert "\n" not in str(caught.value)


def test_a_folder_or_nothing_instead_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="is a folder"):
        coco.read(tmp_path)
    with pytest.raises(FormatError, match="cannot be read"):
        coco.read(tmp_path / "nothing.json")
    with pytest.raises(FormatError, match="is a folder"):
        coco.write(Dataset((Sample(ImageFile(tmp_path / "a.jpg")),)), tmp_path)


# Writing


def samples(root: Path) -> list[Sample]:
    """Two faces of one photo, one of another; all that the format can hold."""
    visible, occluded = Visibility.VISIBLE, Visibility.OCCLUDED
    gap = drawn([[1.5, 2], [np.nan, np.nan], [5, 7]], visibility=[occluded, 0, visible])
    return [
        Sample(ImageFile(root / "b c/a.png"), Box(0, 0, 10, 20.5, kind="user", source="coco"), gap),
        Sample(ImageFile(root / "é,\n'.png"), Box(1, 1, 9, 9, kind="user", source="coco"), None, {"a": 1}),
        Sample(ImageFile(root / "b c/a.png"), None, drawn([[0, 0], [-4, 3], [1e5, 1]], visibility=visible)),
    ]


def triangle() -> Scheme:
    line, ring = Curve("line", (0, 2)), Curve("ring", (0, 1, 2), closed=True)
    return Scheme("drawn3", scheme_of(3).points, curves=(line, ring))


def test_pycocotools_reads_what_we_write(tmp_path: Path) -> None:
    from pycocotools.coco import COCO

    for name, size in (("b c/a.png", (40, 30)), ("é,\n'.png", (7, 8))):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", size).save(tmp_path / name)
    report = coco.write(Dataset(tuple(samples(tmp_path)), triangle(), tmp_path), tmp_path / "coco.json")
    assert (report.written, report.images, report.losses) == (3, tmp_path, ())
    with contextlib.redirect_stdout(io.StringIO()):
        read = COCO(str(tmp_path / "coco.json"))
        read.info()
    (category,) = read.loadCats(read.getCatIds(catNms=["face"]))
    assert category["keypoints"] == ["p0", "p1", "p2"]
    assert category["skeleton"] == [[1, 3], [1, 2], [2, 3], [3, 1]]
    images = {image["file_name"]: image for image in read.loadImgs(read.getImgIds())}
    assert {name: (image["width"], image["height"]) for name, image in images.items()} == {
        "b c/a.png": (40, 30),
        "é,\n'.png": (7, 8),
    }
    first, third = read.loadAnns(read.getAnnIds(imgIds=images["b c/a.png"]["id"], iscrowd=False))
    (second,) = read.loadAnns(read.getAnnIds(imgIds=images["é,\n'.png"]["id"], catIds=[category["id"]]))
    assert first["keypoints"] == [1.5, 2, 1, 0, 0, 0, 5, 7, 2]
    assert (first["num_keypoints"], first["bbox"], first["area"]) == (2, [0, 0, 10, 20.5], 205)
    assert third["keypoints"] == [0, 0, 2, -4, 3, 2, 1e5, 1, 2]
    assert third["bbox"] == [-4, 0, 100004, 3]
    assert (second["keypoints"], second["num_keypoints"], second["attributes"]) == ([0] * 9, 0, {"a": 1})


ANYTHING = st.characters(exclude_categories=["Cs"], exclude_characters="/\0")
NAMES = st.builds(
    "{}{}.jpg".format,
    st.sampled_from(["", "sub/", "s u b/s.ub/"]),
    st.text(ANYTHING | st.sampled_from(string.ascii_letters + " ,'\"\\\n\r\t"), max_size=12),
)
COORDINATES = st.floats(-1e6, 1e6)
ATTRIBUTES = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    max_size=3,
)


@st.composite
def landmarks(draw: st.DrawFn, count: int) -> Landmarks:
    xy = np.reshape(draw(st.lists(COORDINATES, min_size=2 * count, max_size=2 * count)), (-1, 2))
    there = np.array([True, *draw(st.lists(st.booleans(), min_size=count - 1, max_size=count - 1))])
    known = st.sampled_from([Visibility.VISIBLE, Visibility.OCCLUDED])
    visibility = draw(st.lists(known, min_size=count, max_size=count))
    return drawn(np.where(there[:, None], xy, np.nan), count, visibility=np.where(there, visibility, 0))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.integers(1, 8))
def test_what_is_written_is_read_again(data: st.DataObject, count: int) -> None:
    names = data.draw(st.lists(NAMES, min_size=1, max_size=3, unique_by=str.casefold))
    faces = data.draw(
        st.lists(st.tuples(st.sampled_from(names), landmarks(count), ATTRIBUTES), min_size=1, max_size=4)
    )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "photos")
        photos(root, *names)
        before = Dataset(
            tuple(
                Sample(ImageFile(root / name), Box.around([[0, 0], [i + 1, 2]], "drawn"), points, attributes)
                if i % 2
                else Sample(ImageFile(root / name), None, points, attributes)
                for i, (name, points, attributes) in enumerate(faces)
            ),
            scheme_of(count),
            root,
        )
        report = coco.write(before, Path(folder, "coco.json"))
        after = coco.read(Path(folder, "coco.json"), scheme=before.scheme, images=report.images, strict=True)
        unnamed = coco.read(Path(folder, "coco.json"), images=report.images, strict=True)
    for one, other in zip(before, after, strict=True):
        assert (one.image, one.landmarks, one.attributes) == (other.image, other.landmarks, other.attributes)
        assert [type(value) for value in one.attributes.values()] == [
            type(value) for value in other.attributes.values()
        ]
        if one.box is not None and other.box is not None:
            np.testing.assert_allclose(one.box.xyxy, other.box.xyxy, rtol=0, atol=1e-9)
    assert [face.landmarks for face in unnamed] == [face.landmarks for face in before]


def test_reading_and_writing_again_changes_nothing(tmp_path: Path) -> None:
    photos(tmp_path, "b c/a.png", "é,\n'.png")
    data = Dataset(tuple(samples(tmp_path)), triangle(), tmp_path)
    coco.write(data, tmp_path / "coco.json")
    again = coco.read(tmp_path / "coco.json", scheme=triangle(), strict=True)
    coco.write(again, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "coco.json").read_bytes()
    assert coco.read(tmp_path / "again.json", scheme=triangle(), strict=True) == again


def test_a_face_without_a_place_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "coco.json"
    path.write_text("old")
    nowhere = drawn(np.full((3, 2), np.nan))
    for points in (None, nowhere):
        data = Dataset((*samples(tmp_path), Sample(ImageFile(tmp_path / "x.jpg"), None, points)))
        with pytest.raises(InputError, match=r"'x\.jpg': a face has neither a box nor points"):
            coco.write(data, path, images=tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["coco.json"]
    assert path.read_text() == "old"


def test_what_gets_lost_is_said_once(tmp_path: Path) -> None:
    known = drawn(
        [[1, 2], [3, 4], [np.nan, np.nan]],
        state=State.PLACED,
        visibility=[Visibility.UNKNOWN, Visibility.SELF_OCCLUDED, Visibility.SELF_OCCLUDED],
    )
    box = Box(1, 2, 3, 4, kind="detector", source="haar", score=0.5)
    image = ImageFile(tmp_path / "a.jpg")
    odd = {"yaw": float("nan"), "blur": 1}
    report = coco.write(
        Dataset((Sample(image, box, known, odd), *samples(tmp_path))), tmp_path / "coco.json", images=tmp_path
    )
    assert report.losses == (
        "points of unknown visibility are written as visible (1 of 3 faces)",
        "that points are hidden by the face itself is written as occluded (1 of 3 faces)",
        "why points are absent is lost (1 of 3 faces)",
        "which points nobody has confirmed is lost (1 of 3 faces)",
        "where the box comes from is lost (1 of 4 faces)",
        "attributes that are NaN or infinite are lost: yaw",
        "width and height are left out where a photo cannot be read (3 of 3 photos)",
    )


@pytest.mark.parametrize("attributes", [{"a": [1]}, {"a": None}, {1: 1}, {"a": "\ud800"}, {"\ud800": 1}])
def test_an_attribute_that_cannot_be_written_is_refused(tmp_path: Path, attributes: dict[Any, Any]) -> None:
    sample = Sample(ImageFile(tmp_path / "a.jpg"), Box(1, 2, 3, 4), None, attributes)
    with pytest.raises(InputError, match=r"'a\.jpg': attribute"):
        coco.write(Dataset((sample,), root=tmp_path), tmp_path / "coco.json")
    assert list(tmp_path.iterdir()) == []


def test_values_of_numpy_are_plain_numbers(tmp_path: Path) -> None:
    values = {"a": np.float32(0.5), "b": np.int64(3), "c": np.bool_(True)}
    sample = Sample(ImageFile(tmp_path / "a.jpg"), Box(1, 2, 3, 4), None, values)
    coco.write(Dataset((sample,), root=tmp_path), tmp_path / "coco.json")
    written = json.loads((tmp_path / "coco.json").read_text())["annotations"][0]["attributes"]
    assert written == {"a": 0.5, "b": 3, "c": True}


@pytest.mark.parametrize("name", ["\udc80.jpg", "../out.jpg"])
def test_a_name_that_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    sample = Sample(ImageFile(tmp_path / name), Box(1, 2, 3, 4))
    with pytest.raises(InputError, match=r"not Unicode|outside of the image root"):
        coco.write(Dataset((sample,), root=tmp_path), tmp_path / "coco.json")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no face to write"):
        coco.write(Dataset(()), tmp_path / "coco.json")
